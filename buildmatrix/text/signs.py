"""Characters that are obeyed instead of shown, and how they are written so that a reader sees them.

That is every control character, what turns the direction of a line (CVE-2021-42574), what has no width, and what ends a
line for some readers. Joiners stay where they join: within an emoji, or between the letters of a script that has them.
"""

import json
import re
import unicodedata

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
OBEYED_SIGN = re.compile(f"(?P<kept>{_JOINED}|{_FLAG})|[{OBEYED}]")
"""One such character; `kept` is one that joins, and stays."""

_SIGN_OF_LINES = re.compile(f"(?P<kept>{_JOINED}|{_FLAG}|[\t\n])|[{OBEYED}]")
_COMMANDS = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
"""Colours and the like (CSI): they hold no text."""

_NAMES = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def one_line(text: str) -> str:
    r"""Return a text as it can stand within a line: what would be obeyed is written out, `\x1b`, `\n`, `\u202e`."""
    if text.isascii() and text.isprintable():
        return text
    return OBEYED_SIGN.sub(_written, text)


def clean(text: str) -> str:
    r"""Return a text of several lines without terminal colours; what else would be obeyed is written out.

    A lone `\r` ends a line, so that nothing is written over.
    """
    if text.isascii() and text.isprintable():
        return text
    if "\x1b[" in text:
        text = _COMMANDS.sub("", text)
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _SIGN_OF_LINES.sub(_written, text)


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

_SIGN_OF_JSON = re.compile(f"(?P<kept>{_JOINED}|{_FLAG}|\n)|[{OBEYED}]|##(?=[A-Za-z]*\\[)")


def json_safe(text: str) -> str:
    """Return JSON with the same values in which nothing would be obeyed; half a character, which is none, is `�`."""
    if text.isascii() and "##" not in text and "\x7f" not in text:
        return text
    return _SIGN_OF_JSON.sub(_coded, text)


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
    if text.isascii():
        return len(text)
    return sum(map(_width, text, "\0" + text))


def _width(sign: str, before: str) -> int:
    if before == "\u200d" or unicodedata.category(sign) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(sign) in "WF" else 1


def padded(text: str, width: int) -> str:
    """Return a text with spaces behind it, so that it takes `width` columns."""
    return text + " " * (width - columns(text))
