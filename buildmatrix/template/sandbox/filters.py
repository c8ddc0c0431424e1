"""The filters that templates have beside jinja's own."""

import base64
import hashlib
import json
import operator
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from buildmatrix.patterns import regex
from buildmatrix.spec.toml.plain import BadDataError, number_of
from buildmatrix.template.sandbox.texts import FilterError, text_for

VERSION = regex(
    r"^v?(?P<major>0|[1-9]\d*)\.(?P<minor>0|[1-9]\d*)\.(?P<patch>0|[1-9]\d*)"
    r"(?:-(?P<pre>[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+(?P<build>[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?$"
)
"""A semantic version with an optional `v` (semver.org, the regular expression given there)."""


_FEWER = regex(r"v?[0-9]+(\.[0-9]+)*")
_SPLIT = """\
it has three numbers; of others the first is {{ x | split('.') | first }}, and the first two are
{{ (x | split('.'))[:2] | join('.') }}"""

MOST_ITEMS = 200_000
"""Items of all lists and tables within a value."""


def semver(value: object, form: str = "major.minor.patch") -> str:
    """Parts of a version of three numbers: "major.minor" of 1.2.3 gives 1.2; a pre-release stays behind the patch."""
    text = text_for("semver", value)
    found = VERSION.match(text)
    if found is None:
        hint = _SPLIT if _FEWER.fullmatch(text) else ""
        raise FilterError(f'semver: "{text}" is not a semantic version such as 1.2.3', hint, (f'"{text}"',))
    form = text_for("semver", form)
    parts = form.split(".")
    if not parts or set(parts) - {"major", "minor", "patch", "pre", "build"}:
        raise FilterError(f'semver: "{form}" is made of other parts than major, minor, patch, pre and build')
    made = ".".join(found[part] or "" for part in parts)
    return f"{made}-{found['pre']}" if found["pre"] and parts[-1] == "patch" else made


def semver_tags(value: object) -> list[str]:
    """1.2.3 gives 1, 1.2 and 1.2.3; 0.2.3 gives 0.2 and 0.2.3; a pre-release, or what is not a version, itself."""
    text = text_for("semver_tags", value)
    found = VERSION.match(text)
    if found is None:
        return [clean_tag(text)] if text else []
    whole = semver(text)
    if found["pre"]:
        return [whole]
    minor = f"{found['major']}.{found['minor']}"
    return [minor, whole] if found["major"] == "0" else [found["major"], minor, whole]


_NUMBERS = regex(r"v?(\d{1,18})(?:\.(\d{1,18}))?(?:\.(\d{1,18}))?(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?")
_CONSTRAINT = regex(r"\s*(=|!=|>=|<=|>|<|)\s*(\S+)\s*")
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "": operator.eq, "=": operator.eq, "!=": operator.ne,
    ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le,
}  # fmt: skip


def semver_matches(value: object, constraint: str) -> bool:
    """Whether a version is within ">=3.12, <4" (=, !=, >, >=, <, <=); 3.12 is any 3.12.x but no pre-release."""
    text, wanted = text_for("semver_matches", value), text_for("semver_matches", constraint)
    answers = [_satisfies(text, wanted, part) for part in wanted.split(",")]
    return all(answers)  # only now: what is wrong in any part is said


def _satisfies(value: str, constraint: str, part: str) -> bool:
    version = _NUMBERS.fullmatch(value)
    if version is None:
        raise FilterError(f'semver_matches: "{value}" is not a version such as 1.2.3 or 1.2', varies=(f'"{value}"',))
    found = _CONSTRAINT.fullmatch(part)
    wanted = found and _NUMBERS.fullmatch(found[2])
    if not found or not wanted:
        raise FilterError(f'semver_matches: "{constraint}" is not a constraint such as ">=1.2, <2"')
    if version[4] and not wanted[4]:
        return False
    given = sum(number is not None for number in wanted.groups()[:3])
    return _COMPARE[found[1]](_order(version, given), _order(wanted, given))


def _order(version: re.Match[str], count: int) -> tuple[Any, ...]:
    """Return what orders versions (semver.org, 11), by so many numbers; a pre-release comes before its release."""
    parts = version[4].split(".") if version[4] else []
    before = [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts]
    return (*(int(number or 0) for number in version.groups()[:count]), not parts, before)


def slug(value: object) -> str:
    """Lower case, with `-` for all but letters and digits: `feature/New UI` gives feature-new-ui."""
    return re.sub(r"[^a-z0-9]+", "-", text_for("slug", value).lower()).strip("-")


def clean_tag(value: object) -> str:
    """The nearest valid tag: other characters become `-`, a leading `.` or `-` goes, 128 characters at most."""
    return re.sub(r"[^A-Za-z0-9_.-]", "-", text_for("clean_tag", value)).lstrip(".-")[:128]


def regex_replace(value: object, pattern: str, replacement: str = "") -> str:
    r"""Replace what a regular expression (Python's) matches; `\\1` is its first group."""
    text, pattern = text_for("regex_replace", value), text_for("regex_replace", pattern)
    replacement = text_for("regex_replace", replacement)
    try:
        return re.sub(pattern, replacement, text)
    except (re.error, IndexError) as error:
        raise FilterError(f'regex_replace: "{pattern}" with "{replacement}": {error}') from None


_TIME = regex(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII)
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_PARTS: dict[str, Callable[[datetime], str]] = {
    "Y": lambda time: f"{time.year:04}",
    "y": lambda time: f"{time.year % 100:02}",
    "m": lambda time: f"{time.month:02}",
    "d": lambda time: f"{time.day:02}",
    "H": lambda time: f"{time.hour:02}",
    "I": lambda time: f"{time.hour % 12 or 12:02}",
    "M": lambda time: f"{time.minute:02}",
    "S": lambda time: f"{time.second:02}",
    "f": lambda time: f"{time.microsecond:06}",
    "j": lambda time: f"{time.timetuple().tm_yday:03}",
    "p": lambda time: "AM" if time.hour < 12 else "PM",  # noqa: PLR2004
    "a": lambda time: _DAYS[time.weekday()][:3],
    "A": lambda time: _DAYS[time.weekday()],
    "b": lambda time: _MONTHS[time.month - 1][:3],
    "B": lambda time: _MONTHS[time.month - 1],
    "u": lambda time: str(time.isoweekday()),
    "w": lambda time: str(time.isoweekday() % 7),
    "G": lambda time: f"{time.isocalendar().year:04}",
    "V": lambda time: f"{time.isocalendar().week:02}",
    "s": lambda time: str(int(time.timestamp() // 1)),
    "z": lambda time: time.strftime("%z"),
    "Z": lambda time: time.tzname() or "",
    "F": lambda time: time.date().isoformat(),
    "T": lambda time: time.time().isoformat("seconds"),
    "%": lambda _: "%",
}
"""What strftime's letters stand for, in English whatever the locale is."""


def date(value: object, form: str, zone: str = "UTC") -> str:
    """A time (RFC 3339, or seconds since 1970 as an integer) by strftime's format, in UTC or in a zone by name."""
    time, form = _in_zone(_time(value), text_for("date", zone)), text_for("date", form)

    def part(found: re.Match[str]) -> str:
        if found[2] not in _PARTS:
            raise FilterError(
                f'date: the format "{form}" has {found[0]}, which is none of %{", %".join(_PARTS)}; %-d has no 0'
            )
        text = _PARTS[found[2]](time)
        return text.lstrip("0") or "0" if found[1] else text

    return re.sub(r"%(-?)(.?)", part, form, flags=re.DOTALL)


def _time(value: object) -> datetime:
    try:
        if isinstance(value, int) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, tz=UTC)
        if _TIME.fullmatch(text := text_for("date", value)):
            return datetime.fromisoformat(text.upper())
    except (ValueError, OverflowError, OSError):
        text = str(value)
    number = "; a number is given by | int" if text.isdecimal() else ""
    raise FilterError(f'date: "{text}" is not a time such as 2026-01-31T12:00:00Z{number}', varies=(f'"{text}"',))


def _in_zone(time: datetime, zone: str) -> datetime:
    from zoneinfo import ZoneInfo

    try:
        return time.astimezone(UTC if zone == "UTC" else ZoneInfo(zone))
    except (KeyError, ValueError, OSError, TypeError):  # no such zone, not the name of one, a directory of them
        raise FilterError(f'date: "{zone}" is not a time zone that is known here, such as Europe/Berlin') from None
    except OverflowError:
        raise FilterError("date: the time is outside of the years 1 to 9999") from None


def from_json(value: object) -> Any:
    """The value that a JSON text holds; 3.10 stays 3.10."""
    text = text_for("from_json", value)
    try:
        return json.loads(text, parse_float=number_of, parse_constant=_no_number)
    except BadDataError as error:
        raise FilterError(f"from_json: {error}") from None
    except ValueError as error:
        raise FilterError(f"from_json: this is not valid JSON: {error}") from None


def _no_number(text: str) -> Any:
    raise BadDataError(f"{text} is not a valid number")


def tojson(value: object) -> str:
    """The value as JSON, keys sorted; 3.10 stays 3.10."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, default=lambda number: f"\0{number}\0")
    return re.sub(r'"\\u0000([^"\\]*)\\u0000"', r"\1", text)


def split(value: object, separator: str | None = None) -> list[str]:
    """The parts of a text between separators, as a list; without a separator, its words."""
    if separator == "":
        raise FilterError("split: the separator is an empty text")
    return text_for("split", value).split(None if separator is None else text_for("split", separator))


def regex_findall(value: object, pattern: str) -> list[Any]:
    """All that a regular expression (Python's) matches: texts; of groups lists, of named groups tables."""
    text, pattern = text_for("regex_findall", value), text_for("regex_findall", pattern)
    try:
        compiled = re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise FilterError(f'regex_findall: "{pattern}": {error}') from None
    found = [_groups(match) for match in islice(compiled.finditer(text), MOST_ITEMS // (compiled.groups + 1) + 1)]
    if len(found) * (compiled.groups + 1) > MOST_ITEMS:
        raise FilterError(f"regex_findall: it matches more than {MOST_ITEMS:,} times")
    return found


def _groups(match: re.Match[str]) -> Any:
    return match.groupdict() or list(match.groups()) or match[0]


def flatten(value: object) -> list[Any]:
    """The items of a list and of the lists within it, at any depth, as one list."""
    if not isinstance(value, list | tuple | Iterator):
        raise FilterError("flatten: this is not a list")
    found = list(islice(_flat(value), MOST_ITEMS + 1))
    if len(found) > MOST_ITEMS:
        raise FilterError(f"flatten: these are more than {MOST_ITEMS:,} items")
    return found


def _flat(items: Any) -> Iterator[Any]:
    for item in items:
        if isinstance(item, list | tuple | Iterator):
            yield from _flat(item)
        else:
            yield item


def sha1(value: object) -> str:
    """The SHA-1 of the text, in hexadecimal: for names, not for security."""
    return hashlib.sha1(text_for("sha1", value).encode(), usedforsecurity=False).hexdigest()


def sha256(value: object) -> str:
    """The SHA-256 of the text, in hexadecimal."""
    return hashlib.sha256(text_for("sha256", value).encode()).hexdigest()


def sha512(value: object) -> str:
    """The SHA-512 of the text, in hexadecimal."""
    return hashlib.sha512(text_for("sha512", value).encode()).hexdigest()


def md5(value: object) -> str:
    """The MD5 of the text, in hexadecimal: for names, not for security."""
    return hashlib.md5(text_for("md5", value).encode(), usedforsecurity=False).hexdigest()


def base64encode(value: object) -> str:
    """The text in base64, with padding."""
    return base64.b64encode(text_for("base64encode", value).encode()).decode()


def base64decode(value: object) -> str:
    """The text that a base64 text holds."""
    try:
        return base64.b64decode(text_for("base64decode", value), validate=True).decode()
    except UnicodeDecodeError:
        raise FilterError("base64decode: what it holds is not text (UTF-8)") from None
    except ValueError:
        raise FilterError("base64decode: this is not valid base64") from None


FILTERS: dict[str, Callable[..., Any]] = {
    "semver": semver,
    "semver_tags": semver_tags,
    "semver_matches": semver_matches,
    "slug": slug,
    "clean_tag": clean_tag,
    "split": split,
    "regex_replace": regex_replace,
    "regex_findall": regex_findall,
    "flatten": flatten,
    "date": date,
    "from_json": from_json,
    "tojson": tojson,
    "base64encode": base64encode,
    "base64decode": base64decode,
    "sha256": sha256,
    "sha512": sha512,
    "sha1": sha1,
    "md5": md5,
}
