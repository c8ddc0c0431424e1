"""How long a template may run and how much memory it may take, where the system can tell (Unix, the main thread).

The sandbox refuses what is seen to be too much beforehand; this ends what only running shows, such as loops within
loops, texts that double, or a regular expression that tries for ever.
"""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

if sys.platform != "win32":
    import resource
    import signal

SECONDS = 1.0
"""Processor time of one template."""

BYTES = 1 << 30
"""Address space beyond what the program has when its first template is compiled."""


class TooMuchError(BaseException):
    """The template ran too long; a MemoryError says the other thing. No `except Exception` in jinja may stop it."""


class Limits:
    """The limits of one run's templates."""

    def __init__(self) -> None:
        """Look at how much memory there is in use now."""
        self._active = sys.platform != "win32" and threading.current_thread() is threading.main_thread()
        self._most = _address_space() + BYTES if self._active and _address_space() else 0

    @contextmanager
    def held(self) -> Iterator[None]:
        """Run something within the limits: TooMuchError or MemoryError if it goes beyond."""
        if not self._active:
            yield
            return
        before, handler = resource.getrlimit(resource.RLIMIT_AS), signal.signal(signal.SIGVTALRM, _too_long)
        try:
            if self._most and before[0] in {resource.RLIM_INFINITY, max(before[0], self._most)}:
                resource.setrlimit(resource.RLIMIT_AS, (self._most, before[1]))
            signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
            yield
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
            signal.signal(signal.SIGVTALRM, handler)
            resource.setrlimit(resource.RLIMIT_AS, before)


def _too_long(*_: Any) -> None:
    raise TooMuchError


def _address_space() -> int:
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except (OSError, ValueError):
        return 0  # not Linux: no limit of memory
