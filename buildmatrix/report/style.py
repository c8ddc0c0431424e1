"""Colours: they only add; without them nothing is lost."""

from buildmatrix.records import dataclass
from buildmatrix.text import painted


@dataclass(frozen=True)
class Style:
    """Wraps words in colours, which `text.terminal` lets pass, or leaves them as they are."""

    colour: bool = False

    def _wrap(self, code: str, text: str) -> str:
        return painted(code, text) if self.colour and text else text

    def error(self, text: str) -> str:
        """Red and bold: what is wrong."""
        return self._wrap("1;31", text)

    def warning(self, text: str) -> str:
        """Yellow and bold: what to look at."""
        return self._wrap("1;33", text)

    def good(self, text: str) -> str:
        """Green: what worked."""
        return self._wrap("32", text)

    def name(self, text: str) -> str:
        """Bold: names and headings."""
        return self._wrap("1", text)

    def hint(self, text: str) -> str:
        """Cyan: what to write instead."""
        return self._wrap("36", text)

    def quiet(self, text: str) -> str:
        """Dim: what is said again."""
        return self._wrap("2", text)
