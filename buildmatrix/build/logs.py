"""The full log of each target in a file of its own."""

import re
from pathlib import Path
from typing import IO

from buildmatrix.engine.progress.events import (
    Event,
    LogLine,
    Retrying,
    Shared,
    StepEnded,
    StepStarted,
    TargetStarted,
    Warned,
)
from buildmatrix.files import make_folder, write_more, write_new
from buildmatrix.text import clean

AT_ONCE = 200
"""Files that are open at the same time; beyond, the oldest is closed and opened again when it is needed."""


def name_of(build: str) -> str:
    """Return what the file of a Build's log is called."""
    return f"{build.replace('/', '_')}.log"


class Logs:
    """Writes `NAME.log` into a directory, as the events come. A link in its place is replaced, never followed."""

    def __init__(self, folder: str | Path, root: str = "", *, lasting: bool = True) -> None:
        """Take the directory, which is made with the first line, and the directory around the spec.

        Unless the logs are `lasting`, nobody is told where they are.
        """
        self.lasting = lasting
        self.folder, self._root = Path(folder), root
        self.trouble = ""
        """Why logs are no longer written; "" if they are."""
        self._open: dict[str, IO[str]] = {}
        self._begun: set[str] = set()

    def path(self, name: str) -> str:
        """Return the path of a target's log; "" if it has none."""
        return self.place(name) if name in self._begun else ""

    def place(self, name: str) -> str:
        """Return the path that a target's log has, or will have with its first line."""
        return str(self._path(name))

    def _path(self, name: str) -> Path:
        return self.folder / name_of(name)

    def __call__(self, event: Event) -> None:
        """Write what is to be written of an event. A full disk ends the logs, and not the run."""
        match event:
            case TargetStarted() if event.attempt > 1:
                self._write(event.target, f"--- attempt {event.attempt}")
            case StepStarted() if re.match(r".*\d+/\d+$", event.at) and not event.again:
                self._write(event.target, f"[{event.at}] {event.step}{' (cached)' if event.cached else ''}")
            case Shared():
                self._write(event.target, f"[{event.at}] {event.step} (shared: see the log of {event.whose})")
            case LogLine():
                self._write(event.target, f"[{event.at}] | {event.text}" if event.at else f"| {event.text}")
            case StepEnded() if event.error:
                self._write(event.target, f"[{event.at}] failed after {event.seconds:.1f}s: {event.error}")
            case Warned():
                where = f" (line {event.line})" if event.line else ""
                self._write(event.target, f"warning: {event.rule}: {event.message}{where}")
            case Retrying():
                self._write(event.target, f"--- attempt {event.attempt} failed: {event.problem}")

    def _write(self, name: str, line: str) -> None:
        """Write a line; what others would obey in it is written out, and further lines of it are told from ours."""
        if self.trouble:
            return
        try:
            self._file(name).write(clean(line).replace("\n", "\n  | ") + "\n")
        except OSError as error:
            self.trouble = f"logs are no longer written to {self.folder}: {error.strerror}"

    def _file(self, name: str) -> IO[str]:
        if name not in self._open:
            make_folder(self.folder, self._root)
            if len(self._open) >= AT_ONCE:
                self._open.pop(next(iter(self._open))).close()
            path = self._path(name)
            self._open[name] = write_more(path) if name in self._begun else write_new(path, self._root)
            self._begun.add(name)
        return self._open[name]

    def flush(self, name: str) -> None:
        """Bring a target's log to the disk: somebody is going to read it."""
        try:
            if name in self._open:
                self._open.pop(name).close()
        except OSError as error:
            self.trouble = self.trouble or f"logs are no longer written to {self.folder}: {error.strerror}"

    def close(self) -> None:
        """Close all files."""
        for name in list(self._open):
            self.flush(name)
