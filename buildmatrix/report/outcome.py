"""What became of a run, as text, JSON, and markdown for GitHub's step summary."""

import json

from buildmatrix.build.outcome import Outcome, TargetOutcome
from buildmatrix.report.style import Style

WIDEST = 80
"""Characters of a reason that are shown."""

DIGEST = len("sha256:") + 12
"""Characters of a digest that are shown."""


def outcome_text(outcome: Outcome, style: Style) -> str:
    """Return a line for each target, the failing ones' last lines, what became of the tags, and a count."""
    width = max((len(target.name) for target in outcome.targets), default=0)
    tags = max((len(tag) for target in outcome.targets for tag in target.tags), default=0)
    lines = [_line(target, width, tags, style) for target in outcome.targets]
    for target in outcome.targets:
        if target.excerpt:
            lines += ["", f"> {target.name}: {target.failed_step}", *_indented(target.excerpt)]
    end = [f"{counts(outcome)} in {_duration(outcome.seconds)}. {outcome.publish}".rstrip().removesuffix(".")]
    left = [f"left behind: {what}" for what in outcome.left_behind]
    return "\n".join(["", *lines, "", *left, *end]) + "\n"


def _indented(text: str) -> list[str]:
    return [f"  {line}" for line in text.splitlines()]


def _line(target: TargetOutcome, width: int, tags: int, style: Style) -> str:
    paint = {"built": style.good, "cached": style.good, "kept": style.good, "failed": style.error}
    columns = [
        f"  {style.name(target.name.ljust(width))}",
        paint.get(target.status, style.warning)(target.status.ljust(7)),
        f"{target.seconds:>6.1f}s" if target.seconds else " " * 7,
    ]
    first, *more = [*target.tags, ""][: max(1, len(target.tags))]
    row = "  ".join([*columns, *_details(target, first.ljust(tags))]).rstrip()
    indent = " " * (width + 22)
    return "\n".join([row, *(f"{indent}{tag}" for tag in more)])


def _details(target: TargetOutcome, tag: str) -> list[str]:
    """Return what stands behind the time: why it is not there, else what there is."""
    if target.status in {"failed", "stopped", "skipped"}:
        tried = f"after {len(target.attempts)} attempts" if len(target.attempts) > 1 else ""
        step = target.failed_step if target.reason.startswith("process ") else ""
        text = " ".join((step or target.reason).split())
        text = text if len(text) <= WIDEST else text[: WIDEST - 1] + "…"
        return [part for part in (text, tried, f"(log: {target.log})" if target.log else "") if part]
    if not target.exported:
        return ["(built upon)"]
    return [part for part in (tag, target.digest[:DIGEST], " ".join(target.platforms)) if part]


def counts(outcome: Outcome) -> str:
    """Return `4 built, 1 cached, 1 failed`."""
    order = ("built", "cached", "kept", "failed", "stopped", "skipped")
    numbers = {status: sum(target.status == status for target in outcome.targets) for status in order}
    return ", ".join(f"{number} {status}" for status, number in numbers.items() if number) or "nothing built"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}" if minutes else f"{seconds:.1f}s"


def outcome_json(outcome: Outcome) -> str:
    """Return the outcome as JSON (`format_version` 1)."""
    document = {
        "format_version": 1,
        "seconds": round(outcome.seconds, 1),
        "problem": [diagnostic.message for diagnostic in outcome.problem.diagnostics] if outcome.problem else [],
        "targets": [
            {
                "name": target.name,
                "target": target.declared,
                "status": target.status,
                "exported": target.exported,
                "platforms": list(target.platforms),
                "tags": list(target.tags),
                "digest": target.digest or None,
                "seconds": target.seconds,
                "failed_step": target.failed_step or None,
            }
            for target in outcome.targets
        ],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def outcome_markdown(outcome: Outcome) -> str:
    """Return the outcome as markdown."""
    head = ["| target | status | platforms | tags | digest | time |", "| --- | --- | --- | --- | --- | --- |"]
    rows = [
        f"| {target.name} | {target.status} | {' '.join(target.platforms)} | {_code(target.tags)} "
        f"| {_code((target.digest[:DIGEST],) if target.digest else ())} | {target.seconds:.1f}s |"
        for target in outcome.targets
    ]
    return "\n".join([f"### buildmatrix apply: {counts(outcome)}", "", *head, *rows]) + "\n"


def _code(texts: tuple[str, ...]) -> str:
    return "<br>".join(f"`{text}`" for text in texts)
