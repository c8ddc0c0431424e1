"""`buildmatrix plan`."""

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import Annotated, Literal, NamedTuple

import typer

from buildmatrix.cli import options
from buildmatrix.cli.changed import planned_of
from buildmatrix.cli.output import say, say_wide, width
from buildmatrix.cli.reviewing import refuse_at_odds, say_changes
from buildmatrix.cli.run.locking import held_to_lock
from buildmatrix.cli.session import Session, refuse_unwritable, request, session, write_file
from buildmatrix.errors import Diagnostic, SpecError, UsageError
from buildmatrix.pipeline import SAVED, is_saved
from buildmatrix.pipeline.bases import Asking
from buildmatrix.plan.model import Plan
from buildmatrix.plan.policy import Policy, asks_registries, refusals
from buildmatrix.spec.rows.options import Apply, Options
from buildmatrix.template.request import Request
from buildmatrix.text import one_line, redacted

SOMETHING_TO_BUILD = 10
Format = Literal["text", "short", "json", "markdown"]


class Saved(NamedTuple):
    """A plan that was saved: where, and as which text."""

    path: str
    text: str


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("plan")(plan)


@options.expanded("plan")
def plan(
    context: typer.Context,
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
    out: Annotated[
        str | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE",
            help="Also save the plan to FILE (.json), with the digests of its external images: apply FILE builds "
            "exactly that, or refuses.",
        ),
    ] = None,
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
            help="Exit 10 if there is a target to build or a tag to move, 0 if there is none. What is built already is "
            "known with --incremental only: without it, it is 10 again directly after apply.",
        ),
    ] = False,
    against: Annotated[
        str | None,
        typer.Option(
            "--against",
            metavar="REF|FILE",
            help="Show what changes against a git revision, or a saved plan (.json), instead of the plan. "
            "With --detailed-exitcode: 10 if anything changes.",
        ),
    ] = None,
    changed: options.Changed,
    color: options.Colour = "auto",
) -> None:
    """Show what would be built, in which order, and why. Only --incremental and --out ask registries.

    With `incremental = true` in [apply] it is --incremental.

    \b
    Examples:
      buildmatrix plan
      buildmatrix plan --out plan.json
      buildmatrix plan 'app[python=3.13]' --platform linux/amd64
      buildmatrix plan --format markdown > comment.md
      buildmatrix plan --against origin/main
    """
    with session(selection.file, color, unselected=not selection.selectors) as run:
        if refused := list(refusals(chosen)):
            raise UsageError(*refused)
        asked = request(selection.selectors, adjustments, outputs)
        _refuse_saved(asked)
        if against is not None:
            refuse_at_odds(more=preflight or bool(chosen.incremental or out is not None) or changed.is_asked)
        with _nothing_is_fine(run, asked=detailed_exitcode):
            asking = Asking(programs=run.programs, asks=partial(_asks_registries, chosen, out))
            planned = planned_of(run, asked, changed, asking)
        if against is not None:
            something = say_changes(run, asked, planned, asking, against, output_format, every=every)
            raise typer.Exit(SOMETHING_TO_BUILD if detailed_exitcode and something else 0)
        policy = Policy(plan=planned, options=chosen)
        saved = None
        if policy.incremental or out is not None:
            planned, saved = _looked_up(run, policy, out)  # which holds it to the lock file, too
        else:
            planned = held_to_lock(planned, policy)
            policy = replace(policy, plan=planned)
        if preflight and output_format in {"text", "short"}:  # it tells what becomes of what has no output
            left = tuple(one for one in planned.warnings if one.code != "no-output")
            planned = replace(planned, warnings=left)
        shown = _as_applied(planned, chosen, saved)
        shown = shown if output_format == "json" else _with_builder(shown, policy)
        _say(run, shown, output_format, context, every=every, saved=saved)
        if preflight:
            _preflight(run, policy)
    if detailed_exitcode and not planned.is_done:
        raise typer.Exit(SOMETHING_TO_BUILD)


def _asks_registries(chosen: Options, out: str | None, said: Apply) -> bool:
    return out is not None or asks_registries(chosen, said)


def _as_applied(planned: Plan, chosen: Options, saved: "Saved | None") -> Plan:
    """Return the plan that is shown: of one that was saved without --incremental, apply does not what the file says."""
    settled = saved is not None and chosen.incremental is False
    return replace(planned, apply=planned.apply.but({"incremental": None})) if settled else planned


def _with_builder(planned: Plan, policy: Policy) -> Plan:
    """Return the plan as it is read: the builder that the environment or the command line names wins in apply, too."""
    if not planned.apply.builder:
        return planned
    return replace(planned, apply=planned.apply.but({"builder": policy.builder}))


def _say(
    run: Session, planned: Plan, output_format: Format, context: typer.Context, *, every: bool, saved: Saved | None
) -> None:
    if output_format == "json":
        from buildmatrix.pipeline.saved import saved_text

        say(saved.text if saved else saved_text(planned, run.sources, run.git, unread=_standard_output()))
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
        from buildmatrix.cli.commandline import applying
        from buildmatrix.report.plan.text import plan_text

        shown = plan_text(
            planned,
            run.style(),
            all_cells=every,
            sources=run.sources,
            width=width(),
            prefix=run.prefix,
            command=applying(context, planned, saved.path if saved else ""),
            saved=saved is not None,
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


def _looked_up(run: Session, policy: Policy, out: str | None) -> tuple[Plan, Saved | None]:
    """Return the plan with what registries say of it, and save it where that is asked for."""
    from buildmatrix.pipeline.run.incremental import planned

    if out is not None:
        _refuse_name(out)
        refuse_unwritable({out: "--out"}, policy.plan, run.sources.repository.root)
    written = () if out is None else (out,)
    looked = planned(policy, run.programs, lambda text: say(f"note: {text}\n", err=True), written)
    if out is None:
        return looked.plan, None
    from buildmatrix.pipeline.reviewing import in_the_open, reviewed, with_git
    from buildmatrix.pipeline.saved import saved_text

    saved = reviewed(looked, policy, run.programs.environment)
    run.warn(with_git(saved))
    known = saved, looked.pins.pins
    text = redacted(saved_text(looked.plan, run.sources, run.git, _standard_output(), out, known))
    write_file(out, text, run.sources.repository.root)
    for who in in_the_open(looked.plan):
        text_of_note = f"{out} holds {who}: what is called so may be a credential, and is better a secret"
        say_wide(f"note: {one_line(text_of_note)}")
    return looked.plan, Saved(out, text)


def _refuse_saved(asked: Request) -> None:
    if is_saved(asked):
        saved = next(one for one in asked.selectors if one.endswith(SAVED))
        hint = f"show it with: buildmatrix show {saved}; or apply it"
        raise UsageError(Diagnostic(message=f"{saved} is a saved plan, and not a target", code="usage", hint=hint))


def _refuse_name(out: str) -> None:
    if not out.endswith(SAVED):
        message = f"--out {out or repr(out)} does not end in {SAVED}, by which apply knows a saved plan"
        raise UsageError(Diagnostic(message=message, code="usage", hint=f"write --out plan{SAVED}"))


def _preflight(run: Session, policy: Policy) -> None:
    from buildmatrix.engine.buildx import Probe
    from buildmatrix.engine.preflight import loaded, preflight, refuse_not_allowed
    from buildmatrix.pipeline.run.builders import to_be_made

    one = to_be_made(policy.builder, policy.plan.builders, policy.options.allow, run.programs)
    if one is not None:
        refuse_not_allowed(policy.plan, policy.options.allow)
        say_wide(f'preflight: builder "{one.name}" ({one.driver}) is not there: apply creates it, nobody knows it yet')
        return
    with Probe(run.programs, policy.builder) as probe:
        engine = preflight(policy.plan, allow=policy.options.allow, probe=probe, programs=run.programs)
    run.warn(engine.warnings)
    if text := loaded(policy.plan, engine.builder):
        say_wide(f"preflight: {one_line(text)}")
    platforms = " ".join(sorted(engine.builder.platforms)) or "not started yet"
    builder_words = f'"{one_line(engine.builder.name)}" ({one_line(engine.builder.driver)})'
    say_wide(f"preflight: buildx {engine.buildx}, builder {builder_words}: {one_line(platforms)}")
