"""What templates can see beside the axes of a matrix."""

from collections.abc import Callable, Mapping
from typing import Any

from buildmatrix.errors import Problems
from buildmatrix.soundness import NAMES, REPORTED, Subject, value_of
from buildmatrix.template.variables import ResolvedVariable

Cell = Mapping[str, Any]
"""Axis to value: a string, number (int, Decimal), boolean or table."""


class BadTemplateError(Exception):
    """A template is wrong or cannot be rendered; the message and the hint say why.

    With the code FOLLOWS there is nothing to say: it is for want of a value that is wrong, and reported, elsewhere.
    `line` is that of a template of several lines, from 1; 0 where it has one, or nobody knows. `varies` are texts of
    the message that are others for another value.
    """

    def __init__(
        self, message: str, hint: str = "", code: str = "template", line: int = 0, varies: tuple[str, ...] = ()
    ) -> None:
        super().__init__(message)
        self.message, self.hint, self.code, self.line, self.varies = message, hint, code, line, varies

    @property
    def parts(self) -> tuple[str, str, str, int, tuple[str, ...]]:
        """What it is made of, and can be made of again in another process."""
        return self.message, self.hint, self.code, self.line, self.varies

    @property
    def rests_on(self) -> tuple[Subject, ...]:
        """What this follows from, if that is unsound."""
        return _RESTS_ON.get(self.code, ())


FOLLOWS = "follows"
OMITTED = "no-value"
"""The code where a template gives no value: what it stands in is as if it were not written, where that may be."""
NO_REPOSITORY = "no-repository"
UNKNOWN_NAME = "unknown-name"
_RESTS_ON = {FOLLOWS: (REPORTED,), UNKNOWN_NAME: (NAMES,)}

WHOLE_TABLE = "_table"
"""The filter that writes a table as JSON for a setting that is one: none, and what is omitted, is no value."""


class Missing:
    """Stands in a scope for a variable that has no value; using it is an error that says how to give one."""

    def __init__(self, hint: str) -> None:
        """Take the advice on how to give the value; "" if why it has none is reported already."""
        self.hint = hint


def on_line(line: int) -> str:
    """Return what a message says behind it of a line of a template, "" for 0."""
    return f" (line {line} of it)" if line else ""


def missing(name: str, hint: str) -> BadTemplateError:
    """Return what to say of a template that uses a variable without a value."""
    return BadTemplateError(f'variable "{name}" has no value', hint, "missing-variable" if hint else FOLLOWS)


LARGEST = 1_000_000
"""The longest text, or list, that a template may make."""


class GitStandIn:
    """Stands for `git` in what is sent to the process beside, which asks back for each fact that it needs."""


class Lazy:
    """Stands in a scope for a value that costs something; it is computed where a template uses it."""

    def __init__(self, compute: Callable[[], Any]) -> None:
        self.compute = compute


def values_of(found: Mapping[str, ResolvedVariable], problems: Problems) -> dict[str, Any]:
    """Return every variable's value by its name; where one that needs a value has none, what says how to give it."""

    def missing_or_none(name: str, item: ResolvedVariable) -> Missing | None:
        is_sound = problems.is_sound(value_of(name))
        return None if item.may_lack and is_sound else Missing(item.advice if is_sound else "")

    return {name: missing_or_none(name, item) if item.value is None else item.value for name, item in found.items()}
