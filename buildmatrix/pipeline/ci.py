"""The jobs of a CI system for a plan, and the workflows that run them."""

from buildmatrix.ci.jobs import Jobs, jobs_of
from buildmatrix.ci.setup import Setup, setup_of
from buildmatrix.ci.waves import doubts
from buildmatrix.errors import Diagnostic, StaleError
from buildmatrix.machines.part import refuse_several
from buildmatrix.plan.builds import BuildPlan
from buildmatrix.plan.document.reviewed import Reviewed, plan_digest, reviewed_of
from buildmatrix.plan.document.verify import MAKE
from buildmatrix.plan.model import Plan
from buildmatrix.state.assigned import assigned


def jobs_of_plan(plan: Plan, most: int) -> Jobs:
    """Return the jobs of all that a plan has, at most so many in each wave."""
    return jobs_of(_assigned(plan, None), "", most)


def jobs_of_file(name: str, most: int) -> Jobs:
    """Return the jobs of what a saved plan builds, by what its file says and nothing else.

    UsageError where it is not a plan, StaleError for one that apply would not take.
    """
    from buildmatrix.pipeline.saved import shown_plan

    found = shown_plan(name)
    if not found.is_current:
        message = f"{name} has format {found.format}, which can be shown, and not be applied"
        raise StaleError(Diagnostic(message=message, code="stale", hint=MAKE))
    then = reviewed_of(found.document)
    moves = then is not None and any(one.moves for one in then.inputs.values())
    return jobs_of(_assigned(found.plan, then), _id(plan_digest(found.document)), most, moves=moves)


def _assigned(plan: Plan, then: Reviewed | None) -> BuildPlan:
    """Return the Builds of jobs; UsageError for one that none could build."""
    builds = assigned(plan, then)
    refuse_several(builds)
    return builds


def _id(digest: str) -> str:
    """Return what tells a saved plan from others, in few characters: artifacts are called by it."""
    return digest.removeprefix("sha256:")[:16]


def setup_of_plan(plan: Plan, path: str, file: str, waves: int) -> tuple[Setup, tuple[Diagnostic, ...]]:
    """Return what a workflow for all of a plan has to bring along (see `setup_of`), and what may go wrong."""
    builds = _assigned(plan, None)
    return setup_of(builds, path, file, waves), tuple(doubts(builds))
