"""Pieces of markdown that no text can break out of: nothing in it is a link, an image, HTML, a mention or a heading."""

import re
from html import escape

from buildmatrix.patterns import regex
from buildmatrix.text import clean, flat, one_line

_ACTIVE = regex(r"(?P<linked>@|#(?=\d)|/(?=/)|(?i:www)(?=\.))|[\\`*_\[\]|~$&<>]")
"""What markdown obeys anywhere in a line.

`linked` is what GitHub makes a link of: mentions, addresses, issues and URLs. It does so after characters are decoded,
and only within one piece of text: a comment makes two of it.
"""

_STARTS_A_BLOCK = regex(r"^(?:([-+=#])|(\d+)([.)]))")


def code(text: str) -> str:
    """Return a name or tag as code, in a table too."""
    text = one_line(text)
    if not text.strip():
        return ""
    if "|" in text:  # parsers do not agree on what a backslash before it means
        return f"<code>{escaped(text)}</code>"
    fence = "`" * (1 + _longest_run(text))
    room = " " if text[0] in "` " or text[-1] in "` " else ""
    return f"{fence}{room}{text}{room}{fence}"


def escaped(text: str) -> str:
    """Return a text as it is, on one line, in a table too."""
    return _STARTS_A_BLOCK.sub(_as_text, _ACTIVE.sub(_inert, flat(text)))


def _inert(found: re.Match[str]) -> str:
    return f"{found[0]}<!-- -->" if found["linked"] else f"&#{ord(found[0])};"


def _as_text(start: re.Match[str]) -> str:
    return f"&#{ord(start[1])};" if start[1] else f"{start[2]}&#{ord(start[3])};"


def fenced(text: str) -> str:
    """Return a block of code whose fence is longer than any run of backticks in it."""
    shown = clean(text)
    fence = "`" * max(3, 1 + _longest_run(shown))
    return f"{fence}text\n{shown}\n{fence}"


def _longest_run(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0)


def summary_code(text: str) -> str:
    """Return a text as code within HTML, such as the title of `folded`."""
    return f"<code>{escape(flat(text))}</code>"


def folded(title: str, body: str, *, is_open: bool = False) -> str:
    """Return a body that unfolds below its title, which is HTML."""
    return f"<details{' open' if is_open else ''}><summary>{title}</summary>\n\n{body}\n\n</details>"
