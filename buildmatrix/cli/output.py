"""All that is printed: to standard output or standard error, through the door of `text`."""

import errno
import fcntl
import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO

from buildmatrix.cli.main import GONE, UnwritableError
from buildmatrix.patterns import regex
from buildmatrix.text import forget, terminal


class Door(io.TextIOBase):
    """A stream that passes on what `terminal` lets through, whoever writes: click's own messages, too.

    It has no `buffer`: nothing gets around it. What cannot be written is an UnwritableError where the stream is
    `needed`. Else, and where nobody reads any more, it goes nowhere: how the command ends counts all the same.
    """

    def __init__(self, stream: IO[str], *, needed: bool = True) -> None:
        self.behind = stream
        self._needed = needed
        self._begun = ""

    def write(self, text: str) -> int:
        """Write a text; a line that is written in pieces is looked at as a whole where a command may begin."""
        self._pass(text, reveals=False)
        return len(text)

    def _pass(self, text: str, *, reveals: bool) -> None:
        shown = terminal(self._begun + text, reveals=reveals)
        with self._writing():
            self.behind.write(shown[len(self._begun) :])
        last = shown.rpartition("\n")[2]
        self._begun = last if last.endswith("#") or not last.strip().strip(":") else ""

    def reveal(self, text: str) -> None:
        """Write a text with the secrets that are in it."""
        self._pass(text, reveals=True)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if self._needed and error.errno not in GONE:
                raise UnwritableError(error) from None
            self.to_nowhere()

    def to_nowhere(self) -> None:
        """Let what is still to be written go nowhere."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.behind.fileno())
        os.close(nowhere)

    def flush(self) -> None:
        """Flush the stream behind."""
        with self._writing():
            self.behind.flush()

    def close(self) -> None:
        """Do nothing: the stream behind is another's. Python closes what it forgets, and 3.13 shows what then fails."""

    def isatty(self) -> bool:
        """Tell whether it is a terminal."""
        return self.behind.isatty()

    def fileno(self) -> int:
        """Return the number of the file behind."""
        return self.behind.fileno()

    def writable(self) -> bool:
        """Return True: it is written to."""
        return True

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """That of the stream behind."""
        return str(getattr(self.behind, "encoding", "utf-8"))


@contextmanager
def doors() -> Iterator[None]:
    """Put doors before standard output and standard error, and begin without secrets."""
    before = sys.stdout, sys.stderr
    forget()
    out, err = (stream or os.fdopen(number, "w", closefd=False) for number, stream in enumerate(before, start=1))
    for stream in (out, err):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    sys.stdout, sys.stderr = Door(out), Door(err, needed=False)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def say(text: str, *, err: bool = False) -> None:
    """Write a text as it is, to standard output or to standard error."""
    stream = sys.stderr if err else sys.stdout
    stream.write(text)
    stream.flush()


def say_at_last(text: str) -> UnwritableError | None:
    """Write a text; that it cannot be written is returned, since the command has more to do."""
    try:
        say(text)
    except UnwritableError as error:
        if isinstance(sys.stdout, Door):
            sys.stdout.to_nowhere()
        return error
    return None


def say_wide(text: str, paint: Callable[[str], str] = str) -> None:
    """Write one line to standard error; what is too wide for a terminal goes on below, further in."""
    from buildmatrix.report.layout import laid_out

    say("".join(f"{line}\n" for line in laid_out([(text, paint)], width(err=True), "  ")), err=True)


@contextmanager
def passing(text: str) -> Iterator[None]:
    """Show a text on the terminal that standard error is, and take it off again."""
    stream = behind(sys.stderr)
    stream.write(text)
    stream.flush()
    try:
        yield
    finally:
        stream.write(f"\r{' ' * len(text)}\r")
        stream.flush()


def width(*, err: bool = False) -> int | None:
    """Return the columns of the terminal that standard output, or standard error, is; None for a file or a pipe."""
    stream = sys.stderr if err else sys.stdout
    if not stream.isatty():
        return None
    asked = os.environ.get("COLUMNS", "")
    try:
        return (int(asked) if asked.isdecimal() else os.get_terminal_size(stream.fileno()).columns) or None
    except (OSError, ValueError):
        return None


def say_to_program(text: str) -> None:
    """Write what a program is to read, with its credentials; on a terminal a person reads it, and they are hidden."""
    if isinstance(sys.stdout, Door) and not sys.stdout.isatty():
        sys.stdout.reveal(text)
        sys.stdout.flush()
    else:
        say(text)


# --- the streams of this process, by their paths ----------------------------------------------------------------------

_STANDARD = {"/dev/stdout": 1, "/dev/stderr": 2}
_STREAM = regex(r"/dev/(?:stdout|stderr|fd/(?:0|[1-9][0-9]{0,5}))")


def is_stream(path: str) -> bool:
    """Tell whether a path, as it is written, is a stream of this process: a link that leads to one is not."""
    return _STREAM.fullmatch(path) is not None


def refuse_closed(path: str) -> None:
    """Raise OSError if a stream is not open, or only to be read."""
    if fcntl.fcntl(_number(path), fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
        raise OSError(errno.EBADF, "it is only open to be read", path)


def write_stream(path: str, text: str) -> None:
    """Write to a stream: through the doors to standard output and error, to others as to a program; OSError."""
    number = _number(path)
    refuse_closed(path)
    if number == 1:
        say_to_program(text)
    elif number == 2:  # noqa: PLR2004 the number of standard error
        say(text, err=True)
    else:
        with os.fdopen(os.dup(number), "w", encoding="utf-8") as stream:
            stream.write(terminal(text) if stream.isatty() else text)


def _number(path: str) -> int:
    return _STANDARD.get(path) or int(path.rpartition("/")[2])


def behind(stream: IO[str]) -> IO[str]:
    """Return the terminal itself, for what moves its cursor; its texts have to be clean already."""
    return stream.behind if isinstance(stream, Door) else stream
