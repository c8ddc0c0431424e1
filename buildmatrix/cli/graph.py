"""`buildmatrix graph`."""

from typing import Annotated, Literal

import typer

from buildmatrix.cli import options
from buildmatrix.cli.output import say
from buildmatrix.cli.session import request, session
from buildmatrix.pipeline import plan as make_plan
from buildmatrix.report.graph import graph as draw


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("graph")(graph)


def graph(
    selectors: options.Selectors = None,
    file: options.File = None,
    output_format: Annotated[
        Literal["text", "dot", "mermaid", "json"],
        typer.Option("--format", help="text, dot (Graphviz), mermaid or json."),
    ] = "text",
    platform: options.Platform = None,
    var: options.Var = None,
    var_file: options.VarFile = None,
    set_: options.Set = None,
    color: options.Colour = "auto",
) -> None:
    """Draw what builds upon what. Contacts nothing.

    \b
    Examples:
      buildmatrix graph
      buildmatrix graph --format dot | dot -Tsvg > graph.svg
      buildmatrix graph --format mermaid
    """
    with session(file, color) as run:
        asked = request(selectors=selectors, platform=platform, var=var, var_file=var_file, set_=set_)
        planned = make_plan(run.name, run.sources, asked, run.git)
        say(draw(planned, output_format))
