"""A run while it goes on, as lines: for a CI log, which keeps them. A line as a target starts, and one as it ends."""

from collections.abc import Callable, Iterable
from secrets import token_hex

from buildmatrix.build.events import Event, Line, Retrying, TargetEnded, TargetStarted
from buildmatrix.build.outcome import Status, TargetOutcome
from buildmatrix.report.style import Style
from buildmatrix.text import clean, command, one_line

WIDEST = 100
"""Characters of a reason that are shown."""


class Lines:
    """Writes a line for each target that starts, is tried again, or ends.

    With `log_of` (GitHub) the log of each target follows its end, in a group that is folded.
    """

    def __init__(
        self,
        names: Iterable[str],
        style: Style,
        write: Callable[[str], None],
        log_of: Callable[[str], Iterable[str]] | None = None,
        *,
        fit: Callable[[str], str] = clean,
        quiet: bool = False,
    ) -> None:
        """Take all names (they are padded alike) and what writes a text.

        `quiet` passes on buildx's lines only, each made fit by `fit`.
        """
        self._quiet, self._fit = quiet, fit
        self._width = min(28, max(map(len, names), default=0))
        self._style, self._write, self._log_of = style, write, log_of

    def __call__(self, event: Event) -> None:
        """Show an event."""
        match event:
            case Line():
                self._write(f"{self._fit(event.text)}\n")
            case _ if self._quiet:
                return
            case TargetStarted():
                again = f" (attempt {event.attempt})" if event.attempt > 1 else ""
                because = f": {shortened(event.because)}" if event.because and not again else ""
                self._say(event.target, f"started{again}{because}")
            case Retrying():
                problem = shortened(event.problem)
                self._say(event.target, f"attempt {event.attempt} failed: {problem}; again in {event.seconds:.0f}s")
            case TargetEnded():
                self._ended(event.outcome)

    def _say(self, name: str, text: str) -> None:
        self._write(f"{self._style.name(f'{name:<{self._width}}')}  {text}\n")

    def _ended(self, outcome: TargetOutcome) -> None:
        text = ended(outcome, self._style)
        if self._log_of is None or not outcome.steps:
            self._say(outcome.name, text)
            return
        self._write(command("group", f"{outcome.name}  {text}"))
        self._write_log(self._log_of(outcome.name))
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


def ended(outcome: TargetOutcome, style: Style, *, short: bool = False) -> str:
    """Return how a target ended, in one line: `built 12.4s sha256:4af5eec9f528`; `short`: only what is behind that."""
    parts = [] if short else [painted(outcome.status, outcome.status, style)]
    parts += [f"{outcome.seconds:.1f}s"] if outcome.seconds and not short else []
    if outcome.status in {"failed", "stopped", "skipped"}:
        parts.append(shortened(outcome.reason))
    elif outcome.digest:
        parts.append(outcome.digest[: len("sha256:") + 12])
    return " ".join(part for part in parts if part)


def painted(status: Status, text: str, style: Style) -> str:
    """Return a text in the colour of a status."""
    paint = dict.fromkeys(("built", "cached", "kept", "checked"), style.good) | {"failed": style.error}
    return paint.get(status, style.warning)(text)


def shortened(text: str) -> str:
    """Return a text on one line, cut where it is too long for a line."""
    text = one_line(" ".join(text.split()))
    return text if len(text) <= WIDEST else text[: WIDEST - 1] + "…"
