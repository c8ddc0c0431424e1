"""`buildmatrix doctor`."""

import os
from pathlib import Path
from typing import Annotated, Literal

import typer

from buildmatrix.cli import options
from buildmatrix.cli.output import say, width
from buildmatrix.cli.session import Session, request, show, style_of
from buildmatrix.engine.checks.examined import Examined
from buildmatrix.errors import BuildmatrixError, UsageError
from buildmatrix.pipeline import plan as make_plan
from buildmatrix.pipeline.bases import Asking
from buildmatrix.plan.policy import Policy, refusals
from buildmatrix.process import Programs
from buildmatrix.spec.rows.options import Options
from buildmatrix.spec.toml.source import Sources

Format = Literal["text", "json"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("doctor")(doctor)


@options.expanded("doctor")
def doctor(
    *,
    selection: options.Selection,
    output_format: Annotated[Format, typer.Option("--format", help="text or json.")] = "text",
    adjustments: options.Adjustments,
    outputs: options.Outputs,
    chosen: Options,
    color: options.Colour = "auto",
) -> None:
    """Say what is in the way of a build, and the command that mends it. Builds and changes nothing.

    It looks at docker, buildx, the engine, the builder, this machine and git; and where there is a buildmatrix.toml, at
    what its plan needs: emulators, secrets, and whether each registry takes an upload (one is begun, and cancelled).

    It exits 0 where nothing is known to be in the way, 2 where the file is wrong, 3 for docker, its builder and this
    machine, 5 for registries.

    \b
    Examples:
      buildmatrix doctor
      buildmatrix doctor --push app
      buildmatrix doctor --builder many --format json
    """
    from buildmatrix.pipeline.doctor import doctor as examine

    if refused := list(refusals(chosen)):
        show(tuple(refused), None, color)
        raise typer.Exit(UsageError.exit_code)
    run, policy = _planned(selection, adjustments, outputs, chosen, color)
    programs = run.programs if run else Programs(os.environ)
    directory = str(run.sources.directory) if run else _here()
    found = examine(programs, dict(os.environ), directory, policy, chosen.builder)
    _say(run, found, output_format, color)
    if isinstance(policy, BuildmatrixError):
        show(policy.diagnostics, run, color)
    raise typer.Exit(found.exit_code)


def _planned(
    selection: options.Selection,
    adjustments: options.Adjustments,
    outputs: options.Outputs,
    chosen: Options,
    color: str,
) -> tuple[Session | None, Policy | BuildmatrixError | None]:
    """Return the session, None where it finds no file; and the plan's policy, what is wrong, or None for no file."""
    run: Session | None = None
    try:
        run = Session(selection.file, color)
        asked = request(selection.selectors, adjustments, outputs)
        planned = make_plan(run.name, run.sources, asked, run.git, asking=Asking(programs=run.programs))
    except BuildmatrixError as error:
        if not selection.file and not selection.selectors and error.diagnostics[0].code == "no-file" and _here():
            return None, None
        return run, error
    return run, Policy(plan=planned, options=chosen)


def _here() -> str:
    """Return the working directory, "" if it is gone."""
    try:
        return str(Path.cwd())
    except OSError:
        return ""


def _say(run: Session | None, found: Examined, output_format: Format, color: str) -> None:
    from buildmatrix.report.doctor import doctor_json, doctor_text

    sources, prefix = (run.sources, run.prefix) if run else (Sources(Path(os.curdir)), "")
    if output_format == "json":
        say(doctor_json(found, sources, prefix=prefix))
    else:
        say(doctor_text(found, sources, style_of(color), prefix=prefix, width=width()))
