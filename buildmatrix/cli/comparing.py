"""`--check`: a committed file, and what would be generated in its place."""

import difflib

from buildmatrix.cli.output import say
from buildmatrix.errors import Diagnostic, OutOfDateError, UsageError
from buildmatrix.files import read_regular
from buildmatrix.spec.credentials import assignment
from buildmatrix.text import one_line, redacted

MOST_COMPARED = 1 << 28
"""The largest file that is compared, in bytes."""


def committed(path: str, hint: str) -> str:
    """Return what a generated file holds; OutOfDateError with the hint if it is not there, UsageError if unreadable."""
    try:
        return read_regular(path, MOST_COMPARED).decode()
    except FileNotFoundError:
        raise OutOfDateError(Diagnostic(message=f"{path} is not there", code="out-of-date", hint=hint)) from None
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise UsageError(Diagnostic(message=f"{path} cannot be read: {reason}", code="read")) from None


def refuse_difference(old: str, text: str, path: str, maker: str, problem: Diagnostic) -> None:
    """Raise OutOfDateError with the problem, and show a diff, if a file is not what `maker` (a command) writes."""
    if old == text:
        return
    both = (old.splitlines(keepends=True), text.splitlines(keepends=True))
    say(redacted("".join(difflib.unified_diff(*both, one_line(path), maker)), assignment()))
    raise OutOfDateError(problem)
