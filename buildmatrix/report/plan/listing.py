"""Lists: targets, groups, variables, platforms and tags, as text and as JSON."""

import json
from collections.abc import Iterable, Mapping, Sequence

from buildmatrix.plan.cells.catalog import KnownGroup
from buildmatrix.plan.model import Plan
from buildmatrix.report.layout import Span, laid_out, plain
from buildmatrix.report.plan.facts import OWN_PLATFORM, quoted
from buildmatrix.report.style import Style
from buildmatrix.template.variables import ResolvedVariable
from buildmatrix.text import columns, json_safe, one_line, padded

Rows = list[dict[str, object]]
"""One mapping a line; the first key is the name."""


def targets(plan: Plan) -> Rows:
    """Return each target of a plan with its platforms and description."""
    return [
        {
            "name": target.name,
            "platforms": list(target.platforms),
            "description": target.settings.description or "",
        }
        for target in plan.targets
    ]


def groups(known: Iterable[KnownGroup]) -> Rows:
    """Return each group with what it says and the targets that this selects."""
    return [{"name": one.name, "members": list(one.members), "targets": list(one.targets)} for one in known]


def variables(resolved: Iterable[ResolvedVariable]) -> Rows:
    """Return each variable with its value, where that comes from, and what it is for."""
    return [
        {
            "name": variable.name,
            "value": None if variable.value is None else json.loads(json.dumps(variable.value, default=str)),
            "from": variable.origin,
            "description": variable.description,
        }
        for variable in resolved
    ]


def platforms(plan: Plan) -> Rows:
    """Return each platform with the targets that are built for it."""
    found: dict[str, list[str]] = {}
    for target in plan.targets:
        for platform in target.platforms:
            found.setdefault(platform, []).append(target.name)
    return [{"name": platform, "targets": found[platform]} for platform in sorted(found)]


def tags(plan: Plan) -> Rows:
    """Return each tag with the target that writes it and the platforms that it will have."""
    return [
        {"name": tag, "target": target.name, "platforms": list(target.platforms)}
        for target in plan.targets
        if target.exported
        for tag in target.tags
    ]


def as_text(rows: Rows, style: Style, *, width: int | None = None) -> str:
    """Return rows as aligned columns; what is too wide for a terminal goes on below the name."""
    texts = [[one_line(_text(key, value)) for key, value in row.items()] for row in rows]
    widths = [
        max((columns(line[column]) for line in texts), default=0) for column in range(max(map(len, texts), default=0))
    ]
    beside = sum(widths[:-1]) + 2 * len(widths[:-1])
    hang = " " * (beside if width and beside <= width // 2 else 4)
    return "".join(f"{line}\n" for row in texts for line in laid_out(_row(row, widths, style), width, hang))


def _row(line: Sequence[str], widths: Sequence[int], style: Style) -> list[Span]:
    name, *cells = [padded(text, width) for text, width in zip(line, widths, strict=True)]
    return [(name, style.name), *((f"  {cell}", plain) for cell in cells)]


def _text(key: str, value: object) -> str:
    if key == "platforms" and not value:
        return OWN_PLATFORM
    if isinstance(value, list):
        return " ".join(
            json.dumps(item, ensure_ascii=False) if isinstance(item, Mapping) else quoted(str(item)) for item in value
        )
    return "(no value)" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def as_json(rows: Rows) -> str:
    """Return rows as JSON (`format_version` 1)."""
    return json_safe(json.dumps({"format_version": 1, "items": rows}, indent=2, ensure_ascii=False)) + "\n"
