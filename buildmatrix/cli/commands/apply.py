"""`buildmatrix apply`.

Docker is asked first of all: the file is looked for, and what a run needs is imported, while it thinks.
"""

import os
import re
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING

import typer

from buildmatrix.cli import options
from buildmatrix.engine.buildx import Probe
from buildmatrix.errors import Diagnostic, UsageError
from buildmatrix.process import Programs
from buildmatrix.spec.rows.options import BUILDER_PATTERN, Options

if TYPE_CHECKING:
    from buildmatrix.cli.session import Session
    from buildmatrix.plan.document.reviewed import Claim
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
    changed: options.Changed,
    chosen: Options,
    color: options.Colour = "auto",
) -> None:
    """Build the plan with docker buildx bake.

    SELECTOR may also be one file that ends in .json: a plan that was saved with plan --out. It is built exactly so, or
    refused (exit 4) where something has changed since.

    \b
    Examples:
      buildmatrix apply
      buildmatrix apply app --push
      buildmatrix apply --no-output --format json
      buildmatrix apply plan.json
      buildmatrix apply --keep-going --retries 2 --report report.html --log-dir logs
      buildmatrix apply --changed-since origin/main
      buildmatrix apply --resume
      buildmatrix apply plan.json --build app@linux/arm64 --record records
    """
    with ExitStack() as stack:
        is_name = re.fullmatch(BUILDER_PATTERN, chosen.builder or "")  # what is refused below is told to no program
        asks = is_name and not chosen.dry_run
        probe = stack.enter_context(Probe(Programs(os.environ), chosen.builder)) if asks else None
        from buildmatrix.cli.session import request, session

        here = stack.enter_context(session(selection.file, color, unselected=not selection.selectors))
        asked = request(selection.selectors, adjustments, outputs)
        stack.enter_context(_naming(asked))
        plan, claim = _planned(here, asked, chosen, changed, named=selection.file is not None)
        _applied(here, plan, claim, chosen, probe)


def _naming(asked: "Request") -> AbstractContextManager[None]:
    """Return what lets hints name the file of a saved plan, if one is asked for."""
    from buildmatrix.pipeline import is_saved

    if not is_saved(asked):
        return nullcontext()
    from buildmatrix.plan.document.verify import naming

    return naming(asked.selectors[0])


def _applied(here: "Session", plan: "Plan", claim: "Claim | None", chosen: Options, probe: Probe | None) -> None:
    from buildmatrix.build.calls.batches import dry_run
    from buildmatrix.cli.output import say
    from buildmatrix.cli.run.checking import check_files, check_flags, check_terminal
    from buildmatrix.cli.run.locking import held_to_lock
    from buildmatrix.plan.builds import builds_of
    from buildmatrix.plan.policy import Policy

    check_flags(chosen)
    if chosen.build or chosen.record is not None:
        from buildmatrix.cli.run.parts import refuse_alone

        refuse_alone(chosen, claim)
    if claim:
        from buildmatrix.pipeline.reviewing import options_of

        chosen = options_of(claim, chosen)
    policy = Policy(plan=builds_of(plan), options=chosen)
    check_files(chosen, plan, here.sources.repository.root)
    if probe is None:
        if claim:
            _hold_to_claim(here, claim, plan, policy)
        held_to_lock(plan, policy)
        say(dry_run(policy, here.programs.environment))
        return
    check_terminal(policy)
    _run(here, policy, probe, claim)


def _hold_to_claim(here: "Session", claim: "Claim", plan: "Plan", policy: "Policy") -> None:
    """Refuse a saved plan whose targets would be built from something else now; a run does it itself."""
    from buildmatrix.cli.run.jobs import written_by
    from buildmatrix.pipeline.reviewing import refuse_other_inputs

    refuse_other_inputs(claim, replace(policy, plan=plan), here.programs, written_by(policy))


def _run(here: "Session", policy: "Policy", probe: Probe, claim: "Claim | None") -> None:
    from buildmatrix.pipeline.run.directory import run_directory

    with ExitStack() as stack:
        whole = not policy.options.build
        directory = stack.enter_context(run_directory(policy, here.programs, probe, whole=whole))
        from buildmatrix.cli.commandline import resuming
        from buildmatrix.cli.run.jobs import job_of
        from buildmatrix.cli.run.reporting import report
        from buildmatrix.cli.run.showing import Screen
        from buildmatrix.pipeline.run.apply import apply as run

        job = job_of(here, policy, claim, stack)
        applied = run(job, probe, directory, Screen(here, job))

        def going_on() -> str:
            return f"{resuming(job.plan)} builds what is left"

        report(here, job.plan, applied.outcome, policy.options, applied.registry, going_on)


def _planned(
    here: "Session", asked: "Request", chosen: Options, changed: options.Changed, *, named: bool
) -> "tuple[Plan, Claim | None]":
    from buildmatrix.cli.changed import planned_of
    from buildmatrix.pipeline import is_saved
    from buildmatrix.pipeline.bases import Asking

    programs = None if chosen.dry_run else here.programs
    if not is_saved(asked):
        return planned_of(here, asked, changed, Asking(programs=programs)), None
    if changed.is_asked:
        message = "a saved plan is applied as it is"
        hint = "leave --changed-since and --changed-files out, or give them to plan"
        raise UsageError(Diagnostic(message=message, code="usage", hint=hint))
    from buildmatrix.cli.run.checking import written
    from buildmatrix.pipeline.saved import Written, plan_of_file

    files = Written(files=tuple(filter(None, (*written(chosen), chosen.record))), log_dir=chosen.log_dir)
    again = plan_of_file(here.name, here.sources, asked, here.git, files, named=named, programs=programs)
    return again.plan, again.claim
