"""One process beside ours, for work that might take for ever: it can be ended, whatever it is doing.

A signal handler of Python's acts between two steps of Python, and not within `int(Decimal("1e999999999"))`. So what
runs texts of others (templates, regular expressions) is done by a process of its own, which is forked when it is first
needed. The system bounds its processor time and its memory; we bound how long it may be silent. It hears of our end by
the end of its input.
"""

import os
import pickle
import resource
import select
import signal
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any, Never

from buildmatrix import ENDING
from buildmatrix.errors import Diagnostic, EngineError
from buildmatrix.limits import too_long

TOTAL = 30
"""Seconds of processor time that all of the work beside may take, in one run."""

AT_ONCE = 3
"""Seconds of processor time after which one piece of work is ended from outside."""

BYTES = 1 << 30
"""Address space of the work beside, beyond what we have ourselves when it begins."""

SILENCE = 120.0
"""Seconds of the clock that the work beside may be silent; on a busy machine processor time is slow to come."""

LONGEST_ANSWER = 64 << 20


class EndedError(Exception):
    """The work beside was ended, or ended itself, for want of what the message says: time, or memory."""


class SpentError(Exception):
    """All that the work beside may take in one run is taken."""


Serve = Callable[["Pipe"], None]
"""What the process beside does: it takes from the pipe and gives to it, until EOFError."""


class Pipe:
    """Both ends of a conversation; what is given is plain data, in pieces that say how long they are."""

    def __init__(self, source: int, sink: int, *, trusted: bool) -> None:
        """Take two descriptors; what comes from a side that is not trusted is data and nothing else."""
        self._source, self._sink, self._trusted = source, sink, trusted

    def give(self, value: Any) -> None:
        """Send; OSError if nobody is there any more."""
        data = pickle.dumps(value, protocol=5)
        left = memoryview(len(data).to_bytes(8, "big") + data)
        while left:
            left = left[os.write(self._sink, left) :]

    def take(self, deadline: float | None = None) -> Any:
        """Receive; EOFError if nobody is there any more, TimeoutError at the deadline (monotonic)."""
        length = int.from_bytes(self._read(8, deadline), "big")
        if length > LONGEST_ANSWER:
            raise EOFError
        data = self._read(length, deadline)
        return pickle.loads(data) if self._trusted else _Data(BytesIO(data)).load()  # noqa: S301 from ourselves

    def _read(self, length: int, deadline: float | None) -> bytes:
        parts: list[bytes] = []
        while length:
            if deadline is not None:
                self._await(deadline)
            part = os.read(self._source, min(length, 1 << 20))
            if not part:
                raise EOFError
            parts.append(part)
            length -= len(part)
        return b"".join(parts)

    def _await(self, deadline: float) -> None:
        poll = select.poll()
        poll.register(self._source, select.POLLIN)
        if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
            raise TimeoutError

    def close(self) -> None:
        """Close both ends."""
        os.close(self._source)
        os.close(self._sink)


class _Data(pickle.Unpickler):
    """Reads plain data: of classes it knows Decimal, so that nothing that is read can do anything."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("decimal", "Decimal"):
            return Decimal
        raise pickle.UnpicklingError(f"{module}.{name} is not data")


class Beside:
    """The process beside. It is started with the first question, and once more where it was ended and time is left."""

    def __init__(self, serve: Serve) -> None:
        self._serve = serve
        self._pid = 0
        self._pipe: Pipe | None = None
        self._taken = 0.0
        self._starts = 0

    def ask(self, question: Any, answer: Callable[[Any], Any]) -> Any:
        """Ask, and return what it says; what it asks in between is answered by `answer`.

        EndedError if it was ended over this question, SpentError if there is no time left to ask anything.
        """
        self.start()
        pipe = self._pipe
        assert pipe is not None  # noqa: S101 for the type checker
        try:
            pipe.give(question)
            while True:
                is_answer, said = pipe.take(time.monotonic() + SILENCE)
                if is_answer:
                    return said
                pipe.give(answer(said))
        except TimeoutError:
            self._end()
            raise EndedError("time") from None
        except (EOFError, OSError, ValueError, pickle.UnpicklingError):
            raise EndedError("time" if self._end() > AT_ONCE - 1 else "memory") from None
        except BaseException:
            self._end()  # it is in the middle of something that nobody waits for
            raise

    def start(self) -> int:
        """See that it runs; returns how often it was started: what it was told before is forgotten with each.

        SpentError if there is no time left.
        """
        if self._pipe is None:
            if self._taken > TOTAL - AT_ONCE:
                raise SpentError
            try:
                self._pipe = self._forked()
            except OSError as error:
                message = f"templates and patterns need a process of their own, which cannot start: {error.strerror}"
                raise EngineError(Diagnostic(message=message, code="process")) from None
        return self._starts

    def _forked(self) -> Pipe:
        theirs, ours = os.pipe(), os.pipe()
        self._pid = self._child(theirs[0], ours[1])
        os.close(theirs[0])
        os.close(ours[1])
        self._starts += 1
        return Pipe(ours[0], theirs[1], trusted=False)

    def _child(self, source: int, sink: int) -> int:
        """Start it, and return its process id."""
        with warnings.catch_warnings(action="ignore"):  # of threads: the child takes no lock of another one
            pid = os.fork()
        if pid == 0:
            self._become(source, sink)
        return pid

    def _become(self, source: int, sink: int) -> Never:
        """Be the process beside; nothing of ours is left in it but the two ends of the pipe."""
        try:
            _leave_all(source, sink)
            _be_bounded(max(1, int(TOTAL - self._taken)))
            with suppress(EOFError, BrokenPipeError):
                self._serve(Pipe(0, 1, trusted=True))
        finally:
            os._exit(0)

    def close(self) -> None:
        """End it, if it was started."""
        if self._pipe is not None:
            self._end()

    def _end(self) -> float:
        """Make sure that it is gone; returns the seconds of processor time that it took."""
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None
        self._taken += (taken := self._ended())
        return taken

    def _ended(self) -> float:
        return ended(self._pid)

    def __del__(self) -> None:
        """End it where nobody did."""
        self.close()


def ended(pid: int) -> float:
    """Kill a child, wait for its end, and return the seconds of processor time that it took."""
    try:
        os.kill(pid, signal.SIGKILL)
        used = os.wait4(pid, 0)[2]
    except (ProcessLookupError, ChildProcessError):  # our own parent had us ignore our children's ends
        return float(AT_ONCE)
    return used.ru_utime + used.ru_stime


def _leave_all(source: int, sink: int) -> None:
    for signum in ENDING:
        signal.signal(signum, signal.SIG_IGN)  # ^C is for the one who started us; its end is the end of our input
    os.dup2(source, 0)
    os.dup2(sink, 1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    os.closerange(3, resource.getrlimit(resource.RLIMIT_NOFILE)[0])


def _be_bounded(seconds: int) -> None:
    signal.signal(signal.SIGVTALRM, too_long)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    with suppress(OSError, ValueError):  # not Linux: no limit of memory
        size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (size + BYTES, size + BYTES))


@contextmanager
def piece(seconds: float) -> Iterator[None]:
    """In the process beside: TooMuchError where a piece of work takes longer than so much processor time.

    Where nothing comes between, the system ends the process, after `AT_ONCE` seconds.
    """
    most = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (min(most, int(time.process_time()) + AT_ONCE), most))
    try:
        signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
