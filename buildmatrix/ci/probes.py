"""Other values that a variable may have where jobs run: to see by a plan with one of them what depends on it."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

HOST = "probe.invalid"
"""A registry that nobody has (RFC 2606)."""

_NO = frozenset({"", "0", "false", "no"})


def probes(value: Any, choices: Sequence[Any] = ()) -> Iterator[Any]:
    """Yield other values of a variable's kind, with another registry where it names one; of `choices` all others."""
    if choices:
        yield from (one for one in choices if one != value)
    elif isinstance(value, bool):
        yield not value
    elif isinstance(value, int | float | Decimal):
        yield value + 1
    elif isinstance(value, list | tuple):
        yield [next(probes(item), item) for item in value] or [HOST]
    elif isinstance(value, str) or value is None:
        yield from _texts(value or "")


def _texts(text: str) -> Iterator[str]:
    first, slash, rest = text.partition("/")
    if text.lower() in _NO:
        yield from ("true", HOST, f"{HOST}/")
    elif "." in first or ":" in first or first == "localhost":
        yield f"{HOST}{slash}{rest}"
    else:
        yield from (f"{text}x", *([f"{HOST}/{text}"] if slash else []))
