"""A run while it goes on, as lines: for a CI log, and for a terminal that keeps them."""

from collections.abc import Callable

from buildmatrix.build.progress import Event, LogLine, StepEnded
from buildmatrix.report.style import Style

WIDEST = 100
"""Characters of a step's text that are shown."""


class Lines:
    """Writes a line for each step that ends and for each line of a log, the target's name first."""

    def __init__(self, names: list[str], style: Style, write: Callable[[str], None]) -> None:
        """Take all names (they are padded alike) and what writes a line."""
        self._width = min(28, max(map(len, names), default=0))
        self._style, self._write = style, write

    def __call__(self, event: Event) -> None:
        """Show an event."""
        if not isinstance(event, StepEnded | LogLine):
            return
        name = self._style.name(f"{event.target:<{self._width}}")
        match event:
            case StepEnded():
                self._write(f"{name}  {self._step(event)}\n")
            case LogLine():
                platform = event.at.partition(" ")[0] if "/" in event.at and " " in event.at else ""
                self._write(f"{name}  {platform}{' ' if platform else ''}{self._style.quiet('| ' + event.text)}\n")

    def _step(self, event: StepEnded) -> str:
        where = f"{event.at} " if event.at else ""
        text = event.step.replace("\n", " ")
        text = text if len(text) <= WIDEST else text[: WIDEST - 1] + "…"
        if event.error:
            return f"{where}{text}  {self._style.error('failed')} {event.seconds:.1f}s"
        end = self._style.quiet("cached") if event.cached else f"{event.seconds:.1f}s"
        return f"{where}{text}  {end}"
