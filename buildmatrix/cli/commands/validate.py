"""`buildmatrix validate`."""

from typing import Annotated, Literal

import typer

from buildmatrix.cli import options
from buildmatrix.cli.commandline import is_given
from buildmatrix.cli.output import say
from buildmatrix.cli.session import Session, messages, request, session
from buildmatrix.errors import Diagnostic, SpecError, UsageError
from buildmatrix.pipeline import validate as find_problems
from buildmatrix.text import one_line


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("validate")(validate)


def validate(
    context: typer.Context,
    path: Annotated[str | None, typer.Argument(metavar="[FILE]", help="The file; - is standard input.")] = None,
    file: options.File = None,
    output_format: Annotated[Literal["text", "json"], typer.Option("--format", help="text or json.")] = "text",
    var: options.Var = None,
    var_file: options.VarFile = None,
    bake_file: options.BakeFile = None,
    color: options.Colour = "auto",
) -> None:
    """Check the file and show all problems at once. Contacts nothing.

    A file that another file includes is checked as part of that file.

    \b
    Examples:
      buildmatrix validate
      buildmatrix validate - < buildmatrix.toml
      buildmatrix validate --format json
    """
    with messages(color):
        if path is not None and is_given(context, "file"):
            message = f"the file is given twice: {path or repr(path)}, and --file {file or repr(file)}"
            raise UsageError(Diagnostic(message=message, code="usage", hint="give one of them"))
    with session(path or file, color, part=path is not None) as run:
        adjustments = options.Adjustments(var=var, var_file=var_file, bake_file=bake_file)
        found = find_problems(run.name, run.sources, request(adjustments=adjustments), run.git)
        if output_format == "json":
            from buildmatrix.report.diagnostics.json import diagnostics_json

            say(diagnostics_json(found, run.sources, prefix=run.prefix))
        _finish(run, found, quiet=output_format == "json")


def _finish(run: Session, found: tuple[Diagnostic, ...], *, quiet: bool) -> None:
    if any(diagnostic.severity == "error" for diagnostic in found):
        if quiet:
            raise typer.Exit(SpecError.exit_code)
        raise SpecError(*found)
    if not quiet:
        run.warn(found)
        files = len(run.sources.texts)
        say(f"{one_line(run.prefix + run.name)} is valid" + (f" ({files} files)\n" if files > 1 else "\n"))
