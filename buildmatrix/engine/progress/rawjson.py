"""buildx's `rawjson` as tables: lines become documents, and whatever is of another type in one is passed over.

A document is a SolveStatus (moby/buildkit client/graph.go) with `vertexes`, `statuses`, `logs` and `warnings`; buildx
0.13 spreads one over several lines.
"""

import base64
import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from buildmatrix.patterns import regex
from buildmatrix.text import hidden, redacted


class Documents:
    """Gathers lines until they are a document."""

    def __init__(self) -> None:
        self._pending: list[str] = []

    def whole(self, line: str) -> str | None:
        """Take a line and return what is whole with it: a document, or a line that is of none; None before."""
        if self._pending:
            self._pending.append(line)
            if line != "}":
                return None
            line, self._pending = "\n".join(self._pending), []
        elif line == "{":
            self._pending = [line]
            return None
        return line


def document(text: str) -> dict[str, Any] | None:
    """Return what a text says as a document; None where it is none."""
    if not text.startswith("{"):
        return None
    try:
        found: dict[str, Any] = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found


def tables(status: Mapping[str, Any], key: str) -> Iterator[dict[str, Any]]:
    """Yield the tables of a list; what is of another type is not progress, and passed over."""
    found = status.get(key)
    yield from (item for item in found if isinstance(item, dict)) if isinstance(found, list) else ()


def word(table: Mapping[str, Any], key: str) -> str:
    """Return a text of a table; "" where there is none."""
    found = table.get(key)
    return found if isinstance(found, str) else ""


def count(table: Mapping[str, Any], key: str) -> int:
    """Return a number of a table; 0 where there is none."""
    found = table.get(key)
    return max(0, found) if isinstance(found, int) else 0


def decoded(data: str) -> str:
    """Return a text that stands in base64; "" where it is none."""
    try:
        return base64.b64decode(data).decode(errors="replace")
    except ValueError:
        return ""


_DATA = regex(r'(?<="data":")[A-Za-z0-9+/=]+|(?<="data": ")[A-Za-z0-9+/=]+')


def passed_on(line: str) -> str:
    """Return a line of buildx's own without secrets, also where it is `rawjson` and holds a log."""
    return redacted(_DATA.sub(_coded_again, line) if hidden() and '"data"' in line else line)


def _coded_again(data: re.Match[str]) -> str:
    text = decoded(data[0])
    shown = redacted(text)
    return data[0] if shown == text else base64.b64encode(shown.encode()).decode()


def seconds(start: str, end: str) -> float:
    """Return the seconds between two times; 0 where one of them is none."""
    try:
        return max(0.0, (_time(end) - _time(start)).total_seconds())
    except (ValueError, TypeError):  # no time, or one with a zone and one without
        return 0.0


def _time(text: str) -> datetime:
    """RFC 3339 with nanoseconds, as Go writes it."""
    return datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text))
