"""`buildmatrix schema`."""

import json
from typing import Annotated, Literal

import typer

from buildmatrix.cli.output import say


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("schema")(schema)


def schema(
    which: Annotated[
        Literal["file", "plan"], typer.Argument(help="The file's schema, or that of plan --format json.")
    ] = "file",
) -> None:
    """Write the JSON Schema of buildmatrix.toml, for editors.

    \b
    Examples:
      buildmatrix schema > buildmatrix.schema.json
      buildmatrix schema plan
    """
    if which == "plan":
        from buildmatrix.plan.saved import plan_schema

        say(json.dumps(plan_schema(), indent=2) + "\n")
    else:
        from buildmatrix.spec.schema import file_schema

        say(json.dumps(file_schema(), indent=2) + "\n")
