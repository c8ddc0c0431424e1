"""Variables that are made of variables: rendered in the order of their use, cycles refused."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from buildmatrix.errors import Problems
from buildmatrix.graphs import find_cycles, ordered, steps_of
from buildmatrix.soundness import value_of
from buildmatrix.spec.checks.names import inside
from buildmatrix.spec.rows.shapes import is_template
from buildmatrix.spec.rows.tables import Spec
from buildmatrix.spec.toml.plain import boolean_of, integer_of
from buildmatrix.template.render import Templates, templates_in
from buildmatrix.template.scope import NO_REPOSITORY, OMITTED, BadTemplateError, values_of
from buildmatrix.template.variables import ResolvedVariable


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
    scope = {**values_of(found, problems), **built_in}
    for name in _ordered(uses, cyclic):
        if not any(templates_in(found[name].value)):
            continue
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


def _report(variable: ResolvedVariable, error: BadTemplateError, problems: Problems) -> None:
    message, invalidates = f"variable.{variable.name}: {error.message}", [value_of(variable.name)]
    place, rests_on = inside(variable.place), error.rests_on
    problems.error(error.code, message, place, hint=error.hint, invalidates=invalidates, rests_on=rests_on)


def _ordered(uses: Mapping[str, list[str]], cyclic: set[str]) -> list[str]:
    """Return the variables that have defaults, each after those that it uses."""
    order = ordered(uses, lambda name: () if name in cyclic else uses.get(name, ()))
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
    made = {"boolean": boolean_of, "integer": integer_of}[kind](value) if kind in {"boolean", "integer"} else None
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
