"""Sizes that a template names and that would fill the memory: widths of formats, and what filters and methods pad to.

Only these are looked at: a text with a brace and a long number in it, or a large number that is no size, is a value.
"""

import re
from collections.abc import Callable, Mapping
from functools import wraps
from string import Formatter
from typing import Any

from jinja2.exceptions import SecurityError

from buildmatrix.patterns import regex
from buildmatrix.template.scope import LARGEST

SIZED_FILTERS = ("batch", "center", "indent", "round", "slice", "truncate", "wordwrap")
"""The filters of jinja with an argument that says how large what they make is; `format` is `careful_format`."""

SIZED_METHODS = frozenset({"center", "expandtabs", "ljust", "rjust", "to_bytes", "zfill"})
"""The methods of texts, bytes and integers with such an argument."""

_WIDTH = regex(r"%(?:\([^()]*\))?[#0 +-]*(?P<width>\*|\d*)(?:\.(?P<precision>\*|\d*))?.?", re.DOTALL)
_DIGITS = len(str(LARGEST))


def refuse_sizes(*values: object) -> None:
    """Raise SecurityError where one of the values is an integer that is too large for a size."""
    for value in values:
        if isinstance(value, int) and abs(value) > LARGEST:
            raise SecurityError(f"{value:,} is more than templates may use")


def refuse_widths(form: str | bytes, *values: object) -> None:
    """Refuse what `%` would pad to: a width in the format, or among the values where the format takes it from them."""
    text = form if isinstance(form, str) else form.decode("latin-1")
    for found in _WIDTH.finditer(text):
        sizes = (found["width"], found["precision"] or "")
        if any(len(size) >= _DIGITS for size in sizes):
            raise _too_wide()
        if "*" in sizes:
            refuse_sizes(*values)


def refuse_widths_of_fields(form: str, *values: object) -> None:
    """Refuse what `.format` would pad to, in the same way."""
    try:
        specs = [spec for _, _, spec, _ in Formatter().parse(form) if spec]
    except ValueError:
        return  # which `format` itself says
    if any(re.search(rf"\d{{{_DIGITS}}}", spec) for spec in specs):
        raise _too_wide()
    if any("{" in spec for spec in specs):
        refuse_sizes(*values, *(item for one in values if isinstance(one, Mapping) for item in one.values()))


MOST_STEPS = 100_000
"""The items of a `range`, as in the sandbox of jinja."""


def sized_range(*arguments: int) -> range:
    """Return a range of integers, however large they are; SecurityError where it has too many."""
    made = range(*arguments)
    first, last = (made.start, made.stop) if made.step > 0 else (made.stop, made.start)
    if (count := (last - first) // abs(made.step)) > MOST_STEPS:
        raise SecurityError(f"{count:,} is more than templates may use")
    return made


def _too_wide() -> SecurityError:
    return SecurityError("a format with such a width is refused")


def careful(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a filter that refuses sizes that would fill the memory: in its arguments, not in the value itself."""
    first = _first(function)

    @wraps(function)
    def checked(*arguments: Any, **named: Any) -> Any:
        refuse_sizes(*arguments[first + 1 :], *named.values())
        return function(*arguments, **named)

    return checked


def careful_format(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the filter `format`, which takes its widths from the value, refusing those."""
    first = _first(function)

    @wraps(function)
    def checked(*arguments: Any, **named: Any) -> Any:
        if isinstance(form := arguments[first], str):
            refuse_widths(form, *arguments[first + 1 :], *named.values())
        return function(*arguments, **named)

    return checked


def _first(function: Callable[..., Any]) -> int:
    """Return the place of the value: behind what jinja passes by itself."""
    return 1 if hasattr(function, "jinja_pass_arg") else 0
