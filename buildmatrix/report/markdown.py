"""Pieces of markdown that no text can break out of."""

import re

from buildmatrix.text import clean

_SIGNS = (
    ("&", "&amp;"),
    ("<", "&lt;"),
    (">", "&gt;"),
    ("|", "\\|"),
    ("`", "\\`"),
    ("*", "\\*"),
    ("\r\n", "<br>"),
    ("\n", "<br>"),
    ("\r", " "),
)


def code(text: str) -> str:
    """Return a name or tag as code, in a table too."""
    return f"`{text}`".replace("|", "\\|")


def escaped(text: str) -> str:
    """Return a text as it is, on one line, in a table too."""
    for sign, written in _SIGNS:
        text = text.replace(sign, written)
    return text


def fenced(text: str) -> str:
    """Return a block of code whose fence is longer than any run of backticks in it."""
    shown = clean(text)
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", shown)), default=0))
    return f"{fence}text\n{shown}\n{fence}"


def folded(title: str, body: str, *, is_open: bool = False) -> str:
    """Return a body that unfolds below its title, which is HTML."""
    return f"<details{' open' if is_open else ''}><summary>{title}</summary>\n\n{body}\n\n</details>"
