"""One part of a COPY's source as Go's filepath.Match takes it, by which COPY finds names (tried with BuildKit 0.25)."""

import re

from buildmatrix.patterns import regex

ANY_DEPTH = "**"
"""What COPY --parents takes for any directories, and COPY alone for `*`."""

MOST_STARS = 3
"""How many `*` a part may have: to match a name takes time by a power of them."""

_WILD = regex(r"[*?\[\\]")
_RANGE = regex(r"(?P<low>\\.|[^\\-])(?:-(?P<high>\\.|[^\\-]))?", re.DOTALL)
_PIECE = regex(r"\\(?P<escaped>.)|(?P<star>\*+)|(?P<one>\?)|\[(?P<inner>(?:\\.|[^\]\\])+)\]", re.DOTALL)


def is_pattern(part: str) -> bool:
    """Tell whether a part of a source is more than a name."""
    return _WILD.search(part) is not None


def names_by(part: str) -> "re.Pattern[str] | None":
    """Return what matches the names that a part means; None where it may mean paths, or is no pattern for us.

    A class may match the `/` (`a[^b]c`), as BuildKit has it.
    """
    if ANY_DEPTH in part or part.count("*") > MOST_STARS:
        return None
    text, at = "", 0
    while at < len(part):
        piece = _PIECE.match(part, at)
        if piece is None and part[at] in "[\\":
            return None
        meant = re.escape(part[at]) if piece is None else _meaning(piece)
        if meant is None:
            return None
        text, at = text + meant, at + 1 if piece is None else piece.end()
    return re.compile(text, re.DOTALL)


def _meaning(piece: "re.Match[str]") -> str | None:
    if piece["escaped"]:
        return re.escape(piece["escaped"])
    if piece["star"]:
        return ".*"
    return "." if piece["one"] else _class(piece["inner"])


def _class(inner: str) -> str | None:
    """Return a class of characters, None for one that may match the `/`, or has another meaning for us."""
    if inner[0] == "^":
        return None
    ranges, at = "", 0
    while at < len(inner):
        found = _RANGE.match(inner, at)
        if found is None:
            return None
        low, high = found["low"][-1], (found["high"] or found["low"])[-1]
        if low <= "/" <= high or low > high:
            return None
        ranges, at = f"{ranges}{re.escape(low)}-{re.escape(high)}", found.end()
    return f"[{ranges}]"
