"""What became of a lock file: as text, as JSON, and as markdown for a pull request."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Annotated

from buildmatrix.lock.update import Change, Status
from buildmatrix.report.markdown import code
from buildmatrix.report.style import Style
from buildmatrix.spec.rows.document import FORMAT, Document, Of, Version, to_json
from buildmatrix.spec.rows.shapes import Doc
from buildmatrix.text import one_line

SHOWN = len("sha256:") + 12
"""Characters of a digest that are shown."""


class ImageOfLock(Document):
    """What became of an external image."""

    name: Annotated[str, Doc("The image with its tag: busybox:latest.")]
    status: Annotated[
        Status,
        Doc(
            "kept: it could move, and is too young; missing, unused: what --check found, nothing was written; removed: "
            "no target names it any more."
        ),
    ]
    before: Annotated[str | None, Doc("The digest that the lock file had.")]
    after: Annotated[str | None, Doc("The digest that it has now; of one that was kept, that of its tag.")]
    created: Annotated[
        str | None, Of(lambda one, _: _written(one.created)), Doc("When the new image was made, RFC 3339.")
    ]
    reason: Annotated[str | None, Doc("Why it was kept.")]


class MovesDocument(Document):
    """What became of the lock file: `lock --format json`."""

    format_version: Annotated[int, Version(1), FORMAT]
    images: Annotated[tuple[ImageOfLock, ...], Of(lambda changes, _: changes), Doc("All external images, by name.")]


def lock_json(changes: Sequence[Change]) -> str:
    """Return what became of each image as JSON."""
    return to_json(MovesDocument, changes)


def lock_text(changes: Sequence[Change], style: Style) -> str:
    """Return what became of the images that are not as they were, a line each."""
    told = _told(changes)
    width = max((len(one.name) for one in told), default=0)
    lines = [f"{_SIGNS[one.status]} {style.name(one_line(one.name).ljust(width))}  {_words(one)}\n" for one in told]
    return "".join(lines)


def lock_markdown(changes: Sequence[Change]) -> str:
    """Return the same as a table for a pull request; "" where nothing has changed."""
    told = _told(changes)
    if not told:
        return "No external image has moved.\n"
    rows = [
        f"| {code(one.name)} | {one.status} | {_cell(one.before)} | {_cell(one.after)} | {_day(one)} |" for one in told
    ]
    return "\n".join(["| image | status | before | after | created |", "| --- | --- | --- | --- | --- |", *rows]) + "\n"


_SIGNS = {"added": "+", "moved": "~", "removed": "-", "kept": "=", "missing": "+", "unused": "-"}


def _told(changes: Iterable[Change]) -> list[Change]:
    return [one for one in changes if one.status != "unchanged"]


def _words(one: Change) -> str:
    made = f" (created on {one.created.date()})" if one.created and one.status in {"added", "moved"} else ""
    match one.status:
        case "moved":
            return f"moved {_short(one.before)} → {_short(one.after)}{made}"
        case "kept":
            return f"kept {_short(one.before)}: {_short(one.after)} is not old enough, {one.reason}"
        case "added":
            return f"added {_short(one.after)}{made}"
    return f"{one.status} {_short(one.before)}".rstrip()


def _short(digest: str) -> str:
    return digest[:SHOWN]


def _cell(digest: str) -> str:
    return code(_short(digest)) if digest else ""


def _day(one: Change) -> str:
    return str(one.created.date()) if one.created else ""


def _written(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z") if moment else None
