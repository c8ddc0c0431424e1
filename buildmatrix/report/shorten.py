"""Texts that are too long for their column, cut so that what tells them apart is still seen."""

from collections.abc import Iterable, Sequence
from itertools import takewhile

from buildmatrix.report.layout import split
from buildmatrix.text import columns, widths

BEFORE = 3
"""Signs that are shown before the one in which texts begin to differ."""


def told_apart(texts: Sequence[str], room: int) -> list[str]:
    """Return the texts in at most so many columns each: cut in the middle, or in what those that look alike share."""
    shown = [middle(text, room) for text in texts]
    alike: dict[str, set[str]] = {}
    for text, short in zip(texts, shown, strict=True):
        alike.setdefault(short, set()).add(text)
    shared = {short: _shared(group) for short, group in alike.items() if len(group) > 1}
    return [
        _without(text, shared[short], room) if short in shared else short
        for text, short in zip(texts, shown, strict=True)
    ]


def middle(text: str, room: int) -> str:
    """Return a text in so many columns, without what stands in its middle; its end tells more than its beginning."""
    if columns(text) <= room:
        return text
    head = split(text, max(0, room - 1) // 3)[0]
    return f"{head}{last_of(text, room - columns(head))}"


def last_of(text: str, room: int) -> str:
    """Return the end of a text in so many columns; that it was cut is seen."""
    if columns(text) <= room:
        return text
    left, start = room - 1, len(text)
    for width in reversed(list(widths(text))):
        if width > left:
            break
        left, start = left - width, start - 1
    return f"…{text[start:]}"


def _shared(group: Iterable[str]) -> int:
    """Return how many signs all begin with."""
    return sum(1 for _ in takewhile(lambda signs: len(set(signs)) == 1, zip(*group, strict=False)))


def _without(text: str, shared: int, room: int) -> str:
    """Return a text without what stands before its own part, and what has no room behind that."""
    head = split(text, room // 4)[0]
    rest = text[max(len(head), shared - BEFORE) :]
    left = room - columns(head) - 1
    return f"{head}…{rest}" if columns(rest) <= left else f"{head}…{split(rest, left - 1)[0]}…"
