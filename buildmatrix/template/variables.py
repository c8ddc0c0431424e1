"""Variables: what each one's value is, and where it comes from.

`--var` goes before `--var-file`, then the environment (only where `env` says so), then `file`, then `default`.
"""

import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import islice
from typing import Any, Literal

from buildmatrix import graphs
from buildmatrix.errors import Place, Problems, SpecError, did_you_mean, some
from buildmatrix.files import OutsideError, Repository, read_regular, strays
from buildmatrix.patterns import regex
from buildmatrix.records import dataclass
from buildmatrix.soundness import value_of
from buildmatrix.spec.checks.data import MOST, shown, spoken
from buildmatrix.spec.checks.names import inside
from buildmatrix.spec.load import parse
from buildmatrix.spec.rows.shapes import text_of
from buildmatrix.spec.rows.tables import DeclaredVariable, Spec
from buildmatrix.spec.toml.plain import flaw_of, json_of, oddities
from buildmatrix.template.kinds import converted
from buildmatrix.template.request import Request
from buildmatrix.text import hide

Origin = Literal["--var", "--var-file", "environment", "file", "default", "nothing"]


@dataclass(frozen=True, kw_only=True)
class ResolvedVariable:
    """A variable's value, and where it comes from.

    None: it has none, and `advice` says how to give one; or it `may_lack` one.
    """

    name: str
    value: Any
    origin: Origin
    place: Place
    description: str
    advice: str
    may_lack: bool = False
    given: Any = None
    """The value as it was given, before it was made what the variable is."""


def resolve(spec: Spec, request: Request, problems: Problems) -> dict[str, ResolvedVariable]:
    """Return every variable with its value, defaults not yet rendered; what is wrong is added to `problems`."""
    given = _given(spec, request, problems)
    return {name: _resolve(variable, given, request, spec, problems) for name, variable in spec.variables.items()}


def _given(spec: Spec, request: Request, problems: Problems) -> dict[str, tuple[Any, Origin]]:
    given: dict[str, tuple[Any, Origin]] = {name: (value, "--var-file") for name, value in request.file_values.items()}
    for path in request.variable_files:
        for name, value in _read_file(path, spec, problems).items():
            _known(spec, name, f"--var-file {path}", problems, forgiving=request.forgiving)
            given[name] = (value, "--var-file")
    for name, text in request.variables.items():
        _known(spec, name, f"--var {name}", problems, forgiving=request.forgiving)
        given[name] = (text, "--var")
    return given


def _known(spec: Spec, name: str, label: str, problems: Problems, *, forgiving: bool) -> None:
    if name not in spec.variables and not forgiving:
        hint = did_you_mean(name, spec.variables) or f"variables here: {some(sorted(spec.variables)) or 'none'}"
        problems.error("variable", f'there is no variable "{name}"', Place(file=label), hint=hint)


def _read_file(path: str, spec: Spec, problems: Problems) -> dict[str, Any]:
    try:
        if strays(path, Repository.around(spec.directory).root):
            raise OutsideError(path)
        text = read_regular(path, pipe=True).decode("utf-8-sig")
        data = json_of(text, once=True) if path.endswith(".json") else parse(path, text)
    except (OSError, UnicodeDecodeError) as error:
        problems.error(
            "variable-file", f"--var-file cannot be read: {getattr(error, 'strerror', 'not UTF-8')}", Place(file=path)
        )
    except ValueError as error:
        problems.error("variable-file", str(error), Place(file=path))
    except SpecError as error:
        problems.take(error.diagnostics)
    else:
        if isinstance(data, dict):
            return _without_odd(path, data, problems)
        problems.error("variable-file", "this is not a table of names and values", Place(file=path))
    return {}


def _without_odd(path: str, data: dict[str, Any], problems: Problems) -> dict[str, Any]:
    for pointer, message, _ in islice(oddities(data), MOST):
        problems.error("variable-file", f"{spoken(pointer)}: {message}", Place(file=path))
        data.pop(str(pointer[0]), None)
    return data


def _resolve(
    variable: DeclaredVariable,
    given: Mapping[str, tuple[Any, Origin]],
    request: Request,
    spec: Spec,
    problems: Problems,
) -> ResolvedVariable:
    table = variable.table
    value, origin = given.get(variable.name, (None, "nothing"))
    if value is None and variable.env in request.environment:
        value, origin = request.environment[variable.env], "environment"
    if value is None and table.file is not None:
        value, origin = _of_file(variable, table.file, spec, problems), "file"
    if value is None and table.default is not None:
        value, origin = _open(table.default), "default"
    if value is None:
        origin = "nothing"
    as_given, may_lack = value, value is None and bool(table.optional)
    if origin not in {"default", "nothing"} and _refuse_flaw(variable, value, origin, problems):
        value, origin = None, "nothing"
    elif origin not in {"default", "nothing"} and not _awaits(variable, value):
        value = converted(variable, table.default, value, origin, problems)
        origin = "nothing" if value is None else origin
    return ResolvedVariable(
        name=variable.name,
        value=value,
        origin=origin,
        place=variable.place,
        description=table.description or "",
        advice=_advice(variable),
        may_lack=may_lack,
        given=as_given,
    )


def _refuse_flaw(variable: DeclaredVariable, value: Any, origin: Origin, problems: Problems) -> bool:
    """Refuse what no setting can hold, or what TOML would not let stand in a text; tell whether there was any."""
    if said := flaw_of(value) if isinstance(value, str) else "":
        message = f'variable "{variable.name}" ({origin}): {said}'
        problems.error("variable", message, variable.place, invalidates=[value_of(variable.name)])
    return bool(said)


def _open(default: Any) -> Any:
    """Return a list as one that is given is, so that `+` and `==` do with it what they do with those of templates."""
    return list(default) if isinstance(default, tuple) else default


def _of_file(variable: DeclaredVariable, file: str, spec: Spec, problems: Problems) -> str | None:
    folder = posixpath.dirname(variable.place.file)
    try:
        text = Repository.around(spec.directory).read(file, folder).decode("utf-8-sig")
        return text.rstrip("\r\n") if variable.table.text else text.partition("\n")[0].strip()
    except (OSError, UnicodeDecodeError) as error:
        may_lack = variable.table.default is not None or variable.table.optional
        if not may_lack or not isinstance(error, FileNotFoundError):
            reason = getattr(error, "strerror", None) or "not UTF-8"
            problems.error(
                "variable-file",
                f'the file of variable "{variable.name}" cannot be read: {reason}',
                inside(variable.place, "file"),
                invalidates=[value_of(variable.name)],
            )
    return None


def _advice(variable: DeclaredVariable) -> str:
    ways = [f"--var {variable.name}=…"]
    if variable.env:
        ways.append(f"the environment variable {variable.env}")
    return f"give it with {' or '.join(ways)}, or give it a default"


def as_default(
    variable: DeclaredVariable, found: ResolvedVariable, default: Any, problems: Problems
) -> ResolvedVariable:
    """Return the variable with what is given made what its default, rendered, is."""
    value = converted(variable, default, found.value, found.origin, problems)
    return replace(found, value=value, origin="nothing" if value is None else found.origin)


def awaits_default(variable: DeclaredVariable, found: ResolvedVariable) -> bool:
    """Tell whether what is given is to be what the default is, and that is a template's.

    It is a text until that is rendered.
    """
    return found.value is not None and found.origin != "default" and _awaits(variable, found.value)


def _awaits(variable: DeclaredVariable, value: Any) -> bool:
    is_open = isinstance(value, str) and variable.table.type in {None, "list"}
    return is_open and any(map(is_whole, _texts(variable.table.default)))


def is_whole(text: str) -> bool:
    """Tell whether a template may give another value than a text: it is perhaps one `{{ … }}`."""
    return text.lstrip().startswith("{{") and text.rstrip().endswith("}}")


def has_templates(spec: Spec, variables: Mapping[str, ResolvedVariable]) -> bool:
    """Tell whether a default that counts may be a template, so that templates have to be rendered."""
    return any(
        any(_texts(item.value)) if item.origin == "default" else awaits_default(spec.variables[name], item)
        for name, item in variables.items()
    )


def hide_confidential(spec: Spec, variables: Mapping[str, ResolvedVariable]) -> None:
    """Hide the values of variables that credentials are made of, also by way of other variables."""
    for name in reached(spec, spec.confidential):
        value = variables[name].value
        hide(*(text_of(item) for item in (value if isinstance(value, list | tuple) else (value,)) if item is not None))


def reached(spec: Spec, names: Iterable[str]) -> frozenset[str]:
    """Return the variables among the names, and those that their defaults are made of."""

    def used(name: str) -> set[str]:
        words = {word for text in _texts(spec.variables[name].table.default) for word in _WORD.findall(text)}
        return words & spec.variables.keys()

    return frozenset(graphs.reached((name for name in names if name in spec.variables), used))


_WORD = regex(r"[A-Za-z]\w*")


def _texts(value: Any) -> Iterator[str]:
    """Yield the texts of a default that may be templates."""
    if isinstance(value, str) and "{" in value:
        yield value
    for item in value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ():
        yield from _texts(item)


Matches = Callable[[str, Sequence[str]], Sequence[bool | None]]
"""Tells, for each text, whether a pattern is found in it; None where that takes too long."""


def check_values(
    spec: Spec, variables: Mapping[str, ResolvedVariable], problems: Problems, matches: Matches = lambda *_: ()
) -> None:
    """Add to `problems` each value that its pattern, choices or type refuses."""
    for name, variable in variables.items():
        if variable.value is not None:
            declared = spec.variables[name]
            _check_pattern(declared, variable, problems, matches)
            _check_choices(declared, variable, problems)
            _check_type(declared, variable, problems)


def _items(variable: ResolvedVariable) -> Sequence[Any]:
    return variable.value if isinstance(variable.value, list | tuple) else [variable.value]


def _said(variable: ResolvedVariable, item: Any) -> tuple[str, Place]:
    """Return how a value is spoken of, and where it comes from."""
    if variable.origin == "default":
        return f'variable "{variable.name}" is {shown(item)}', inside(variable.place, "default")
    return f'variable "{variable.name}" is {shown(item)} ({variable.origin})', variable.place


def _check_pattern(
    declared: DeclaredVariable, variable: ResolvedVariable, problems: Problems, matches: Matches
) -> None:
    pattern, items = declared.table.pattern, _items(variable)
    if pattern is None:
        return
    for item, matched in zip(items, matches(pattern, [text_of(item) for item in items]), strict=True):
        if matched is None:
            source = "" if variable.origin == "default" else f" ({variable.origin})"
            message = f'variable "{variable.name}": its pattern takes too long to try on {shown(item)}{source}'
            hint = "repetitions within repetitions take forever: write it without, or give `choices`"
            problems.error("variable", message, inside(declared.place, "pattern"), hint=hint)
            return
        if not matched:
            said, place = _said(variable, item)
            hint = f"the pattern is {pattern}"
            problems.error("variable", f"{said}, which does not match its pattern", place, hint=hint)


def _check_choices(declared: DeclaredVariable, variable: ResolvedVariable, problems: Problems) -> None:
    choices = declared.table.choices
    for item in _items(variable):
        if choices is not None and item not in choices:
            said, place = _said(variable, item)
            hint = did_you_mean(text_of(item), map(text_of, choices)) or f"choices: {some(map(shown, choices))}"
            problems.error("variable", f"{said}, which is not among its choices", place, hint=hint)


def _check_type(declared: DeclaredVariable, variable: ResolvedVariable, problems: Problems) -> None:
    expected: dict[str, type | tuple[type, ...]] = {
        "string": str,
        "integer": int,
        "number": (int, float, Decimal),
        "boolean": bool,
        "list": (list, tuple),
    }
    kind = declared.table.type
    if kind is None or variable.origin not in {"default", "--var-file"}:
        return
    fits = isinstance(variable.value, expected[kind]) and (kind == "boolean" or not isinstance(variable.value, bool))
    if not fits:
        what = "default" if variable.origin == "default" else "value"
        message = f'variable "{variable.name}" is of type {kind}, but its {what} is {shown(variable.value)}'
        problems.error(
            "variable", message, inside(variable.place, variable.origin if variable.origin == "default" else "type")
        )
