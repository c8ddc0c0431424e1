"""`buildmatrix graph`."""

from typing import Annotated, Literal

import typer

from buildmatrix.cli import options
from buildmatrix.cli.output import say, width
from buildmatrix.cli.session import request, session
from buildmatrix.pipeline import listed
from buildmatrix.report.plan.graph import graph as draw


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("graph")(graph)


@options.expanded("graph")
def graph(
    *,
    selection: options.Selection,
    output_format: Annotated[
        Literal["text", "dot", "mermaid", "json"],
        typer.Option("--format", help="text, dot (Graphviz), mermaid or json."),
    ] = "text",
    adjustments: options.Adjustments,
    color: options.Colour = "auto",
) -> None:
    """Draw the dependencies of targets. Contacts nothing; needs only a valid file.

    \b
    Examples:
      buildmatrix graph
      buildmatrix graph --format dot | dot -Tsvg > graph.svg
      buildmatrix graph --format mermaid
    """
    with session(selection.file, color, unselected=not selection.selectors) as run:
        asked = request(selection.selectors, adjustments)
        planned, lacking = listed(run.name, run.sources, asked, run.git)
        run.warn(lacking)
        say(draw(planned, output_format, width=width()))
