"""The plan as markdown: a comment on a pull request."""

from collections.abc import Sequence

from buildmatrix.plan.model import Plan, PlannedTarget
from buildmatrix.plan.publishing import staging_note
from buildmatrix.report.facts import platforms_text, setting_text, why
from buildmatrix.report.markdown import code, escaped
from buildmatrix.report.plan_text import totals
from buildmatrix.spec.credentials import without_credentials

LONGEST = 60_000
"""Characters of a comment; GitHub takes 65,536."""

MANY = 15
"""Rows from which on a stage is folded."""


def plan_markdown(plan: Plan) -> str:
    """Return the plan as markdown of at most `LONGEST` characters; what does not fit is counted."""
    head = f"### buildmatrix plan\n\n{totals(plan)}\n"
    note = staging_note(plan)
    tail = "".join([*_warnings(plan), *_allow(plan), f"\n> {escaped(note)}\n" if note else ""])
    room = LONGEST - len(head) - len(tail)
    body = ""
    for number, stage in enumerate(plan.stages, start=1):
        body += _stage(number, stage, room - len(body))
    return head + body + tail


def _stage(number: int, stage: Sequence[PlannedTarget], room: int) -> str:
    title = f"stage {number}: {len(stage):,} target{'' if len(stage) == 1 else 's'}"
    table = "| target | platforms | tags | output | why |\n| --- | --- | --- | --- | --- |\n"
    shown = 0
    for target in stage:
        row = _row(target)
        if len(table) + len(row) > room - 500:
            break
        table += row
        shown += 1
    if shown < len(stage):
        table += f"\n… and {len(stage) - shown:,} more targets\n"
    if len(stage) > MANY:
        return f"\n<details><summary>{title}</summary>\n\n{table}\n</details>\n"
    return f"\n**{title}**\n\n{table}"


def _row(target: PlannedTarget) -> str:
    tags = "<br>".join(map(code, target.tags)) if target.exported else ""
    output = setting_text(without_credentials(target.settings).output or ()) if target.exported else "not exported"
    cells = [code(target.name), escaped(platforms_text(target)), tags, escaped(output), escaped(why(target))]
    return f"| {' | '.join(cells)} |\n"


def _warnings(plan: Plan) -> list[str]:
    return [
        f"\n> ⚠ {escaped(warning.message)}{escaped('; ' + warning.hint if warning.hint else '')}\n"
        for warning in plan.warnings
    ]


def _allow(plan: Plan) -> list[str]:
    asked = [grant for grant in plan.grants if not grant.automatic]
    return [f"\n> apply needs {code(f'--allow={grant.value}')} ({code(grant.target)})\n" for grant in asked]
