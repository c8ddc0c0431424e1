"""Which of the targets that a run asks for changed: since a revision, or by a list of files from elsewhere."""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from buildmatrix.git.changed import Changed
from buildmatrix.git.repository import UnansweredError
from buildmatrix.git.revision import fork_point, is_shallow, revision_of
from buildmatrix.graphs import reached
from buildmatrix.lock import FILE as LOCK
from buildmatrix.patterns import regex
from buildmatrix.pipeline.against import Here, once_more, refuse_odd, refused, revision, since
from buildmatrix.pipeline.locked import bases, locked_in, not_locked
from buildmatrix.plan.model import Plan
from buildmatrix.records import dataclass
from buildmatrix.review.files import Files
from buildmatrix.review.model import Changes
from buildmatrix.template.request import Request

SHOWN = 8
NOT_SEEN = (
    "files, settings and buildmatrix.lock were compared, and nothing else: not base images and URLs that are "
    "not locked, contexts elsewhere, files git ignores"
)


@dataclass(frozen=True, kw_only=True)
class Found:
    """The names of the targets that changed, None for all; and what is to be said of that."""

    names: frozenset[str] | None
    notes: tuple[str, ...]


def again(here: Here, names: frozenset[str]) -> Request:
    """Return what asks for the plan of these targets."""
    return replace(once_more(here), only=names)


def changed_targets(here: Here, reference: str | None, listed: bytes | None) -> Found:
    """Return which of the selected targets changed since HEAD and a revision parted, or by a list of files, or by both.

    Where nobody can say, all did, and why is said. UsageError for what names no revision.
    """
    paths = None if listed is None else tuple(paths_in(listed, here))
    doubts = () if listed is None else tuple(_doubts(listed, paths or (), here))
    if reference is None:
        return _with(doubts, _by_files(here, paths or ()))
    refuse_odd(here, reference, "--changed-since")
    try:
        return _with(doubts, _since(here, reference, paths))
    except UnansweredError as error:
        if _is_repository(here):
            return _all(f"{error}: everything counts as changed")
        raise refused(f"--changed-since {reference}: {error}") from None


def _with(notes: tuple[str, ...], found: Found) -> Found:
    return replace(found, notes=(*notes, *found.notes))


def _doubts(listed: bytes, paths: Sequence[Changed], here: Here) -> Iterator[str]:
    """Yield what is odd about a list: none may be meant by one that is empty, or whose lines name nothing here."""
    lines = [os.fsdecode(line) for line in _entries(listed)]
    if not lines:
        yield "the list of --changed-files is empty"
        return
    root, known = here.sources.repository.root, {one.path for one in paths}
    strange = [line for line in lines if not os.path.lexists(os.path.join(root, line))]  # noqa: PTH118
    outside = [line for line in lines if os.path.relpath(os.path.join(root, line), root) not in known]  # noqa: PTH118
    if names := list(dict.fromkeys((*strange, *outside))):
        what = "names nothing that is here" if len(names) == 1 else "name nothing that is here"
        shown = ", ".join(names[:SHOWN]) + (" …" if len(names) > SHOWN else "")
        why = "deleted, or not relative to the top of the repository"
        yield f"{len(names)} of {len(lines)} lines of --changed-files {what} ({why}): {shown}"


def _is_repository(here: Here) -> bool:
    try:
        return revision_of(here.folder, "HEAD") is not None
    except UnansweredError:
        return False


def _all(*notes: str) -> Found:
    return Found(names=None, notes=notes)


def _since(here: Here, reference: str, paths: tuple[Changed, ...] | None) -> Found:
    shallow = is_shallow(here.folder)
    if shallow and revision_of(here.folder, reference) is None:
        return _all(f"this is a shallow clone, which has no {reference}: everything counts as changed")
    asked = revision(here, reference, "--changed-since")
    base = fork_point(asked)
    if base is None:
        why = "in this shallow clone" if shallow else "known"
        return _all(f"no commit that {reference} and HEAD have in common is {why}: everything counts as changed")
    changes = since(here, base, paths)
    point = base.spoken if base.commit == asked.commit else f"{base.commit[:12]}, where HEAD and {base.name} parted"
    if changes.trouble:
        said = f"at {base.commit[:12]} there is nothing to compare with ({'; '.join(changes.trouble)})"
        return _all(f"{said}: everything counts as changed")
    names = frozenset(target.name for target in changes.of("added", "renamed", "changed", "affected"))
    return _kept(here, names, f"since {point}", changes)


def _kept(here: Here, names: frozenset[str], when: str, changes: Changes | None = None) -> Found:
    """Return those of the selected targets that are among the names."""
    selected = [target.name for target in here.plan.targets if target.reason.kind == "selected"]
    chosen = [name for name in selected if name in names]
    unseen = f"; not seen: {', '.join(changes.unseen[:SHOWN])}" if changes and changes.unseen else ""
    if not chosen:
        return Found(
            names=frozenset(), notes=(f"nothing that is selected changed {when}: nothing to build", NOT_SEEN + unseen)
        )
    more = f" and {len(chosen) - SHOWN} more" if len(chosen) > SHOWN else ""
    count = f"{len(chosen)} of {len(selected)} targets changed {when}"
    notes = (f"{count}: {', '.join(chosen[:SHOWN])}{more}", NOT_SEEN + unseen)
    return Found(names=frozenset(chosen), notes=notes)


# --- a list of files --------------------------------------------------------------------------------------------------


def _by_files(here: Here, paths: tuple[Changed, ...]) -> Found:
    own = sorted({path.path for path in paths} & set(_spec_files(here)))
    if own:
        why = f"{own[0]} is in the list, and without --changed-since nobody can say what it changes"
        return _all(f"{why}: everything counts as changed")
    files = Files(here.plan, paths, bases(here.plan))
    read = {target.name for target in here.plan.targets if files.of(target.name)}
    names = frozenset(_dependents(here.plan, read))
    unseen = Changes(against="", unseen=not_locked(here.plan, files.unseen, locked_in(here.plan.directory)))
    return _kept(here, names, "by the list of files", unseen)


def _spec_files(here: Here) -> Iterator[str]:
    """Yield the files that the plan is made of, relative to the top of the repository."""
    plan, root = here.plan, here.sources.repository
    for name in (*plan.digests, *plan.made.files, *plan.made.bake_files, LOCK):
        for path in (os.path.normpath(os.path.join(root.folder, name)), *root.links(name)):  # noqa: PTH118
            yield os.path.relpath(path, root.root)
        yield os.path.relpath(os.path.realpath(os.path.join(root.folder, name)), root.root)  # noqa: PTH118


def _dependents(plan: Plan, names: Iterable[str]) -> Iterator[str]:
    above: dict[str, list[str]] = {}
    for target in plan.targets:
        for name in (*target.depends_on, *target.needs):
            above.setdefault(name, []).append(target.name)
    return iter(reached(names, lambda name: above.get(name, ())))


def paths_in(listed: bytes, here: Here) -> Iterator[Changed]:
    """Yield the paths of a list, relative to the top of the repository: one a line, or NUL between them.

    A path in quotes is one that git has written so (`core.quotePath`).
    """
    root = here.sources.repository.root
    for line in _entries(listed):
        path = os.path.normpath(os.path.join(root, os.fsdecode(line)))  # noqa: PTH118
        way = os.path.relpath(path, root)
        if not way.startswith("../"):
            is_wide = os.path.islink(path) or os.path.isdir(path)  # noqa: PTH112, PTH114
            yield Changed(way, is_wide or not os.path.lexists(path))


def _entries(listed: bytes) -> Iterator[bytes]:
    return filter(None, listed.split(b"\0") if b"\0" in listed else map(_unquoted, _lines(listed)))


def _lines(listed: bytes) -> Sequence[bytes]:
    return [line.removesuffix(b"\r") for line in listed.split(b"\n")]


_ESCAPE = regex(rb"\\([0-7]{3}|.)", re.DOTALL)
_SIGNS = {b"a": b"\a", b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}


def _unquoted(line: bytes) -> bytes:
    if len(line) < 2 or line[:1] != b'"' or line[-1:] != b'"':  # noqa: PLR2004 both quotes
        return line
    return _ESCAPE.sub(_meant, line[1:-1])


def _meant(found: "re.Match[bytes]") -> bytes:
    sign = found[1]
    return bytes([int(sign, 8) & 0xFF]) if len(sign) > 1 else _SIGNS.get(sign, sign)
