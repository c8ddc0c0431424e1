"""The plan with one line for each target: for hundreds of them, and for grep."""

from collections.abc import Sequence

from buildmatrix.plan.model import Plan, PlannedTarget
from buildmatrix.report.layout import NARROWEST, cut
from buildmatrix.report.plan.details import setting_text
from buildmatrix.report.shorten import told_apart
from buildmatrix.report.style import Style
from buildmatrix.spec.credentials import without_credentials
from buildmatrix.text import columns, one_line, padded

BELOW = "    "
"""What stands before tags below a name."""


def plan_short(plan: Plan, style: Style, *, width: int | None = None) -> str:
    """Return name, platforms, output and tags of each target, in the order in which they are built.

    Where a line is wider than `width`, names and tags are cut so that they still look different; tags that have next
    to no room beside stand below.
    """
    rows = [_columns(target) for target in plan.targets]
    names, platforms, outputs, tags = map(list, zip(*rows, strict=True)) if rows else ([], [], [], [])
    names = told_apart(names, max(NARROWEST, width // 2)) if width else names
    longest = [max(map(columns, texts), default=0) for texts in (names, platforms, outputs)]
    beside = sum(longest) + 2 * len(longest)
    is_below = width is not None and any(tags) and width - beside < NARROWEST
    if width is not None:
        tags = told_apart(tags, max(NARROWEST, width - (len(BELOW) if is_below else beside)))
    lines = zip(names, platforms, outputs, tags, strict=True)
    return "".join(_line(row, longest, style, width, is_below=is_below) for row in lines)


def _columns(target: PlannedTarget) -> tuple[str, str, str, str]:
    platforms = one_line(",".join(target.platforms)) or "builder's"
    written = setting_text(without_credentials(target.settings).output or ()) or "no output"
    output = written if target.exported else "(dependency)"
    output = f"{target.decision}  {output}" if target.decision else output
    return target.name, platforms, output, " ".join(map(one_line, target.tags)) if target.exported else ""


def _line(row: Sequence[str], longest: Sequence[int], style: Style, width: int | None, *, is_below: bool) -> str:
    *beside, tags = row
    texts = list(map(padded, beside, longest))
    line = cut("  ".join(texts if is_below else [*texts, tags]).rstrip(), width)
    named = len(row[0])
    below = f"{BELOW}{tags}\n" if is_below and tags else ""
    return f"{style.name(line[:named])}{line[named:]}\n{below}"
