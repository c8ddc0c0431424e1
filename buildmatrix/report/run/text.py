"""What became of a run, as text, and as markdown for GitHub's step summary."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate

from buildmatrix.engine.outcome import BuildOutcome, Finding, Outcome, Pin
from buildmatrix.report.layout import Span, fits, in_a_line, laid_out, plain
from buildmatrix.report.live.lines import painted
from buildmatrix.report.markdown import code, escaped, fenced, folded, summary_code
from buildmatrix.report.run.about import NOTHING, About
from buildmatrix.report.run.words import (
    DIGEST,
    asked,
    cause,
    counted,
    counts_in_time,
    last_lines,
    left_behind,
    left_to_others,
    platforms_of,
    problems,
    size,
    where_of,
)
from buildmatrix.report.shorten import last_of
from buildmatrix.report.style import Style
from buildmatrix.text import clean, columns, flat, one_line, redacted

WIDEST = 80
"""Columns of a reason that are shown in a row of a terminal."""

LONGEST = 60_000
"""Characters of the markdown, about; a comment on GitHub takes 65,536."""

DOCS = "https://docs.docker.com/"
"""Where BuildKit's rules are described."""

MANY = 15
"""Rows from which on the table is folded."""


def outcome_text(outcome: Outcome, style: Style, *, width: int | None = None, annotated: bool = False) -> str:
    """Return a line for each target, the failing ones' last lines, what became of the tags, and a count.

    What was warned of is counted only where it is `annotated`: GitHub has it as annotations.
    """
    lines = _rows(outcome.targets, style, width)
    for (what, text), names in _blocks(outcome.targets, width).items():
        title = one_line(f"> {', '.join(names)}: {what}" if what else f"> {', '.join(names)}")
        lines += ["", *laid_out([(title, plain)], width, "  "), *_indented(text, width)]
    lines += [] if annotated else _warnings(outcome.warnings, style, width)
    publish, *kept = (one_line(text).removesuffix(".") for text in outcome.publish.split("\n"))
    warned = f", {counted(len(outcome.warnings), 'warning')}" if outcome.warnings else ""
    left = [one_line(text) for text in left_behind(outcome)]
    end = f"{counts_in_time(outcome)}{warned}. {publish}".rstrip().removesuffix(".")
    lines += ["", *(line for text in (*left, *kept, end) for line in laid_out([(text, plain)], width, "  "))]
    return "\n".join(["", *lines] if lines[0] else lines) + "\n"


def _blocks(targets: Sequence[BuildOutcome], width: int | None) -> dict[tuple[str, str], list[str]]:
    """Return what is said below the rows, with the step or call it is of: each once, with all whose it is."""
    found: dict[tuple[str, str], list[str]] = {}
    for target in targets:
        if text := "\n".join(_block(target, width)):
            found.setdefault((target.failed_step or target.call, text), []).append(target.name)
    return found


def _block(target: BuildOutcome, width: int | None) -> list[str]:
    """Return what is said of a target below its row: of a failed one its log, and what the row has no room for."""
    if target.status != "failed":
        return [target.answer] if target.answer else []
    reason = "" if _is_said_whole(target, width) else target.reason
    return [text for text in (target.excerpt, reason, target.hint) if text]


def _is_said_whole(target: BuildOutcome, width: int | None) -> bool:
    """Tell whether a row has room for why its target failed: a file and a pipe have it for all that is one line."""
    return (width is None or columns(target.reason) <= WIDEST) and "\n" not in target.reason


def _reason(target: BuildOutcome, width: int | None) -> str:
    """Return why a target is not there, on one line; on a terminal its end, which tells the cause."""
    text = flat(target.reason)
    return text if width is None or target.status != "failed" else last_of(text, WIDEST)


def _warnings(found: Sequence[Finding], style: Style, width: int | None) -> list[str]:
    lines = []
    for finding in found:
        where, _, rest = finding.text.partition(": ")
        head: list[Span] = [(one_line(where), style.name), (": ", plain), ("warning:", style.warning)]
        lines += laid_out([*head, (f" {one_line(rest)}", plain)], width, "  ")
    return ["", *lines] if lines else []


def _indented(text: str, width: int | None) -> list[str]:
    lines = [f"  {line.expandtabs(8)}".rstrip() for line in clean(text).rstrip("\n").split("\n")]
    return [part for line in lines for part in laid_out([(line, plain)], width)]


def _rows(targets: Sequence[BuildOutcome], style: Style, width: int | None) -> list[str]:
    """Return a row for each target: side by side what has room, else tags and platforms below the name."""
    names = max((len(one_line(target.name)) for target in targets), default=0)
    tags = max((len(one_line(tag)) for target in targets for tag in target.tags), default=0)
    wide = max([len("stopped"), *(len(target.status) for target in targets)])
    heads = [_head(target, (names, wide), style) for target in targets]
    left = left_to_others(targets)
    beside = [[*_beside(target, tags, width), *map(one_line, left.get(target.name, ()))] for target in targets]
    indent = " " * (names + wide + 15)
    if fits((f"{indent}{text}" for texts in beside for text in texts), width):
        return [
            line
            for head, (first, *more) in zip(heads, beside, strict=True)
            for line in (*laid_out([*head, (first, plain)], None), *(f"{indent}{text}" for text in more))
        ]
    return [
        line
        for target, head in zip(targets, heads, strict=True)
        for line in _stacked(target, head, width, left.get(target.name, ()))
    ]


def _head(target: BuildOutcome, wide: tuple[int, int], style: Style) -> list[Span]:
    """Return how a row begins; `wide` are the columns of names and of what became of them."""
    seconds = f"{target.seconds:>6.1f}s" if target.seconds else " " * 7
    return [
        ("  ", plain),
        (one_line(target.name).ljust(wide[0]), style.name),
        ("  ", plain),
        (target.status.ljust(wide[1]), lambda text: painted(target.status, text, style)),
        (f"  {seconds}  ", plain),
    ]


def _beside(target: BuildOutcome, tags: int, width: int | None) -> list[str]:
    first, *more = [*map(one_line, target.tags), ""][: max(1, len(target.tags))]
    return ["  ".join(_details(target, first.ljust(tags), width)), *more]


def _stacked(target: BuildOutcome, head: Sequence[Span], width: int | None, left: Sequence[str]) -> list[str]:
    """Return a row whose name may be long: its digest or reason beside it, its tags and platforms below it.

    `left` is what is said of tags of others.
    """
    first, *more = _details(target, "", width) or [""]
    if fits(["".join(text for text, _ in head) + "  ".join([first, *more])], width):
        first, more = "  ".join([first, *more]), []
    below = [*(map(one_line, target.tags) if target.digest and not _said(target) else ()), *more]
    below += map(one_line, left)
    lines = laid_out([*head, (first, plain)], width, "      ")
    return [*lines, *(line for text in below for line in laid_out([(f"      {text}", plain)], width, "        "))]


def _said(target: BuildOutcome) -> bool:
    """Tell whether a row says something else than what there is now."""
    return target.status in {"failed", "stopped", "skipped"} or not target.exported or bool(target.call)


def _details(target: BuildOutcome, tag: str, width: int | None) -> list[str]:
    """Return what stands behind the time: why it is not there, else what there is."""
    if target.status in {"failed", "stopped", "skipped"}:
        tried = f"after {len(target.attempts)} attempts" if len(target.attempts) > 1 else ""
        text = _reason(target, width)
        where = one_line(where_of(target))
        text = f"{where}: {text}" if where and text else where or text
        return [part for part in (text, tried, f"(log: {one_line(target.log)})" if target.log else "") if part]
    if not target.exported:
        return ["(dependency)"]
    if target.call:
        return [asked(target)]
    return [part for part in (tag, *map(one_line, (target.published[:DIGEST], platforms_of(target)))) if part]


def outcome_markdown(outcome: Outcome, about: About = NOTHING) -> str:
    """Return the outcome as markdown: what is wrong first, then a table; what has no room is counted."""
    failed = [target for target in outcome.targets if target.status == "failed"]
    title = f"### {about.program}: {counts_in_time(outcome)}"
    parts = [*_facts(outcome, about), *_failures(failed), *_warned(outcome.warnings), *_answers(outcome.targets)]
    parts += _images(outcome.pins)
    head = "\n\n".join([title, *parts])
    return f"{head}\n\n{_table(outcome.targets, LONGEST - len(head))}\n"


def _facts(outcome: Outcome, about: About) -> list[str]:
    """What was run, of what, who built it, what became of the tags, what is left behind, and what else ended it."""
    nodes = f" on {', '.join(map(code, outcome.nodes))}" if outcome.nodes else ""
    lines = [code(about.command)] if about.command else []
    of = (("commit", about.commit), ("branch", about.branch))
    said = [f"{what} {code(text)}" for what, text in of if text]
    said += [f"builder {code(outcome.builder)}{nodes}"] if outcome.builder else []
    lines += [", ".join(said)] if said else []
    lines += [escaped(outcome.publish)] if outcome.publish else []
    lines += [f"> ⚠ {escaped(text)}" for text in left_behind(outcome)]
    return [*lines, *(f"> **{escaped(problem)}**" for problem in problems(outcome))]


def _failures(failed: Sequence[BuildOutcome]) -> list[str]:
    """Return each failure with the end of its log; together they take half of the room."""
    found: list[str] = []
    room = LONGEST // 2
    for number, target in enumerate(failed):
        text = _failure(target, min(8000, room // 3), is_open=number == 0)
        if len(text) > room:
            return [*found, f"… and {len(failed) - number:,} more failed"]
        found.append(text)
        room -= len(text)
    return found


def _warned(found: Sequence[Finding]) -> list[str]:
    """Return the warnings in a list that is folded where it is long, as far as there is room."""
    if not found:
        return []
    lines = [f"- {_warning(finding)}" for finding in found]
    shown = [line for end, line in zip(accumulate(map(len, lines)), lines, strict=True) if end < LONGEST // 8]
    more = [f"- … and {len(lines) - len(shown):,} more"] if shown != lines else []
    return [folded(f"⚠ {counted(len(lines), 'warning')}", "\n".join([*shown, *more]), is_open=not more)]


def _warning(finding: Finding) -> str:
    """Return a warning; the address of a rule stays whole only where it is BuildKit's own documentation."""
    if not finding.url.startswith(DOCS):
        return escaped(finding.text)
    return f"{escaped(replace(finding, url='').text)} {code(finding.url)}"


def _failure(target: BuildOutcome, longest: int, *, is_open: bool) -> str:
    where = f" at {summary_code(where_of(target))}" if target.failed_line else ""
    title = f"<b>{summary_code(target.name)}</b> failed{where}: {summary_code(redacted(cause(target))[:500])}"
    lines = [fenced(last_lines(target.excerpt, longest))] if target.excerpt else []
    lines += [escaped(text) for text in (target.reason if target.failed_step else "", in_a_line(target.hint)) if text]
    lines += [f"full log: {code(target.log)}"] if target.log else []
    return folded(title, "\n\n".join(lines) or "It left no log.", is_open=is_open)


def _images(pins: Sequence[Pin]) -> list[str]:
    """Return the external images with the digests by which they were taken, folded, as far as there is room."""
    lines = [
        f"- {code(pin.name)} {code(pin.digest) if pin.digest else escaped(f'not pinned: {pin.reason}')}" for pin in pins
    ]
    shown = [line for end, line in zip(accumulate(map(len, lines)), lines, strict=True) if end < LONGEST // 8]
    more = [f"- … and {len(lines) - len(shown):,} more"] if shown != lines else []
    return [folded(counted(len(lines), "external image"), "\n".join([*shown, *more]))] if lines else []


def _answers(targets: Sequence[BuildOutcome]) -> list[str]:
    """Return what a `call` was answered for each target that has a text, as long as there is room."""
    told = [target for target in targets if target.answer]
    texts = [folded(f"<b>{summary_code(target.name)}</b>: {target.call}", fenced(target.answer)) for target in told]
    shown = [text for end, text in zip(accumulate(map(len, texts)), texts, strict=True) if end < LONGEST // 4]
    return [*shown, f"… and {len(texts) - len(shown):,} more answers"] if shown != texts else shown


def _table(targets: Sequence[BuildOutcome], room: int) -> str:
    sized = any(target.size for target in targets)
    heads = ["target", "status", "platforms", "tags", "digest", *(["size"] if sized else []), "time"]
    lines = [f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}"]
    left = left_to_others(targets)
    for target in targets:
        row = _row(target, left.get(target.name, ()), sized=sized)
        if len(row) > room - 500:
            break
        lines.append(row)
        room -= len(row) + 1
    shown = len(lines) - 2
    table = "\n".join(lines) if targets else ""
    if shown < len(targets):
        table += f"\n\n… and {len(targets) - shown:,} more targets"
    return folded(f"{len(targets):,} targets", table) if len(targets) > MANY else table


def _row(target: BuildOutcome, left: Sequence[str], *, sized: bool) -> str:
    said = target.reason or asked(target)
    reason = f": {escaped(said)}" if said else ""
    cells = [
        code(target.name),
        target.status + reason,
        escaped(platforms_of(target)),
        "<br>".join([*map(code, target.tags), *map(escaped, left)]),
        code(target.published[:DIGEST]),
        *([size(target.size)] if sized else []),
        f"{target.seconds:.1f}s" if target.seconds else "",
    ]
    return f"| {' | '.join(cells)} |"
