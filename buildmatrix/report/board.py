"""A run while it goes on, as a board on a terminal: a line for each target, and a bar for all of them."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import IO, Self

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.text import Text

from buildmatrix.build.events import (
    Event,
    Line,
    Retrying,
    StepStarted,
    TargetEnded,
    TargetStarted,
    Transferred,
)
from buildmatrix.report.progress import ended
from buildmatrix.report.style import Style
from buildmatrix.report.words import STATUSES
from buildmatrix.text import clean, one_line

A_SECOND = 4
"""How often the board is drawn."""

GOOD = dict.fromkeys(("built", "cached", "kept", "checked"), "green")
COLOURS = GOOD | {"failed": "bold red", "building": "cyan"}
PLAIN = Style(colour=False)


@dataclass
class _Row:
    """What is known of one target."""

    state: str = "waiting"
    doing: str = ""
    steps: str = ""
    since: float = 0.0
    took: float = 0.0


class Board:
    """Draws the board until it is closed. It may be told of events from any thread."""

    def __init__(
        self, targets: Mapping[str, tuple[str, ...]], write_to: IO[str], log_trouble: Callable[[], str] = str
    ) -> None:
        """Take the targets with what each waits for, the terminal, and what tells that logs are no longer written."""
        self._rows = {name: _Row(doing=_waits_for(before)) for name, before in targets.items()}
        self._width = min(32, max(map(len, self._rows), default=0))
        self._start = time.monotonic()
        self._lock = threading.Lock()
        self._trouble = log_trouble
        console = Console(file=write_to, highlight=False)
        self._live = Live(self, console=console, refresh_per_second=A_SECOND, transient=True)

    def __enter__(self) -> Self:
        """Start to draw."""
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Take the board off the terminal: the summary follows."""
        self._live.stop()

    def __call__(self, event: Event) -> None:
        """Take note of an event."""
        if isinstance(event, Line):
            self._live.console.print(Text(clean(event.text)))
            return
        name = event.outcome.name if isinstance(event, TargetEnded) else event.target
        with self._lock:
            if (row := self._rows.get(name)) is not None:
                _note(row, event)

    # --- drawing --------------------------------------------------------------------------------------------------

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw as many lines as the terminal has: what runs and what failed come first."""
        height = max(4, (options.height or console.height) - 4)
        with self._lock:
            rows = list(self._rows.items())
        shown = _most_telling(rows, height)
        for name, row in rows:
            if name in shown:
                yield self._line(name, row)
        if hidden := Counter(row.state for name, row in rows if name not in shown):
            listed = ", ".join(f"{count} {state}" for state, count in hidden.items())
            yield _cut(Text(f"  … and {listed}", style="dim"))
        yield self._total(rows, options.max_width)

    def _line(self, name: str, row: _Row) -> Text:
        seconds = row.took if row.state in _ENDS else time.monotonic() - row.since if row.since else 0.0
        text = Text("  ")
        text.append(f"{one_line(name)[: self._width]:<{self._width}}  ", style="bold")
        text.append(f"{row.state:<8}", style=COLOURS.get(row.state, "dim"))
        text.append(f"  {_clock(seconds) if seconds else '':>6}  {row.steps:>5}  ")
        text.append(one_line(" ".join(row.doing.split())), style="dim")
        return _cut(text)

    def _total(self, rows: list[tuple[str, _Row]], width: int) -> Text:
        done, whole = sum(row.state in _ENDS for _, row in rows), max(1, len(rows))
        end = f"  {done} of {len(rows)}  {_clock(time.monotonic() - self._start)}"
        room = max(10, min(60, width - len(end) - 4))
        filled = room * done // whole
        text = Text("  ")
        text.append("━" * filled, style="green")
        text.append("━" * (room - filled), style="dim")
        text.append(end)
        if trouble := self._trouble():
            text.append(f"  {one_line(trouble)}", style="yellow")
        return _cut(text)


_ENDS = frozenset[str](STATUSES)


def _note(row: _Row, event: Event) -> None:
    match event:
        case _ if row.state in _ENDS and not isinstance(event, TargetEnded):
            return  # another call's, which builds upon it
        case TargetStarted():
            row.state, row.doing, row.since = "building", event.because, row.since or time.monotonic()
        case StepStarted() if event.step.startswith(("exporting ", "merging ")):
            row.state, row.doing = "pushing", event.step
        case StepStarted():
            row.doing, row.steps = event.step, _number(event.at) or row.steps
        case Transferred() if row.state == "pushing":
            row.doing = f"{event.current / 1e6:.0f} MB of {event.total / 1e6:.0f} MB"
        case Retrying():
            row.state = "waiting"
            row.doing = f"attempt {event.attempt} failed, again in {event.seconds:.0f}s: {event.problem}"
        case TargetEnded():
            outcome = event.outcome
            row.state, row.took, row.steps = outcome.status, outcome.seconds, ""
            row.doing = ended(outcome, PLAIN, short=True)


def _number(at: str) -> str:
    last = at.rpartition(" ")[2]
    return last if "/" in last and last.replace("/", "").isdigit() else ""


def _waits_for(names: tuple[str, ...]) -> str:
    return f"for {', '.join(names)}" if names else ""


def _most_telling(rows: list[tuple[str, _Row]], height: int) -> set[str]:
    order = {"failed": 0, "building": 1, "pushing": 1, "stopped": 2, "waiting": 3, "skipped": 4}
    ranked = sorted(rows, key=lambda pair: order.get(pair[1].state, 5))
    return {name for name, _ in ranked[:height]}


def _cut(text: Text) -> Text:
    text.no_wrap, text.overflow = True, "ellipsis"
    return text


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}:{rest:02}" if minutes else f"{seconds:.1f}s"
