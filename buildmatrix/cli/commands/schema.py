"""`buildmatrix schema`."""

import json
from typing import Annotated, Any, Literal, get_args

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
    "builders",
    "builder",
]
"""The documents, in the order in which the help lists them."""

_OF = {
    "report": "of apply",
    "result": ".buildmatrix/result.json",
    "diagnostics": "of validate",
    "matrices": "of ci github",
    "record": "of apply --record",
    "lock": "buildmatrix.lock",
    "moves": "of lock",
    "changes": "of plan --against",
    "builders": "of builder ls",
    "builder": "of builder inspect",
}
"""What a document is of, where its name does not say it."""


def _listed() -> str:
    *most, last = (f"{name} ({_OF[name]})" if name in _OF else name for name in get_args(Which))
    return f"{', '.join(most)} or {last}."


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("schema")(schema)


def schema(
    which: Annotated[
        Which,
        typer.Argument(
            metavar="[WHICH]",
            help=_listed(),
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
