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
    repository, tag = split(text)
    found = {
        "the tag is empty": not text,
        "a reference has no scheme such as https://": "://" in text,
        "repository names are lowercase": repository.lower() != repository,
        "tags hold no spaces": re.search(r"\s", tag or "") is not None,
        "a tag holds no `/`": re.search(r"/[^/:]*:[^/]*/", text) is not None,
        "names hold no spaces": re.search(r"\s", repository) is not None,
        "a tag is letters, digits, `_`, `.` and `-`, at most 128, and starts with none of the last two": tag is not None
        and re.search(r"\s", tag) is None
        and _TAG.fullmatch(tag) is None,
    }
    reasons = [reason for reason, holds in found.items() if holds]
    return ", ".join(reasons) or "names are lowercase letters and digits, separated by `.`, `_`, `-` and `/`"


_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")


def split(text: str) -> tuple[str, str | None]:
    """Return a reference's repository and its tag, None if it has none."""
    head, colon, tail = text.rpartition(":")
    return (head, tail) if colon and "/" not in tail else (text, None)


def canonical(text: str) -> str:
    """Return a valid reference in full: `app` is docker.io/library/app:latest."""
    repository, tag = split(text)
    first, slash, rest = repository.partition("/")
    if not (slash and (any(sign in first for sign in ".:") or first == "localhost" or first.lower() != first)):
        first, rest = "docker.io", repository
    if first in {"docker.io", "index.docker.io"}:
        first, rest = "docker.io", rest if "/" in rest else f"library/{rest}"
    return f"{first}/{rest}:{tag or 'latest'}"


def host_of(text: str) -> str:
    """Return the registry of a valid reference, as docker calls it: `docker.io`, `ghcr.io`, `localhost:5000`."""
    return canonical(text.partition("@")[0]).partition("/")[0]
