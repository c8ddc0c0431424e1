"""Lines for a terminal of a given width: what has no room goes on below, further in, and never in the first column.

A width of None is that of a file or a pipe: there nothing is broken and nothing is cut.
"""

import re
from collections.abc import Callable, Iterable, Sequence

from buildmatrix.text import columns, widths

Span = tuple[str, Callable[[str], str]]
"""A text on one line, and what paints it."""

NARROWEST = 24
"""Columns that are taken for granted."""


def plain(text: str) -> str:
    """Paint nothing."""
    return text


def fits(lines: Iterable[str], width: int | None) -> bool:
    """Tell whether unpainted lines have room side by side."""
    return width is None or all(columns(line) <= width for line in lines)


def laid_out(
    spans: Sequence[Span], width: int | None, hang: str = "    ", paint_hang: Callable[[str], str] = plain
) -> list[str]:
    """Return spans as lines; what goes on below starts with `hang`."""
    if fits(["".join(text for text, _ in spans).rstrip()], width):
        return ["".join(paint(text) for text, paint in spans).rstrip()]
    wide = max(NARROWEST, width or 0)
    hang = hang if columns(hang) <= wide - NARROWEST // 2 else "  "
    first, *more = _broken(spans, wide, columns(hang))
    return [first.rstrip(), *(f"{paint_hang(hang)}{line}".rstrip() for line in more)]


def _broken(spans: Sequence[Span], width: int, hang: int) -> list[str]:
    """Break between words, and within one only where it has no room on a line of its own."""
    lines, line, left, is_new = [], "", width, True
    for word, paint in _words(spans):
        if columns(word) > left and not is_new:
            lines.append(line)
            line, left, is_new = "", width - hang, True
        if is_new and lines and word.isspace():
            continue
        *whole, rest = _pieces(word, left, width - hang)
        for piece in whole:
            lines.append(line + paint(piece))
            line, left = "", width - hang
        line, left, is_new = line + paint(rest), left - columns(rest), is_new and rest.isspace()
    return [*lines, line] if line or not lines else lines


def _words(spans: Sequence[Span]) -> Iterable[Span]:
    """Yield words and the room between them, which is not painted: it may be at a line's end."""
    for text, paint in spans:
        yield from ((word, plain if word.isspace() else paint) for word in re.findall(r"\s+|\S+", text))


def _pieces(word: str, first: int, room: int) -> list[str]:
    """Return a word in pieces of so many columns; nearly always it is one."""
    if columns(word) <= first:
        return [word]
    pieces, start, used, left = [], 0, 0, first
    for at, width in enumerate(widths(word)):
        if used + width > left:
            pieces.append(word[start:at])
            start, used, left = at, 0, room
        used += width
    return [*pieces, word[start:]]


def split(text: str, room: int) -> tuple[str, str]:
    """Return the beginning of a text that has room in so many columns, and the rest."""
    used = 0
    for at, width in enumerate(widths(text)):
        used += width
        if used > room:
            return text[:at], text[at:]
    return text, ""


def cut(text: str, width: int | None) -> str:
    """Return a text that has room on one line; that it was cut is seen."""
    if width is None or columns(text) <= width:
        return text
    return split(text, max(NARROWEST, width) - 1)[0] + "…"


def in_a_line(hint: str) -> str:
    """Return a hint of several lines as one, its lines with a stop between them."""
    lines = list(filter(None, map(str.strip, hint.split("\n"))))
    return "".join(f"{line}{' ' if line[-1] in ':;,.' else '; '}" for line in lines[:-1]) + "".join(lines[-1:])
