"""The command line: finds the command that is asked for, and imports only that one."""

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from itertools import takewhile
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from buildmatrix import DISTRIBUTION, __version__
from buildmatrix.cli.output import say
from buildmatrix.text import one_line

COMMANDS = (
    "validate",
    "plan",
    "show",
    "apply",
    "doctor",
    "builder",
    "lock",
    "fingerprint",
    "render",
    "ci",
    "merge",
    "list",
    "graph",
    "schema",
)
"""In the order of `--help`; each is the module of that name, with a function `register`."""


class Commands(TyperGroup):
    """The commands, which say what they have for the words of other tools."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command that is asked for; a usage error that names it for the word of another tool."""
        if args[0] not in self.commands and (meant := _words().COMMANDS.get(args[0])):
            ctx.fail(f"No such command {args[0]!r}. Did you mean {meant!r}?")
        name, command, words = super().resolve_command(ctx, args)
        if command:
            _refuse_one_dash(words, typer.Context(command, info_name=name, parent=ctx))
        return name, command, words

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take what stands ahead of the command."""
        _refuse_one_dash(takewhile(lambda word: word.startswith("-"), args), ctx)
        with _worded(ctx):
            return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Run the command; an option of another tool is a usage error that says what to write."""
        with _worded(ctx):
            return super().invoke(ctx)


@contextmanager
def _worded(ctx: Any) -> Iterator[None]:
    """Let an error about options say what to write instead."""
    try:
        yield
    except Exception as error:
        option = str(getattr(error, "option_name", ""))
        within = getattr(error, "ctx", None) or ctx
        if hint := option and _hint(option, within):
            within.fail(f"No such option: {option}: {hint}")
        _reworded(error, within)
        raise


def _refuse_one_dash(words: Iterable[str], ctx: Any) -> None:
    """Fail at a long option that was written with one dash: `-output x` would be parsed as `-o utput`."""
    every = [ctx.command, *getattr(ctx.command, "commands", {}).values()]
    known = {"--help"}.union(*map(_options, every))
    longs = [f"-{word.partition('=')[0]}" for word in takewhile(lambda word: word != "--", words)]
    if long := next((long for long in longs if long in known and len(long) > len("--x")), ""):
        ctx.fail(f"No such option: {long[1:]}: write {long}")


def _reworded(error: Any, ctx: Any) -> None:
    """Let an error about a value name the option, or the environment variable that gave it, and no type of typer's."""
    parameter: Any = getattr(error, "param", None)
    if not getattr(parameter, "envvar", None) or not hasattr(error, "param_hint"):
        return
    source = ctx.get_parameter_source(parameter.name)
    names = [parameter.envvar] if isinstance(parameter.envvar, str) else list(parameter.envvar)
    given = [name for name in names if os.environ.get(name)] if source and source.name == "ENVIRONMENT" else []
    error.param_hint = f"'{(given or parameter.opts)[0]}'"
    error.message = str(error.message).replace("a valid int range", "a whole number")


def _hint(option: str, ctx: Any) -> str:
    """Return what to write for an option that a command has not: one of its own, or the command that has it."""
    hint = str(_words().OPTIONS.get(option, ""))
    meant = re.search(r"--[a-z-]+", hint)
    wanted = meant[0] if meant else option
    if (hint and not meant) or wanted in _options(ctx.command):
        return hint
    every = typer.main.get_command(application([])).commands  # type: ignore[attr-defined]
    owners = [f"`buildmatrix {name}`" for name in COMMANDS if wanted in _options(every[name])]
    which = "it" if wanted == option else wanted
    return f"{', '.join(owners)} {'has' if len(owners) == 1 else 'have'} {which}" if owners else hint


def _options(command: Any) -> set[str]:
    return {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}


def _words() -> Any:
    from buildmatrix.spec.hints import words

    return words


def application(arguments: list[str]) -> typer.Typer:
    """Return the application; only with the command that is asked for, where one is."""
    asked = next((argument for argument in arguments if not argument.startswith("-")), "")
    completing = any(name.startswith("_BUILDMATRIX_COMPLETE") for name in os.environ)
    app = typer.Typer(
        cls=Commands,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        no_args_is_help=True,
        callback=_root,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    for name in [asked] if asked in COMMANDS and not completing else COMMANDS:
        import_module(f"buildmatrix.cli.commands.{_module(name)}").register(app)
    return app


def _module(command: str) -> str:
    return "listing" if command == "list" else command


def _version(value: bool) -> None:
    if value:
        say(f"buildmatrix {__version__} ({DISTRIBUTION})\n")
        _warn_of_the_other()
        raise typer.Exit


def _warn_of_the_other() -> None:
    """Warn where the other project of our package's name is installed beside us: their files lie over each other."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        other = version("buildmatrix")
    except PackageNotFoundError:
        return
    message = f"buildmatrix {one_line(other)} is installed here, too: another project, whose package has the same name"
    say(f"warning: {message}\n  uninstall both, and install {DISTRIBUTION} in an environment of its own\n", err=True)


def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Plan and apply matrices of container images with Docker Buildx.

    \b
    buildmatrix validate     check the file
    buildmatrix plan         show what would be built, in which order, and why
    buildmatrix apply        build it, with docker buildx bake
    """
