"""What the text of a flag, the environment or a file becomes: what the variable is by its type, else by its default."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from itertools import islice
from typing import Any

from buildmatrix.errors import Problems
from buildmatrix.soundness import value_of
from buildmatrix.spec.checks.data import shown
from buildmatrix.spec.rows.tables import DeclaredVariable
from buildmatrix.spec.toml.plain import boolean_of, integer_of, is_digits, json_of, number_in, oddities

READERS: Mapping[str, Callable[[str], Any]] = {"boolean": boolean_of, "integer": integer_of, "number": number_in}
"""What reads a text as a value of a kind; None where it is none."""

_KINDS = {bool: "boolean", int: "number", float: "number", Decimal: "number"}
_WORDS = {"boolean": "true or false", "integer": "an integer", "number": "a number"}


def converted(variable: DeclaredVariable, default: Any, value: Any, origin: str, problems: Problems) -> Any:
    """Turn what is given into what the variable is; None where it is none of that, which is added to `problems`.

    `default` is the variable's own, or what its templates give.
    """
    if not isinstance(value, str):
        return value
    kind, choices = variable.table.type, variable.table.choices or ()
    if not _is_list(kind, default):
        of_value = kind or _kind_of(choices if default is None else [default])
        said = f"is {shown(value)} ({origin})"
        return _read(of_value, value, lambda: _refuse(variable, of_value, said, value, problems))
    if (found := _json_list(value)) is not None:
        for _, said, _ in islice(oddities(found), 1):
            message = f'variable "{variable.name}" ({origin}): {said}'
            problems.error("variable", message, variable.place, invalidates=[value_of(variable.name)])
            return None
        return found
    of_items = _kind_of(default if isinstance(default, list | tuple) and default else choices)

    def refuse(item: str) -> None:
        _refuse(variable, of_items, f"holds {shown(item)} ({origin})", item, problems, of_items=True)

    made = [_read(of_items, item, partial(refuse, item)) for item in _items_in(value)]
    return None if None in made else made


def _is_list(kind: str | None, default: Any) -> bool:
    return kind == "list" if kind is not None else isinstance(default, list | tuple)


def _kind_of(values: Sequence[Any]) -> str:
    """Return what all of the values are; texts, where they are of several kinds or none."""
    found = {next((kind for one, kind in _KINDS.items() if isinstance(value, one)), "string") for value in values}
    return found.pop() if len(found) == 1 else "string"


def _read(kind: str, text: str, refuse: Callable[[], None]) -> Any:
    """Return what a text is as a value of a kind; None where it is none of it, which is refused."""
    if kind == "string":
        return text
    if (found := READERS[kind](text)) is None:
        refuse()
    return found


def _refuse(
    variable: DeclaredVariable, kind: str, said: str, text: str, problems: Problems, *, of_items: bool = False
) -> None:
    is_large = kind != "boolean" and is_digits(text)
    reason = "is too large: an integer has at most 64 bits" if is_large else f"is not {_WORDS[kind]}"
    message, hint = f'variable "{variable.name}" {said}, which {reason}', ""
    if kind == "boolean":
        hint = "give true or false; 1, 0, t and f are taken, too"
    elif of_items:
        hint = "where items may be other texts, quote those of the default and the choices"
    elif kind == variable.table.type:
        hint = 'where it may have a point, write type = "number"' if number_in(text) is not None else ""
    else:
        hint = f"where it may be another text, {_as_text(variable)}"
    problems.error("variable", message, variable.place, hint=hint, invalidates=[value_of(variable.name)])


def _as_text(variable: DeclaredVariable) -> str:
    """Return what makes a variable a text that its default or its choices make another value."""
    default, choices = variable.table.default, variable.table.choices
    if isinstance(default, str):
        return 'write type = "string"'
    quoted = [words for words, said in (("the default", default is not None), ("the choices", choices)) if said]
    return f"quote {' and '.join(quoted)}"


def _json_list(text: str) -> list[Any] | None:
    """Return the JSON list that a text is; None where it is none."""
    try:
        found = json_of(text) if text.lstrip().startswith("[") else None
    except ValueError:
        return None
    return found if isinstance(found, list) else None


def _items_in(text: str) -> Iterable[str]:
    """Return the items of `a,b`, or the lines."""
    return [item.strip() for item in text.replace("\n", ",").split(",") if item.strip()]
