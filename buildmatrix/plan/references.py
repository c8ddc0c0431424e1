"""Image references, by the grammar of the distribution project (distribution/reference)."""

import re

_ALPHANUMERIC = r"[a-z0-9]+"
_COMPONENT = rf"{_ALPHANUMERIC}(?:(?:\.|_|__|-+){_ALPHANUMERIC})*"
_LABEL = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_DOMAIN = rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
_NAME = rf"(?:(?P<domain>{_DOMAIN})/)?(?P<path>{_COMPONENT}(?:/{_COMPONENT})*)"
LONGEST = 255
"""Characters of a repository's name, its registry included."""

REFERENCE = re.compile(
    rf"{_NAME}(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{{0,127}}))?(?P<digest>@[A-Za-z][A-Za-z0-9]*:[0-9a-fA-F]{{32,}})?"
)


def fault(text: str) -> str:
    """Return what is wrong with a tag of a target (`registry/name:tag`), or "" if nothing is."""
    found = REFERENCE.fullmatch(text)
    if found is None:
        return _reason(text)
    if found["digest"]:
        return "a digest cannot be given, it is the result of the build"
    if len(found["path"]) + len(found["domain"] or "") > LONGEST:
        return "the repository's name is longer than 255 characters"
    return "64 hexadecimal digits are an image's id, not a name" if re.fullmatch("[0-9a-f]{64}", text) else ""


def _reason(text: str) -> str:
    repository, tag = _split(text)
    if re.search(r"\s", text):
        return "a reference holds no spaces"
    if "://" in text:
        return "a reference has no scheme such as https://"
    if repository.lower() != repository and REFERENCE.fullmatch(repository.lower()):
        return "repository names are lowercase"
    if tag is not None and re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", tag) is None:
        return "a tag is 1 to 128 letters, digits, `_`, `.` or `-`, and starts with none of the last two"
    return "a reference is registry/name:tag; names are lowercase letters and digits, separated by `.`, `_`, `-`, `/`"


def _split(text: str) -> tuple[str, str | None]:
    head, colon, tail = text.rpartition(":")
    return (head, tail) if colon and "/" not in tail else (text, None)


def canonical(text: str) -> str:
    """Return a valid reference in full: `app` is docker.io/library/app:latest."""
    repository, tag = _split(text)
    first, slash, rest = repository.partition("/")
    if not (slash and (any(sign in first for sign in ".:") or first == "localhost" or first.lower() != first)):
        first, rest = "docker.io", repository
    if first in {"docker.io", "index.docker.io"}:
        first, rest = "docker.io", rest if "/" in rest else f"library/{rest}"
    return f"{first}/{rest}:{tag or 'latest'}"
