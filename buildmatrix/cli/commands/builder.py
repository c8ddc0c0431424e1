"""`buildmatrix builder`: the builders of buildx, and those that the file declares."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Literal

import typer

from buildmatrix.cli import options
from buildmatrix.cli.completion import complete_builders, complete_declared
from buildmatrix.cli.output import say, width
from buildmatrix.cli.session import Session, show, style_of
from buildmatrix.engine.alone import command_of
from buildmatrix.engine.builders.declared import no_builder, spoken
from buildmatrix.engine.builders.making import take
from buildmatrix.engine.builders.steps import Step, use
from buildmatrix.errors import BuildmatrixError, Diagnostic, EngineError, UsageError
from buildmatrix.pipeline.run.builders import NOTHING, Declared, declared, not_removed, planned, removal
from buildmatrix.process import Programs
from buildmatrix.spec.rows.options import BUILDER_PATTERN
from buildmatrix.text import one_line

Name = Annotated[
    str | None,
    typer.Argument(
        metavar="[NAME]",
        help="The builder; else that of [apply], or the only one that the file declares.",
        autocompletion=complete_builders,
    ),
]
DeclaredName = Annotated[
    str | None,
    typer.Argument(
        metavar="[NAME]",
        help="The builder; else that of [apply], or the only one that the file declares.",
        autocompletion=complete_declared,
    ),
]
RemovedName = Annotated[
    str | None, typer.Argument(metavar="NAME", help="The builder.", autocompletion=complete_builders)
]
Format = Annotated[Literal["text", "json"], typer.Option("--format", help="text or json.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the commands; run nothing.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    group.callback()(_builder)
    for name, command in (("ls", ls), ("create", create), ("use", use_), ("inspect", inspect), ("rm", rm)):
        group.command(name)(command)
    app.add_typer(group, name="builder")


def _builder() -> None:
    """List, create, use, inspect and remove builders: those of buildx, and those that the file declares.

    [builder.NAME] in the file says what a builder is. Each command runs those of docker buildx; --dry-run shows them.

    \b
    Examples:
      buildmatrix builder ls
      buildmatrix builder create many --use
      buildmatrix builder inspect many --bootstrap
      buildmatrix builder rm many
    """


def ls(*, file: options.File = None, output_format: Format = "text", color: options.Colour = "auto") -> None:
    """List all builders: those of buildx, and those that the file declares and that are missing.

    \b
    Examples:
      buildmatrix builder ls
      buildmatrix builder ls --format json
    """
    from buildmatrix.engine.builders.found import listed
    from buildmatrix.report.builders import builders_json, builders_text

    with _opened(file, color) as (found, programs):
        every = listed(found.builders, programs)
        text = builders_text(every, style_of(color), width=width())
        say(builders_json(every) if output_format == "json" else text)


def create(
    *,
    name: DeclaredName = None,
    file: options.File = None,
    current: Annotated[bool, typer.Option("--use", help="Make it the current builder.")] = False,
    bootstrap: Annotated[bool, typer.Option("--bootstrap", help="Start its nodes.")] = False,
    dry_run: DryRun = False,
    color: options.Colour = "auto",
) -> None:
    """Create a builder as the file declares it, or change one that differs; one that is as declared stays as it is.

    A node more is added. What differs otherwise is removed and created again; a builder of containers keeps its cache.
    One of another driver is left alone (exit 2).

    \b
    Examples:
      buildmatrix builder create many
      buildmatrix builder create many --use --bootstrap
      buildmatrix builder create many --dry-run
    """
    with _opened(file, color) as (found, programs):
        one = found.builder(name)
        change = planned(one, programs, start=bootstrap, current=current)
        if not dry_run:
            for difference in change.differs:
                _tell(f"{one.name} differs: {spoken(difference)}")
        if not change.steps:
            _tell(f"{one.name} is as the file declares it: nothing to do")
        _done(change.steps, programs, dry_run=dry_run)


def use_(
    *, name: Name = None, file: options.File = None, dry_run: DryRun = False, color: options.Colour = "auto"
) -> None:
    """Make a builder the current one: what docker and buildmatrix use where none is named.

    \b
    Examples:
      buildmatrix builder use many
      buildmatrix builder use default
    """
    from buildmatrix.engine.builders.declared import told_to_create
    from buildmatrix.engine.builders.stored import stored

    with _opened(file, color) as (found, programs):
        which = _named(found, name)
        if which in found.builders and stored(which, programs.environment) is None:
            raise EngineError(told_to_create(no_builder(which), which, found.builders))
        _done((use(which),), programs, dry_run=dry_run)


def inspect(
    *,
    name: Name = None,
    file: options.File = None,
    bootstrap: Annotated[bool, typer.Option("--bootstrap", help="Start its nodes first.")] = False,
    output_format: Format = "text",
    color: options.Colour = "auto",
) -> None:
    """Show a builder: its nodes with their platforms, status and versions, its cache, and what is not as declared.

    Without NAME it is that of the file, whatever BUILDX_BUILDER says; where the file names none, the current one.

    \b
    Examples:
      buildmatrix builder inspect
      buildmatrix builder inspect many --bootstrap
      buildmatrix builder inspect many --format json
    """
    from buildmatrix.engine.builders.found import inspected
    from buildmatrix.report.builders import builder_json, builder_text

    with _opened(file, color) as (found, programs):
        one = inspected(_named(found, name) if name else found.name(None), found.builders, programs, start=bootstrap)
        say(builder_json(one) if output_format == "json" else builder_text(one, style_of(color), width=width()))


def rm(
    *,
    name: RemovedName = None,
    file: options.File = None,
    keep_state: Annotated[bool, typer.Option("--keep-state", help="Keep the cache of its containers.")] = False,
    dry_run: DryRun = False,
    color: options.Colour = "auto",
) -> None:
    """Remove a builder with its containers or pods; one that the file declares need not be there.

    NAME is wanted: the builder of the file may be in use, and its cache is lost.

    \b
    Examples:
      buildmatrix builder rm many
      buildmatrix builder rm many --keep-state
    """
    with _opened(file, color) as (found, programs):
        if not name:
            hint = f"write buildmatrix builder rm {found.name(None) or 'NAME'}"
            raise UsageError(Diagnostic(message="which builder is to be removed is not said", code="usage", hint=hint))
        which = _named(found, name)
        steps = removal(which, programs, keep_state=keep_state)
        if not steps and which not in found.builders:
            raise not_removed(which, programs)
        if not steps:
            _tell(f"{which} is not there: nothing to do")
        _done(steps, programs, dry_run=dry_run)


def _named(found: Declared, name: str | None) -> str:
    """Return the builder that is meant; UsageError for what is not a name."""
    if name and not re.fullmatch(BUILDER_PATTERN, name):
        hint = "letters, digits and ._+- after a letter or digit: see buildmatrix builder ls"
        raise UsageError(Diagnostic(message=f"{name} is not the name of a builder", code="usage", hint=hint))
    return found.name(name) or found.builder(name).name


def _tell(text: str) -> None:
    say(f"{one_line(text)}\n")


def _done(steps: tuple[Step, ...], programs: Programs, *, dry_run: bool) -> None:
    from buildmatrix.engine.builders.steps import typed

    if not dry_run:
        take(steps, programs, _tell)
        return
    for step in steps:
        _tell(f"{command_of(programs)} {typed((), step)}")


@contextmanager
def _opened(file: str | None, color: str) -> Iterator[tuple[Declared, Programs]]:
    """Open the file, where there is one; an error is shown and ends the program with its exit code."""
    run: Session | None = None
    try:
        try:
            run = Session(file, color)
        except UsageError as error:
            if file or error.diagnostics[0].code != "no-file":
                raise
        found = declared(run.name, run.sources) if run else NOTHING
        yield found, run.programs if run else Programs(os.environ)
    except BuildmatrixError as error:
        show(error.diagnostics, run, color)
        raise typer.Exit(error.exit_code) from None
