"""Texts of others made fit for where they are shown: a terminal, GitHub's log, markdown, JSON, a document.

`signs` knows which characters are not shown but obeyed, `door` is what everything that is printed passes, `secrets`
knows what is never shown.
"""

from buildmatrix.text.control import clean, columns, flat, json_safe, one_line, padded, widths
from buildmatrix.text.output import command, obeys_nothing, painted, terminal
from buildmatrix.text.secrets import (
    HIDDEN,
    Span,
    forget,
    hidden,
    hide,
    hide_in_url,
    hide_value,
    redacted,
    spans,
    spans_of_urls,
)

__all__ = [
    "HIDDEN",
    "Span",
    "clean",
    "columns",
    "command",
    "flat",
    "forget",
    "hidden",
    "hide",
    "hide_in_url",
    "hide_value",
    "json_safe",
    "obeys_nothing",
    "one_line",
    "padded",
    "painted",
    "redacted",
    "spans",
    "spans_of_urls",
    "terminal",
    "widths",
]
