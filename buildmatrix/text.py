"""Texts of others made fit for where they are shown: a terminal, GitHub's log, markdown, a document."""

import re

_COLOURS = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\))")
_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def clean(text: str) -> str:
    """Return a text without terminal colours; other control signs and half surrogates become `�`."""
    return _FORBIDDEN.sub("\ufffd", _COLOURS.sub("", text)) if _FORBIDDEN.search(text) else text
