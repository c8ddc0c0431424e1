"""Lists: targets, groups, variables, platforms and tags, as text and as JSON."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

from buildmatrix.plan.cells.catalog import Catalog
from buildmatrix.plan.model import Plan
from buildmatrix.report.layout import Span, laid_out, plain
from buildmatrix.report.plan.details import OWN_PLATFORM, quoted
from buildmatrix.report.style import Style
from buildmatrix.spec.rows.document import FORMAT, Document, Of, Version, plain_document, to_json
from buildmatrix.spec.rows.shapes import Doc, Key
from buildmatrix.text import columns, one_line, padded

Rows = Sequence[Mapping[str, object]]
"""One mapping a line; the first key is the name."""

_TYPE = Doc("What is listed.")


class ListedTarget(Document):
    """A target, or a cell of a matrix."""

    name: Annotated[str, Doc("As a selector names it.")]
    platforms: Annotated[tuple[str, ...], Doc("What it is built for; empty for the builder's own.")]
    description: Annotated[str, Of(lambda target, _: target.settings.description or ""), Doc("What it is.")]


class ListedGroup(Document):
    """A group of targets."""

    name: Annotated[str, Doc("As a selector names it.")]
    members: Annotated[tuple[str, ...], Doc("What the file says.")]
    targets: Annotated[tuple[str, ...], Doc("The targets and cells that this selects.")]


class ListedVariable(Document):
    """A variable."""

    name: Annotated[str, Doc("Its name.")]
    value: Annotated[Any, Of(lambda variable, _: _value(variable.value)), Doc("Its value; null where it has none.")]
    given_by: Annotated[str, Key("from"), Of("origin"), Doc("Where the value comes from.")]
    description: Annotated[str, Doc("What it is for.")]


class ListedPlatform(Document):
    """A platform."""

    name: Annotated[str, Doc("As --platform takes it.")]
    targets: Annotated[tuple[str, ...], Doc("The targets that are built for it.")]


class ListedTag(Document):
    """A tag that the plan writes."""

    name: Annotated[str, Doc("The reference.")]
    target: Annotated[str, Doc("The target that writes it.")]
    platforms: Annotated[tuple[str, ...], Doc("What it will hold; empty for the builder's own.")]


class TargetList(Document):
    """`list targets`."""

    format_version: Annotated[int, Version(1), FORMAT]
    type: Annotated[Literal["targets"], Of(lambda *_: "targets"), _TYPE]
    items: Annotated[tuple[ListedTarget, ...], Of(lambda plan, _: plan.targets), Doc("In the order of the plan.")]


class GroupList(Document):
    """`list groups`."""

    format_version: Annotated[int, Version(1), FORMAT]
    type: Annotated[Literal["groups"], Of(lambda *_: "groups"), _TYPE]
    items: Annotated[tuple[ListedGroup, ...], Of(lambda known, _: known.groups), Doc("In the order of the file.")]


class VariableList(Document):
    """`list variables`."""

    format_version: Annotated[int, Version(1), FORMAT]
    type: Annotated[Literal["variables"], Of(lambda *_: "variables"), _TYPE]
    items: Annotated[tuple[ListedVariable, ...], Of(lambda known, _: known.variables), Doc("In the order of the file.")]


class PlatformList(Document):
    """`list platforms`."""

    format_version: Annotated[int, Version(1), FORMAT]
    type: Annotated[Literal["platforms"], Of(lambda *_: "platforms"), _TYPE]
    items: Annotated[tuple[ListedPlatform, ...], Of(lambda plan, _: _platforms(plan)), Doc("By name.")]


class TagList(Document):
    """`list tags`."""

    format_version: Annotated[int, Version(1), FORMAT]
    type: Annotated[Literal["tags"], Of(lambda *_: "tags"), _TYPE]
    items: Annotated[tuple[ListedTag, ...], Of(lambda plan, _: _tags(plan)), Doc("In the order of the plan.")]


ListDocument = TargetList | GroupList | VariableList | PlatformList | TagList
LISTS: dict[str, type[Document]] = {
    "targets": TargetList, "groups": GroupList, "variables": VariableList, "platforms": PlatformList, "tags": TagList,
}  # fmt: skip


def list_text(kind: str, source: Plan | Catalog, style: Style, *, width: int | None = None) -> str:
    """Return what is listed as aligned columns."""
    rows: Rows = plain_document(LISTS[kind], source)["items"]
    return as_text(rows, style, width=width)


def list_json(kind: str, source: Plan | Catalog) -> str:
    """Return the same as JSON."""
    return to_json(LISTS[kind], source)


def _value(value: Any) -> Any:
    return None if value is None else json.loads(json.dumps(value, default=str))


def _platforms(plan: Plan) -> Iterator[ListedPlatform]:
    found: dict[str, list[str]] = {}
    for target in plan.targets:
        for platform in target.platforms:
            found.setdefault(platform, []).append(target.name)
    return (ListedPlatform(name=platform, targets=tuple(found[platform])) for platform in sorted(found))


def _tags(plan: Plan) -> Iterator[ListedTag]:
    exported = (target for target in plan.targets if target.exported)
    return (
        ListedTag(name=tag, target=target.name, platforms=target.platforms)
        for target in exported
        for tag in target.tags
    )


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
