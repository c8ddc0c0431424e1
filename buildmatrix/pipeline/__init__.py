"""The whole program on one screen: plain typed calls, stage after stage.

file ─ load ─► Spec ─ make_plan ─► Plan ─ bake_document, apply ─► Outcome
"""

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

from buildmatrix.engine.versions import gate_declared
from buildmatrix.errors import BuildmatrixError, Diagnostic, Problems, SpecError, UsageError
from buildmatrix.git.facts import Git
from buildmatrix.limits import PLANNING
from buildmatrix.limits import planning as bounded
from buildmatrix.pipeline.bases import NOBODY, OPEN, Asking
from buildmatrix.plan.access.inputs import overwriting
from buildmatrix.plan.cells.catalog import Catalog, catalog_of
from buildmatrix.plan.model import Plan
from buildmatrix.plan.planning import OF_A_RUN, check_all, expand, make_plan
from buildmatrix.spec.load import load
from buildmatrix.spec.toml.source import Sources
from buildmatrix.template.machine import bad_epoch
from buildmatrix.template.request import Request

if TYPE_CHECKING:
    from buildmatrix.plan.portable import Whole


SAVED = ".json"
"""How the file of a saved plan ends: no other selector does."""


def is_saved(request: Request) -> bool:
    """Tell whether a saved plan is asked for (`pipeline.saved.plan_of_file`)."""
    return any(selector.endswith(SAVED) for selector in request.selectors)


def plan(
    name: str,
    sources: Sources,
    request: Request,
    git: Git,
    *,
    files: bool = True,
    asking: Asking = NOBODY,
) -> Plan:
    """Return the plan of a run over the root file `name`; SpecError with everything that is wrong.

    Without `files` nobody looks whether contexts and Dockerfiles are there. `asking` says who tells what
    `platforms = "auto"` needs.
    """
    problems = Problems()
    if trouble := bad_epoch(request.environment):
        raise UsageError(Diagnostic(message=trouble, code="usage", hint="set it to such a number, or unset it"))
    with bounded():
        spec = load(name, sources, problems, request.bake_files)
        bases = asking.bases(spec.directory, request.environment, spec.apply)
        planned = make_plan(spec, request, git, problems, files=files, bases=bases)
        problems.take([*gate_declared(planned), *overwriting(planned)])
        problems.raise_if_any()
        return planned


def validate(name: str, sources: Sources, request: Request, git: Git) -> tuple[Diagnostic, ...]:
    """Return every problem that the file alone shows, warnings included.

    Variables that only a run gives (`sha = { env = "GITHUB_SHA" }`) are no problem of the file.
    """
    problems = Problems()
    try:
        with bounded():
            spec = load(name, sources, problems, request.bake_files)
            check_all(spec, request, git, problems)
    except BuildmatrixError as error:
        problems.take(error.diagnostics)
    return tuple(diagnostic for diagnostic in problems.found if diagnostic.code not in OF_A_RUN)


def whole(name: str, sources: Sources, request: Request, git: Git, asking: Asking = NOBODY) -> "Whole":
    """Return all that the file says as one plan, to be taken elsewhere; SpecError with everything that is wrong.

    `asking` is as for `plan`.
    """
    from buildmatrix.plan.portable import make_whole

    problems = Problems()
    with bounded():
        spec = load(name, sources, problems, request.bake_files)
        bases = asking.bases(spec.directory, request.environment)
        found = make_whole(spec, request, git, problems, bases)
        problems.take([*gate_declared(found.plan), *overwriting(found.plan)])
        problems.raise_if_any()
        return found


def listed(
    name: str, sources: Sources, request: Request, git: Git, *, seconds: float = PLANNING
) -> tuple[Plan, tuple[Diagnostic, ...]]:
    """Return the plan of what is only looked at, and what it lacks for want of a run, as warnings.

    Every file that `validate` accepts has one: nothing is built, so that contexts need not be there, targets that write
    the same tag may stand side by side, and what needs a variable without a value has none. SpecError for all else.
    `seconds` of processor time is what it may take.
    """
    problems = Problems()
    with bounded(seconds):
        spec = load(name, sources, problems, request.bake_files)
        bases = OPEN.bases(spec.directory, request.environment)
        planned = make_plan(spec, request, git, problems, files=False, together=False, bases=bases)
        return planned, _lacking(problems)


def catalog(
    name: str, sources: Sources, request: Request, git: Git, *, seconds: float = PLANNING
) -> tuple[Catalog, tuple[Diagnostic, ...]]:
    """Return what the file declares, and what that lacks for want of a run; SpecError as `listed`.

    `seconds` of processor time is what it may take.
    """
    problems = Problems()
    with bounded(seconds):
        spec = load(name, sources, problems, request.bake_files)
        with closing(expand(spec, request, git, problems)) as expansion:
            lacking = _lacking(problems)
            return catalog_of(expansion), lacking


def _lacking(problems: Problems) -> tuple[Diagnostic, ...]:
    """Return as warnings what only a run gives; SpecError if anything else is wrong."""
    lacking = [one for one in problems.errors if one.code in OF_A_RUN]
    if len(lacking) < len(problems.errors):
        raise SpecError(*problems.found)
    return tuple(replace(one, severity="warning") for one in lacking)
