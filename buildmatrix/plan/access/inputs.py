"""The files that a plan is made of and built from: nothing else may be written in their place."""

import os
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from buildmatrix.dockerfile.reader import copied_names
from buildmatrix.errors import Diagnostic, UsageError
from buildmatrix.files import is_within
from buildmatrix.plan.access.reach import context_of, reaches, text_of
from buildmatrix.plan.model import Plan, PlannedTarget
from buildmatrix.plan.outputs import is_archive

LOCK = "buildmatrix.lock"
"""The lock file, beside the root file: it is `lock.FILE`, in a room above this one."""


def refuse_overwritten(plan: Plan, written: Mapping[str, str]) -> None:
    """Raise UsageError if a path is one of those files, whatever it is called; `written` is path to option."""
    said = {path: what for target in plan.each for path, what in _of(target)} | dict(_sources(plan))
    inputs = {_real(plan, path): what for path, what in said.items()}  # cells share most of their paths
    real = {path: os.path.realpath(path) for path in written}
    inputs |= dict(_copied(plan, [one for one in real.values() if os.path.lexists(one)]))
    inputs |= {one: "what git obeys: it lies in .git" for one in real.values() if ".git" in one.split("/")[:-1]}
    found = [
        Diagnostic(message=f"{option} {path} would overwrite {what}", code="write", hint="name another file")
        for path, option in written.items()
        if (what := inputs.get(real[path]))
    ]
    if found:
        raise UsageError(*found)


def overwriting(plan: Plan) -> Iterator[Diagnostic]:
    """Yield each archive of a target that would be written over a file of the plan, or over one that it reads."""
    for target in plan.each:
        archives = dict(_archives(target))
        said = dict(_of(target, verb="reads")) | dict(_sources(plan)) if archives else {}
        inputs = {_real(plan, path): what for path, what in said.items()}
        for index, dest in archives.items():
            if what := inputs.get(_real(plan, dest)):
                message = f"{target.spoken('output')}: {dest} would overwrite {what}"
                place = target.place_of("output", index)
                yield Diagnostic(message=message, code="output", place=place, hint="write another path")


def _archives(target: PlannedTarget) -> Iterator[tuple[int, str]]:
    outputs: tuple[Any, ...] = (target.settings.output or ()) if target.exported else ()
    return ((index, output.dest) for index, output in enumerate(outputs) if is_archive(output))


def _real(plan: Plan, path: str) -> str:
    return os.path.realpath(os.path.join(plan.directory, path))  # noqa: PTH118 as buildx reads it


def _of(target: PlannedTarget, verb: str = "") -> Iterator[tuple[str, str]]:
    """Yield the paths that a target reads and writes, with words for each; `verb` is for one of the two."""
    for reach in reaches(target):
        found = "reads" if reach.access == "read" else "writes"
        for path in () if reach.maybe or verb not in {"", found} else (reach.path, *reach.more):
            yield path, f"what {target.name} {found}"


def _copied(plan: Plan, files: Collection[str]) -> Iterator[tuple[str, str]]:
    """Yield the files, of these, that a Dockerfile copies by name: of a directory nobody knows what is meant.

    A run writes into directories that are copied whole, as its own documents lie beside a file.
    """
    for target in plan.each if files else ():
        root = _real(plan, context_of(target.settings) or "/")
        within = {os.path.relpath(path, root): path for path in files if is_within(path, root)}
        for name in copied_names(text_of(target, plan.directory)) if within else ():
            if path := within.get(os.path.normpath(name.lstrip("/"))):
                yield path, f"what {target.name} copies"


def _sources(plan: Plan) -> Iterator[tuple[str, str]]:
    for path in plan.made.files:
        yield path, "a file of variables"
    for name in plan.made.bake_files:
        yield name, "a file of --bake-file"
    for name in plan.digests:
        yield name, "the file that the plan is made from"
    yield LOCK, "the lock file"
