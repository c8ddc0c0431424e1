"""Image references, by the grammar of the distribution project (distribution/reference)."""

import re
from typing import NamedTuple

from buildmatrix.patterns import regex

_ALPHANUMERIC = r"[a-z0-9]+"
_COMPONENT = rf"{_ALPHANUMERIC}(?:(?:\.|_|__|-+){_ALPHANUMERIC})*"
_LABEL = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_DOMAIN = rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
_NAME = rf"(?:(?P<domain>{_DOMAIN})/)?(?P<path>{_COMPONENT}(?:/{_COMPONENT})*)"
LONGEST = 255
"""Characters of a repository's name, its registry included."""

REFERENCE = regex(
    rf"{_NAME}(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{{0,127}}))?(?P<digest>@[A-Za-z][A-Za-z0-9]*:[0-9a-fA-F]{{32,}})?"
)


def fault(text: str) -> str:
    """Return what is wrong with a tag of a target (`registry/name:tag`), or "" if nothing is."""
    found = REFERENCE.fullmatch(text)
    if found is None or _is_name(found["domain"]):
        return _reasons(text)
    if found["digest"]:
        return "a digest cannot be given, it is the result of the build"
    if len(found["path"]) + len(found["domain"] or "") > LONGEST:
        return f"the repository's name is longer than {LONGEST} characters"
    return "64 hexadecimal digits are an image's id, not a name" if re.fullmatch("[0-9a-f]{64}", text) else ""


def _is_name(domain: str | None) -> bool:
    """`ACME/app`: no host, though the grammar takes capitals for one."""
    return domain is not None and domain.lower() != domain and "." not in domain and ":" not in domain


def _reasons(text: str) -> str:
    repository, tag = _split(text)
    found = {
        "the tag is empty": not text,
        "a reference has no scheme such as https://": "://" in text,
        "repository names are lowercase": repository.lower() != repository,
        "tags hold no spaces": re.search(r"\s", tag or "") is not None,
        "a tag holds no `:`, and there are two colons behind the name": _MORE_COLONS.search(text) is not None,
        "a tag holds no `/`": re.search(r"/[^/:]*:[^/]*/", text) is not None,
        "names hold no spaces": re.search(r"\s", repository) is not None,
        "a tag is letters, digits, `_`, `.` and `-`, at most 128, and starts with none of the last two": tag is not None
        and re.search(r"\s", tag) is None
        and _TAG.fullmatch(tag) is None,
    }
    reasons = [reason for reason, holds in found.items() if holds]
    return ", ".join(reasons) or "names are lowercase letters and digits, separated by `.`, `_`, `-` and `/`"


_MORE_COLONS = regex(r"(^|/)[^/:@\[]+:[^/:@]*:[^/@]*(@|$)")
_TAG = regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")


class Reference(NamedTuple):
    """A reference of an image, as it was written: `repository` is `app` or `ghcr.io/acme/app`."""

    repository: str
    tag: str | None = None
    digest: str | None = None

    def __str__(self) -> str:
        tag = "" if self.tag is None else f":{self.tag}"
        return f"{self.repository}{tag}" if self.digest is None else f"{self.repository}{tag}@{self.digest}"

    @property
    def host(self) -> str:
        """The registry, as docker calls it: `docker.io`, `ghcr.io`, `localhost:5000`."""
        return self._place[0]

    @property
    def path(self) -> str:
        """The repository in its registry: `library/app`."""
        return self._place[1]

    @property
    def name(self) -> str:
        """What it is called there: the digest, else the tag, which is `latest` where none was written."""
        return self.digest or self.tag or "latest"

    @property
    def full(self) -> str:
        """The same with all that docker adds: `app` is docker.io/library/app:latest."""
        host, path = self._place
        return f"{host}/{path}{'@' if self.digest else ':'}{self.name}"

    @property
    def _place(self) -> tuple[str, str]:
        first, slash, rest = self.repository.partition("/")
        if not (slash and ("." in first or ":" in first or first == "localhost" or first.lower() != first)):
            first, rest = "docker.io", self.repository
        if first in {"docker.io", "index.docker.io"}:
            return "docker.io", rest if "/" in rest else f"library/{rest}"
        return first, rest

    def at(self, digest: str) -> "Reference":
        """Return what the repository has under a digest."""
        return Reference(self.repository, digest=digest)

    def tagged(self, tag: str) -> "Reference":
        """Return what the repository has under a tag."""
        return Reference(self.repository, tag)


def parse(text: str) -> Reference:
    """Return a valid reference, taken apart."""
    name, sign, digest = text.partition("@")
    repository, tag = _split(name)
    return Reference(repository, tag, digest if sign else None)


def _split(text: str) -> tuple[str, str | None]:
    head, colon, tail = text.rpartition(":")
    return (head, tail) if colon and "/" not in tail else (text, None)
