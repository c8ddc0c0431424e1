"""`buildmatrix fingerprint`."""

from typing import Annotated, Literal

import typer

from buildmatrix.cli import options
from buildmatrix.cli.output import say
from buildmatrix.cli.session import request, session
from buildmatrix.pipeline import plan as make_plan
from buildmatrix.pipeline.bases import Asking


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("fingerprint")(fingerprint)


@options.expanded("fingerprint")
def fingerprint(
    *,
    selection: options.Selection,
    explain: Annotated[
        bool, typer.Option("--explain", help="Also show what went into each: values, images, files, steps.")
    ] = False,
    output_format: Annotated[Literal["text", "json"], typer.Option("--format", help="text or json.")] = "text",
    adjustments: options.Adjustments,
    color: options.Colour = "auto",
) -> None:
    """Show the fingerprint of each target, which apply --incremental compares with what registries hold.

    It asks registries for the digests of external images that no lock file has; docker is not asked.

    \b
    Examples:
      buildmatrix fingerprint
      buildmatrix fingerprint app --explain
    """
    with session(selection.file, color, unselected=not selection.selectors) as run:
        from buildmatrix.pipeline.run.incremental import fingerprints
        from buildmatrix.plan.policy import Policy
        from buildmatrix.report.plan.fingerprints import fingerprints_json, fingerprints_text

        asked = request(selection.selectors, adjustments)
        planned = make_plan(run.name, run.sources, asked, run.git, asking=Asking(programs=run.programs))
        notes: list[str] = []
        found = fingerprints(Policy(plan=planned), run.programs, notes.append, explain=explain)
        say(fingerprints_json(found) if output_format == "json" else fingerprints_text(found, run.style()))
        for note in notes:
            say(f"note: {note}\n", err=True)
