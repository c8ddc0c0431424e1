"""The files that a plan is made of and built from: nothing else may be written in their place."""

import os
from collections.abc import Iterator, Mapping

from buildmatrix.errors import Diagnostic, UsageError
from buildmatrix.plan.model import Plan
from buildmatrix.plan.reach import reaches


def refuse_overwritten(plan: Plan, written: Mapping[str, str]) -> None:
    """Raise UsageError if a path is one of those files, whatever it is called; `written` is path to option."""
    inputs = dict(_inputs(plan))
    found = []
    for path, option in written.items():
        if what := inputs.get(os.path.realpath(path)):
            message = f"{option} {path} would overwrite {what}"
            found.append(Diagnostic(message=message, code="write", hint="name another file"))
    if found:
        raise UsageError(*found)


def _inputs(plan: Plan) -> Iterator[tuple[str, str]]:
    """Yield each file by its real path, with what it is; the plainest word for one comes last."""

    def real(path: str) -> str:
        return os.path.realpath(os.path.join(plan.directory, path))  # noqa: PTH118 as buildx reads it

    for target in plan.targets:
        for reach in reaches(target):
            verb = "reads" if reach.access == "read" else "writes"
            for path in () if reach.maybe else (reach.path, *reach.more):
                yield real(path), f"what {target.name} {verb}"
    for path in plan.made.files:
        yield real(path), "a file of variables"
    for name in plan.digests:
        yield real(name), "the file that the plan is made from"
