"""What ADD fetches: HTTP and git, by BuildKit's dfgitutil; known only where a checksum or a whole commit is said."""

import re
from typing import Literal, NamedTuple
from urllib.parse import parse_qsl

from buildmatrix.patterns import regex

_SCHEME = regex(r"(?P<scheme>[a-zA-Z][a-zA-Z0-9+.-]*)://")
_SSH = regex(r"[^/:@\s]+@[^/:\s]+:")
_COMMIT = regex(r"[0-9a-f]{40}|[0-9a-f]{64}")
_DIGEST = regex(r"sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128}")


class Remote(NamedTuple):
    """What an ADD fetches from elsewhere: `pin` is its digest or commit, "" where neither is said as a whole."""

    url: str
    kind: Literal["http", "git"]
    pin: str
    line: int


def remote_of(source: str, checksum: str, line: int) -> Remote | None:
    """Return what a source of ADD, its variables replaced, fetches; None for files of the context.

    What another scheme, or one in capitals, is to BuildKit differs by its version: it has no pin.
    """
    scheme = _SCHEME.match(source)
    if scheme is None and not _SSH.match(source):
        return None
    path = re.split(r"[?#]", source, maxsplit=1)[0]
    if scheme is not None and scheme["scheme"] in {"http", "https"} and not path.endswith(".git"):
        return Remote(source, "http", checksum if _DIGEST.fullmatch(checksum) else "", line)
    is_known = scheme is None or scheme["scheme"] in {"http", "https", "git", "ssh"}
    return Remote(source, "git", _commit(source, checksum) if is_known else "", line)


def _commit(source: str, checksum: str) -> str:
    """Return the commit that is fetched whatever a branch is moved to, "" where none is said as a whole."""
    before, _, fragment = source.partition("#")
    query = dict(parse_qsl(before.partition("?")[2]))
    said = (
        checksum,
        query.get("checksum", ""),
        query.get("commit", ""),
        query.get("ref", ""),
        fragment.partition(":")[0],
    )
    return next((one for one in said if _COMMIT.fullmatch(one)), "")
