"""`buildmatrix schema`."""

import json
from typing import Annotated, Any, Literal

import typer

from buildmatrix.cli.output import say

JsonSchema = dict[str, Any]
Which = Literal[
    "file",
    "plan",
    "report",
    "result",
    "diagnostics",
    "list",
    "graph",
    "matrices",
    "record",
    "lock",
    "moves",
    "fingerprints",
    "changes",
    "doctor",
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("schema")(schema)


def schema(
    which: Annotated[
        Which,
        typer.Argument(
            metavar="[WHICH]",
            help="file, plan, report (of apply), result (.buildmatrix/result.json), diagnostics (of validate), list, "
            "graph, matrices (of ci github), lock (buildmatrix.lock), moves (of lock), fingerprints, changes "
            "(of plan --against) or doctor.",
        ),
    ] = "file",
) -> None:
    """Write a JSON Schema: of buildmatrix.toml, or of the JSON that buildmatrix writes.

    \b
    Examples:
      buildmatrix schema > buildmatrix.schema.json
      buildmatrix schema plan
      buildmatrix schema report
    """
    say(json.dumps(_schema(which), indent=2, ensure_ascii=False) + "\n")


def _schema(which: Which) -> JsonSchema:
    if which == "file":
        from buildmatrix.spec.rows.schema import published_schema

        return published_schema()
    from buildmatrix.report.documents import schemas

    return schemas()[which]
