"""Which target depends on which, in which order; cycles are walked."""

from collections.abc import Callable, Iterable, Mapping

from buildmatrix.errors import Place, Problems, some
from buildmatrix.graphs import find_cycles, levels, steps_of
from buildmatrix.plan.cells.select import Entry, Selection, SelectorError
from buildmatrix.records import dataclass
from buildmatrix.spec.rows.settings import Settings

TARGET = "target:"


@dataclass(frozen=True, kw_only=True)
class Edge:
    """One dependency: `to` is built first. `context` is the key in `contexts`, "" for an edge of `needs`."""

    to: str
    context: str
    place: Place


def edges_of(
    entry: Entry, settings: Settings, place_of: Callable[..., Place], selection: Selection, problems: Problems
) -> list[Edge]:
    """Return what an entry depends on; what matches nothing, or too much, is added to `problems`."""
    found = []
    for key, value in (settings.contexts or {}).items():
        if value.startswith(TARGET):
            found += _link(entry, key, value.removeprefix(TARGET), place_of("contexts", key), selection, problems)
    for index, selector in enumerate(settings.needs or ()):
        place = place_of("needs", index)
        try:
            names = selection.names_for(selector, entry.cell, target_first=True)
        except SelectorError as error:
            message = f"target.{entry.target.name}.needs: {error.message}"
            hint = _in_other_words(selector, entry, selection) or error.hint
            problems.error("needs", message, place, hint=hint, rests_on=error.rests_on)
            continue
        found += [Edge(to=name, context="", place=place) for name in names]
    return found


def _in_other_words(selector: str, entry: Entry, selection: Selection) -> str:
    """Return what to write for a variable of another tool in a selector."""
    if "$" not in selector:
        return ""
    from buildmatrix.spec.checks.foreign import foreign_hint

    return foreign_hint(selector, [*selection.spec.variables, *entry.cell])


def _link(entry: Entry, key: str, selector: str, place: Place, selection: Selection, problems: Problems) -> list[Edge]:
    spoken = f"target.{entry.target.name}.contexts.{key}"
    try:
        names = selection.names_for(selector, entry.cell, target_first=True)
    except SelectorError as error:
        problems.error("context", f"{spoken}: {error.message}", place, hint=error.hint, rests_on=error.rests_on)
        return []
    if len(names) > 1:
        axes = selection.entries[names[0]].cell
        message = f'{spoken}: "{selector}" matches {len(names)} targets, and a context is one'
        problems.error(
            "context",
            message,
            place,
            hint=_narrower(entry, selector, axes),
        )
        return []
    return [Edge(to=name, context=key, place=place) for name in names]


def _narrower(entry: Entry, selector: str, axes: Iterable[str]) -> str:
    """Return what to write for one cell of several: that with the own values, where the axes are the same."""
    if "[" in selector or not (axes := list(axes)):
        return ""
    if all(axis in entry.cell for axis in axes):
        return f'write "target:{selector}[=]" for the cell with the same {some(axes)}'
    pairs = ",".join(f"{axis}={{{{ {axis} }}}}" for axis in axes)
    return f'write "target:{selector}[{pairs}]"'


def refuse_cycles(edges: Mapping[str, Iterable[Edge]], problems: Problems) -> bool:
    """Add each cycle to `problems`, walked edge by edge; tell whether there is one."""
    found: list[list[str]] = []
    find_cycles({name: dict.fromkeys(edge.to for edge in several) for name, several in edges.items()}, found.append)
    for walk in found:
        pairs = steps_of(walk)
        steps = [next(edge for edge in edges[name] if edge.to == following) for name, following in pairs]
        notes = tuple(
            (f"{name} needs {following}", step.place) for (name, following), step in zip(pairs, steps, strict=True)
        )
        message = "targets depend on each other in a cycle: " + " needs ".join([*walk, walk[0]])
        problems.error("cycle", message, steps[0].place, notes=notes)
    return bool(found)


def stages(edges: Mapping[str, Iterable[Edge]]) -> dict[str, int]:
    """Return the stage of each name, from 1: one more than the highest of what it depends on. There is no cycle."""
    found = levels({name: [edge.to for edge in several] for name, several in edges.items()})
    return {name: level + 1 for name, level in found.items()}
