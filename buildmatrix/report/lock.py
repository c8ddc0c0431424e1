"""What became of a lock file: as text, as JSON, and as markdown for a pull request."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Annotated

from buildmatrix.lock import FILE
from buildmatrix.lock.changes import Change, Status
from buildmatrix.report.markdown import code
from buildmatrix.report.run.words import counted
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
    lost: Annotated[tuple[str, ...], Doc("Platforms that the image of before has, and that of after has not.")]
    gained: Annotated[tuple[str, ...], Doc("Platforms that the image of after has, and that of before has not.")]


class SourceOfLock(Document):
    """What became of a file or a git reference."""

    name: Annotated[str, Doc("Its URL.")]
    status: Annotated[Status, Doc("As that of an image.")]
    before: Annotated[str | None, Doc("The checksum or the commit that the lock file had.")]
    after: Annotated[str | None, Doc("The one that it has now.")]


class MovesDocument(Document):
    """What became of the lock file: `lock --format json`."""

    format_version: Annotated[int, Version(1), FORMAT]
    images: Annotated[
        tuple[ImageOfLock, ...],
        Of(lambda changes, _: _some(changes, sources=False)),
        Doc("All external images, by name."),
    ]
    sources: Annotated[
        tuple[SourceOfLock, ...],
        Of(lambda changes, _: _some(changes, sources=True)),
        Doc("Files and git references, by URL, where the lock file has them."),
    ]


def _some(changes: Iterable[Change], *, sources: bool) -> list[Change]:
    return [one for one in changes if one.is_source is sources]


def lock_json(changes: Sequence[Change]) -> str:
    """Return what became of each image as JSON."""
    return to_json(MovesDocument, changes)


def lock_text(changes: Sequence[Change], style: Style) -> str:
    """Return what became of the images that are not as they were, a line each; or that all are as they were."""
    told = _told(changes)
    if not told:
        return f"{FILE} is up to date{_count(changes)}\n"
    width = max((len(one.name) for one in told), default=0)
    lines = [f"{_SIGNS[one.status]} {style.name(one_line(one.name).ljust(width))}  {_words(one)}\n" for one in told]
    return "".join(lines)


def _count(changes: Sequence[Change]) -> str:
    """Return how many there are; "" where a check was told only of what is wrong."""
    kinds = (("external image", _some(changes, sources=False)), ("source", _some(changes, sources=True)))
    said = [counted(len(some), kind) for kind, some in kinds if some]
    return f": {', '.join(said)}" if said else ""


def lock_markdown(changes: Sequence[Change]) -> str:
    """Return the same as a table for a pull request; a sentence where nothing has changed."""
    told = _told(changes)
    if not told:
        return "No external image has moved.\n"
    has_others = any(one.lost or one.gained for one in told)
    heads = ["image", "status", "before", "after", "created", *(["platforms"] if has_others else [])]
    rows = [f"| {' | '.join([*_row(one), *([_platforms(one)] if has_others else [])])} |\n" for one in told]
    return f"| {' | '.join(heads)} |\n|{' --- |' * len(heads)}\n" + "".join(rows)


def _row(one: Change) -> list[str]:
    return [code(one.name), one.status, _cell(one.before), _cell(one.after), _day(one)]


def _platforms(one: Change) -> str:
    lost = f"⚠ no {', '.join(map(code, one.lost))}" if one.lost else ""
    gained = f"new: {', '.join(map(code, one.gained))}" if one.gained else ""
    return "; ".join(filter(None, (lost, gained)))


_SIGNS = {"added": "+", "moved": "~", "removed": "-", "kept": "=", "missing": "+", "unused": "-"}


def _told(changes: Iterable[Change]) -> list[Change]:
    return [one for one in changes if one.status != "unchanged"]


def _words(one: Change) -> str:
    made = f" (created on {one.created.date()})" if one.created and one.status in {"added", "moved"} else ""
    match one.status:
        case "moved":
            return f"moved {_short(one.before)} → {_short(one.after)}{made}{_others(one)}"
        case "kept":
            return f"kept {_short(one.before)}: {_short(one.after)} is not old enough, {one.reason}{_others(one)}"
        case "added":
            return f"added {_short(one.after)}{made}"
    return f"{one.status} {_short(one.before)}".rstrip()


def _others(one: Change) -> str:
    """Return which platforms the new image lacks, and which it has besides."""
    lost = f"; it has no {', '.join(map(one_line, one.lost))} any more" if one.lost else ""
    return lost + (f"; new: {', '.join(map(one_line, one.gained))}" if one.gained else "")


def _short(digest: str) -> str:
    return digest[:SHOWN]


def _cell(digest: str) -> str:
    return code(_short(digest)) if digest else ""


def _day(one: Change) -> str:
    return str(one.created.date()) if one.created else ""


def _written(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z") if moment else None
