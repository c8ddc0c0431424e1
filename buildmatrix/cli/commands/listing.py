"""`buildmatrix list`."""

from typing import Annotated, Literal

import typer

from buildmatrix.cli import options
from buildmatrix.cli.output import say, width
from buildmatrix.cli.session import Session, request, session
from buildmatrix.errors import Diagnostic, UsageError
from buildmatrix.pipeline import catalog, listed
from buildmatrix.plan.cells.catalog import Catalog
from buildmatrix.plan.model import Plan
from buildmatrix.report.plan import listing
from buildmatrix.template.request import Request

What = Literal["targets", "groups", "variables", "platforms", "tags"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("list")(list_)


@options.expanded("list")
def list_(
    *,
    what: Annotated[
        What, typer.Argument(metavar="[WHAT]", help="targets, groups, variables, platforms or tags.")
    ] = "targets",
    selection: options.Selection,
    output_format: Annotated[Literal["text", "json"], typer.Option("--format", help="text or json.")] = "text",
    adjustments: options.Adjustments,
    color: options.Colour = "auto",
) -> None:
    """List targets, groups, variables, platforms or tags. Contacts nothing; needs only a valid file.

    Without SELECTOR it lists those of all targets and cells; in a directory whose file a root file includes, those of
    that directory. Groups and variables take no SELECTOR.

    \b
    Examples:
      buildmatrix list targets
      buildmatrix list tags app --format json
      buildmatrix list variables --var release=1.2.3
    """
    with session(selection.file, color, unselected=not selection.selectors) as run:
        if selection.selectors and what in {"groups", "variables"}:
            message = f"list {what} takes no SELECTOR: it lists them all"
            raise UsageError(Diagnostic(message=message, code="usage", hint=f"write buildmatrix list {what}"))
        chosen = selection.selectors or ([] if run.sources.home else ["*"])
        asked = request(chosen, adjustments)
        source = _source(run, what, asked)
        if output_format == "json":
            say(listing.list_json(what, source))
        else:
            say(listing.list_text(what, source, run.style(), width=width()))


def _source(run: Session, what: What, asked: Request) -> Plan | Catalog:
    found: tuple[Plan | Catalog, tuple[Diagnostic, ...]]
    if what in {"groups", "variables"}:
        found = catalog(run.name, run.sources, asked, run.git)
    else:
        found = listed(run.name, run.sources, asked, run.git)
    run.warn(found[1])
    return found[0]
