"""The plan as text: for a terminal, and for the log of a review."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from buildmatrix.plan.access.absent import left_out
from buildmatrix.plan.model import Entitlement, Plan, PlannedTarget
from buildmatrix.plan.publishing import staging_note
from buildmatrix.report.diagnostics.places import Places
from buildmatrix.report.layout import Span, fits, in_a_line, laid_out, plain
from buildmatrix.report.plan.details import Detail, details_of, labelled, written_out
from buildmatrix.report.run.words import DIGEST, counted
from buildmatrix.report.style import Style
from buildmatrix.spec.checks.data import shown
from buildmatrix.spec.rows.shapes import plain_table
from buildmatrix.spec.toml.source import Sources
from buildmatrix.text import columns, one_line, padded

SHOWN = 8
"""Cells of a target that are shown when there are many."""

APPLY = "buildmatrix apply"
NOTHING = "There is nothing to build."

FEW = 12
"""Up to so many cells are all shown."""


def plan_text(  # noqa: PLR0913 each is said by its name
    plan: Plan,
    style: Style,
    *,
    all_cells: bool = False,
    sources: Sources | None = None,
    width: int | None = None,
    prefix: str = "",
    command: str = APPLY,
    saved: bool = False,
) -> str:
    """Return the plan as a person reads it: what cells share is said once, what differs is in each cell's row.

    With `sources`, places are lines, in files `prefix` away; `all_cells` shows every cell, also those that are alike.
    `command` builds it; `saved` says whether it is a saved plan, which is built exactly so.
    """
    lines = [*laid_out([("buildmatrix plan", style.name), (f" · {totals(plan)}", plain)], width), ""]
    for number, stage in enumerate(plan.stages, start=1):
        lines.append(style.name(f"stage {number}"))
        lines += stage_lines(stage, plan, style, all_cells=all_cells, width=width)
    lines += _images(plan, style, width, all_cells=all_cells)
    if plan.targets:
        lines.append("")
    for note in _notes(plan, style, Places(sources, prefix) if sources else None):
        lines += laid_out(note, width)
    verb = "build" if len(plan.targets) > plan.skipped else "do"
    exactly = "exactly " if saved else ""
    last = f"Nothing was built. Run `{one_line(command)}` to {verb} {exactly}this."
    lines += laid_out([(totals(plan), plain)], width)
    lines += laid_out([(NOTHING, plain)], width) if plan.is_done else [last]  # a command is copied: it is not broken
    return "\n".join(lines) + "\n"


def stage_lines(
    stage: Iterable[PlannedTarget], plan: Plan, style: Style, *, all_cells: bool = False, width: int | None = None
) -> list[str]:
    """Return all that is to be said of the targets of a stage."""
    return [line for group in _by_target(stage) for line in _group(group, plan, style, width, all_cells=all_cells)]


def _images(plan: Plan, style: Style, width: int | None, *, all_cells: bool) -> list[str]:
    found = image_lines(plan.pins)
    shown = len(found) if all_cells or len(found) <= FEW else SHOWN
    lines = [style.name("external images")] if found else []
    lines += [part for line in found[:shown] for part in laid_out([(f"  {line}", plain)], width, "      ")]
    more = f"  … {len(found) - shown:,} more external images (--all shows them)"
    return [*lines, *(laid_out([(more, style.quiet)], width, "    ") if shown < len(found) else [])]


def image_lines(pins: Mapping[str, str]) -> list[str]:
    """Return the external images with their digests, a line each."""
    longest = max(map(columns, map(one_line, pins)), default=0)
    return [f"{padded(one_line(name), longest)}  {digest[:DIGEST]}" for name, digest in sorted(pins.items())]


def _notes(plan: Plan, style: Style, places: Places | None) -> list[list[Span]]:
    """Return what is to be said beside the targets: warnings, what has to be allowed, how it is applied."""
    return [
        *_warnings(plan, style, places),
        *_allow(plan, style, places),
        *_each(apply_notes(plan), style.quiet),
    ]


def apply_notes(plan: Plan) -> list[str]:
    """Return how the plan is applied, and what of it is shown as codes."""
    said = [f"{key} = {one_line(shown(value))}" for key, value in plain_table(plan.apply).items()]
    found = [f"apply runs with {', '.join(said)}"] if said else []
    found += map(one_line, left_out(plan.absent_secrets))
    found += [one_line(note)] if (note := staging_note(plan)) else []
    coded = _some(written_out(plan.targets))
    found += [f"control characters and invisible ones are shown as codes in {'; '.join(coded)}"] if coded else []
    return found


def _some(texts: Sequence[str]) -> list[str]:
    return [*texts[:SHOWN], f"{len(texts) - SHOWN:,} more targets"] if len(texts) > SHOWN else list(texts)


def totals(plan: Plan) -> str:
    """Return `7 targets, 12 platform builds, 2 stages`."""
    counts = ((len(plan.targets), "target"), (plan.platform_builds, "platform build"), (len(plan.stages), "stage"))
    said = [f"{count:,} {word}{'' if count == 1 else 's'}" for count, word in counts]
    if any(target.decision for target in plan.targets):
        said.append(f"{len(plan.targets) - plan.skipped:,} to build, {plan.skipped:,} up to date")
    if plan.moves:
        said.append(f"{plan.moves:,} tag{'' if plan.moves == 1 else 's'} to move")
    return ", ".join(said)


def _by_target(stage: Iterable[PlannedTarget]) -> list[list[PlannedTarget]]:
    found: dict[str, list[PlannedTarget]] = {}
    for target in stage:
        found.setdefault(target.declared, []).append(target)
    return list(found.values())


def _group(
    group: Sequence[PlannedTarget], plan: Plan, style: Style, width: int | None, *, all_cells: bool
) -> list[str]:
    if len(group) == 1 and not group[0].cell:
        return _single(group[0], style, width)
    details = [details_of(target) for target in group]
    alike = len({target.settings.description for target in group}) == 1
    if not alike:
        details = [_with_description(target, one) for target, one in zip(group, details, strict=True)]
    common = {detail: text for detail, text in details[0].items() if all(one.get(detail) == text for one in details)}
    head: list[Span] = [("  ", plain), (group[0].declared, style.name), (f"  ({_cells(group, plan)})", plain)]
    shown = len(group) if all_cells or len(group) <= FEW else SHOWN
    own = [labelled({detail: text for detail, text in one.items() if detail not in common}) for one in details[:shown]]
    described = _described(group[0], style, width) if alike else []
    lines = [*laid_out(head, width), *described, *_details(labelled(common), style, width)]
    lines += _rows([target.name for target in group[:shown]], own, style, width)
    if shown < len(group):
        more = f"    … {len(group) - shown:,} more cells like these (--all shows them)"
        lines += laid_out([(more, style.quiet)], width, "      ")
    return lines


def _with_description(target: PlannedTarget, details: dict[Detail, str]) -> dict[Detail, str]:
    """Return details with the description, where cells have each their own."""
    text = " ".join((target.settings.description or "").split())
    return {**details, ("description", ""): one_line(text)} if text else details


def _single(target: PlannedTarget, style: Style, width: int | None) -> list[str]:
    details = labelled(details_of(target))
    platforms = details.pop("platforms", "")
    head: list[Span] = [("  ", plain), (f"{target.name:<22}", style.name), (f"  {platforms}", plain)]
    lines = laid_out(head, width, "      ")
    return [*lines, *_described(target, style, width), *_details(details, style, width)]


def _described(target: PlannedTarget, style: Style, width: int | None) -> list[str]:
    """Return the description; what takes several lines has a mark, lest it look like ours."""
    texts = [one_line(line) for line in (target.settings.description or "").strip().split("\n")]
    if texts == [""]:
        return []
    bar = "" if len(texts) == 1 and fits([f"    {texts[0]}"], width) else "│ "
    return [
        line
        for text in texts
        for line in laid_out([(f"    {bar}{text}", style.quiet)], width, f"    {bar}", style.quiet)
    ]


def _details(details: dict[str, str], style: Style, width: int | None) -> list[str]:
    longest = max((len(label) for label in details), default=0)
    hang = " " * (longest + 6)
    lines = []
    for label, text in details.items():
        first, *more = text.split("\n")
        start: list[Span] = [("    ", plain), (label.ljust(longest), style.quiet), (f"  {first}", plain)]
        lines += laid_out(start, width, hang)
        lines += [line for text in more for line in laid_out([(f"{hang}{text}", plain)], width, f"{hang}  ")]
    return lines


def _rows(names: Sequence[str], details: Sequence[dict[str, str]], style: Style, width: int | None) -> list[str]:
    """One row a cell: its name, its platforms where they differ, its tags; other differences after those.

    Where that is too wide, what stands beside the names goes below them.
    """
    longest = max(map(len, names))
    platforms = max((len(one.get("platforms", "")) for one in details), default=0)
    beside = longest + (platforms + 2 if platforms else 0) + 6
    texts = [_own(one) for one in details]
    if not fits((" " * beside + text for own in texts for text in own), width):
        return _stacked(names, details, texts, style, width)
    lines = []
    for name, one, (first, *more) in zip(names, details, texts, strict=True):
        column = f"{one.get('platforms', ''):<{platforms}}  " if platforms else ""
        lines.append(f"    {style.name(name.ljust(longest))}  {column}{first}".rstrip())
        lines += [" " * beside + text for text in more]
    return lines


def _own(details: dict[str, str]) -> list[str]:
    tags = [tag for tag in details.get("tags", "").split("\n") if tag]
    others = [
        line
        for label, text in details.items()
        if label not in {"platforms", "tags"}
        for line in f"{label}{':' if ' ' in label else ''} {text}".replace("\n", "\n  ").split("\n")
    ]
    return [*tags, *others] or [""]


def _stacked(
    names: Sequence[str],
    details: Sequence[dict[str, str]],
    texts: Sequence[Sequence[str]],
    style: Style,
    width: int | None,
) -> list[str]:
    lines = []
    for name, one, own in zip(names, details, texts, strict=True):
        platforms = one.get("platforms", "")
        head: list[Span] = [("    ", plain), (name, style.name), (f"  {platforms}" if platforms else "", plain)]
        lines += laid_out(head, width, "        ")
        lines += [line for text in own if text for line in laid_out([(f"      {text}", plain)], width, "        ")]
    return lines


def _cells(group: Sequence[PlannedTarget], plan: Plan) -> str:
    details = plan.matrices.get(group[0].declared)
    if details is None:
        return f"{len(group)} cells"
    whole = details.cells + details.excluded
    axes = " × ".join(details.axes)
    said = [f"{axes + ': ' if axes else ''}{len(group):,} of {counted(whole, 'cell')}"]
    return ", ".join(said + ([f"{details.excluded:,} excluded"] if details.excluded else []))


def _warnings(plan: Plan, style: Style, places: Places | None) -> list[list[Span]]:
    found: list[list[Span]] = []
    for diagnostic in plan.warnings:
        where = f" ({places.line(diagnostic.place)})" if places and diagnostic.place else ""
        hint = f"; {in_a_line(diagnostic.hint)}" if diagnostic.hint else ""
        found.append([("warning:", style.warning), (f" {one_line(diagnostic.message + hint + where)}", plain)])
    return found


def _allow(plan: Plan, style: Style, places: Places | None) -> list[list[Span]]:
    longest = max((columns(one_line(entitlement.value)) for entitlement in plan.entitlements), default=0)

    def line(entitlement: Entitlement) -> str:
        where = f", {places.line(entitlement.place)}" if places else ""
        return f"--allow={padded(one_line(entitlement.value), longest)}  ({one_line(entitlement.target + where)})"

    asked = [f"apply needs: {line(entitlement)}" for entitlement in plan.entitlements if not entitlement.automatic]
    given = [f"apply gives: {line(entitlement)}" for entitlement in plan.entitlements if entitlement.automatic]
    return [*_each(asked, plain), *_each(given, style.quiet)]


def _each(texts: Iterable[str], paint: Callable[[str], str]) -> list[list[Span]]:
    return [[(text, paint)] for text in texts]
