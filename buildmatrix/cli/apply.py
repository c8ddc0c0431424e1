"""`buildmatrix apply`."""

import json
import os
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Literal

import typer

from buildmatrix.build.apply import ApplyOptions, dry_run
from buildmatrix.build.apply import apply as run_plan
from buildmatrix.build.buildx import Probe
from buildmatrix.build.outcome import Outcome
from buildmatrix.build.preflight import preflight
from buildmatrix.cli import options
from buildmatrix.cli.session import Session, request, session, write_file
from buildmatrix.errors import Diagnostic, UsageError
from buildmatrix.pipeline import plan as make_plan
from buildmatrix.plan.model import Plan
from buildmatrix.plan.request import Request
from buildmatrix.report.outcome import outcome_markdown, outcome_text
from buildmatrix.report.progress import Lines
from buildmatrix.report.run_json import run_json


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("apply")(apply)


def apply(
    selectors: options.Selectors = None,
    file: options.File = None,
    platform: options.Platform = None,
    var: options.Var = None,
    var_file: options.VarFile = None,
    set_: options.Set = None,
    push: options.Push = False,
    load: options.Load = False,
    no_output: options.NoOutput = False,
    builder: options.Builder = None,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Build without the cache.")] = False,
    pull: Annotated[bool, typer.Option("--pull", help="Ask the registry for newer base images.")] = False,
    progress: Annotated[
        Literal["auto", "plain", "tty", "quiet", "rawjson"],
        typer.Option("--progress", help="auto, or one of buildx's own.", envvar="BUILDMATRIX_PROGRESS"),
    ] = "auto",
    allow: options.Allow = None,
    dry: Annotated[bool, typer.Option("--dry-run", help="Show the command and the bake file; run nothing.")] = False,
    output_format: Annotated[
        Literal["text", "json"], typer.Option("--format", help="The summary: text or json.")
    ] = "text",
    metadata: Annotated[
        str | None,
        typer.Option("--metadata", metavar="FILE", help="Write bake's metadata there (digests, provenance)."),
    ] = None,
    color: options.Colour = "auto",
) -> None:
    """Build it, with docker buildx bake.

    SELECTOR may also be one file that ends in .json: a plan that was saved with plan --format json.

    \b
    Examples:
      buildmatrix apply
      buildmatrix apply app --push
      buildmatrix apply --no-output --format json
      buildmatrix apply plan.json
    """
    with session(file, color) as run, ExitStack() as stack:
        probe = None if dry else stack.enter_context(Probe(run.programs, builder))
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
        planned = _saved(run, asked) or make_plan(run.name, run.sources, asked, run.git)
        chosen = ApplyOptions(
            builder=builder,
            no_cache=no_cache,
            pull=pull,
            progress=progress,
            allow=tuple(allow or ()),
            provenance_in_metadata=metadata is not None,
        )
        if probe is None:
            typer.echo(dry_run(planned, chosen), nl=False)
            return
        outcome = _run(run, planned, chosen, probe)
        _report(run, outcome, output_format, metadata)


def _saved(run: Session, asked: Request) -> Plan | None:
    """Return the plan of a file, where that is what was named."""
    saved = next((selector for selector in asked.selectors if selector.endswith(".json")), None)
    if saved is None:
        return None
    from buildmatrix.plan.saved import plan_from_document

    if len(asked.selectors) > 1:
        hint = "give the selectors to plan"
        raise UsageError(
            Diagnostic(message=f"{saved} is applied whole: name nothing beside it", code="usage", hint=hint)
        )
    if asked.variables or asked.variable_files or asked.sets or asked.platforms or asked.output != "declared":
        message = "a saved plan is applied as it is"
        hint = "leave --var, --set, --platform and outputs out, or give them to plan"
        raise UsageError(Diagnostic(message=message, code="usage", hint=hint))
    try:
        document = json.loads(Path(saved).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no JSON"
        raise UsageError(Diagnostic(message=f"{saved} cannot be read: {reason}", code="plan")) from None
    return plan_from_document(document, str(run.sources.directory))


def _run(run: Session, planned: Plan, chosen: ApplyOptions, probe: Probe) -> Outcome:
    facts = preflight(planned, allow=chosen.allow, probe=probe, programs=run.programs)
    run.warn([diagnostic for diagnostic in planned.warnings if diagnostic.code != "no-output"] + list(facts.warnings))
    style = run.style(error=True)
    node = f"{len(facts.builder.nodes)} node{'s' if len(facts.builder.nodes) != 1 else ''}"
    count = f"{len(planned.targets)} target{'s' if len(planned.targets) != 1 else ''}"
    typer.echo(f'{style.name("buildmatrix apply")} · {count} · builder "{facts.builder.name}" ({node})', err=True)
    listener = Lines(
        [target.name for target in planned.targets], style, lambda text: typer.echo(text, err=True, nl=False)
    )
    return run_plan(planned, chosen, facts, run.programs, listener)


def _report(run: Session, outcome: Outcome, output_format: str, metadata: str | None) -> None:
    if output_format == "json":
        typer.echo(run_json(outcome), nl=False)
    else:
        typer.echo(outcome_text(outcome, run.style()), nl=False)
    if metadata is not None and outcome.metadata:
        write_file(metadata, json.dumps(outcome.metadata, indent=2) + "\n")
    _tell_github(outcome)
    if outcome.problem is not None:
        raise outcome.problem


def _tell_github(outcome: Outcome) -> None:
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(summary).open("a", encoding="utf-8") as file:
            file.write(outcome_markdown(outcome))
    if output := os.environ.get("GITHUB_OUTPUT"):
        digests = {target.name: target.digest for target in outcome.targets if target.digest}
        with Path(output).open("a", encoding="utf-8") as file:
            file.write(f"digests={json.dumps(digests)}\n")
