"""Variables that are made of variables: rendered in the order of their use, cycles refused.

What is given as a text is what the default is, so that one is tried where it is a template (`{{ a == b }}`): nobody
needs it, so that nothing is said of it, and what is given stays a text where it has no value.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from buildmatrix.errors import Problems
from buildmatrix.graphs import find_cycles, ordered, steps_of
from buildmatrix.soundness import value_of
from buildmatrix.spec.checks.names import inside
from buildmatrix.spec.rows.shapes import is_template
from buildmatrix.spec.rows.tables import Spec
from buildmatrix.template.kinds import READERS
from buildmatrix.template.render import Templates, templates_in
from buildmatrix.template.scope import NO_REPOSITORY, OMITTED, BadTemplateError, values_of
from buildmatrix.template.variables import ResolvedVariable, as_default, awaits_default


def render_defaults(
    spec: Spec,
    found: dict[str, ResolvedVariable],
    problems: Problems,
    templates: Templates,
    built_in: Mapping[str, Any],
) -> None:
    """Replace, in `found`, the values that are templates by what they render to."""
    uses = {name: _uses(item, templates, problems) for name, item in found.items() if item.origin == "default"}
    cyclic: set[str] = set()

    def report(walk: list[str]) -> None:
        cyclic.update(walk)
        notes = tuple((f"{name} uses {used}", found[name].place) for name, used in steps_of(walk))
        message = "variables use each other in a cycle: " + " → ".join([*walk, walk[0]])
        problems.error("cycle", message, found[walk[0]].place, notes=notes, invalidates=map(value_of, walk))

    find_cycles(uses, report)
    tried = _to_try(spec, found, uses, templates)
    scope = {**values_of(found, problems), **built_in}
    for name in _ordered({**uses, **tried}, cyclic):
        if name in tried:
            default = spec.variables[name].table.default
            default = default if tried[name] is None else _tried(default, {**scope, **_STAND_INS}, templates)
            found[name] = as_default(spec.variables[name], found[name], default, problems)
        elif any(templates_in(found[name].value)):
            found[name] = _rendered(spec, found[name], scope, problems, templates)
        scope |= values_of({name: found[name]}, problems)
    for name in cyclic:
        found[name] = replace(found[name], value=None, origin="nothing")


def _uses(variable: ResolvedVariable, templates: Templates, problems: Problems) -> list[str]:
    names: list[str] = []
    for text in templates_in(variable.value):
        try:
            names += templates[text].names
        except BadTemplateError as error:
            _report(variable, error, problems)
    return names


_TIME = "1970-01-01T00:00:00Z"
_STAND_INS: Mapping[str, Any] = {
    "git": {"sha": "0" * 40, "short": "0" * 7, "branch": "main", "tag": "1.0.0", "dirty": False, "timestamp": _TIME},
    "created": _TIME,
    "now": _TIME,
    "host": {"platform": "linux/amd64"},
}
"""What stands for the repository and the machine where only the kind of a value is asked: neither is looked at."""


def _to_try(
    spec: Spec, found: Mapping[str, ResolvedVariable], uses: Mapping[str, list[str]], templates: Templates
) -> dict[str, list[str] | None]:
    """Return the variables that are to be what their defaults are, each with what is rendered before.

    None: its default cannot be tried, as it uses itself.
    """
    tried: dict[str, list[str] | None] = {
        name: _names_in(spec.variables[name].table.default, templates)
        for name, item in found.items()
        if awaits_default(spec.variables[name], item)
    }
    while True:
        cyclic: set[str] = set()
        find_cycles({name: names or [] for name, names in {**uses, **tried}.items()}, cyclic.update)
        if not (cyclic := {name for name in cyclic if tried.get(name)}):
            return tried
        tried |= dict.fromkeys(cyclic)


def _names_in(default: Any, templates: Templates) -> list[str]:
    try:
        return [name for text in templates_in(default) for name in templates[text].names]
    except BadTemplateError:
        return []


def _tried(default: Any, scope: Mapping[str, Any], templates: Templates) -> Any:
    """Return what a default gives; the default as it is written where that cannot be told."""
    try:
        for text in templates_in(default):
            templates.check_names(templates[text], scope)
        return _evaluated(default, scope, templates)
    except BadTemplateError:
        return default


def _evaluated(default: Any, scope: Mapping[str, Any], templates: Templates) -> Any:
    if isinstance(default, str):
        return templates[default].evaluate(scope) if is_template(default) else default
    if isinstance(default, list | tuple):
        return [one for item in default for one in _items(item, _evaluated(item, scope, templates))]
    return default


def _report(variable: ResolvedVariable, error: BadTemplateError, problems: Problems) -> None:
    message, invalidates = f"variable.{variable.name}: {error.message}", [value_of(variable.name)]
    place, rests_on = inside(variable.place), error.rests_on
    problems.error(error.code, message, place, hint=error.hint, invalidates=invalidates, rests_on=rests_on)


def _ordered(uses: Mapping[str, list[str] | None], cyclic: set[str]) -> list[str]:
    """Return the variables that defaults make, each after those that it uses."""
    order = ordered(uses, lambda name: () if name in cyclic else uses.get(name) or ())
    return [name for name in order if name in uses and name not in cyclic]


def _rendered(
    spec: Spec, variable: ResolvedVariable, scope: Mapping[str, Any], problems: Problems, templates: Templates
) -> ResolvedVariable:
    kind = spec.variables[variable.name].table.type
    try:
        for text in templates_in(variable.value):
            templates.check_names(templates[text], scope)
        value = _render(variable.value, scope, templates, is_text=kind == "string")
    except BadTemplateError as error:
        if error.code == OMITTED and spec.variables[variable.name].table.optional:
            return replace(variable, value=None, origin="nothing", may_lack=True)
        advice = _advice(variable.name, error)
        if not advice:
            _report(variable, error, problems)
        return replace(variable, value=None, origin="nothing", advice=advice)
    return replace(variable, value=_as_declared(value, kind))


def _as_declared(value: Any, kind: str | None) -> Any:
    """Return what a text of a template is by the variable's type; as it is where it is none of that."""
    if not isinstance(value, str):
        return value
    if kind == "list":
        return [line.strip() for line in value.splitlines() if line.strip()]
    made = READERS[kind](value) if kind and kind in READERS else None
    return value if made is None else made


def _advice(name: str, error: BadTemplateError) -> str:
    """Return what to say where the variable is used, if its error is one of the run and not of the file."""
    if error.code == NO_REPOSITORY:
        return f"{name} is made with git: {error.message}"
    return f"{name} is made of it: {error.hint}" if error.code == "missing-variable" else ""


def _value(text: str, scope: Mapping[str, Any], templates: Templates, *, is_text: bool) -> Any:
    """Return the value itself where the whole template is one `{{ … }}`, as with `let`, else the text."""
    if not is_text and not isinstance(value := templates[text].evaluate(scope), str | None):
        return value
    found = templates[text].render(scope)
    templates.spend(len(found))
    return found.strip() if "\n" in text else found


def _render(value: Any, scope: Mapping[str, Any], templates: Templates, *, is_text: bool = False) -> Any:
    if isinstance(value, str):
        return _value(value, scope, templates, is_text=is_text) if is_template(value) else value
    if isinstance(value, Mapping):
        return {key: _render(item, scope, templates) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [one for item in value for one in _items(item, _render(item, scope, templates))]
    return value


def _items(written: Any, rendered: Any) -> Iterable[Any]:
    """Return what an item of a list is: of a template its lines, or the items of the list that it gives."""
    if not isinstance(written, str) or not is_template(written):
        return (rendered,)
    if isinstance(rendered, str) and "\n" in rendered:
        return [line.strip() for line in rendered.splitlines() if line.strip()]
    return rendered if isinstance(rendered, list | tuple) else (rendered,)
