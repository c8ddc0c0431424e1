"""A run while it goes on, as lines: for a CI log, which keeps them. A line as a target starts, and one as it ends."""

import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from secrets import token_hex
from typing import Self

from buildmatrix.engine.outcome import BuildOutcome, Status
from buildmatrix.engine.progress.events import Event, Line, Retrying, TargetDone, TargetEnded, TargetStarted
from buildmatrix.patterns import regex
from buildmatrix.report.live.rows import BUSY, Row, Rows
from buildmatrix.report.run.words import DIGEST, duration
from buildmatrix.report.style import Style
from buildmatrix.text import clean, command, flat

WIDEST = 100
"""Characters of the last line of a log that are shown; a reason is shown whole, since its end is the cause."""

EVERY = 30.0
"""Seconds after which what runs is said: CI services end jobs that say nothing for long."""

MOST_REMINDED = 5
"""Targets of which that is said at once."""

_ESCAPES = regex(r"\x1b\[[0-9;?]*[A-Za-z]")
"""What colours a text and moves the cursor."""


class Lines:
    """Writes a line for each target that starts, is tried again, or ends; and now and then what still runs.

    With `log_of` (GitHub) the log of each target follows its end, in a group that is folded.
    """

    def __init__(
        self,
        rows: Rows,
        style: Style,
        write: Callable[[str], None],
        log_of: Callable[[str], Iterable[str]] | None = None,
        *,
        every: float = EVERY,
    ) -> None:
        """Take the rows of all targets and what writes a text; what runs is said after each `every` seconds."""
        self._rows = rows
        self._width = min(28, max(map(len, rows.by_name), default=0))
        self._style, self._write, self._log_of = style, write, log_of
        self._every, self._clock = every, rows.clock
        self._done: set[str] = set()
        self._said: dict[str, float] = {}
        self._lock = threading.Lock()
        self._over = threading.Event()

    def __enter__(self) -> Self:
        """Start to say what runs."""
        threading.Thread(target=self._remind, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Say nothing more."""
        self._over.set()

    def __call__(self, event: Event) -> None:
        """Show an event. It may come from any thread."""
        with self._lock:
            self._show(event, self._rows.note(event))

    def _remind(self) -> None:
        while not self._over.wait(self._every):
            with suppress(OSError):  # nobody reads any more, which others notice
                self.remind()

    def remind(self) -> None:
        """Say what runs, of those targets of which nothing was said for a while."""
        with self._lock:
            now = self._clock()
            late = now - self._every / 2
            busy = [(name, row) for name, row in self._rows.by_name.items() if row.state in BUSY]
            silent = [(name, row) for name, row in busy if self._said.get(name, 0.0) <= late]
            for name, row in silent[:MOST_REMINDED]:
                self._say(name, running(row, now))
            if more := silent[MOST_REMINDED:]:
                self._said |= dict.fromkeys((name for name, _ in more), now)
            if more or max(self._said.values(), default=0.0) <= late:
                self._write(f"{self._rows.done} of {len(self._rows.by_name)} done, {len(busy)} at work\n")
                self._said[""] = now

    def _show(self, event: Event, row: Row | None) -> None:
        match event:
            case TargetStarted():
                again = f" (attempt {event.attempt})" if event.attempt > 1 else ""
                because = f": {flat(event.because)}" if event.because and not again else ""
                self._say(event.target, f"started{again}{because}")
            case Retrying():
                problem = flat(event.problem)
                self._say(event.target, f"attempt {event.attempt} failed: {problem}; again in {event.seconds:.0f}s")
            case TargetDone() if row is not None:
                self._done.add(event.target)
                self._end(event.target, done(row, self._style), logged=True)
            case TargetEnded() if event.outcome.name in self._done and event.outcome.status in {"built", "cached"}:
                self._done.discard(event.outcome.name)  # it was said when it was written
            case TargetEnded():
                logged = self._log_of is not None and bool(event.outcome.steps)
                is_done = row is not None and row.held and event.outcome.status in {"built", "cached"}
                text = done(row, self._style) if row and is_done else ended(event.outcome, self._style, logged=logged)
                self._end(event.outcome.name, text, logged=logged)

    def _say(self, name: str, text: str) -> None:
        self._said[name] = self._clock()
        self._write(f"{self._style.name(f'{name:<{self._width}}')}  {text}\n")

    def _end(self, name: str, text: str, *, logged: bool) -> None:
        if self._log_of is None or not logged:
            self._say(name, text)
            return
        self._write(command("group", f"{name}  {text}"))
        self._write_log(self._log_of(name))
        self._write(command("endgroup"))

    def _write_log(self, lines: Iterable[str]) -> None:
        """Write lines of others; GitHub obeys none of them, until a word comes that they cannot know."""
        word = token_hex(16)
        self._write(command("stop-commands", word))
        try:
            for line in lines:
                self._write(clean(line).expandtabs(8))
        finally:
            self._write(command(word))


class Passed:
    """Passes on buildx's own lines, each made fit by `fit`, and says nothing else."""

    def __init__(self, write: Callable[[str], None], fit: Callable[[str], str] = clean) -> None:
        self._write, self._fit = write, fit

    def __call__(self, event: Event) -> None:
        """Show an event."""
        if isinstance(event, Line):
            self._write(f"{self._fit(event.text)}\n")


def running(row: Row, now: float) -> str:
    """Return what a target does, in one line: `building 1:32, linux/amd64 2/5 RUN make: gcc -c a.c`."""
    step, since = row.longest, f"{row.state} {duration(now - row.since)}"
    if step is None:
        return f"{since}, {row.doing}" if row.doing else since
    took = f" ({duration(now - step.since)})" if round(now - step.since) < round(now - row.since) else ""
    text = shortened(f"{step.at} {step.text}".strip(), WIDEST // 2)
    return f"{since}, {text}{took}" + (f": {shortened(last_words(step.log))}" if step.log else "")


def last_words(log: str) -> str:
    """Return what a line of a log shows at last: what is behind its last carriage return, without colours."""
    return _ESCAPES.sub("", log.rstrip("\r").rpartition("\r")[2])


def done(row: Row, style: Style) -> str:
    """Return that a target is done, in one line: `built 12.4s sha256:4af5eec9f528`."""
    status: Status = "built" if row.state == "built" else "cached"
    return " ".join(filter(None, (painted(status, status, style), f"{row.took:.1f}s" if row.took else "", row.left)))


def ended(outcome: BuildOutcome, style: Style, *, short: bool = False, logged: bool = False) -> str:
    """Return how a target ended, in one line: `built 12.4s sha256:4af5eec9f528`; `short`: only what is behind that.

    Where its log follows (`logged`), that says why it failed.
    """
    parts = [] if short else [painted(outcome.status, outcome.status, style)]
    parts += [f"{outcome.seconds:.1f}s"] if outcome.seconds and not short else []
    if logged and outcome.status == "failed":
        return " ".join(parts)
    if outcome.status in {"failed", "stopped", "skipped"}:
        step = outcome.failed_step if outcome.reason.startswith("exit code") else ""
        reason = flat(outcome.reason)
        parts.append(f"{shortened(step, WIDEST // 2)}: {reason}" if step else reason)
    elif outcome.digest:
        parts.append(outcome.digest[:DIGEST])
    return " ".join(part for part in parts if part)


def painted(status: Status, text: str, style: Style) -> str:
    """Return a text in the colour of a status."""
    paint = dict.fromkeys(("built", "cached", "unchanged", "checked"), style.good) | {"failed": style.error}
    return paint.get(status, style.warning)(text)


def shortened(text: str, widest: int = WIDEST) -> str:
    """Return a text on one line, cut where it is too long for a line."""
    text = flat(text)
    return text if len(text) <= widest else text[: widest - 1] + "…"
