"""What a reply of a registry means: content, a refusal in its own words, or that it has no such thing."""

import hashlib
import json
import re
from dataclasses import replace
from http import HTTPStatus

from buildmatrix.oci.answers import Absent, Answer, Descriptor, Found, Unknown
from buildmatrix.oci.http.transport import Reply
from buildmatrix.oci.index import INDEXES, MANIFESTS, digest_of
from buildmatrix.patterns import regex
from buildmatrix.text import clean

DIGEST = regex(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")

KEEPS_TAGS = Unknown(reason="the registry refuses to delete tags")

_ABSENT = regex(r"(MANIFEST|NAME|BLOB|TAG|REPOSITORY|MANIFEST_BLOB)_UNKNOWN|([A-Z]+_)?NOT_FOUND")
"""What registries call what they do not have: the specification's words, and Harbor's."""


def kind_of(reply: Reply) -> str:
    """Return the media type of a reply, "" where it has none."""
    return reply.headers.get("content-type", "").partition(";")[0].strip()


def size_of(reply: Reply) -> int:
    """Return the length that a reply says of its content, 0 where it says none."""
    text = reply.headers.get("content-length", "")
    return int(text) if re.fullmatch("[0-9]{1,12}", text) else 0


def _without_content(found: Reply | Unknown, host: str) -> Absent | Unknown:
    """Absent, if it is a registry that says so: a gateway, or one whose storage is away, says 404 too."""
    if isinstance(found, Unknown):
        return found
    if found.status != HTTPStatus.NOT_FOUND:
        return refusal(found, host)
    return Absent() if _ABSENT.fullmatch(_code(found)) else replace(refusal(found, host), doubted=True)


def refusal(found: Reply, host: str) -> Unknown:
    """Return what to say of a reply that is not what was asked for."""
    status = found.status
    asked = found.headers.get("retry-after", "")
    return Unknown(
        reason=f"{host} answered {status}{_words(found)}",
        passes=status in {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS} or status >= 500,  # noqa: PLR2004
        refused=status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN},
        wait=float(asked) if re.fullmatch("[0-9]{1,6}", asked) else 0.0,
    )


def keeps_tags(found: Reply) -> bool:
    """Tell whether a reply to a tag's deletion says that the registry deletes none, or takes digests alone.

    For the second, registries of distribution 2.8 call the tag a digest that is not valid (found with Debian's).
    """
    return found.status == HTTPStatus.METHOD_NOT_ALLOWED or _code(found) in {"UNSUPPORTED", "DIGEST_INVALID"}


def _code(found: Reply) -> str:
    """Return the code of a registry's error, "" for what is none."""
    try:
        code = json.loads(found.body)["errors"][0]["code"]
    except (ValueError, KeyError, TypeError, IndexError, RecursionError):
        return ""
    return code if isinstance(code, str) else ""


def _words(found: Reply) -> str:
    """Return what a registry says of its refusal, in brackets and in short; "" for nothing that can be understood."""
    try:
        error = json.loads(found.body)["errors"][0]
        text = error.get("message") or error["code"]
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError):
        return " with a page that is not a registry's" if kind_of(found) == "text/html" else ""
    return f" ({' '.join(clean(text).split())[:200]})" if isinstance(text, str) else ""


def verified(found: Reply | Unknown, host: str, digest: str) -> Answer:
    """Return content that has the digest by which it was asked for."""
    if isinstance(found, Unknown) or found.status != HTTPStatus.OK:
        return _without_content(found, host)
    algorithm = digest.partition(":")[0]
    if not DIGEST.fullmatch(digest) or hashlib.new(algorithm, found.body).hexdigest() != digest.partition(":")[2]:
        return Unknown(reason=f"{host} answered something else than {digest[:19]}… names", doubted=True)
    if found.headers.get("docker-content-digest", digest) != digest:
        return Unknown(reason=f"{host} answered a digest that is not its content's", doubted=True)
    return Found(descriptor=Descriptor(digest=digest, media_type=kind_of(found), size=len(found.body)), body=found.body)


def hashed(found: Reply | Unknown, host: str) -> Answer:
    """Return content whose digest nobody told, if it is an index or manifest at all."""
    if isinstance(found, Unknown) or found.status != HTTPStatus.OK:
        return _without_content(found, host)
    told, digest = found.headers.get("docker-content-digest", ""), digest_of(found.body)
    if kind_of(found) not in INDEXES | MANIFESTS or (told and told != digest):
        return Unknown(reason=f"{host} answered without a digest", doubted=True)
    return Found(descriptor=Descriptor(digest=digest, media_type=kind_of(found), size=len(found.body)), body=found.body)
