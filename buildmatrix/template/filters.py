"""The filters that templates have beside jinja's own."""

import hashlib
import json
import re
from collections.abc import Callable
from typing import Any

VERSION = re.compile(
    r"^v?(?P<major>0|[1-9]\d*)\.(?P<minor>0|[1-9]\d*)\.(?P<patch>0|[1-9]\d*)"
    r"(?:-(?P<pre>[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+(?P<build>[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?$"
)
"""A semantic version with an optional `v` (semver.org, the regular expression given there)."""


class FilterError(Exception):
    """A filter was given what it cannot take; the message says what."""


def semver(value: object, form: str = "major.minor.patch") -> str:
    """Parts of a semantic version: with "major.minor", 1.2.3 gives 1.2; a pre-release stays behind the patch."""
    found = VERSION.match(str(value))
    if found is None:
        raise FilterError(f'semver: "{value}" is not a semantic version such as 1.2.3')
    parts = form.split(".")
    if not parts or set(parts) - {"major", "minor", "patch", "pre", "build"}:
        raise FilterError(f'semver: "{form}" is made of other parts than major, minor, patch, pre and build')
    text = ".".join(found[part] or "" for part in parts)
    return f"{text}-{found['pre']}" if found["pre"] and parts[-1] == "patch" else text


def semver_tags(value: object) -> list[str]:
    """1.2.3 gives 1, 1.2 and 1.2.3; 0.2.3 gives 0.2 and 0.2.3; a pre-release, or what is not a version, itself."""
    text = str(value)
    found = VERSION.match(text)
    if found is None:
        return [clean_tag(text)] if text else []
    whole = semver(text)
    if found["pre"]:
        return [whole]
    minor = f"{found['major']}.{found['minor']}"
    return [minor, whole] if found["major"] == "0" else [found["major"], minor, whole]


def slug(value: object) -> str:
    """Lower case, with `-` for all but letters and digits: `feature/New UI` gives feature-new-ui."""
    return re.sub(r"[^a-z0-9]+", "-", str(value).lower()).strip("-")


def clean_tag(value: object) -> str:
    """The nearest valid tag: other characters become `-`, a leading `.` or `-` goes, 128 characters at most."""
    return re.sub(r"[^A-Za-z0-9_.-]", "-", str(value)).lstrip(".-")[:128]


def regex_replace(value: object, pattern: str, replacement: str = "") -> str:
    r"""Replace what a regular expression (Python's) matches; `\\1` is its first group."""
    try:
        return re.sub(pattern, replacement, str(value))
    except (re.error, IndexError) as error:
        raise FilterError(f'regex_replace: "{pattern}" with "{replacement}": {error}') from None


def from_json(value: object) -> Any:
    """The value that a JSON text holds."""
    try:
        return json.loads(str(value))
    except ValueError as error:
        raise FilterError(f"from_json: this is not valid JSON: {error}") from None


def tojson(value: object) -> str:
    """The value as JSON, keys sorted; 3.10 stays 3.10."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, default=lambda number: f"\0{number}\0")
    return re.sub(r'"\\u0000([^"\\]*)\\u0000"', r"\1", text)


def sha256(value: object) -> str:
    """The SHA-256 of the text, in hexadecimal."""
    return hashlib.sha256(str(value).encode()).hexdigest()


FILTERS: dict[str, Callable[..., Any]] = {
    "semver": semver,
    "semver_tags": semver_tags,
    "slug": slug,
    "clean_tag": clean_tag,
    "regex_replace": regex_replace,
    "from_json": from_json,
    "tojson": tojson,
    "sha256": sha256,
}
