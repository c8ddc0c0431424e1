"""`buildmatrix show`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from buildmatrix.cli import options
from buildmatrix.cli.output import say, say_wide, width
from buildmatrix.cli.session import messages, style_of
from buildmatrix.text import one_line

if TYPE_CHECKING:
    from buildmatrix.plan.document.shown import Shown

Format = Literal["text", "short", "json", "markdown"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("show")(show)


def show(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A plan that was saved with plan --out.")],
    output_format: Annotated[
        Format,
        typer.Option(
            "--format", help="text, short (a line for each target), json, or markdown (a pull-request comment)."
        ),
    ] = "text",
    every: Annotated[bool, typer.Option("--all", help="Show every cell, even where cells are alike.")] = False,
    color: options.Colour = "auto",
) -> None:
    """Show a saved plan as it was saved, whatever has changed since. Contacts nothing, and needs no other file.

    \b
    Examples:
      buildmatrix show plan.json
      buildmatrix show plan.json --format markdown > comment.md
    """
    with messages(color):
        from buildmatrix.pipeline.saved import shown_plan
        from buildmatrix.plan.document.shown import readable
        from buildmatrix.plan.document.verify import made_with, naming

        with naming(file):
            found = shown_plan(file)
        if not found.is_current:
            old = f"note: {file} has format {found.format}: it can be shown, and not be applied; {made_with(file)}"
            say_wide(one_line(old))
        say(readable(found, file, lambda: _text(found, file, output_format, color, every=every)))


def _text(found: "Shown", file: str, output_format: Format, color: str, *, every: bool) -> str:
    from buildmatrix.spec.toml.source import Sources

    style, sources = style_of(color), Sources(Path("/"))
    if output_format == "json":
        from buildmatrix.report.plan.json import document_json

        return document_json(found.document)
    if output_format == "markdown":
        from buildmatrix.report.plan.markdown import plan_markdown

        return plan_markdown(found.plan, sources=sources, all_cells=every)
    if output_format == "short":
        from buildmatrix.report.plan.short import plan_short

        return plan_short(found.plan, style, width=width())
    from buildmatrix.cli.commandline import as_path, quoted
    from buildmatrix.report.plan.saved import saved_head
    from buildmatrix.report.plan.text import APPLY, plan_text

    text = plan_text(
        found.plan,
        style,
        all_cells=every,
        sources=sources,
        width=width(),
        command=f"{APPLY} {quoted(as_path(file))}" if found.is_current else APPLY,
        saved=found.is_current,
    )
    return saved_head(found, file) + text
