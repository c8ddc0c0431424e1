"""`buildmatrix plan`."""

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Annotated, Literal

import typer

from buildmatrix.cli import options
from buildmatrix.cli.locking import hold_to_lock
from buildmatrix.cli.output import say, say_wide, width
from buildmatrix.cli.session import Session, request, session
from buildmatrix.errors import SpecError, UsageError, and_more
from buildmatrix.pipeline import plan as make_plan
from buildmatrix.plan.model import Plan
from buildmatrix.plan.policy import Policy, refusals
from buildmatrix.spec.rows.options import Options
from buildmatrix.text import one_line

SOMETHING_TO_BUILD = 10
Format = Literal["text", "short", "json", "markdown"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("plan")(plan)


@options.expanded("plan")
def plan(
    *,
    selection: options.Selection,
    output_format: Annotated[
        Format,
        typer.Option(
            "--format", help="text, short (a line for each target), json, or markdown (a pull-request comment)."
        ),
    ] = "text",
    adjustments: options.Adjustments,
    outputs: options.Outputs,
    every: Annotated[bool, typer.Option("--all", help="Show every cell, even where cells are alike.")] = False,
    preflight: Annotated[
        bool,
        typer.Option(
            "--preflight", help="Also check docker, the builder, secrets and entitlements, as apply does first."
        ),
    ] = False,
    chosen: Options,
    detailed_exitcode: Annotated[
        bool,
        typer.Option(
            "--detailed-exitcode",
            help="Exit 10 if there is a target to build, 0 if there is none. What is built already is known with "
            "--incremental only: without it, it is 10 again directly after apply.",
        ),
    ] = False,
    color: options.Colour = "auto",
) -> None:
    """Show what would be built, in which order, and why. Contacts nothing, but for registries with --incremental.

    \b
    Examples:
      buildmatrix plan
      buildmatrix plan 'app[python=3.13]' --platform linux/amd64
      buildmatrix plan --format markdown > comment.md
    """
    with session(selection.file, color, unselected=not selection.selectors) as run:
        if refused := list(refusals(chosen)):
            raise UsageError(*refused)
        asked = request(selection.selectors, adjustments, outputs)
        with _nothing_is_fine(run, asked=detailed_exitcode):
            planned = make_plan(run.name, run.sources, asked, run.git)
        policy = Policy(plan=planned, options=chosen)
        hold_to_lock(planned, policy)
        if policy.incremental:
            planned = _incremental(run, policy)
        if preflight and output_format in {"text", "short"}:  # it tells what becomes of what has no output
            left = tuple(one for one in planned.warnings if one.code != "no-output")
            planned = replace(planned, warnings=left)
        _say(run, planned, output_format, every=every)
        if preflight:
            _preflight(run, policy)
    if detailed_exitcode and len(planned.targets) > planned.skipped:
        raise typer.Exit(SOMETHING_TO_BUILD)


def _say(run: Session, planned: Plan, output_format: Format, *, every: bool) -> None:
    if output_format == "json":
        from buildmatrix.pipeline.saved import saved_text

        say(saved_text(planned, run.sources, run.git, unread=_standard_output()))
    elif output_format == "markdown":
        from buildmatrix.report.plan.markdown import plan_markdown

        say(plan_markdown(planned, sources=run.sources, all_cells=every, prefix=run.way_from_root))
    elif output_format == "short":
        from buildmatrix.report.plan.short import plan_short
        from buildmatrix.report.plan.text import totals

        say(plan_short(planned, run.style(), width=width()))
        run.warn(planned.warnings)
        say(f"{totals(planned)}\n", err=True)
    else:
        from buildmatrix.report.plan.text import plan_text

        shown = plan_text(
            planned,
            run.style(),
            all_cells=every,
            sources=run.sources,
            width=width(),
            prefix=run.prefix,
        )
        say(shown)


@contextmanager
def _nothing_is_fine(run: Session, *, asked: bool) -> Iterator[None]:
    """End with 0 where that was asked for and all that is wrong is that there is nothing to build."""
    try:
        yield
    except SpecError as error:
        wrong = [diagnostic for diagnostic in error.diagnostics if diagnostic.severity == "error"]
        if not asked or any(diagnostic.code != "no-target" for diagnostic in wrong):
            raise
        run.warn(replace(diagnostic, severity="warning") for diagnostic in error.diagnostics)
        raise typer.Exit from None


def _standard_output() -> list[tuple[int, int]]:
    """Return the file that standard output is, if it is one: the plan is being written to it."""
    with suppress(OSError, ValueError):
        found = os.fstat(sys.stdout.fileno())
        if stat.S_ISREG(found.st_mode):
            return [(found.st_dev, found.st_ino)]
    return []


def _incremental(run: Session, policy: Policy) -> Plan:
    from buildmatrix.pipeline.incremental import planned

    return planned(policy, run.programs, lambda text: say(f"note: {text}\n", err=True))


def _preflight(run: Session, policy: Policy) -> None:
    from buildmatrix.engine.buildx import Probe
    from buildmatrix.engine.preflight import preflight

    with Probe(run.programs, policy.builder) as probe:
        engine = preflight(policy.plan, allow=policy.options.allow, probe=probe, programs=run.programs)
    run.warn(engine.warnings)
    silent = [target.name for target in policy.plan.targets if target.leaves_nothing]
    if silent and engine.builder.driver == "docker":
        who = f"{silent[0]}{and_more(len(silent), 'target')}"
        say_wide(f"preflight: {one_line(who)} has no output: this builder loads it into docker's image store")
    platforms = " ".join(sorted(engine.builder.platforms)) or "not started yet"
    builder_words = f'"{one_line(engine.builder.name)}" ({one_line(engine.builder.driver)})'
    say_wide(f"preflight: buildx {engine.buildx}, builder {builder_words}: {one_line(platforms)}")
