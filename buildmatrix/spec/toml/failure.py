"""Where a parser of TOML gave up, and what can be said of it: what the rules of `syntax` look at and return."""

import re
from bisect import bisect_right
from functools import cached_property

from buildmatrix.errors import Notes
from buildmatrix.patterns import regex
from buildmatrix.records import dataclass

_SIGNS = regex(
    r"#[^\n]*"  # a comment
    r'|"""(?:\\.|[^\\])*?"""|\'\'\'.*?\'\'\''
    r'|"(?!"")(?:\\.|[^"\\\n])*"|\'(?!\'\')[^\'\n]*\''
    r'|"""|\'\'\'|["\'\[\]{}]',
    re.DOTALL,
)
_CLOSING = {"]": "[", "}": "{"}
NAMES = {"[": "list", "{": "table", '"': "text", "'": "text", '"""': "text", "'''": "text"}
_BARE = regex(r"[^\s,\[\]{}=#\"']*")
KEY = r"(?:[\w-]+|\"[^\"\n]*\")(?:\.(?:[\w-]+|\"[^\"\n]*\"))*"


@dataclass(frozen=True, kw_only=True)
class Advice:
    """What is wrong, in words, and what to write; `at` is where, if it is not where the parser gave up."""

    message: str
    hint: str = ""
    at: int | None = None
    notes: Notes = ()


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Where a parser gave up: the offset in a text, and what it said."""

    name: str
    text: str
    at: int
    said: str

    @cached_property
    def starts(self) -> list[int]:
        """The offsets at which lines begin."""
        return [0, *(found.end() for found in re.finditer("\n", self.text))]

    def line(self, at: int) -> int:
        """Return the number of the line of an offset, from 1."""
        return bisect_right(self.starts, at)

    @cached_property
    def row(self) -> str:
        """The line on which the parser gave up."""
        start = self.starts[self.line(self.at) - 1]
        return self.text[start:].partition("\n")[0]

    @property
    def before(self) -> str:
        """That line up to the place."""
        return self.text[self.starts[self.line(self.at) - 1] : self.at]

    @property
    def after(self) -> str:
        """That line from the place on."""
        return self.row[len(self.before) :]

    @cached_property
    def word(self) -> str:
        """The bare word around the place."""
        left = re.search(r"[^\s,\[\]{}=#\"']*$", self.before)
        right = _BARE.match(self.after)
        return (left[0] if left else "") + (right[0] if right else "")

    @cached_property
    def open(self) -> list[tuple[str, int]]:
        """Brackets and quotes that are open at the place, outermost first, with their offsets."""
        return list(_open(self.text, self.at))

    @property
    def key(self) -> str:
        """What the line gives a value to; "" if it is no `key = …`."""
        found = re.match(rf"\s*({KEY})\s*=", self.row)
        return found[1] if found else ""


def _open(text: str, end: int) -> list[tuple[str, int]]:
    found: list[tuple[str, int]] = []
    for sign in _SIGNS.finditer(text):
        what, at = sign[0], sign.start()
        if at >= end:
            break
        if what in _CLOSING:
            if found and found[-1][0] == _CLOSING[what]:
                found.pop()
        elif what in NAMES:
            found.append((what, at))
            if what not in "[{":
                break
    return found
