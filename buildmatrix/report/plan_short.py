"""The plan with one line for each target: for hundreds of them, and for grep."""

from buildmatrix.plan.model import Plan, PlannedTarget
from buildmatrix.report.facts import setting_text
from buildmatrix.report.layout import cut
from buildmatrix.report.style import Style
from buildmatrix.spec.credentials import without_credentials
from buildmatrix.text import one_line


def plan_short(plan: Plan, style: Style, *, width: int | None = None) -> str:
    """Return name, platforms, output and tags of each target, in the order in which they are built.

    With a width each line is cut to it.
    """
    rows = [_columns(target) for target in plan.targets]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
    return "".join(_line(row, widths, style, width) for row in rows)


def _columns(target: PlannedTarget) -> tuple[str, str, str, str]:
    platforms = one_line(",".join(target.platforms)) or "builder's"
    if not target.exported:
        return target.name, platforms, "(built upon)", ""
    output = setting_text(without_credentials(target.settings).output or ()) or "no output"
    return target.name, platforms, output, " ".join(map(one_line, target.tags))


def _line(row: tuple[str, str, str, str], widths: list[int], style: Style, width: int | None) -> str:
    padded = [f"{text:<{wide}}" for text, wide in zip(row, widths, strict=False)]
    line = cut("  ".join([*padded, row[3]]).rstrip(), width)
    named = len(row[0])
    return style.name(line[:named]) + line[named:] + "\n"
