"""Characters that are obeyed instead of shown, and how they are written so that a reader sees them.

That is every control character, what turns the direction of a line (CVE-2021-42574), what has no width, and what ends a
line for some readers. Joiners stay where they join: within an emoji, or between the letters of a script that has them.
"""

import json
import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from itertools import repeat

from buildmatrix.patterns import regex

OBEYED = (
    "\x00-\x1f\x7f-\x9f"  # C0, DEL, C1
    "\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb"
    "\u2028-\u202e"  # ends of line and paragraph, directions
    "\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff"  # halves of characters, and what is none
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e007f"
)
"""A character class."""

_JOINED = rf"(?<=[^\x00-\xa0{OBEYED}])[\u200c\u200d](?=[^\x00-\xa0{OBEYED}])"
_FLAG = "\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{1,8}\U000e007f"


@cache
def signs(*, lines: bool = False, also: str = "") -> re.Pattern[str]:
    """Return what finds one such character, or `also` more; what joins is in a group `kept`, and stays.

    With `lines` ends of lines and tabs are none.
    """
    obeyed = OBEYED.replace("\x00-\x1f", "\x00-\x08\x0b-\x1f", 1) if lines else OBEYED
    return re.compile(f"(?P<kept>{_JOINED}|{_FLAG}){also}|[{obeyed}]")


_ANY = regex(f"[{OBEYED}]".replace("\x00-\x1f", "\x00-\x08\x0b-\x1f", 1))


def is_plain(text: str) -> bool:
    """Tell whether nothing in a text of several lines would be obeyed; that is quick, and nearly always so."""
    return _ANY.search(text) is None


_COMMANDS = regex(r"\x1b\[[0-?]*[ -/]*[@-~]")
"""Colours and the like (CSI): they hold no text."""

_NAMES = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def one_line(text: str) -> str:
    r"""Return a text as it can stand within a line: what would be obeyed is written out, `\x1b`, `\n`, `\u202e`."""
    if text.isascii() and text.isprintable():
        return text
    return signs().sub(_written, text)


def flat(text: str) -> str:
    """Return a text of several lines, or with wide room in it, as one line that is fit for where it is shown."""
    return one_line(" ".join(text.split()))


def clean(text: str) -> str:
    r"""Return a text of several lines without terminal colours; what else would be obeyed is written out.

    A lone `\r` ends a line, so that nothing is written over.
    """
    if is_plain(text):
        return text
    if "\x1b[" in text:
        text = _COMMANDS.sub("", text)
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return signs(lines=True).sub(_written, text)


def _written(found: re.Match[str]) -> str:
    sign = found[0]
    return sign if found["kept"] else written(sign)


def written(sign: str) -> str:
    r"""Return a character as its code: `\n`, `\x1b`, `\u202e`, `\U000e0041`."""
    if sign in _NAMES:
        return _NAMES[sign]
    code = f"{ord(sign):x}"
    return next(f"\\{kind}{code:0>{width}}" for kind, width in (("x", 2), ("u", 4), ("U", 8)) if len(code) <= width)


# --- JSON -----------------------------------------------------------------------------------------------------------


def json_safe(text: str) -> str:
    """Return JSON with the same values in which nothing would be obeyed; half a character, which is none, is `�`."""
    if "##" not in text and is_plain(text):
        return text
    return signs(lines=True, also=r"|##(?=[A-Za-z]*\[)").sub(_coded, text)


def _coded(found: re.Match[str]) -> str:
    sign = found[0]
    if found["kept"]:
        return sign
    if sign == "##":
        return "#\\u0023"
    if unicodedata.category(sign) == "Cs":
        return "\\ufffd"
    return "\\u007f" if sign == "\x7f" else json.dumps(sign)[1:-1]


# --- columns --------------------------------------------------------------------------------------------------------


def columns(text: str) -> int:
    """Count the terminal columns of a text: wide signs take two, combining ones and what is joined to others none."""
    return len(text) if text.isascii() else sum(widths(text))


def widths(text: str) -> Iterable[int]:
    """Return the terminal columns of each sign of a text."""
    return repeat(1, len(text)) if text.isascii() else map(_width, text, "\0" + text)


def _width(sign: str, before: str) -> int:
    if before == "\u200d" or unicodedata.category(sign) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(sign) in "WF" else 1


def padded(text: str, width: int) -> str:
    """Return a text with spaces behind it, so that it takes `width` columns."""
    return text + " " * (width - columns(text))
