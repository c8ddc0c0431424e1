"""What became of a run, as text, JSON, and markdown for GitHub's step summary."""

import json

from buildmatrix.build.outcome import Outcome, TargetOutcome
from buildmatrix.report.style import Style

DIGEST = len("sha256:") + 12
"""Characters of a digest that are shown."""


def outcome_text(outcome: Outcome, style: Style) -> str:
    """Return a line for each target, the failing one's last lines, and a count."""
    width = max((len(target.name) for target in outcome.targets), default=0)
    lines = [_line(target, width, style) for target in outcome.targets]
    for target in outcome.targets:
        if target.excerpt:
            lines += ["", f"> {target.name}: {target.failed_step}", *_indented(target.excerpt)]
    return "\n".join(["", *lines, "", f"{counts(outcome)} in {_duration(outcome.seconds)}"]) + "\n"


def _indented(text: str) -> list[str]:
    return [f"  {line}" for line in text.splitlines()]


def _line(target: TargetOutcome, width: int, style: Style) -> str:
    paint = {"built": style.good, "cached": style.good, "failed": style.error}.get(target.status, style.warning)
    columns = [
        f"  {style.name(target.name.ljust(width))}",
        paint(target.status.ljust(7)),
        f"{target.seconds:>6.1f}s" if target.seconds else " " * 7,
    ]
    digest = target.digest[:DIGEST]
    details = [digest, " ".join(target.platforms)] if target.exported or target.status == "failed" else ["(built upon)"]
    first, *more = [*target.tags, ""][: max(1, len(target.tags))]
    row = "  ".join([*columns, *[text for text in (first, *details) if text]]).rstrip()
    indent = " " * (width + 22)
    return "\n".join([row, *(f"{indent}{tag}" for tag in more)])


def counts(outcome: Outcome) -> str:
    """Return `4 built, 1 cached, 1 failed`."""
    order = ("built", "cached", "failed", "stopped", "skipped")
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
