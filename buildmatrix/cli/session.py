"""What every command starts with: the file, the environment, and a way to show what went wrong."""

import errno
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import typer

from buildmatrix.cli.options import Adjustments, Outputs
from buildmatrix.cli.output import is_stream, refuse_closed, say, say_wide, width, write_stream
from buildmatrix.errors import BuildmatrixError, Diagnostic, Place, UsageError
from buildmatrix.files import LIMIT, OutsideError, kind_at, refuse_other, strays, write_whole
from buildmatrix.git.facts import Git
from buildmatrix.git.repository import GitFolder
from buildmatrix.plan.access.inputs import refuse_overwritten
from buildmatrix.plan.model import Plan
from buildmatrix.process import Programs
from buildmatrix.report.style import Style
from buildmatrix.spec.discovery import discovered, includes, including
from buildmatrix.spec.load import FILE
from buildmatrix.spec.rows.tables import BakeFiles
from buildmatrix.spec.toml.source import STANDARD_INPUT, Sources, text_from
from buildmatrix.template.request import OutputMode, Request
from buildmatrix.text import one_line

NO_ADJUSTMENTS, NO_OUTPUTS = Adjustments(), Outputs()


class Session:
    """One run of one command."""

    def __init__(self, file: str | None, color: str = "auto", *, part: bool = False) -> None:
        """Find the file: as given, else in this directory or a parent; UsageError if there is none.

        With `part`, one that another file includes is taken as the part of it that it is.
        """
        self.color = color
        self.environment = dict(os.environ)
        self._given = ""
        self.programs = Programs(self.environment)
        _refuse_to_stand_nowhere(file)
        try:
            self._open(file, part=part)
        except OSError as error:  # a name too long
            message = f"{file or FILE} cannot be read: {error.strerror}"
            raise UsageError(Diagnostic(message=message, code="no-file")) from None
        self.git_folder = GitFolder(self.programs, self.sources.directory)
        self.git = Git.of(self.git_folder)

    def _open(self, file: str | None, *, part: bool) -> None:
        if file == "-":
            self.name, directory = STANDARD_INPUT, Path.cwd()
            self.sources = Sources(directory, {STANDARD_INPUT: _standard_input()})
        else:
            near, path = self._named(Path(file)) if file else discovered(self.programs)
            if part and file and (outer := including(near.parent.resolve() / near.name)):
                path, file = outer, None
            self.name, directory = path.name, path.parent.resolve()
            self._given = str(path.parent) if file else ""
            self.sources = Sources(directory, named=self.name if file else "")
            self.sources.home = "" if near == path else near.resolve().relative_to(directory).as_posix()

    @staticmethod
    def _named(path: Path) -> tuple[Path, Path]:
        if kind_at(path) == "directory" and kind_at(path / FILE):
            path /= FILE
        return path, path

    @property
    def is_from_standard_input(self) -> bool:
        """Whether the root file was read from there."""
        return self.name == STANDARD_INPUT

    @property
    def prefix(self) -> str:
        """The way to the file's directory, for messages: as the command line says it, or from the working directory."""
        way = self._given or os.path.relpath(self.sources.directory)
        return "" if way == "." or self.name == STANDARD_INPUT else f"{way.rstrip('/')}/"

    @property
    def way_here(self) -> str:
        """The way from the working directory to the file's directory, through no link; "" where they are the same."""
        directory = str(self.sources.directory)
        way = os.path.relpath(directory) if _is_somewhere() else directory
        return "" if way == "." else way

    @property
    def way_from_root(self) -> str:
        """The way from the repository's root to the file's directory, for what is read elsewhere."""
        way = os.path.relpath(self.sources.directory, self.sources.repository.root)
        return "" if way == "." or self.name == STANDARD_INPUT else f"{way}/"

    def style(self, *, error: bool = False) -> Style:
        """Return the style of standard output or standard error."""
        return style_of(self.color, error=error)

    def warn(self, diagnostics: Iterable[Diagnostic]) -> None:
        """Show diagnostics on standard error, and to GitHub as annotations when it runs us."""
        show(tuple(diagnostics), self, self.color)


def style_of(color: str, *, error: bool = False) -> Style:
    """Return the style of standard output or standard error; `color` is what `--color` says."""
    return Style(_coloured(color, error=error))


@contextmanager
def messages(color: str = "auto") -> Iterator[None]:
    """Show an error of a command that needs no file of a project, and end the program with its exit code."""
    try:
        yield
    except BuildmatrixError as error:
        show(error.diagnostics, None, color)
        raise typer.Exit(error.exit_code) from None


def _is_somewhere() -> bool:
    """Tell whether the working directory is still there: another program may have deleted it."""
    try:
        return bool(Path.cwd())
    except OSError:
        return False


_NOWHERE = Diagnostic(
    message="the working directory is not there any more, or cannot be read",
    code="no-file",
    hint="go to a directory that is there, or name every file by its absolute path: --file /PATH",
)


def _refuse_to_stand_nowhere(file: str | None) -> None:
    """Raise UsageError where the working directory is gone and is needed: a file that is named in full is found."""
    if not (file and Path(file).is_absolute()) and not _is_somewhere():
        raise UsageError(_NOWHERE)


@contextmanager
def session(
    file: str | None, color: str = "auto", *, unselected: bool = False, part: bool = False
) -> Iterator[Session]:
    """Open a session; an error within it is shown and ends the program with its exit code.

    `unselected`: the command takes selectors, and none is given. `part`: see `Session`.
    """
    opened: Session | None = None
    try:
        opened = Session(file, color, part=part)
        _say_root(opened, named=bool(file), unselected=unselected)
        yield opened
    except BuildmatrixError as error:
        show(error.diagnostics, opened, color)
        raise typer.Exit(error.exit_code) from None
    except FileNotFoundError:  # a relative path, of a file or of what is to be written
        if _is_somewhere():
            raise
        show((_NOWHERE,), opened, color)
        raise typer.Exit(UsageError.exit_code) from None


def _say_root(run: Session, *, named: bool, unselected: bool) -> None:
    """Say where another file than the nearest one is the root, or that a file is taken alone which is part of one."""
    if run.sources.home:
        nearest, root = run.sources.home, f"{run.prefix}{run.name}"
        text = f"{root} includes {nearest}: without a selector, the targets of the latter are meant"
        if includes(run.sources.directory / run.name, run.sources.directory / nearest) is None:
            alone = os.path.relpath(run.sources.directory / nearest)
            text = f"whether {root} includes {nearest} cannot be told; --file {alone} takes that one alone"
        elif not unselected:
            return
        say_wide(one_line(f"note: {text}"))
    elif named and run.name != STANDARD_INPUT and (outer := including(run.sources.directory / run.name)):
        message = f"this file is taken alone, but {outer} includes it"
        hint = "what that file lays under it is left out, and its tags may lose platforms: leave --file out"
        place = Place(file=run.name)
        run.warn([Diagnostic(message=message, code="included", place=place, hint=hint, severity="warning")])


def show(diagnostics: tuple[Diagnostic, ...], run: Session | None, color: str) -> None:
    """Write diagnostics to standard error, and for GitHub, which wants paths from the repository's root, once more."""
    if not diagnostics:
        return
    from buildmatrix.engine.alone import as_spoken
    from buildmatrix.report.diagnostics.text import diagnostics_github, diagnostics_text

    diagnostics = as_spoken(diagnostics, run.programs if run else Programs(os.environ))
    sources = run.sources if run else Sources(Path.cwd() if _is_somewhere() else Path("/"))
    style, prefix = Style(_coloured(color, error=True)), run.prefix if run else ""
    say(diagnostics_text(diagnostics, sources, style, prefix=prefix, width=width(err=True)), err=True)
    if os.environ.get("GITHUB_ACTIONS") == "true":
        say(diagnostics_github(diagnostics, sources, prefix=run.way_from_root if run else ""), err=True)


def _standard_input() -> str:
    return text_from(STANDARD_INPUT, sys.stdin.buffer.read(LIMIT + 1) if sys.stdin else b"")


def _coloured(color: str, *, error: bool) -> bool:
    if color != "auto":
        return color == "always"
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR", "0") not in {"", "0", "false"}:
        return True
    return (sys.stderr if error else sys.stdout).isatty() and os.environ.get("TERM") != "dumb"


def request(
    selectors: list[str] | None = None, adjustments: Adjustments = NO_ADJUSTMENTS, outputs: Outputs = NO_OUTPUTS
) -> Request:
    """Return the command line as a Request; UsageError for a `--var` that is not a NAME=VALUE, or for two outputs."""
    output = _output_mode(push=outputs.push, load=outputs.load, no_output=outputs.no_output)
    variables = {}
    for text in adjustments.var or ():
        name, sign, value = text.partition("=")
        if not sign:
            message = f"--var {text or repr(text)} has no value"
            name, colon, given = name.partition(":")
            hint = f"write --var {one_line(name) or 'NAME'}={one_line(given) if colon else 'VALUE'}"
            raise UsageError(Diagnostic(message=message, code="usage", hint=hint))
        variables[name] = value
    platforms = _platforms(adjustments.platform or ())
    return Request(
        selectors=tuple(selectors or ()),
        platforms=platforms,
        variables=variables,
        variable_files=tuple(adjustments.var_file or ()),
        bake_files=BakeFiles(paths=tuple(filter(None, adjustments.bake_file or ()))),
        set_options=_sets(adjustments.set_),
        output=output,
        environment=dict(os.environ),
    )


def _platforms(given: Iterable[str]) -> tuple[str, ...]:
    """Return the platforms of `--platform`; UsageError for one that names none: it would mean all."""
    found: list[str] = []
    for text in given:
        named = [part.strip() for part in text.split(",") if part.strip()]
        if not named:
            message = f"--platform {text or repr(text)} names no platform"
            raise UsageError(
                Diagnostic(message=message, code="usage", hint="write --platform linux/amd64, or leave it out")
            )
        found += named
    return tuple(found)


def _sets(given: list[str] | None) -> tuple[str, ...]:
    if not given:
        return ()
    from buildmatrix.plan.cells.overrides import with_environment

    return with_environment(given, os.environ)


def _output_mode(*, push: bool, load: bool, no_output: bool) -> OutputMode:
    """Return the mode that the flags ask for; UsageError for more than one of them."""
    asked: list[OutputMode] = [mode for mode, flag in _modes(push=push, load=load, none=no_output) if flag]
    if len(asked) > 1:
        message = "--push, --load and --no-output exclude each other"
        raise UsageError(Diagnostic(message=message, code="usage", hint="give one of them"))
    return asked[0] if asked else "declared"


def _modes(*, push: bool, load: bool, none: bool) -> tuple[tuple[OutputMode, bool], ...]:
    return ("push", push), ("load", load), ("none", none)


def write_file(path: str, text: str, root: str) -> None:
    """Write a file whole or not at all, `root` being the repository; UsageError if that cannot be.

    The streams of this process are written to, since they are no files that could be replaced.
    """
    try:
        if is_stream(path):
            write_stream(path, text)
        else:
            write_whole(Path(path), text, root)
    except OSError as error:
        raise _unwritable(path, error) from None


def refuse_unwritable(written: Mapping[str, str], plan: Plan, root: str, folder: str | None = None) -> None:
    """Raise UsageError if a path is none to write: a link, a device, a file that the plan is made from.

    So is a stream that is not open. `written` is path to option. Into `folder` go the logs.
    """
    logs = {f"{folder}/{target.name}.log": "--log-dir" for target in plan.targets} if folder else {}
    refuse_overwritten(plan, {**written, **logs})
    if folder and strays(folder, root):
        raise _unwritable(folder, OutsideError(folder))
    if folder and kind_at(folder) not in {"", "directory"}:
        raise _unwritable(folder, NotADirectoryError(errno.ENOTDIR, "it is not a directory for logs"))
    for path in written:
        try:
            if is_stream(path):
                refuse_closed(path)
                continue
            refuse_other(Path(path), root)
            if kind_at(Path(path).parent) != "directory":
                raise FileNotFoundError(errno.ENOENT, f"there is no directory {Path(path).parent}")
        except OSError as error:
            raise _unwritable(path, error) from None


def _unwritable(path: str, error: OSError) -> UsageError:
    return UsageError(Diagnostic(message=f"{path} cannot be written: {error.strerror}", code="write"))
