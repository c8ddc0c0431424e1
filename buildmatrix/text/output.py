r"""The door to a terminal and to the logs of CI services: all that is printed passes it.

What is ours is signed with a token that no text of others can hold, since it is drawn at every start: colours, and the
lines that GitHub is to obey. Whatever is not signed is shown, and not obeyed.

GitHub's runner takes a line for a command where `::` stands behind nothing but white space, and where `##[` stands
anywhere (actions/runner, ActionCommand.cs); Azure and TeamCity look for `##vso[` and `##teamcity[`, GitLab for a
`section_start:` that ends with `\r` and ESC.
"""

import os
import re

from buildmatrix.patterns import regex
from buildmatrix.text.control import clean, is_plain, one_line, signs, written
from buildmatrix.text.secrets import redacted

_SIGNED = f"\x1b{os.urandom(8).hex()}"

_OURS = f"|{_SIGNED}(?:(?P<colour>[0-9;]+)m|(?P<command>::))"
_COMMAND = regex(r"^((?:[^\S\n]|\x1b\[[0-9;]*m)*):(?=:)", re.MULTILINE)
_BRACKET = regex(r"##(?=[A-Za-z]*\[)")


def painted(code: str, text: str) -> str:
    """Return a text in a colour of ours (the code of SGR), for `terminal`."""
    return f"{_SIGNED}{code}m{text}{_SIGNED}0m"


def command(name: str, data: str = "", **properties: str) -> str:
    """Return a line that GitHub is to obey, for `terminal`: nothing in data and properties ends it."""
    listed = ",".join(f"{key}={_property(value)}" for key, value in properties.items() if value)
    return f"{_SIGNED}::{name}{f' {listed}' if listed else ''}::{_data(clean(data))}\n"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(one_line(text)).replace(":", "%3A").replace(",", "%2C")


def obeys_nothing(text: str) -> str:
    """Return a text in which no CI service finds a command; the lines are those that end with a line feed."""
    if "::" in text:
        text = _COMMAND.sub(r"\1:\\", text)
    return _BRACKET.sub(r"#\\#", text) if "##" in text else text


def terminal(text: str, *, reveals: bool = False) -> str:
    """Return what may be written to a terminal or a log.

    It has no secrets, and no control characters but our colours, ends of lines and tabs; `reveals` leaves secrets in
    it, for what a program is to read.
    """
    shown = text if reveals else redacted(text)
    if not is_plain(shown):
        shown = signs(lines=True, also=_OURS).sub(_written, shown)
    return obeys_nothing(shown).replace(f"{_SIGNED}::", "::")


def _written(found: re.Match[str]) -> str:
    if colour := found["colour"]:
        return f"\x1b[{colour}m"
    return found[0] if found["command"] or found["kept"] else written(found[0])
