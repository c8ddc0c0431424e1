"""The options of commands, each declared once; and how a command gets its parameters from tables of them.

Those that several commands have are here, those of `apply` are rows of `Options`.
"""

import inspect
import os
import re
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Annotated, Any, Literal

import typer
from typer.models import TyperPath

from buildmatrix.cli import completion
from buildmatrix.cli.completion import complete_platforms, complete_sets, complete_targets, complete_variables
from buildmatrix.spec.rows.options import Flag, InFile, OfTarget, hinted
from buildmatrix.spec.rows.shapes import Keyword, Row, Table, is_list, rows

Selectors = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[SELECTOR]...",
        help="A target, a group, a glob (app-*), cells (app[python=3.12]), or !SELECTOR to exclude.",
        autocompletion=complete_targets,
    ),
]
File = Annotated[
    str | None,
    typer.Option(
        "--file",
        "-f",
        envvar="BUILDMATRIX_FILE",
        metavar="FILE",
        help="The file; else buildmatrix.toml here or in a parent. - is standard input.",
    ),
]
Platform = Annotated[
    list[str] | None,
    typer.Option(
        "--platform",
        metavar="PLATFORM",
        help="Build only for this platform; may be repeated.",
        autocompletion=complete_platforms,
        envvar="BUILDMATRIX_PLATFORM",
    ),
]
Var = Annotated[
    list[str] | None,
    typer.Option(
        "--var",
        metavar="NAME=VALUE",
        help="Give a variable its value; may be repeated.",
        autocompletion=complete_variables,
    ),
]
VarFile = Annotated[
    list[str] | None,
    typer.Option("--var-file", metavar="FILE", help="Variables from a TOML or JSON file; may be repeated."),
]


class _Paths(TyperPath):
    """Paths as they are written, of which the environment gives several with the sign of PATH between them."""

    def split_envvar_value(self, rv: str) -> list[str]:
        """Split what the environment gives; the sign behind a scheme (`cwd://`) is part of a path."""
        return re.split(rf"(?<!\bcwd){re.escape(os.pathsep)}|{re.escape(os.pathsep)}(?!//)", rv)


BakeFile = Annotated[
    list[str] | None,
    typer.Option(
        "--bake-file",
        metavar="FILE",
        help="Tags, labels, annotations and args of a JSON bake file, as docker/metadata-action writes it; "
        "- is standard input. May be repeated.",
        envvar="BUILDMATRIX_BAKE_FILE",
        click_type=_Paths(),
    ),
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="SELECTOR.KEY=VALUE",
        help="Override a setting of the file; += appends to a list, SELECTOR.args.NAME alone takes the environment's "
        "value. May be repeated.",
        autocompletion=complete_sets,
    ),
]
Push = Annotated[bool, typer.Option("--push", help="Push to the registry that the tags name.")]
Load = Annotated[bool, typer.Option("--load", help="Load into the engine's image store.")]
NoOutput = Annotated[bool, typer.Option("--no-output", help="Build, but export nothing (pull requests).")]
Colour = Annotated[
    Literal["auto", "always", "never"],
    typer.Option("--color", help="Colours: auto, always or never.", envvar="BUILDMATRIX_COLOR"),
]


class Selection(Table):
    """What a command is about."""

    selectors: Selectors = None
    file: File = None


class Adjustments(Table):
    """What is kept of that, and what is laid over it."""

    platform: Platform = None
    var: Var = None
    var_file: VarFile = None
    bake_file: BakeFile = None
    set_: Set = None


ChangedSince = Annotated[
    str | None,
    typer.Option(
        "--changed-since",
        metavar="REF",
        help="Keep only the targets that changed since REF and HEAD parted, and those that depend on them.",
    ),
]
ChangedFiles = Annotated[
    str | None,
    typer.Option(
        "--changed-files",
        metavar="FILE",
        help="Keep only the targets that read a file listed in FILE, as git diff --name-only lists them; "
        "- is standard input.",
    ),
]


class Changed(Table):
    """What is kept of what is selected, by what changed."""

    changed_since: ChangedSince = None
    changed_files: ChangedFiles = None

    @property
    def is_asked(self) -> bool:
        """Whether anything is to be left out."""
        return self.changed_since is not None or self.changed_files is not None


class Outputs(Table):
    """Where the results go instead of where the file says."""

    push: Push = False
    load: Load = False
    no_output: NoOutput = False


def expanded(command: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Replace each parameter of a command that is a table by the rows that the command has: typer sees those alone.

    The command itself gets the tables.
    """

    def expand(function: Callable[..., None]) -> Callable[..., None]:
        given = inspect.signature(function).parameters.values()
        parts = {one.name: dict(rows_of(one.annotation, command)) for one in given if _is_table(one.annotation)}
        tables = {one.name: one.annotation for one in given}

        @wraps(function)
        def run(**values: Any) -> None:
            for name, part in parts.items():
                values[name] = tables[name](**{own: _plain(row, values.pop(own)) for own, row in part.items()})
            function(**values)

        every = [made for one in given for made in (_parameters(one.annotation, parts.get(one.name)) or [one])]
        run.__signature__ = inspect.Signature(every)  # type: ignore[attr-defined]
        run.__annotations__ = {one.name: one.annotation for one in every}
        return run

    return expand


def _is_table(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Table)


def rows_of(table: type[Table], command: str) -> Iterator[tuple[str, Row]]:
    """Yield the rows of a table that a command has, each with the name of its parameter."""
    for row in rows(table):
        flag = row.marker(Flag)
        said_by_files_alone = flag is None and any(isinstance(one, InFile | OfTarget) for one in row.markers)
        if not said_by_files_alone and (flag is None or command in flag.commands):
            yield row.attribute, row


def _parameters(table: type[Table], part: dict[str, Row] | None) -> list[inspect.Parameter]:
    return [_parameter(table, row) for row in (part or {}).values()]


def _parameter(table: type[Table], row: Row) -> inspect.Parameter:
    """Return what typer makes an option of: a row of ours, or one that is declared for typer as it stands."""
    flag, default, shape = row.marker(Flag), getattr(table, row.attribute), row.shape
    if is_list(shape):
        shape, default = list[str], None
    markers = (_option(row, flag),) if flag else row.markers
    hint = hinted(shape | None if default is None else shape, *markers)
    return inspect.Parameter(row.attribute, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=hint)


def _option(row: Row, flag: Flag) -> Any:
    least: Any = next((one.value for one in row.markers if isinstance(one, Keyword) and one.name == "minimum"), None)
    complete = getattr(completion, f"complete_{flag.completes}") if flag.completes else None
    words = {"help": flag.help, "metavar": flag.metavar, "envvar": list(flag.env) or None}
    option: Any = typer.Option
    return option(*flag.names, **words, min=least, autocompletion=complete)


def _plain(row: Row, value: Any) -> Any:
    return tuple(value or ()) if row.marker(Flag) and is_list(row.shape) else value
