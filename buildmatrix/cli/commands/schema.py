"""`buildmatrix schema`."""

import json
from typing import Annotated, Any, Literal

import typer

from buildmatrix.cli.output import say

JsonSchema = dict[str, Any]
Which = Literal["file", "plan", "report"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("schema")(schema)


def schema(
    which: Annotated[
        Which,
        typer.Argument(metavar="[WHICH]", help="file, plan (plan --format json) or report (apply --format json)."),
    ] = "file",
) -> None:
    """Write a JSON Schema: that of buildmatrix.toml for editors, or those of what programs read.

    \b
    Examples:
      buildmatrix schema > buildmatrix.schema.json
      buildmatrix schema plan
      buildmatrix schema report
    """
    say(json.dumps(_schema(which), indent=2, ensure_ascii=False) + "\n")


def _schema(which: Which) -> JsonSchema:
    if which == "plan":
        from buildmatrix.plan.document.fields import plan_schema

        return plan_schema()
    if which == "report":
        from buildmatrix.report.run.json import run_schema

        return run_schema()
    from buildmatrix.spec.rows.schema import published_schema

    return published_schema()
