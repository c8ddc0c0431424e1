"""From pointers to lines: the one place where that is done, and only when there is something to report."""

import posixpath
from dataclasses import replace
from itertools import takewhile
from pathlib import Path

from buildmatrix.errors import Place
from buildmatrix.patterns import regex
from buildmatrix.records import dataclass
from buildmatrix.spec.toml.positions import Position, Span, locate
from buildmatrix.spec.toml.source import Sources

_MADE = regex(r"\{[%#]")
"""A line of a template that may become none, or several."""

_JOINED = regex(rf"{_MADE.pattern}|(?<!\\)(?:\\\\)*\\$")
"""The same of a string with escapes, in which a backslash at a line's end takes the next line in."""


@dataclass(frozen=True, kw_only=True)
class Spot:
    """A place with its line: `line`, `column` and `width` count from 1; line 0 where there is none to show."""

    file: str
    line: int = 0
    column: int = 0
    width: int = 1
    text: str = ""

    @property
    def label(self) -> str:
        """`file:line:column`, as far as it is known."""
        column = f":{self.column}" if self.column else ""
        return f"{self.file}:{self.line}{column}" if self.line else self.file


class Places:
    """Answers where a Place is, in the texts that were read."""

    def __init__(self, sources: Sources, prefix: str = "") -> None:
        """Take the texts; `prefix` is the way to their directory, put before their names."""
        self._texts = sources.texts
        self._prefix, self._repository, self._named = prefix, sources.repository, sources.named
        self._lines: dict[str, list[str]] = {}
        self._positions: dict[str, dict[tuple[str | int, ...], Position]] = {}

    def spot(self, place: Place | None) -> Spot | None:
        """Return the spot of a place; None for no place."""
        if place is None:
            return None
        if posixpath.isabs(place.file) and place.file not in self._texts:
            return Spot(file=self._from_root(place.file), line=place.line, column=place.column)
        if place.file not in self._texts:
            known = place.line or place.file == self._named or (place.file.endswith(".toml") and " " not in place.file)
            file = self._from_here(place.file) if known else place.file
            return Spot(file=file, line=place.line, column=place.column)
        file = place.file if posixpath.isabs(place.file) else self._from_here(place.file)
        span = self._span(place)
        if span is None:
            return Spot(file=file)
        if place.file not in self._lines:
            self._lines[place.file] = self._texts[place.file].split("\n")
        lines = self._lines[place.file]
        text = lines[span.line - 1] if span.line <= len(lines) else ""
        return Spot(file=file, line=span.line, column=span.column, width=span.width, text=text)

    def line(self, place: Place) -> str:
        """Return `file:line` of a place, as far as it is known."""
        spot = self.spot(place)
        return f"{spot.file}:{spot.line}" if spot and spot.line else spot.file if spot else ""

    def file_and_line(self, place: Place | None) -> tuple[str | None, int | None]:
        """Return both, as far as they are known."""
        spot = self.spot(place)
        return (spot.file, spot.line or None) if spot else (None, None)

    def _from_here(self, file: str) -> str:
        """Return the way to a file: one that leads up and down again through the same directories is left out.

        Names alone are compared: a link stays as it was written.
        """
        names, up = file.split("/"), self._prefix.count("/")
        if self._prefix != "../" * up:
            return self._prefix + file
        climbed = Path.cwd().parts[-up:] if up and names[1:] else ()
        pairs = zip(climbed, names[:-1], strict=False)
        same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
        return "../" * (up - same) + "/".join(names[same:])

    def _from_root(self, file: str) -> str:
        """Return the path of a file from the repository's root; as it is where it lies outside."""
        return posixpath.relpath(file, self._repository.root) if self._repository.holds(file) else file

    def _span(self, place: Place) -> Span | None:
        if place.line:
            return Span(line=place.line, column=max(1, place.column), width=1)
        if place.within and (span := self._within(place)):
            return span
        known = self._located(place.file) if place.pointer else {}
        for length in range(len(place.pointer), 0, -1):
            if (found := known.get(place.pointer[:length])) is not None:
                whole = length == len(place.pointer)
                return found.value if whole and place.part == "value" else found.key
        return None

    def _within(self, place: Place) -> Span | None:
        """Return a line of a value of several lines; None where it cannot be told: behind what may be more or fewer."""
        whole = self._span(replace(place, within=0))
        lines = self._texts[place.file].split("\n")
        opened = lines[whole.line - 1][whole.column - 1 :] if whole else ""
        if whole is None or not opened.startswith(('"""', "'''")):
            return None
        shifts = _JOINED if opened.startswith('"') else _MADE
        first = whole.line + (opened[3:] in {"", "\\"})
        number = first + place.within - 1
        if number > len(lines) or any(map(shifts.search, lines[first - 1 : number - 1])):
            return None
        text = lines[number - 1]
        return Span(line=number, column=1 + len(text) - len(text.lstrip()), width=max(1, len(text.strip())))

    def _located(self, file: str) -> dict[tuple[str | int, ...], Position]:
        if file not in self._positions:
            try:
                self._positions[file] = locate(self._texts[file])
            except ValueError:  # not TOML: the syntax error has its own line
                self._positions[file] = {}
        return self._positions[file]
