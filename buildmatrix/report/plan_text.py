"""The plan as text: for a terminal, and for the log of a review."""

from collections.abc import Iterable, Sequence

from buildmatrix.plan.model import Grant, Plan, PlannedTarget
from buildmatrix.plan.publishing import staging_note
from buildmatrix.report.facts import facts_of, labelled
from buildmatrix.report.places import Places
from buildmatrix.report.style import Style
from buildmatrix.spec.check import shown
from buildmatrix.spec.shapes import plain_table
from buildmatrix.spec.source import Sources
from buildmatrix.text import columns, one_line, padded

SHOWN = 8
"""Cells of a target that are shown when there are many."""

FEW = 12
"""Up to so many cells are all shown."""


def plan_text(plan: Plan, style: Style, *, all_cells: bool = False, sources: Sources | None = None) -> str:
    """Return the plan as a person reads it: what cells share is said once, what differs is in each cell's row.

    With `sources`, places are lines; `all_cells` shows every cell, also those that are alike.
    """
    lines = [style.name("buildmatrix plan") + f" · {totals(plan)}", ""]
    for number, stage in enumerate(plan.stages, start=1):
        lines.append(style.name(f"stage {number}"))
        for group in _by_target(stage):
            lines += _group(group, plan, style, all_cells=all_cells)
    lines += ["", *_warnings(plan, style, sources), *_allow(plan, style, sources), *_apply(plan, style)]
    lines.append("Nothing was built. Run `buildmatrix apply` to build this.")
    return "\n".join(lines) + "\n"


def _apply(plan: Plan, style: Style) -> list[str]:
    said = [f"{key} = {one_line(shown(value))}" for key, value in plain_table(plan.apply).items()]
    notes = [f"apply runs with {', '.join(said)}"] if said else []
    notes += [one_line(note)] if (note := staging_note(plan)) else []
    return [style.quiet(note) for note in notes]


def totals(plan: Plan) -> str:
    """Return `7 targets, 12 platform builds, 2 stages`."""
    counts = ((len(plan.targets), "target"), (plan.platform_builds, "platform build"), (len(plan.stages), "stage"))
    return ", ".join(f"{count:,} {word}{'' if count == 1 else 's'}" for count, word in counts)


def _by_target(stage: Iterable[PlannedTarget]) -> list[list[PlannedTarget]]:
    found: dict[str, list[PlannedTarget]] = {}
    for target in stage:
        found.setdefault(target.declared, []).append(target)
    return list(found.values())


def _group(group: Sequence[PlannedTarget], plan: Plan, style: Style, *, all_cells: bool) -> list[str]:
    if len(group) == 1 and not group[0].cell:
        return _single(group[0], style)
    facts = [facts_of(target) for target in group]
    common = {fact: text for fact, text in facts[0].items() if all(one.get(fact) == text for one in facts)}
    head = f"  {style.name(group[0].declared)}  ({_cells(group, plan)})"
    shown = len(group) if all_cells or len(group) <= FEW else SHOWN
    own = [labelled({fact: text for fact, text in one.items() if fact not in common}) for one in facts[:shown]]
    lines = [head, *_described(group[0], style), *_facts(labelled(common), style)]
    lines += _rows([target.name for target in group[:shown]], own, style)
    if shown < len(group):
        lines.append(style.quiet(f"    … {len(group) - shown:,} more cells like these (--all shows them)"))
    return lines


def _single(target: PlannedTarget, style: Style) -> list[str]:
    facts = labelled(facts_of(target))
    platforms = facts.pop("platforms", "")
    head = f"  {style.name(f'{target.name:<22}')}  {platforms}".rstrip()
    return [head, *_described(target, style), *_facts(facts, style)]


def _described(target: PlannedTarget, style: Style) -> list[str]:
    """Return the description; several lines of it have a mark, lest they look like ours."""
    first, *more = (target.settings.description or "").strip().split("\n")
    bar = "│ " if more else ""
    return [style.quiet(f"    {bar}{one_line(line)}".rstrip()) for line in (first, *more)] if first else []


def _facts(facts: dict[str, str], style: Style) -> list[str]:
    width = max((len(label) for label in facts), default=0)
    lines = []
    for label, text in facts.items():
        first, *more = text.split("\n")
        lines.append(f"    {style.quiet(label.ljust(width))}  {first}")
        lines += [f"    {' ' * width}  {line}" for line in more]
    return lines


def _rows(names: Sequence[str], facts: Sequence[dict[str, str]], style: Style) -> list[str]:
    """One row a cell: its name, its platforms where they differ, its tags; other differences after those."""
    width = max(map(len, names))
    platforms = max((len(one.get("platforms", "")) for one in facts), default=0)
    lines = []
    for name, one in zip(names, facts, strict=True):
        tags = [tag for tag in one.get("tags", "").split("\n") if tag]
        others = [f"{label} {text}" for label, text in one.items() if label not in {"platforms", "tags"}]
        columns = [one.get("platforms", "").ljust(platforms)] if platforms else []
        indent = "    " + " " * width + "".join("  " + " " * len(column) for column in columns)
        first, *more = [*tags, *others] or [""]
        row = "  ".join([f"    {style.name(name.ljust(width))}", *columns, first])
        lines += [row.rstrip(), *(f"{indent}  {text}" for text in more)]
    return lines


def _cells(group: Sequence[PlannedTarget], plan: Plan) -> str:
    facts = plan.matrices.get(group[0].declared)
    if facts is None:
        return f"{len(group)} cells"
    whole = facts.cells + facts.excluded
    said = [f"{' × '.join(facts.axes) or 'cells'}: {len(group):,} of {whole:,} cells"]
    return ", ".join(said + ([f"{facts.excluded:,} excluded"] if facts.excluded else []))


def _warnings(plan: Plan, style: Style, sources: Sources | None) -> list[str]:
    places = Places(sources) if sources else None
    lines = []
    for diagnostic in plan.warnings:
        where = f" ({places.line(diagnostic.place)})" if places and diagnostic.place else ""
        hint = f"; {diagnostic.hint}" if diagnostic.hint else ""
        lines.append(f"{style.warning('warning:')} {one_line(diagnostic.message + hint + where)}")
    return lines


def _allow(plan: Plan, style: Style, sources: Sources | None) -> list[str]:
    places = Places(sources) if sources else None
    width = max((columns(one_line(grant.value)) for grant in plan.grants), default=0)

    def line(grant: Grant) -> str:
        where = f", {places.line(grant.place)}" if places else ""
        return f"--allow={padded(one_line(grant.value), width)}  ({one_line(grant.target + where)})"

    asked = [f"apply needs: {line(grant)}" for grant in plan.grants if not grant.automatic]
    given = [style.quiet(f"apply gives: {line(grant)}") for grant in plan.grants if grant.automatic]
    return [*asked, *given]
