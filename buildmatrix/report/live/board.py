"""A run while it goes on, as a board on a terminal: a line for each target, and a bar for all of them."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import IO, Self

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.text import Text

from buildmatrix.engine.progress.events import Event, Line, Warned
from buildmatrix.report.live.lines import ended, last_words
from buildmatrix.report.live.rows import BUSY, ENDS, Row, Rows
from buildmatrix.report.run.words import counted
from buildmatrix.report.shorten import last_of, told_apart
from buildmatrix.report.style import Style
from buildmatrix.text import clean, columns, flat, one_line, padded

A_SECOND = 4
"""How often the board is drawn."""

NAMES = 32
"""Columns that names have at least, where they need them."""

BOTH = 60
"""Columns from which on a step and its last line of log stand side by side."""

GOOD = dict.fromkeys(("built", "cached", "unchanged", "checked"), "green")
COLOURS = GOOD | {"failed": "bold red"} | dict.fromkeys(BUSY, "cyan")
PLAIN = Style(colour=False)


class Board:
    """Draws the board until it is closed. It may be told of events from any thread."""

    def __init__(
        self, rows: Rows, write_to: IO[str], log_trouble: Callable[[], str] = str, *, colour: bool = True
    ) -> None:
        """Take the rows of all targets, the terminal, and what tells that logs are no longer written."""
        self._rows = rows
        self._names: tuple[int, dict[str, str]] = (0, {})
        self._start = time.monotonic()
        self._lock = threading.Lock()
        self._trouble = log_trouble
        self._warnings = 0
        self._terminal = write_to
        console = Console(file=write_to, highlight=False, color_system="auto" if colour else None)
        self._live = Live(self, console=console, refresh_per_second=A_SECOND, transient=True)
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        """Start to draw."""
        self._stack.enter_context(unechoed(self._terminal))
        self._stack.enter_context(self._live)
        return self

    def __exit__(self, *_: object) -> None:
        """Take the board off the terminal: the summary follows."""
        self._stack.close()

    def __call__(self, event: Event) -> None:
        """Take note of an event."""
        if isinstance(event, Line):
            self._live.console.print(Text(clean(event.text)))
            return
        with self._lock:
            self._warnings += isinstance(event, Warned) and not event.again
            self._rows.note(event)

    # --- drawing --------------------------------------------------------------------------------------------------

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw as many lines as the terminal has: what runs and what failed come first."""
        height = max(4, (options.height or console.height) - 4)
        with self._lock:
            rows = list(self._rows.by_name.items())
        shown = _most_telling(rows, height)
        names = self._shown_names(options.max_width)
        for name, row in rows:
            if name in shown:
                yield self._line(names[name], row, options.max_width)
        if hidden := Counter(row.state for name, row in rows if name not in shown):
            listed = ", ".join(f"{count} {state}" for state, count in hidden.items())
            yield _cut(Text(f"  … and {listed}", style="dim"))
        yield self._total(rows, options.max_width)

    def _shown_names(self, width: int) -> dict[str, str]:
        """Return the names in a column of one width: long ones are cut so that rows still look different."""
        if self._names[0] != width:
            names = list(map(one_line, self._rows.by_name))
            room = min(max(NAMES, width * 2 // 5), max(map(columns, names), default=0))
            cut = [padded(name, room) for name in told_apart(names, room)]
            self._names = (width, dict(zip(self._rows.by_name, cut, strict=True)))
        return self._names[1]

    def _line(self, name: str, row: Row, width: int) -> Text:
        seconds = row.took if row.state in ENDS else time.monotonic() - row.since if row.since else 0.0
        step = row.step if row.state == "building" else None
        text = Text("  ")
        text.append(f"{name}  ", style="bold")
        text.append(f"{row.state:<9}", style=COLOURS.get(row.state, "dim"))
        text.append(f"  {_clock(seconds) if seconds else '':>6}  {step.number if step else '':>5}  ")
        waits = self._rows.waits_for(row) if row.state == "waiting" and not row.doing else ""
        text.append(waits or _doing(row, width - len(text)), style="dim")
        return _cut(text)

    def _total(self, rows: list[tuple[str, Row]], width: int) -> Text:
        done, whole = self._rows.done, max(1, len(rows))
        warned = f"  {counted(self._warnings, 'warning')}" if self._warnings else ""
        moving = "  tags move" if self._rows.held and done == len(rows) else ""
        end = f"{moving}  {done} of {len(rows)}  {_clock(time.monotonic() - self._start)}"
        room = max(10, min(60, width - len(end) - len(warned) - 4))
        filled = room * done // whole
        text = Text("  ")
        text.append("━" * filled, style="green")
        text.append("━" * (room - filled), style="dim")
        text.append(end)
        text.append(warned, style="yellow")
        if trouble := self._trouble():
            text.append(f"  {one_line(trouble)}", style="yellow")
        return _cut(text)


def _doing(row: Row, room: int) -> str:
    """Return what a row ends with: how its target ended, or the step that runs and the last line that it wrote."""
    if row.state in {"built", "cached"}:
        return row.left
    if row.outcome is not None:
        return last_of(ended(row.outcome, PLAIN, short=True), room)
    step = row.step
    if row.state != "building" or step is None:
        return flat(row.doing)
    text, log = flat(step.text), flat(last_words(step.log))
    if log and room >= BOTH:
        widest = max(room // 3, room - len(log) - 2)
        text = text if len(text) <= widest else text[: widest - 1] + "…"
        return f"{text}  {log}"
    return log or text


@contextmanager
def unechoed(terminal: IO[str]) -> Iterator[None]:
    """Keep what is typed (^C, Enter) off the screen: it would move the lines that are drawn over each other."""
    import termios

    try:
        number = terminal.fileno()
        before = termios.tcgetattr(number)
        quiet = [*before[:3], before[3] & ~(termios.ECHO | termios.ECHOCTL), *before[4:]]
        termios.tcsetattr(number, termios.TCSADRAIN, quiet)
    except (OSError, termios.error):  # it is not a terminal
        yield
        return
    try:
        yield
    finally:
        with suppress(OSError, termios.error):
            termios.tcsetattr(number, termios.TCSADRAIN, before)


def _most_telling(rows: list[tuple[str, Row]], height: int) -> set[str]:
    order = {"failed": 0, "building": 1, "exporting": 1, "pushing": 1, "stopped": 2, "waiting": 3, "skipped": 4}
    ranked = sorted(rows, key=lambda pair: order.get(pair[1].state, 5))
    return {name for name, _ in ranked[:height]}


def _cut(text: Text) -> Text:
    text.no_wrap, text.overflow = True, "ellipsis"
    return text


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}:{rest:02}" if minutes else f"{seconds:.1f}s"
