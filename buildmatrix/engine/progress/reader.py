"""BuildKit's progress as data: buildx's `rawjson` documents become events of targets.

A vertex is named `[TARGET PLATFORM 2/5] RUN …`, without the target where bake builds only one. What is not valid JSON
is bake's own words, at the end of a failed run.
"""

import re
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from buildmatrix.engine.outcome import StepOutcome
from buildmatrix.engine.progress.events import (
    Listener,
    LogLine,
    Pushing,
    Shared,
    StepEnded,
    StepStarted,
    Transferred,
    Warned,
)
from buildmatrix.engine.progress.rawjson import Documents, count, decoded, document, tables, word
from buildmatrix.engine.progress.tracks import MERGE, NUMBERED, Step, Track, is_canceled
from buildmatrix.patterns import regex
from buildmatrix.text import redacted

_NAME = regex(r"^\[(?P<head>[^\]]*)\] (?P<step>.*)$", re.DOTALL)
_WARNING = regex(r"^(?:(?P<rule>[A-Za-z]\w*): )?(?P<message>.*?)(?: \(line \d+\))?$", re.DOTALL)
_CACHE = "exporting cache to "
_DIGEST = regex(r"^exporting manifest (?P<list>list )?(?P<digest>sha256:[0-9a-f]{64})$")
_PLAIN = regex(r"#\d+ \[(?!internal\] load local bake definitions)")
"""A step in buildx's plain style."""

LONGEST_LINE = 1_000_000
"""Characters after which a line of a log is cut in two."""

WORDS = 200
"""The last lines that are no JSON, which are kept for the report of a failure."""

LOG_LINES = 20
"""The last lines of a step's log that are kept for the report of a failure."""


class Progress:
    """Reads the lines of one bake call. `words` gathers the lines that are no JSON: bake's own error."""

    def __init__(
        self,
        names: Iterable[str],
        listener: Listener,
        merges: Mapping[str, str] | None = None,
        whose: Callable[[str, str], str] = lambda name, _: name,
        in_bake: Mapping[str, str] | None = None,
    ) -> None:
        """Take the names of all targets in the bake file, a base before what depends on it, and who is told.

        `merges` tells whose image is merged from those of several nodes, by its names: bake does not say. `whose` tells
        of which target a step is that is told under the name of one, by its text: also what it depends on is.
        `in_bake` are the names of those that the bake file calls otherwise, by what they are called there.
        """
        self.tracks = {name: Track() for name in names}
        self.words: deque[str] = deque(maxlen=WORDS)
        self._order = {name: place for place, name in enumerate(self.tracks)}
        self._listener, self._merges, self._whose = listener, merges or {}, whose
        self._only = next(iter(self.tracks)) if len(self.tracks) == 1 else ""
        self._in_bake = in_bake or {}
        self._steps: dict[str, Step] = {}
        self._documents = Documents()
        self._warned: set[Warned] = set()
        self._shared: dict[tuple[str, str], bool] = {}

    def known(self, in_bake: str) -> str:
        """Return whom bake means by a name; "" for nobody."""
        name = self._in_bake.get(in_bake, in_bake)
        return name if name in self.tracks else ""

    @property
    def began(self) -> bool:
        """Whether anything was begun for a target; bake's own reading of its file is nothing."""
        return bool(self._steps) or any(map(_PLAIN.match, self.words))

    def steps(self, name: str, start: float, node_of: Callable[[str], str]) -> Iterator[StepOutcome]:
        """Yield a target's steps that have ended, with times from `start` (monotonic); `node_of` a platform."""
        for step in self._steps.values():
            counts = step.error or step.is_export or NUMBERED.search(step.at)
            if step.target == name and step.ended and counts:
                yield StepOutcome(
                    at=step.at,
                    text=step.text,
                    started=round(max(0.0, step.gone - step.seconds - start), 3),
                    seconds=round(step.seconds, 3),
                    cached=step.cached,
                    error=step.error,
                    node=node_of(step.at.partition(" ")[0] if "/" in step.at else ""),
                )

    def works_since(self, name: str) -> float:
        """Return when a step of a target's Dockerfile, or what writes its result, was first seen to run; 0 before.

        With what it depends on in one call, its Dockerfile is read long before that.
        """
        own = (step for step in self._steps.values() if step.target == name and step.seen)
        return min((step.seen for step in own if step.is_export or NUMBERED.search(step.at)), default=0.0)

    def good_steps(self, name: str, is_own: Callable[[str], bool]) -> Iterator[str]:
        """Yield where the steps stand that ended well and were told under a name, if they are its own by their text."""
        for digest, at in self.tracks[name].parts.items():
            step = self._steps[digest]
            if step.good and is_own(step.text):
                yield at

    def note_last(self, name: str) -> None:
        """Take what a target is about as what failed: it takes too long, and is ended."""
        parts = self.tracks[name].parts
        own = [step for digest, step in self._steps.items() if step.target == name or digest in parts]
        running = [step for step in own if step.started and not step.ended]
        last = max(running, key=lambda step: (NUMBERED.search(step.at) is not None, step.seen), default=None)
        if last is not None:
            self.tracks[name].failed_step = f"{last.at} {last.text}".strip()
            self.tracks[name].log = [*last.log, *filter(None, [redacted(last.partial)])]

    def runs(self, name: str) -> bool:
        """Tell whether a step of a target runs now."""
        return any(step.target == name and step.started and not step.ended for step in self._steps.values())

    def line(self, text: str) -> None:
        """Take one line of standard error."""
        whole = self._documents.whole(text)
        if whole is None:
            return
        status = document(whole)
        if status is None:
            self.words.append(redacted(whole))
        else:
            self._status(status)

    def _status(self, status: dict[str, Any]) -> None:
        vertexes = list(tables(status, "vertexes"))
        steps = list(map(self._step, vertexes))  # all are known before one of them ends
        for vertex, step in zip(vertexes, steps, strict=True):
            if step is not None:
                self._vertex(step, vertex)
                self._tell_shared(step, vertex)
        for transfer in tables(status, "statuses"):
            self._transfer(transfer)
        for log in tables(status, "logs"):
            self._log(log)
        for warning in tables(status, "warnings"):
            self._warning(warning)

    def _vertex(self, step: Step, vertex: dict[str, Any]) -> None:
        track = self.tracks[step.target]
        if step.good and step.cached and step.is_begun_again(word(vertex, "started")):
            step.good = False  # its next end tells; what came from a cache is fetched then, and is cached all the same
        step.cached = step.cached or bool(vertex.get("cached"))  # said at the start or at the last of several ends
        if started := word(vertex, "started"):
            self._started(step, track, started)
        if step.is_export:
            track.exports.setdefault(vertex["digest"], False)
        elif step.text.startswith(_CACHE):
            track.caches.setdefault(vertex["digest"], False)
        if completed := word(vertex, "completed"):
            step.ended, step.gone = completed, time.monotonic()
            track.gone = step.gone
            self._ended(step, track, vertex)

    def _tell_shared(self, step: Step, vertex: dict[str, Any]) -> None:
        """Tell that a step which has begun is also another target's, under whose name it is told here."""
        if not step.started or not NUMBERED.search(step.at):
            return
        name, at, text = self._named(redacted(word(vertex, "name")))
        if not name or name == step.target or self._whose(name, text) != name:
            return
        key, runs = (name, vertex["digest"]), not step.ended
        if key not in self._shared or (runs and not self._shared[key]):
            self._shared[key] = runs
            self._listener(Shared(target=name, whose=step.target, at=at, step=text, runs=runs))

    def _started(self, step: Step, track: Track, started: str) -> None:
        first = not step.started
        again = step.is_begun_again(started)
        step.started = started
        if first:
            step.seen = time.monotonic()
            track.seen = track.seen or step.seen
        if first or again:
            step.said = False
            self._listener(StepStarted(target=step.target, at=step.at, step=step.text, again=again, cached=step.cached))

    def _ended(self, step: Step, track: Track, vertex: dict[str, Any]) -> None:
        error = redacted(word(vertex, "error"))
        if not is_canceled(error):
            self._judge(step, track, vertex["digest"], error)
        if step.said:
            return
        step.said = True
        self._tell_end(step, step.seconds)

    def _tell_end(self, step: Step, took: float) -> None:
        self._listener(
            StepEnded(
                target=step.target, at=step.at, step=step.text, seconds=took, cached=step.cached, error=step.error
            )
        )

    def _judge(self, step: Step, track: Track, digest: str, error: str) -> None:
        step.error, step.good = error, not error
        for ends in (track.exports, track.caches):
            if digest in ends:
                ends[digest] = not error
        if error:
            track.failed_step, track.log = f"{step.at} {step.text}".strip(), step.log
            track.error = track.error or (error if NUMBERED.search(step.at) else "")
        if step.is_work:
            track.work[digest] = step.cached

    def _transfer(self, transfer: dict[str, Any]) -> None:
        step = self._steps.get(word(transfer, "vertex"))
        if step is None:
            return
        what = word(transfer, "id")
        if (found := _DIGEST.match(what)) is not None:
            track = self.tracks[step.target]
            track.manifests.update(() if found["list"] else (found["digest"],))
            if found["list"] or not track.has_list:
                track.digest, track.has_list = found["digest"], bool(found["list"])
        total, current = count(transfer, "total"), count(transfer, "current")
        if what.startswith("pushing ") and not step.pushing:
            step.pushing = True
            self._listener(Pushing(target=step.target))
        if total:
            self._listener(Transferred(target=step.target, what=what, current=current, total=total))

    def _step(self, vertex: dict[str, Any]) -> Step | None:
        """Return the step of a vertex. One that several targets share is told under each name; it is the first's."""
        digest = word(vertex, "digest")
        if not digest:
            return None
        target, at, text = self._named(redacted(word(vertex, "name")))
        if target and NUMBERED.search(at):
            owner = self._whose(target, text)
            for name in {target, owner}:
                self.tracks[name].parts[digest] = at
            target = owner
        known = self._steps.get(digest)
        if known is None and target:
            self._steps[digest] = known = Step(target=target, at=at, text=text)
        elif known is not None and target and self._order[target] < self._order[known.target]:
            self.tracks[known.target].work.pop(digest, None)
            self._move(known, target, at, text)
        return known

    def _move(self, step: Step, target: str, at: str, text: str) -> None:
        """Give a step to another target; where it runs, it ends for the one and starts for the other."""
        runs = bool(step.started) and not step.said
        if runs:
            self._tell_end(step, time.monotonic() - step.seen)
        step.target, step.at, step.text = target, at, text
        if runs:
            track = self.tracks[target]
            track.seen = track.seen or step.seen
            self._listener(StepStarted(target=target, at=at, step=text, cached=step.cached))

    def _named(self, name: str) -> tuple[str, str, str]:
        found = _NAME.match(name)
        if found is None:
            merged = self._merges.get(name.removeprefix(MERGE), "") if name.startswith(MERGE) else ""
            return merged or self._only, "", name
        head, step = found["head"], found["step"]
        first, _, rest = head.partition(" ")
        if (key := self.known(first)) and not (self._only and first == "internal"):
            return key, rest, step
        return ("", "", "") if step == "load local bake definitions" else (self._only, head, step)

    def _log(self, log: dict[str, Any]) -> None:
        step = self._steps.get(word(log, "vertex"))
        if step is None:
            return
        text = step.partial + decoded(word(log, "data"))
        *lines, step.partial = text.split("\n")
        if len(step.partial) > LONGEST_LINE:
            lines, step.partial = [*lines, step.partial], ""
        for line in lines:
            shown = redacted(line.rstrip("\r"))
            step.log = [*step.log[-LOG_LINES + 1 :], shown[:2000]]
            self._listener(LogLine(target=step.target, at=step.at, text=shown))

    def _warning(self, warning: dict[str, Any]) -> None:
        step = self._steps.get(word(warning, "vertex"))
        event = warned(step.target, warning) if step is not None else None
        if event is not None and event not in self._warned:
            self._warned.add(event)
            self._listener(event)


def warned(target: str, warning: Mapping[str, Any]) -> Warned:
    """Return a warning as an event: `short` is `Rule: what is wrong (line 3)`, in base64."""
    short = redacted(decoded(word(warning, "short"))).strip()
    found = _WARNING.match(short)
    spans = list(tables(warning, "range"))
    start = spans[0].get("start") if spans else None
    return Warned(
        target=target,
        rule=(found["rule"] if found else "") or "warning",
        message=found["message"] if found else short,
        line=count(start, "line") if isinstance(start, dict) else 0,
        url=redacted(word(warning, "url")),
    )


def is_of_dockerfile(at: str) -> bool:
    """Tell whether a step that stands there (`linux/amd64 2/5`) is one of a Dockerfile."""
    return NUMBERED.search(at) is not None
