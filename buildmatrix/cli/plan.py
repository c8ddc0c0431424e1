"""`buildmatrix plan`."""

from typing import Annotated, Literal

import typer

from buildmatrix.cli import options
from buildmatrix.cli.output import say
from buildmatrix.cli.session import Session, request, session
from buildmatrix.pipeline import plan as make_plan
from buildmatrix.plan.model import Plan
from buildmatrix.text import one_line

SOMETHING_TO_BUILD = 10


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("plan")(plan)


def plan(
    selectors: options.Selectors = None,
    file: options.File = None,
    output_format: Annotated[
        Literal["text", "json", "markdown"],
        typer.Option("--format", help="text, json, or markdown (a pull-request comment)."),
    ] = "text",
    platform: options.Platform = None,
    var: options.Var = None,
    var_file: options.VarFile = None,
    set_: options.Set = None,
    push: options.Push = False,
    load: options.Load = False,
    no_output: options.NoOutput = False,
    every: Annotated[bool, typer.Option("--all", help="Show every cell, also those that are alike.")] = False,
    preflight: Annotated[
        bool,
        typer.Option(
            "--preflight", help="Also check docker, the builder, secrets and entitlements, as apply does first."
        ),
    ] = False,
    builder: options.Builder = None,
    allow: options.Allow = None,
    detailed_exitcode: Annotated[
        bool, typer.Option("--detailed-exitcode", help="Exit 10 if there is something to build, 0 if not.")
    ] = False,
    color: options.Colour = "auto",
) -> None:
    """Show what would be built, in which order, and why. Contacts nothing.

    \b
    Examples:
      buildmatrix plan
      buildmatrix plan 'app[python=3.13]' --platform linux/amd64
      buildmatrix plan --format markdown > comment.md
    """
    with session(file, color) as run:
        asked = request(
            selectors=selectors,
            platform=platform,
            var=var,
            var_file=var_file,
            set_=set_,
            push=push,
            load=load,
            no_output=no_output,
        )
        planned = make_plan(run.name, run.sources, asked, run.git)
        if output_format == "json":
            from buildmatrix.cli.saving import saved_text

            say(saved_text(run, planned))
        elif output_format == "markdown":
            from buildmatrix.report.plan_markdown import plan_markdown

            say(plan_markdown(planned))
        else:
            from buildmatrix.report.plan_text import plan_text

            say(plan_text(planned, run.style(), all_cells=every, sources=run.sources))
        if preflight:
            _preflight(run, planned, builder, allow)
    if detailed_exitcode and planned.targets:
        raise typer.Exit(SOMETHING_TO_BUILD)


def _preflight(run: Session, planned: Plan, builder: str | None, allow: list[str] | None) -> None:
    from buildmatrix.build.buildx import Probe
    from buildmatrix.build.preflight import preflight

    with Probe(run.programs, builder or planned.apply.builder) as probe:
        facts = preflight(planned, allow=allow or (), probe=probe, programs=run.programs)
    run.warn(facts.warnings)
    platforms = " ".join(sorted(facts.builder.platforms)) or "not started yet"
    builder_words = f'"{one_line(facts.builder.name)}" ({one_line(facts.builder.driver)})'
    say(f"preflight: buildx {facts.buildx}, builder {builder_words}: {one_line(platforms)}\n", err=True)
