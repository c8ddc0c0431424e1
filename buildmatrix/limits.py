"""An end to what we do ourselves: planning takes a bounded time, whatever the file says."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Never

from buildmatrix.errors import Diagnostic, SpecError

PLANNING = 60.0
"""Seconds of processor time that reading a file and planning may take: 100,000 cells take 6."""


class TooMuchError(BaseException):
    """Something ran too long; a MemoryError says the other thing. No `except Exception` on its way may stop it."""


def too_long(_: int, __: FrameType | None) -> Never:
    """Take the signal of a timer."""
    raise TooMuchError


@contextmanager
def planning(seconds: float = PLANNING) -> Iterator[None]:
    """Read files and plan: SpecError where that takes us more processor time than so many seconds.

    It comes on top of what is refused by its size. Elsewhere than in the main thread nothing is bounded.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGPROF, too_long)
    try:
        signal.setitimer(signal.ITIMER_PROF, seconds, 1.0)  # and again: a destructor may swallow the first
        yield
    except TooMuchError:
        message = f"the file takes more than {seconds:.0f} s of processor time to plan"
        hint = "it is larger, or more entangled, than people write"
        raise SpecError(Diagnostic(message=message, code="too-much", hint=hint)) from None
    except MemoryError:
        message = "the file takes more memory to plan than there is"
        raise SpecError(Diagnostic(message=message, code="too-much")) from None
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
