"""`buildmatrix apply`.

Docker is asked first of all: the file is looked for, and what a run needs is imported, while it thinks.
"""

import os
import re
from contextlib import ExitStack
from typing import TYPE_CHECKING

import typer

from buildmatrix.cli import options
from buildmatrix.engine.buildx import Probe
from buildmatrix.process import Programs
from buildmatrix.spec.rows.options import BUILDER_PATTERN, Options

if TYPE_CHECKING:
    from buildmatrix.cli.session import Session
    from buildmatrix.pipeline.apply import Job
    from buildmatrix.plan.model import Plan
    from buildmatrix.plan.policy import Policy
    from buildmatrix.template.request import Request


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("apply")(apply)


@options.expanded("apply")
def apply(
    *,
    selection: options.Selection,
    adjustments: options.Adjustments,
    outputs: options.Outputs,
    chosen: Options,
    color: options.Colour = "auto",
) -> None:
    """Build the plan with docker buildx bake.

    SELECTOR may also be one file that ends in .json: a plan that was saved with plan --format json.

    \b
    Examples:
      buildmatrix apply
      buildmatrix apply app --push
      buildmatrix apply --no-output --format json
      buildmatrix apply plan.json
      buildmatrix apply --keep-going --retries 2 --report report.html --log-dir logs
      buildmatrix apply --resume
    """
    with ExitStack() as stack:
        is_name = re.fullmatch(BUILDER_PATTERN, chosen.builder or "")  # what is refused below is told to no program
        asks = is_name and not chosen.dry_run
        probe = stack.enter_context(Probe(Programs(os.environ), chosen.builder)) if asks else None
        from buildmatrix.cli.session import request, session

        here = stack.enter_context(session(selection.file, color, unselected=not selection.selectors))
        _applied(
            here, request(selection.selectors, adjustments, outputs), chosen, probe, named=selection.file is not None
        )


def _applied(here: "Session", asked: "Request", chosen: Options, probe: Probe | None, *, named: bool) -> None:
    from buildmatrix.build.calls.batches import dry_run
    from buildmatrix.cli.checking import check_files, check_flags, check_terminal
    from buildmatrix.cli.locking import hold_to_lock
    from buildmatrix.cli.output import say
    from buildmatrix.plan.builds import builds_of
    from buildmatrix.plan.policy import Policy

    plan = _planned(here, asked, chosen, named=named)
    check_flags(chosen)
    policy = Policy(plan=builds_of(plan), options=chosen)
    if probe is None:
        hold_to_lock(plan, policy)
        say(dry_run(policy, here.programs.environment))
        return
    check_terminal(policy)
    check_files(chosen, plan, here.sources.repository.root)
    _run(here, policy, probe)


def _run(here: "Session", policy: "Policy", probe: Probe) -> None:
    from buildmatrix.cli.reporting import report
    from buildmatrix.cli.showing import Screen
    from buildmatrix.pipeline.apply import apply as run

    with ExitStack() as stack:
        job = _job(here, policy, stack)
        applied = run(job, probe, Screen(here, job))
        report(here, job.plan, applied.outcome, policy.options, applied.registry)


def _planned(here: "Session", asked: "Request", chosen: Options, *, named: bool) -> "Plan":
    from buildmatrix.pipeline import is_saved
    from buildmatrix.pipeline import plan as make_plan

    if not is_saved(asked):
        return make_plan(here.name, here.sources, asked, here.git)
    from buildmatrix.cli.checking import written
    from buildmatrix.pipeline.saved import Written, plan_of_file

    files = Written(files=tuple(written(chosen)), log_dir=chosen.log_dir)
    return plan_of_file(here.name, here.sources, asked, here.git, files, named=named)


def _job(here: "Session", policy: "Policy", stack: ExitStack) -> "Job":
    from buildmatrix.cli.showing import logs_of
    from buildmatrix.pipeline.apply import Job
    from buildmatrix.plan.builds import builds_of

    chosen = policy.options
    paths = (chosen.log_dir, chosen.metadata, *chosen.report)
    return Job(
        plan=builds_of(policy.plan),
        policy=policy,
        programs=here.programs,
        environment=here.environment,
        written=tuple(map(os.path.abspath, filter(None, paths))),
        logs=logs_of(chosen.log_dir, stack, here.sources.repository.root),
    )
