"""The jobs of a CI system for a plan, and the workflows that run them."""

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from typing import Any, NamedTuple

from buildmatrix.ci.jobs import Jobs, jobs_of
from buildmatrix.ci.probes import probes
from buildmatrix.ci.setup import Setup, registries_of, setup_of
from buildmatrix.ci.waves import doubts
from buildmatrix.errors import Diagnostic, Problems, SpecError, StaleError, some
from buildmatrix.git.facts import Git
from buildmatrix.limits import planning
from buildmatrix.machines.part import refuse_several
from buildmatrix.pipeline import listed
from buildmatrix.plan.builds import BuildPlan
from buildmatrix.plan.checks.parts import caches_of_machines
from buildmatrix.plan.document.reviewed import Reviewed, plan_digest, reviewed_of
from buildmatrix.plan.document.verify import MAKE
from buildmatrix.plan.model import Plan
from buildmatrix.plan.planning import expand
from buildmatrix.spec.load import load
from buildmatrix.spec.rows.tables import DeclaredVariable
from buildmatrix.spec.toml.source import Sources
from buildmatrix.state.decisions.assigned import assigned
from buildmatrix.template.request import Request


class Asked(NamedTuple):
    """What a plan is made by: the root file, and what is asked of it."""

    name: str
    sources: Sources
    request: Request
    git: Git


def jobs_of_plan(plan: Plan, most: int) -> Jobs:
    """Return the jobs of all that a plan has, at most so many in each wave."""
    return _jobs_of(_assigned(plan, None), "", most)


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
    return _jobs_of(_assigned(found.plan, then), _id(plan_digest(found.document)), most, moves=moves)


def _jobs_of(builds: BuildPlan, plan_id: str, most: int, *, moves: bool = False) -> Jobs:
    found = jobs_of(builds, plan_id, most, moves=moves)
    return replace(found, warnings=(*found.warnings, *caches_of_machines(builds)))


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
    return setup_of(builds, path, file, waves), (*doubts(builds), *caches_of_machines(builds))


def moving_registries(asked: Asked, plan: Plan) -> Iterator[Diagnostic]:
    """Yield a warning for each variable by which jobs would push to more registries, if it is set there.

    Only those that are not set here: what is given here is meant.
    """
    here = registries_of(plan.each)
    for variable, value in _unset(asked, plan) if plan.made.unset else ():
        other = probes(value, variable.table.choices or ())
        if any(not _registries(asked, {variable.name: one}).issubset(here) for one in other):
            where = f'where {variable.env} gives "{variable.name}" another value'
            message = f"jobs log in to {some(here) or 'no registry'}, and push elsewhere {where}"
            hint = f"set {variable.env} here to what the job plan has, or take env out of the variable"
            yield Diagnostic(message=message, code="variable", place=variable.place, hint=hint, severity="warning")


def _unset(asked: Asked, plan: Plan) -> list[tuple[DeclaredVariable, Any]]:
    """Return the variables of a plan whose environment variables are not set, each with its value."""
    with planning():
        spec = load(asked.name, asked.sources, Problems(), asked.request.bake_files)
        with closing(expand(spec, asked.request, asked.git, Problems())) as expansion:
            values = expansion.rendering.variables
            return [(one, values[one.name].value) for one in spec.variables.values() if one.env in plan.made.unset]


def _registries(asked: Asked, values: Mapping[str, Any]) -> frozenset[str]:
    """Return the registries with other values of variables, none where they are refused."""
    try:
        plan, _ = listed(asked.name, asked.sources, replace(asked.request, file_values=values), asked.git)
    except SpecError:
        return frozenset()
    return frozenset(registries_of(plan.each))
