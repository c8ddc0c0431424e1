"""What a plan changes against a revision or a saved plan, and which targets have changed since a revision.

Plan, Revision ─ Earlier, plan ─► two documents, changed paths ─ compare ─► Changes ─ narrowed ─► names
"""

import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from buildmatrix.errors import BuildmatrixError, Diagnostic, Problems, UsageError
from buildmatrix.files import read_regular
from buildmatrix.git.changed import Changed, changed_since
from buildmatrix.git.facts import Git
from buildmatrix.git.repository import GitFolder, UnansweredError
from buildmatrix.git.revision import SUBMODULE, Revision, is_shallow, revision_of
from buildmatrix.limits import planning as bounded
from buildmatrix.lock import FILE as LOCK
from buildmatrix.pipeline.bases import OPEN, Asking
from buildmatrix.pipeline.locked import NOTHING, Locked, bases, bases_then, locked_in, moved, not_locked
from buildmatrix.plan.model import Plan
from buildmatrix.plan.planning import make_plan
from buildmatrix.records import dataclass
from buildmatrix.report.diagnostics.places import Places
from buildmatrix.review.compare import Beside, compare
from buildmatrix.review.earlier import Earlier
from buildmatrix.review.files import Files
from buildmatrix.review.model import Changes
from buildmatrix.review.sides import EMPTY, side_of
from buildmatrix.spec.load import load
from buildmatrix.spec.rows.tables import BakeFiles
from buildmatrix.spec.toml.plain import json_of
from buildmatrix.spec.toml.source import STANDARD_INPUT, Sources
from buildmatrix.template.request import Request
from buildmatrix.text import one_line, redacted

LARGEST = 1 << 28
"""The largest saved plan that is read, in bytes."""

MOST_SHOWN = 3
"""Problems of an earlier revision that are told."""


@dataclass(frozen=True, kw_only=True)
class Here:
    """The root file of a run, what the run asks of it, and its plan; `asking` is who told what that plan is made of."""

    name: str
    sources: Sources
    request: Request
    git: Git
    folder: GitFolder
    plan: Plan
    asking: Asking = OPEN


@dataclass(frozen=True, kw_only=True)
class _Before:
    """What there was: the plan's document, or why there is none; and what its lock file said."""

    document: Mapping[str, Any]
    trouble: tuple[str, ...] = ()
    locked: Locked = NOTHING


def against(here: Here, reference: str) -> Changes:
    """Return what the plan changes against a revision, or against a saved plan, whose name ends in `.json`.

    UsageError for what is neither; StaleError for a saved plan of another format.
    """
    if reference.endswith(".json"):
        return _against_saved(here, reference)
    try:
        return since(here, revision(here, reference, "--against"))
    except UnansweredError as error:
        raise refused(f"--against {reference}: {error}") from None


def since(here: Here, then: Revision, changed: Iterable[Changed] | None = None) -> Changes:
    """Return what the plan changes against a revision; UnansweredError where git does not have all of it.

    `changed` are the paths that changed, where somebody else has found them.
    """
    paths = tuple(changed_since(here.folder, then.commit) if changed is None else changed)
    with tempfile.TemporaryDirectory(prefix="buildmatrix-then-") as folder:
        top = Path(folder, "top")
        top.mkdir()
        root = here.sources.repository
        earlier = Earlier(then, top, os.path.relpath(root.folder, root.root))
        before = _planned(here, earlier)
    files = Files(here.plan, paths, bases(here.plan), _old_texts(then))
    found = compare(before.document, side_of(here.plan), Beside(files=files.of, bases=moved(here.plan, before.locked)))
    return replace(
        found,
        against=then.spoken,
        commit=then.commit,
        trouble=before.trouble,
        unseen=not_locked(here.plan, files.unseen, before.locked),
        wide=tuple(files.wide),
    )


# --- revisions --------------------------------------------------------------------------------------------------------


def refused(message: str, hint: str = "") -> UsageError:
    """Return an error of what the command line names."""
    return UsageError(Diagnostic(message=one_line(message), code="revision", hint=hint))


def revision(here: Here, name: str, option: str) -> Revision:
    """Return the revision that an option names; UsageError if there is none."""
    refuse_odd(here, name, option)
    if (found := revision_of(here.folder, name)) is None:
        raise refused(f"{option} {name}: there is no such revision here", _advice(here, name))
    return found


def refuse_odd(here: Here, name: str, option: str) -> None:
    """Raise UsageError for what names no revision, and where a root file has none."""
    if here.name == STANDARD_INPUT:
        raise refused(f"{option}: a file from standard input has no earlier revision", "name a file with --file")
    if "@{" in name:
        hint = "write a branch, a tag or a commit, such as origin/main"
        raise refused(f"{option} {name}: neither what HEAD was before nor upstreams are looked at", hint)
    if not name or name.startswith(("-", "^")) or "^{" in name or not name.isprintable():
        hint = "write a branch, a tag or a commit, such as origin/main"
        shown = name or '""'
        raise refused(f"{option} {shown}: this is not the name of a revision", hint)


def _advice(here: Here, name: str) -> str:
    for other in (f"origin/{name}", name.removeprefix("origin/")):
        if other != name and revision_of(here.folder, other):
            return f'did you mean "{other}"?'
    if is_shallow(here.folder):
        return "this is a shallow clone: fetch the history first (actions/checkout: fetch-depth: 0)"
    return "it is looked for in this clone alone: fetch it first"


def _planned(here: Here, earlier: Earlier) -> _Before:
    """Return the plan at a revision, as this run would make it: with its selectors, its values and its commit."""
    if not earlier.has(here.name):
        way = os.path.relpath(here.sources.directory / here.name, here.sources.repository.root)
        return _Before(document=EMPTY, trouble=(f"there is no {way}",))
    earlier.home = here.sources.home
    problems = Problems()
    try:
        with bounded():
            spec = load(here.name, earlier, problems, BakeFiles(kept=here.plan.made.bake_files))
            files = ((one.place.file, one.table.file) for one in spec.variables.values())
            earlier.place(os.path.join(os.path.dirname(file), path) for file, path in files if path)  # noqa: PTH118, PTH120
            earlier.place([LOCK])
            asked = _request(here, earlier)
            told = bases_then(earlier, here.asking, asked.environment, here.plan.apply, here.plan.directory)
            found = make_plan(spec, asked, here.git, problems, files=False, bases=told)
            problems.raise_if_any()
    except BuildmatrixError as error:
        return _Before(document=EMPTY, trouble=tuple(_told(error, earlier)))
    return _Before(document=side_of(found), locked=locked_in(str(earlier.directory)))


def _told(error: BuildmatrixError, earlier: Earlier) -> Iterator[str]:
    """Yield what is wrong there, with its places; the first of it."""
    places = Places(earlier)
    wrong = [one for one in error.diagnostics if one.severity == "error"]
    for one in wrong[:MOST_SHOWN]:
        yield f"{places.line(one.place)}: {one.message}" if one.place else one.message
    if len(wrong) > MOST_SHOWN:
        yield f"and {len(wrong) - MOST_SHOWN} more"
    if any(blob.mode == SUBMODULE for blob in earlier.revision.files.values()):
        yield "the files of submodules are not read there"


def _request(here: Here, earlier: Earlier) -> Request:
    """Return what this run asks, of an earlier file: variable files of the repository are those that it had then."""
    root, asked = here.sources.repository, once_more(here)
    paths = []
    for path in asked.variable_files:
        real = os.path.realpath(path)
        then = earlier.path(os.path.relpath(real, root.root)) if root.holds(real) else None
        paths.append(then or path)
    return replace(asked, variable_files=tuple(paths), forgiving=True)


def once_more(here: Here) -> Request:
    """Return what asks for the same plan again: what came through a pipe is gone, and taken from the plan."""
    asked, made = here.request, here.plan.made
    paths = tuple(filter(os.path.isfile, asked.variable_files))
    values = dict(asked.file_values)
    if len(paths) < len(asked.variable_files):
        values |= {name: one.value for name, one in made.given.items() if one.origin == "--var-file"}
    kept = BakeFiles(kept=made.bake_files)
    return replace(asked, variable_files=paths, file_values=values, bake_files=kept, machine=made.machine)


def _old_texts(then: Revision) -> Any:
    """Return what reads Dockerfiles as they were, by paths relative to the top of the repository."""

    def text(path: str) -> str | None:
        blob = then.files.get(path)
        if blob is None or not blob.mode.startswith("100"):
            return None
        return then.contents([blob.id])[blob.id].decode(errors="replace")

    return text


# --- saved plans ------------------------------------------------------------------------------------------------------


def _against_saved(here: Here, path: str) -> Changes:
    from buildmatrix.plan.document.contents import contents_of
    from buildmatrix.plan.document.reviewed import reviewed_of
    from buildmatrix.plan.document.verify import document_of
    from buildmatrix.review.saved import BySaved

    try:
        text = read_regular(path, LARGEST).decode()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        hint = "a name that ends in .json is a saved plan; for a branch of such a name write refs/heads/NAME.json^0"
        raise refused(f"--against {path}: the saved plan cannot be read: {reason}", hint) from None
    saved = document_of(text, path)
    known = {one["name"]: one["digest"] for one in saved.get("pins") or () if one["digest"]}
    reviewed = reviewed_of(saved)
    sure = [name for name, one in reviewed.inputs.items() if not one.doubt] if reviewed else []
    contents = contents_of(here.plan, path, fingerprinted=sure)
    files = BySaved(here.plan, path, saved, contents, reviewed.files if reviewed else {}, sure)
    beside = Beside(files=files.of, bases=moved(here.plan, Locked(images=known), only_known=True), facts_differ=True)
    now = json_of(redacted(json.dumps(side_of(here.plan))))  # as it would be saved: without credentials
    found = compare(saved, now, beside)
    commit = saved["git"]["sha"]
    made = f" (of commit {commit[:12]})" if commit else ""
    return replace(found, against=f"{path}{made}", commit=commit, is_of_plans=True, unseen=tuple(files.unseen))
