"""Plain data as it comes from outside, TOML or JSON: what no schema asks for and no later stage could bear."""

import datetime as dt
import json
from collections.abc import Callable, Iterator
from decimal import Decimal, InvalidOperation
from typing import Any

from buildmatrix.errors import Pointer
from buildmatrix.patterns import regex

DEEPEST = 64
"""Tables and lists within each other; what walks data later may do so by recursion."""

LARGEST_INTEGER = 2**63 - 1
"""That of TOML (and of most readers of JSON); beyond 4,300 digits Python refuses to write one down."""

MOST_DIGITS = 1000
"""Characters of a number with a point."""

_DOTTED = regex(r"(?<![\w-])(?:(?:[\w-]++|\"[^\"\n]*\"|'[^'\n]*')[ \t]*\.[ \t]*){64}")
_LONG_INTEGER = regex(r"[0-9][0-9_]{4000}")
_INTEGER = regex(r"[+-]?[0-9]{1,19}")
_NUMBER = regex(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_DIGITS = regex(r"\s*[+-]?[0-9]+\s*")


class BadDataError(ValueError):
    """The data cannot be used; the message says why, in words."""


def number_of(text: str) -> Decimal:
    """Return a number with a point, as it is written; BadDataError for one that is none, or is too long."""
    if len(text) > MOST_DIGITS:
        raise BadDataError(f"a number has more than {MOST_DIGITS:,} characters")
    try:
        found = Decimal(text)
    except InvalidOperation:
        raise BadDataError(f"the number {text} cannot be held") from None
    return found


def integer_of(text: str) -> int | None:
    """Return the integer that a text is, white space around it aside; None if it is none, or is too large."""
    if not _INTEGER.fullmatch(text := text.strip()):
        return None
    return found if abs(found := int(text)) <= LARGEST_INTEGER else None


def number_in(text: str) -> int | Decimal | None:
    """Return the number that a text is, one with a point as it is written; None if it is none, or is too large."""
    if is_digits(text):
        return integer_of(text)
    try:
        return number_of(text) if _NUMBER.fullmatch(text := text.strip()) else None
    except BadDataError:
        return None


def is_digits(text: str) -> bool:
    """Tell whether a text is an integer of whatever size."""
    return _DIGITS.fullmatch(text) is not None


_BOOLEANS = {"true": True, "TRUE": True, "True": True, "t": True, "T": True, "1": True} | {
    "false": False, "FALSE": False, "False": False, "f": False, "F": False, "0": False,
}  # fmt: skip


def boolean_of(text: str) -> bool | None:
    """Return the boolean that a text is for bake, which is for Go: `true`, `True`, `1`, …; None if it is none."""
    return _BOOLEANS.get(text)


def json_of(text: str, *, numbers: Callable[[str], Any] = number_of, once: bool = False) -> Any:
    """Return what a JSON text holds, numbers with a point as written; BadDataError if it is none or cannot be used.

    It cannot where people write it, so that a key is there `once`, and one is there twice.
    """
    pairs = _each_once if once else None
    try:
        data = json.loads(
            text, parse_float=numbers, parse_int=_json_integer, parse_constant=_refused, object_pairs_hook=pairs
        )
    except RecursionError:
        raise BadDataError("it is nested too deeply") from None
    except BadDataError:
        raise
    except ValueError as error:
        raise BadDataError(f"this is not JSON: {error}") from None
    if is_deep(data):
        raise BadDataError("it is nested too deeply")
    return data


def table_of(text: str) -> dict[str, Any]:
    """Return the table that a program's JSON holds, numbers as it counts; {} where it holds anything else."""
    try:
        data = json_of(text, numbers=float)
    except BadDataError:
        return {}
    return data if isinstance(data, dict) else {}


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise BadDataError(f"the key {json.dumps(key, ensure_ascii=False)} is there twice")
        found[key] = value
    return found


def _json_integer(text: str) -> int:
    if len(text) > len(str(LARGEST_INTEGER)) + 1 or abs(found := int(text)) > LARGEST_INTEGER:
        raise BadDataError(f"an integer has more than {LARGEST_INTEGER.bit_length() + 1} bits: write it in quotes")
    return found


def _refused(text: str) -> Any:
    raise BadDataError(f"{text} is not a valid number")


def unreadable_line(text: str) -> tuple[int, str]:
    """Return the line of what would keep a TOML reader busy, or end it, and what it is; (0, "") if there is none."""
    for pattern, what in ((_DOTTED, "a key of so many parts"), (_LONG_INTEGER, "an integer of so many digits")):
        if (found := pattern.search(text)) is not None:
            return text.count("\n", 0, found.start()) + 1, f"{what} cannot be read"
    return 0, ""


def is_deep(data: Any) -> bool:
    """Tell whether tables and lists lie deeper within each other than `DEEPEST`."""
    level = [data]
    for _ in range(DEEPEST):
        level = [item for one in level if isinstance(one, dict | list) for item in _items(one)]
        if not level:
            return False
    return any(isinstance(one, dict | list) for one in level)


def _items(data: Any) -> Any:
    return data.values() if isinstance(data, dict) else data


def oddities(data: Any) -> Iterator[tuple[Pointer, str, bool]]:
    """Yield each value, or key (True), that is refused wherever it stands, with what it is and what to write."""
    pending: list[tuple[Pointer, Any]] = [((), data)]
    while pending:
        pointer, value = pending.pop()
        if isinstance(value, dict):
            for key in value:
                if said := _odd(key):
                    yield (*pointer, key), said, True
            pending += [((*pointer, key), item) for key, item in reversed(value.items()) if not _odd(key)]
        elif isinstance(value, list):
            pending += [((*pointer, index), value[index]) for index in reversed(range(len(value)))]
        elif said := _odd(value):
            yield pointer, said, False


_NUL = "this holds a NUL character, which no image, file or argument can"


_SURROGATE = regex("[\ud800-\udfff]")
_CONTROL = regex("[\x01-\x08\x0b\x0c\x0e-\x1f\x7f]")


def flaw_of(text: str) -> str:
    """Return what no TOML may hold as it stands, of a text that comes from elsewhere; "" where it holds none of it."""
    if text.isprintable():
        return ""
    found = _CONTROL.search(text)
    return _odd(text) or (f"this holds a control character (U+{ord(found[0]):04X})" if found else "")


def _odd(value: Any) -> str:
    match value:
        case str() if "\0" in value:
            return _NUL
        case str() if not value.isascii() and _SURROGATE.search(value):
            return "this holds half a character (a surrogate), which is not text"
        case Decimal() if not value.is_finite():
            return "this is not a usable number: in quotes it is a string"
        case int() if abs(value) > LARGEST_INTEGER:
            return "an integer has at most 64 bits: in quotes it is a text"
        case dt.date() | dt.time():
            return "dates and times have no meaning here: in quotes they are text"
    return ""
