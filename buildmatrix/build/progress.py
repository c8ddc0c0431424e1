"""BuildKit's progress as data: buildx's `rawjson` lines become events of targets.

A line is a SolveStatus (moby/buildkit client/graph.go) with `vertexes`, `statuses` and `logs`; buildx 0.13 spreads one
over several lines. A vertex is named `[TARGET PLATFORM 2/5] RUN …`, without the target where bake builds only one.
What is no JSON is bake's own words, at the end of a failed run.
"""

import base64
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

_NAME = re.compile(r"^\[(?P<head>[^\]]*)\] (?P<step>.*)$", re.DOTALL)
_NUMBERED = re.compile(r"\d+/\d+$")
LONGEST_LINE = 1_000_000
"""Characters after which a line of a log is cut in two."""

LOG_LINES = 20
"""The last lines of a step's log that are kept for the report of a failure."""


@dataclass(frozen=True, kw_only=True)
class StepEnded:
    """A step has ended: `step` as in `RUN make`, `at` as in `linux/amd64 2/5`; `error` is "" if it worked."""

    target: str
    at: str
    step: str
    seconds: float
    cached: bool
    error: str


@dataclass(frozen=True, kw_only=True)
class LogLine:
    """A line that a step of a target wrote."""

    target: str
    at: str
    text: str


Event = StepEnded | LogLine
Listener = Callable[[Event], None]


@dataclass
class _Step:
    target: str
    at: str
    text: str
    started: str = ""
    said: bool = False
    cached: bool = False
    log: list[str] = field(default_factory=list)
    partial: str = ""

    @property
    def is_work(self) -> bool:
        """Whether it is a step of the Dockerfile that can be cached: `2/5`, but no FROM."""
        return _NUMBERED.search(self.at) is not None and not self.text.startswith("FROM ")


@dataclass
class Track:
    """What is known of one target while it is built."""

    started: str = ""
    ended: str = ""
    work: dict[str, bool] = field(default_factory=dict)
    """The steps that have ended, by digest: whether each came from the cache."""
    failed_step: str = ""
    log: list[str] = field(default_factory=list)

    @property
    def ran(self) -> bool:
        """Whether a step was run and not taken from the cache."""
        return not all(self.work.values())

    @property
    def seconds(self) -> float:
        """Seconds from the first step's start to the last one's end."""
        return _seconds(self.started, self.ended)


class Progress:
    """Reads the lines of one bake call. `words` gathers the lines that are no JSON: bake's own error."""

    def __init__(self, names: Iterable[str], listener: Listener) -> None:
        """Take the names of all targets in the bake file, and who is told of events."""
        self.tracks = {name: Track() for name in names}
        self.words: list[str] = []
        self._listener = listener
        self._only = next(iter(self.tracks)) if len(self.tracks) == 1 else ""
        self._steps: dict[str, _Step] = {}
        self._pending: list[str] = []

    def line(self, text: str) -> None:
        """Take one line of standard error."""
        if self._pending:
            self._pending.append(text)
            if text == "}":
                text, self._pending = "\n".join(self._pending), []
            else:
                return
        elif text == "{":
            self._pending = [text]
            return
        if not text.startswith("{"):
            self.words.append(text)
            return
        try:
            status = json.loads(text)
        except ValueError:
            self.words.append(text)
            return
        self._status(status)

    def _status(self, status: dict[str, Any]) -> None:
        for vertex in status.get("vertexes") or ():
            self._vertex(vertex)
        for log in status.get("logs") or ():
            self._log(log)

    def _vertex(self, vertex: dict[str, Any]) -> None:
        step = self._step(vertex)
        if step is None:
            return
        track = self.tracks[step.target]
        step.cached = step.cached or bool(vertex.get("cached"))  # said at the start or at the last of several ends
        if started := vertex.get("started"):
            track.started = min(track.started, started) if track.started else started
            step.started = started
        if completed := vertex.get("completed"):
            track.ended = max(track.ended, completed)
            self._ended(step, track, vertex)

    def _ended(self, step: _Step, track: Track, vertex: dict[str, Any]) -> None:
        error = vertex.get("error", "")
        if "context canceled" in error:
            return
        if error:
            track.failed_step, track.log = f"{step.at} {step.text}".strip(), step.log
        if step.is_work:
            track.work[vertex["digest"]] = step.cached
        if step.said or not (error or step.is_work or step.text.startswith("exporting ")):
            return
        step.said = True
        seconds = _seconds(step.started, vertex["completed"])
        self._listener(
            StepEnded(target=step.target, at=step.at, step=step.text, seconds=seconds, cached=step.cached, error=error)
        )

    def _step(self, vertex: dict[str, Any]) -> _Step | None:
        digest = vertex["digest"]
        if digest not in self._steps:
            target, at, text = self._named(vertex.get("name", ""))
            if not target:
                return None
            self._steps[digest] = _Step(target=target, at=at, text=text)
        return self._steps[digest]

    def _named(self, name: str) -> tuple[str, str, str]:
        found = _NAME.match(name)
        if found is None:
            return self._only, "", name
        head, step = found["head"], found["step"]
        first, _, rest = head.partition(" ")
        if first in self.tracks and not (self._only and first == "internal"):
            return first, rest, step
        return ("", "", "") if step == "load local bake definitions" else (self._only, head, step)

    def _log(self, log: dict[str, Any]) -> None:
        step = self._steps.get(log.get("vertex", ""))
        if step is None:
            return
        text = step.partial + base64.b64decode(log.get("data") or "").decode(errors="replace")
        *lines, step.partial = text.split("\n")
        if len(step.partial) > LONGEST_LINE:
            lines, step.partial = [*lines, step.partial], ""
        for line in lines:
            shown = line.rstrip("\r")
            step.log = [*step.log[-LOG_LINES + 1 :], shown[:2000]]
            self._listener(LogLine(target=step.target, at=step.at, text=shown))


def _seconds(start: str, end: str) -> float:
    if not start or not end:
        return 0.0
    return max(0.0, (_time(end) - _time(start)).total_seconds())


def _time(text: str) -> datetime:
    """RFC 3339 with nanoseconds, as Go writes it."""
    return datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text))
