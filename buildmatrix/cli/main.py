"""The program's outermost shell: exit codes of the design's table, whatever happens, from the first moment on.

It imports nothing but the standard library at its top, so that a signal is answered while the rest is still loading.
"""

import errno
import gc
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from types import FrameType
from typing import NoReturn

from buildmatrix import ENDING

STOPPED, BUG = 130, 70

GONE = (errno.EPIPE, errno.EIO)
"""What writing says when nobody reads any more: `| head` has seen enough, or the terminal was closed."""

UNWRITTEN = 2


class UnwritableError(Exception):
    """Standard output cannot be written. It is not an OSError, which others take for theirs."""

    def __init__(self, error: OSError) -> None:
        why = "it is closed" if error.errno == errno.EBADF else error.strerror
        super().__init__(f"standard output cannot be written: {why}")


def program() -> NoReturn:
    """Run the command line as a process of its own, which ends at once: what the interpreter tidies, the system does.

    That is 8 ms of 30. All that has to be tidied is so when `run` ends, and all is written.
    """
    code = 0
    try:
        run()
    except SystemExit as end:
        if not isinstance(end.code, int | None):
            raise
        code = end.code or 0
    except Exception:  # noqa: BLE001 of a bug, where it happened: somebody has asked for that
        sys.excepthook(*sys.exc_info())
        code = BUG
    with suppress(OSError):
        if sys.stderr:
            sys.stderr.flush()
    os._exit(code)


def run() -> None:
    """Run the command line and exit with the code of the design's table."""
    _occupied()
    gc.set_threshold(100_000, 50, 50)  # plans are large and short-lived
    with _signals_obeyed():
        _run()


def _run() -> None:
    try:
        from buildmatrix.cli.output import doors

        with doors():
            from buildmatrix.cli.application import application

            try:
                with _completing():
                    application(sys.argv[1:])(prog_name="buildmatrix")
            finally:
                sys.stdout.flush()
    except KeyboardInterrupt:
        raise SystemExit(STOPPED) from None
    except UnwritableError as error:
        _say(f"error: {error}")
        _read_by_nobody()
        raise SystemExit(UNWRITTEN) from None
    except Exception as error:  # noqa: BLE001 a bug is said in one line, and has an exit code
        _bug(error)


def _occupied() -> None:
    """Let nothing that is opened later become a standard stream that was closed; to write to it still fails."""
    with suppress(OSError):
        while (number := os.open(os.devnull, os.O_RDONLY)) <= 2:  # noqa: PLR2004 the number of standard error
            pass
        os.close(number)


def _completing() -> AbstractContextManager[None]:
    if "_BUILDMATRIX_COMPLETE" not in os.environ:
        return nullcontext()
    from buildmatrix.cli.bash import whole_words

    return whole_words()


@contextmanager
def _signals_obeyed() -> Iterator[None]:
    """Let every signal that asks to end do what ^C does: once; what comes later is passed over.

    So it is when all has been said: the interpreter would take its own end for the time to obey as the system does.
    """
    in_main = threading.current_thread() is threading.main_thread()
    heard = [signum for signum in ENDING if in_main and signal.getsignal(signum) is not signal.SIG_IGN]

    def stop(_: int, __: FrameType | None) -> None:
        for other in heard:
            signal.signal(other, signal.SIG_IGN)
        with suppress(OSError):
            os.write(2, b"error: stopped\n")
        raise KeyboardInterrupt

    for signum in heard:
        signal.signal(signum, stop)
    try:
        yield
    finally:
        for signum in heard:
            signal.signal(signum, signal.SIG_IGN)


def _bug(error: Exception) -> None:
    if os.environ.get("BUILDMATRIX_TRACEBACK"):
        raise error
    from buildmatrix.text import one_line, terminal

    _say(terminal(f"error: this is a bug in buildmatrix: {type(error).__name__}: {one_line(str(error))}"))
    _say("  please report it with your file; BUILDMATRIX_TRACEBACK=1 shows where it happened")
    raise SystemExit(BUG) from None


def _say(text: str) -> None:
    try:
        if sys.stderr:
            sys.stderr.write(text + "\n")
            sys.stderr.flush()
    except OSError:
        _read_by_nobody()


def _read_by_nobody() -> None:
    """Let what is still to be written go nowhere: else the interpreter fails once more at its very end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for number in (1, 2):
        os.dup2(nowhere, number)


if __name__ == "__main__":
    program()
