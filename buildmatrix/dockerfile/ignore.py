"""What a .dockerignore leaves out of a context, as BuildKit reads it; in doubt nothing is left out.

A line is a pattern; `#` begins a comment, `!` takes back. `*` and `?` are within a name, `**` is any directories. A
directory that is left out takes with it what is in it, and the last line that says anything of a path is right.

A walk asks for each directory before what is in it, and what was matched there need not be matched again: twice as
quick as the library, which is asked where a line has a class, an escape or letters beyond ASCII.
"""

import posixpath
import re
from collections.abc import Callable

from buildmatrix.patterns import regex
from buildmatrix.records import dataclass

Matched = tuple[bool, ...]
"""For each line, whether it speaks of a path or of a directory around it."""


@dataclass(frozen=True)
class Ignored:
    """The lines of a file: what each matches, and whether it takes back; or the library's answer for a path."""

    lines: tuple[tuple["re.Pattern[str]", bool], ...] = ()
    takes_back: bool = False
    """Whether something in a directory that is left out may not be."""

    asked: Callable[[str], bool] | None = None

    @property
    def top(self) -> Matched:
        """What the lines say of the directory itself: nothing."""
        return (False,) * len(self.lines)

    def of(self, path: str, around: Matched) -> tuple[bool, Matched]:
        """Tell whether a path is left out; `around` is what was matched of the directory around it."""
        if not self.lines:
            return self.asked is not None and self.asked(path), around
        matched = tuple(
            before or pattern.fullmatch(path) is not None
            for (pattern, _), before in zip(self.lines, around, strict=True)
        )
        out = False
        for (_, back), found in zip(self.lines, matched, strict=True):
            out = not back if found else out
        return out, matched


NOTHING = Ignored()


def ignored_by(text: str) -> Ignored:
    """Return what a file's text leaves out; nothing where a line is one that is not understood here."""
    lines, ours = [], True
    for line in text.removeprefix("\ufeff").split("\n"):
        pattern = line.strip(" \t\r")
        if line.startswith("#") or not pattern:
            continue
        back = pattern.startswith("!")
        pattern = _cleaned(pattern.removeprefix("!").strip(" \t") if back else pattern)
        if not pattern or _DOUBTFUL.search(pattern):
            return NOTHING
        ours = ours and _BEYOND.search(pattern) is None
        lines.append((pattern, back))
    takes_back = any(back for _, back in lines)
    if not ours:
        return _asked([f"{'!' * back}{pattern}" for pattern, back in lines], takes_back=takes_back)
    return Ignored(tuple((re.compile(_expression(pattern)), back) for pattern, back in lines), takes_back)


def _asked(patterns: list[str], *, takes_back: bool) -> Ignored:
    from buildmatrix.dockerfile.library import leaves_out

    found = leaves_out(patterns)
    return NOTHING if found is None else Ignored(takes_back=takes_back, asked=found)


_DOUBTFUL = regex(r"[\x00-\x1f\x7f]|\.\.|[^/]\*\*|\*\*[^/]|\[[^\]]*(?:\[|:|&&|\|\||~~|--)|\\\w")
"""What versions of BuildKit take differently (`a**`), classes of Go alone, escapes of letters: `\\d` is a digit."""

_BEYOND = regex(r"[^\x20-\x7e]|[\[\]\\]")
"""What Go has its own rules for, which the library knows."""


def _cleaned(pattern: str) -> str:
    clean = posixpath.normpath(pattern) if pattern else ""
    return clean.lstrip("/") if len(clean) > 1 else clean


def _expression(pattern: str) -> str:
    """Return the regular expression: `**/` also matches no directory at all, `**` at the end everything."""
    meaning = {"*": "[^/]*", "?": "[^/]", "**": ".*", "**/": "(?:.*/)?"}
    parts = re.split(r"(\*\*/?|\*|\?)", pattern)
    return "(?s:" + "".join(meaning.get(part) or re.escape(part) for part in parts) + ")"
