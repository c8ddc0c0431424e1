"""Indexes: what they say of the manifests that they list, read from JSON of anybody's and written again."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import field
from typing import Any

from buildmatrix.oci.answers import Descriptor
from buildmatrix.oci.platform import Platform, platform_of
from buildmatrix.patterns import regex
from buildmatrix.records import dataclass

_KIND = "application/vnd."
INDEXES = frozenset({f"{_KIND}oci.image.index.v1+json", f"{_KIND}docker.distribution.manifest.list.v2+json"})
MANIFESTS = frozenset({f"{_KIND}oci.image.manifest.v1+json", f"{_KIND}docker.distribution.manifest.v2+json"})

_PART = regex(r"[A-Za-z0-9._-]{1,64}")
_DIGEST = regex(r"[a-z0-9]+:[0-9a-f]{32,128}")
_ABOUT, _TYPE = "vnd.docker.reference.digest", "vnd.docker.reference.type"


class OddError(Exception):
    """A document that is not an index or manifest; the message says what is odd."""


@dataclass(frozen=True, kw_only=True)
class Listed(Descriptor):
    """A descriptor in an index; `plain` is all of it, as it is written.

    An attestation has no platform, and says which digest it is `about`.
    """

    plain: Mapping[str, Any]
    platform: Platform | None = None
    about: str = ""


@dataclass(frozen=True, kw_only=True)
class Index:
    """What an index says."""

    manifests: tuple[Listed, ...] = ()
    annotations: Mapping[str, str] = field(default_factory=dict)

    def encoded(self, media_type: str) -> bytes:
        """Return it as a registry keeps it."""
        document = {
            "schemaVersion": 2,
            "mediaType": media_type,
            "manifests": [dict(one.plain) for one in self.manifests],
            **({"annotations": dict(self.annotations)} if self.annotations else {}),
        }
        return json.dumps(document, indent=2).encode()


def digest_of(body: bytes) -> str:
    """Return the digest of an index or manifest."""
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def index_of(document: Mapping[str, Any]) -> Index:
    """Return what an index says; OddError for what is none."""
    listed = tuple(_listed(table_in(one)) for one in list_in(document, "manifests"))
    return Index(manifests=listed, annotations=texts_in(document))


def _listed(one: Mapping[str, Any]) -> Listed:
    notes, described = texts_in(one), described_in(one)
    platform = _optional(one, "platform")
    is_attestation = _TYPE in notes or platform.get("os") == "unknown"
    if not platform and not is_attestation:
        raise OddError("it does not say of which platform one of its manifests is")
    return Listed(
        digest=described.digest,
        media_type=described.media_type,
        size=described.size,
        plain=one,
        platform=None if is_attestation else platform_in(platform),
        about=notes.get(_ABOUT, "") if is_attestation else "",
    )


def described_in(table: Mapping[str, Any]) -> Descriptor:
    """Return a descriptor; OddError if it is none."""
    digest, size = text_in(table, "digest"), table.get("size")
    if not _DIGEST.fullmatch(digest) or not isinstance(size, int):
        raise OddError("a digest or a size is missing")
    return Descriptor(digest=digest, media_type=text_in(table, "mediaType"), size=size)


def platform_in(table: Mapping[str, Any]) -> Platform:
    """Return the platform that a table describes; OddError if it is none."""
    parts = [text_in(table, key) for key in ("os", "architecture", "variant")]
    if not all(parts[:2]) or not all(_PART.fullmatch(part) for part in parts if part):
        raise OddError("a platform that is none")
    return platform_of(*parts)


# --- JSON of anybody's ------------------------------------------------------------------------------------------------


def table_in(value: Any) -> Mapping[str, Any]:
    """Return what has to be a table; OddError if it is none."""
    if not isinstance(value, dict):
        raise OddError("a table is missing")
    return value


def _optional(table: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = table.get(key)
    return {} if value is None else table_in(value)


def list_in(table: Mapping[str, Any], key: str) -> list[Any]:
    """Return what has to be a list; OddError if it is none."""
    value = table.get(key)
    if not isinstance(value, list):
        raise OddError(f"it has no list of {key}")
    return value


def text_in(table: Mapping[str, Any], key: str) -> str:
    """Return what has to be a text, "" if it is not there; OddError if it is none."""
    value = table_in(table).get(key, "")
    if not isinstance(value, str):
        raise OddError(f"{key} is not text")
    return value


def texts_in(table: Mapping[str, Any], key: str = "annotations") -> Mapping[str, str]:
    """Return what has to be a table of texts, {} if it is not there; OddError if it is none."""
    value = _optional(table, key)
    if not all(isinstance(item, str) for item in value.values()):
        raise OddError(f"{key} hold something else than texts")
    return value
