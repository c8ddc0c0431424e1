"""Many questions at once, by threads that keep no program from ending."""

import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

Given = TypeVar("Given")
Got = TypeVar("Got")

AT_ONCE = 16
"""Questions at once: as many as connections are kept to one registry."""

LEAVING = 2.0
"""Seconds that are waited for work whose results nobody wants."""


class Begun(Generic[Given, Got]):
    """Work that goes on by itself; who needs the results waits for them."""

    def __init__(self, work: Callable[[Given], Got], items: Iterable[Given], at_once: int = AT_ONCE) -> None:
        """Begin, each item once."""
        self._work = work
        self._items = list(dict.fromkeys(items))
        self._waiting: SimpleQueue[Given] = SimpleQueue()
        self._found: dict[Given, Got] = {}
        self._errors: list[BaseException] = []
        for item in self._items:
            self._waiting.put(item)
        self._threads = [threading.Thread(target=self._go, daemon=True) for _ in range(min(at_once, len(self._items)))]
        for thread in self._threads:
            thread.start()

    def _go(self) -> None:
        try:
            while True:
                item = self._waiting.get_nowait()
                self._found[item] = self._work(item)
        except Empty:
            return
        except BaseException as error:  # noqa: BLE001 it is raised again where the results are wanted
            self._errors.append(error)

    def leave(self) -> None:
        """Begin nothing more, and wait a moment for what goes on: nobody wants the results.

        A thread that is still importing its libraries when the interpreter ends would crash it (found with 3.11); one
        that waits for an answer would not.
        """
        with suppress(Empty):
            while True:
                self._waiting.get_nowait()
        until = time.monotonic() + LEAVING
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    def left_after(self, seconds: float) -> list[Given]:
        """Return what is not done, after so many seconds at most."""
        until = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        return [item for item in self._items if item not in self._found and not self._errors]

    def result(self) -> dict[Given, Got]:
        """Wait for all, and return them in the order in which they were given."""
        for thread in self._threads:
            thread.join()
        if self._errors:
            raise self._errors[0]
        return {item: self._found[item] for item in self._items}


def all_of(work: Callable[[Given], Got], items: Iterable[Given], at_once: int = AT_ONCE) -> dict[Given, Got]:
    """Return what becomes of each item."""
    return Begun(work, items, at_once).result()
