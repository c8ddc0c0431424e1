"""The plan as markdown: a comment on a pull request. All that the text shows is in it, folded."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import sha256

from buildmatrix.plan.builds import key_of
from buildmatrix.plan.model import Plan, PlannedTarget
from buildmatrix.report.diagnostics.places import Places
from buildmatrix.report.layout import in_a_line
from buildmatrix.report.markdown import code, escaped, fenced, folded, summary_code
from buildmatrix.report.plan.details import platforms_text, setting_text, why
from buildmatrix.report.plan.text import NOTHING, apply_notes, image_lines, stage_lines, totals
from buildmatrix.report.run.words import counted
from buildmatrix.report.style import Style
from buildmatrix.spec.credentials import without_credentials
from buildmatrix.spec.toml.source import Sources
from buildmatrix.text import one_line, redacted

LONGEST = 60_000
"""Characters of a comment; GitHub takes 65,536."""

BESIDE = 10_000
"""Characters of all that stands beside the targets, at most; the rest is counted."""

LONGEST_LINE = 2_000
"""Characters of one setting that are shown."""

FRAME = 300
"""Characters around what is shown: titles, fences, and the count of what is not."""

MANY = 15
"""Rows from which on a stage is folded."""

SKIPPED = "skip"
"""The decision of what is up to date."""

PLAIN = Style(colour=False)


class _Room:
    """Characters that are left for a part, and whether something had no room."""

    def __init__(self, left: int) -> None:
        self.left, self.is_cut = left, False

    def fitting(self, pieces: Sequence[str], more: str, frame: int = FRAME) -> list[str]:
        """Take the first pieces for which there is room, with `more` in place of the others."""
        shown, left = [], self.left - frame
        for piece in pieces:
            left -= len(piece) + 1
            if left < 0:
                break
            shown.append(piece)
        self.left = max(0, self.left - frame - sum(len(piece) + 1 for piece in shown))
        self.is_cut = self.is_cut or len(shown) < len(pieces)
        return [*shown, more.format(len(pieces) - len(shown))] if len(shown) < len(pieces) else shown


def plan_markdown(plan: Plan, *, sources: Sources | None = None, all_cells: bool = False, prefix: str = "") -> str:
    """Return the plan as markdown of at most `LONGEST` characters; what does not fit is counted.

    Where there is no room for all, the settings come before the tables, since they say more.
    """
    head = f"### buildmatrix plan\n\n{totals(plan) if plan.targets else NOTHING}\n"
    beside = _Room(BESIDE)
    tail = "".join(
        beside.fitting(list(_beside(plan, Places(sources, prefix) if sources else None)), "\n> … {:,} more\n")
    )
    room = LONGEST - len(head) - len(tail) - 2 * FRAME
    settings = _Room(room * 2 // 3)
    lists = [
        _settings(number, stage, plan, settings, all_cells=all_cells)
        for number, stage in enumerate(plan.stages, start=1)
    ]
    files = [_inline(text, names, settings) for text, names in _inline_files(plan).items()]
    if plan.pins:
        files.append(_list(counted(len(plan.pins), "external image"), image_lines(plan.pins), settings))
    tables = _Room(room - sum(map(len, [*lists, *files])))
    body = [
        _table(number, stage, tables) + listed
        for number, (stage, listed) in enumerate(zip(plan.stages, lists, strict=True), start=1)
    ]
    body.append(_up_to_date(plan, tables))
    left_out = _left_out(plan) if beside.is_cut or settings.is_cut or tables.is_cut else ""
    return "".join([head, *body, *files, left_out, tail])


def _short(line: str) -> str:
    return line if len(line) <= LONGEST_LINE else line[: LONGEST_LINE - 1] + "…"


def _settings(number: int, stage: Sequence[PlannedTarget], plan: Plan, room: _Room, *, all_cells: bool) -> str:
    """Return the settings of a stage as the text shows them."""
    lines = list(map(_short, stage_lines(stage, plan, PLAIN, all_cells=all_cells)))
    return _list(f"settings of stage {number}", lines, room)


def _list(title: str, lines: Sequence[str], room: _Room) -> str:
    if room.left < 2 * FRAME:
        room.is_cut = True
        return ""
    return f"\n{folded(title, fenced(chr(10).join(room.fitting(lines, '  … {:,} more lines'))))}\n"


def _inline_files(plan: Plan) -> dict[str, list[str]]:
    """Return each Dockerfile that stands in the file, with the targets that are built from it.

    Where it is another one for some platforms, they are named.
    """
    found: dict[str, list[str]] = {}
    for target in plan.targets:
        is_one = len({one.settings.dockerfile_inline for one in target.each}) == 1
        for one in (target,) if is_one else target.each:
            if (text := one.settings.dockerfile_inline) is not None:
                found.setdefault(text, []).append(target.name if is_one else key_of(target.name, one.platforms))
    return found


def _inline(text: str, names: Sequence[str], room: _Room) -> str:
    others = f" and {len(names) - 1:,} more" if names[1:] else ""
    title = f"inline Dockerfile of {summary_code(names[0])}{others}"
    return _list(title, list(map(_short, text.rstrip("\n").split("\n"))), room)


def _table(number: int, stage: Sequence[PlannedTarget], room: _Room) -> str:
    """Return what of a stage is built; what is up to date has a table of its own."""
    built = [target for target in stage if not _is_up_to_date(target)]
    kept = f", {len(stage) - len(built):,} up to date" if len(built) < len(stage) else ""
    title = f"stage {number}: {counted(len(stage), 'target')}{kept}"
    return _titled(title, built, room, is_folded=len(built) > MANY)


def _up_to_date(plan: Plan, room: _Room) -> str:
    kept = [target for target in plan.targets if _is_up_to_date(target)]
    return _titled(f"up to date: {counted(len(kept), 'target')}", kept, room, is_folded=True) if kept else ""


def _is_up_to_date(target: PlannedTarget) -> bool:
    return target.decision == SKIPPED and not target.moves


def _titled(title: str, targets: Sequence[PlannedTarget], room: _Room, *, is_folded: bool) -> str:
    if room.left < 2 * FRAME:
        room.is_cut = True
        return ""
    table = _rows(targets, room) if targets else ""
    return f"\n{folded(title, table)}\n" if is_folded else f"\n**{title}**\n" + (f"\n{table}" if table else "")


def _rows(targets: Sequence[PlannedTarget], room: _Room) -> str:
    more = {"build or skip": _decision, "why": lambda target: escaped(why(target))}
    said = {head: tell for head, tell in more.items() if any(map(tell, targets))}
    heads = ["target", "platforms", "tags", "output", *said]
    rows = room.fitting([_row(target, said.values()) for target in targets], "\n… {:,} more targets\n")
    return f"| {' | '.join(heads)} |\n|{' --- |' * len(heads)}\n" + "".join(rows)


def _decision(target: PlannedTarget) -> str:
    """Return whether a target is built, and why, with --incremental; "" without."""
    if not target.decision:
        return ""
    return escaped(_short(f"{target.decision}: {'; '.join(map(one_line, target.because))}"))


def _row(target: PlannedTarget, more: Iterable[Callable[[PlannedTarget], str]]) -> str:
    tags = "<br>".join(map(code, target.tags)) if target.exported else ""
    output = setting_text(without_credentials(target.settings).output or ()) if target.exported else "not exported"
    cells = [
        code(target.name),
        escaped(platforms_text(target)),
        tags,
        escaped(output),
        *(tell(target) for tell in more),
    ]
    return f"| {' | '.join(cells)} |\n"


def _beside(plan: Plan, places: Places | None) -> Iterator[str]:
    """Yield what is to be said beside the targets, as quotes."""
    for warning in plan.warnings:
        where = f" ({places.line(warning.place)})" if places and warning.place else ""
        hint = f"; {in_a_line(warning.hint)}" if warning.hint else ""
        yield _quote(f"⚠ {escaped(_short(warning.message + hint + where))}")
    for entitlement in sorted(plan.entitlements, key=lambda entitlement: entitlement.automatic):
        verb = "gives" if entitlement.automatic else "needs"
        where = f", {escaped(places.line(entitlement.place))}" if places else ""
        yield _quote(f"apply {verb} {code(_short(f'--allow={entitlement.value}'))} ({code(entitlement.target)}{where})")
    yield from (_quote(escaped(_short(note))) for note in apply_notes(plan))


def _quote(text: str) -> str:
    return f"\n> {text}\n"


def _left_out(plan: Plan) -> str:
    """Say how what is left out is seen, with a digest that tells whether any of it has changed."""
    lines = [line for stage in plan.stages for line in stage_lines(stage, plan, PLAIN, all_cells=True)]
    whole = sha256(redacted("\n".join([*lines, *_inline_files(plan)])).encode(errors="replace")).hexdigest()
    return _quote(f"Not all has room here: `buildmatrix plan --all` shows it. The digest of all is `{whole[:12]}`.")
