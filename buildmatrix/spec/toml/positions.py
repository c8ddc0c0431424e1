"""Where things sit in a TOML text: pointer to line, column and width.

tomli tells values, not places. This walks a text that tomli has accepted, once, and notes where each key and list item
begins; it never judges or converts a value. Containers wait on a stack of their own: depth costs no recursion.
"""

import re
from bisect import bisect_right

import tomli

from buildmatrix.errors import Pointer
from buildmatrix.patterns import regex
from buildmatrix.records import dataclass

_GAP = regex(r"[ \t\n]*(?:#[^\n]*)?")
_GAP_BEGINS = frozenset(" \t\n#")
_BARE_KEY = regex(r"[A-Za-z0-9_-]+")
_SCALAR = regex(r"[^ \t\n,\]}#]+(?: [0-9]{2}:[^ \t\n,\]}#]+)?")  # 1979-05-27 07:32:00 is one
_OPENING = regex(r"\"\"\"|'''|[\"'\[{]|")
_CLOSING = {"[": "]", "{": "}"}
_QUOTE_END = {
    '"': regex(r'\\.|"', re.DOTALL),
    "'": regex("'"),
    '"""': regex(r'\\.|"{3,5}', re.DOTALL),  # up to two quotes may stand before the three that close
    "'''": regex("'{3,5}"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """Some characters of one line: `line` and `column` count from 1, `column` and `width` in code points."""

    line: int
    column: int
    width: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Position:
    """Both sides of `key = value`; the value of several lines is its first line, up to that line's end.

    `key` is the name as written, quotes included: of a dotted key or a header the part that names this very thing, of
    an item of `[…]` the item itself. A table made by a header or by a dotted key has no value: `value` repeats `key`.
    """

    key: Span
    value: Span


def locate(text: str) -> dict[Pointer, Position]:
    """Return the position of every key and every list item, in no order, of a text that tomli accepts.

    So it does of JSON, which begins as no TOML does. A BOM at the start has no width. A table that several headers
    mention sits where a header names it in full, else where it is mentioned first. Anything else may give a ValueError
    or nonsense.
    """
    walker = _Walker(text.removeprefix("\ufeff").replace("\r\n", "\n"))
    if walker.is_json():
        walker.value()
    else:
        walker.document()
    return walker.found


class _Cursor:
    """A text and an offset in it that only grows: takes what TOML is made of, one token a call."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.line_starts = [0, *(newline.end() for newline in re.finditer("\n", text)), len(text) + 1]

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def take(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self.text, self.at)
        if found is None:
            raise ValueError(f"not TOML at offset {self.at}")
        self.at = found.end()
        return found.group()

    def skip_gap(self) -> None:
        while self.peek() in _GAP_BEGINS:
            self.take(_GAP)

    def skip_string(self, quote: str) -> None:
        for found in _QUOTE_END[quote].finditer(self.text, self.at):
            if not found.group().startswith("\\"):
                self.at = found.end()
                return
        raise ValueError(f"not TOML: no closing {quote} after offset {self.at}")

    def take_key(self) -> list[tuple[str, Span]]:
        """Take a dotted key and the gaps around it: each part's name and span."""
        parts: list[tuple[str, Span]] = []
        while not parts or self.peek() == ".":
            self.at += bool(parts)
            self.skip_gap()
            start = self.at
            parts.append((self.take_name(), self.span_from(start)))
            self.skip_gap()
        return parts

    def take_name(self) -> str:
        quote, start = self.peek(), self.at
        if quote not in {'"', "'"}:
            return self.take(_BARE_KEY)
        self.at += 1
        self.skip_string(quote)
        written = self.text[start : self.at]
        return _unescaped(written) if quote == '"' and "\\" in written else written[1:-1]

    def span_from(self, start: int) -> Span:
        """Return what lies between `start` and the cursor, cut at the end of the first line."""
        line = bisect_right(self.line_starts, start)
        end = min(self.at, self.line_starts[line] - 1)
        return Span(line=line, column=start - self.line_starts[line - 1] + 1, width=end - start)


def _unescaped(basic_string: str) -> str:
    return str(tomli.loads(f"name = {basic_string}")["name"])


@dataclass(kw_only=True, slots=True)
class _Open:
    """An array or inline table whose closing bracket is still to come; `start` is an offset."""

    pointer: Pointer
    key: Span | None
    start: int
    closing: str
    length: int = 0


class _Walker(_Cursor):
    """Fills `found`; `last` holds, for each array of tables, the index of its newest table."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.found: dict[Pointer, Position] = {}
        self.last: dict[Pointer, int] = {}
        self.open: list[_Open] = []

    def is_json(self) -> bool:
        return self.text.lstrip().startswith("{")

    def value(self) -> None:
        """Take a document of JSON: like TOML's values, with another sign between a key and its value."""
        self.skip_gap()
        self.begin_value((), None)
        while self.open:
            self.advance(self.open[-1])

    def document(self) -> None:
        table: Pointer = ()
        self.skip_gap()
        while self.peek():
            if self.peek() == "[":
                table = self.header()
            else:
                self.pair(table)
            self.skip_gap()

    def header(self) -> Pointer:
        is_item = self.text.startswith("[[", self.at)
        self.at += 1 + is_item
        *parents, (name, span) = self.take_key()
        self.at += 1 + is_item
        pointer = (*self.parent(parents), name)
        if is_item:
            pointer = self.append(pointer, span)
        self.found[pointer] = Position(key=span, value=span)
        return pointer

    def parent(self, parts: list[tuple[str, Span]]) -> Pointer:
        """Return the table that a header's leading parts lead to: in an array of tables the newest one."""
        pointer: Pointer = ()
        for name, span in parts:
            pointer = (*pointer, name)
            self.mention(pointer, span)
            if pointer in self.last:
                pointer = (*pointer, self.last[pointer])
        return pointer

    def append(self, array: Pointer, span: Span) -> Pointer:
        self.mention(array, span)
        self.last[array] = self.last.get(array, -1) + 1
        return (*array, self.last[array])

    def mention(self, table: Pointer, span: Span) -> None:
        if table not in self.found:
            self.found[table] = Position(key=span, value=span)

    def pair(self, table: Pointer) -> None:
        self.begin_pair(table)
        while self.open:
            self.advance(self.open[-1])

    def begin_pair(self, table: Pointer) -> None:
        *parents, (name, span) = self.take_key()
        for parent, parent_span in parents:
            table = (*table, parent)
            self.mention(table, parent_span)
        self.at += 1
        self.skip_gap()
        self.begin_value((*table, name), span)

    def begin_value(self, pointer: Pointer, key: Span | None) -> None:
        start = self.at
        opening = self.take(_OPENING)
        if opening in _CLOSING:
            self.open.append(_Open(pointer=pointer, key=key, start=start, closing=_CLOSING[opening]))
            return
        if opening:
            self.skip_string(opening)
        else:
            self.take(_SCALAR)
        self.end_value(pointer, key, start)

    def end_value(self, pointer: Pointer, key: Span | None, start: int) -> None:
        value = self.span_from(start)
        self.found[pointer] = Position(key=key or value, value=value)

    def advance(self, container: _Open) -> None:
        """Take one item, pair, comma or closing bracket of the innermost container."""
        self.skip_gap()
        if self.peek() == ",":
            self.at += 1
        elif self.peek() == container.closing:
            self.at += 1
            self.open.pop()
            self.end_value(container.pointer, container.key, container.start)
        elif container.closing == "}":
            self.begin_pair(container.pointer)
        else:
            self.begin_value((*container.pointer, container.length), None)
            container.length += 1
