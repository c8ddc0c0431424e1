"""What is never shown: credentials that are learned as the files are read, and those that are plain to see in a URL.

There is one set for the run. It is a set of texts and not of settings, since a credential also turns up in what a
registry or a build says.
"""

import re
import threading
from collections.abc import Iterable
from functools import cached_property

from buildmatrix.patterns import regex
from buildmatrix.text.control import one_line

HIDDEN = "***"

SHORTEST = 6
"""Characters of a text that is looked for; a shorter one turns up everywhere."""

_USER = regex(r"(?i)\bhttps?://(?P<hidden>[^/?#\s\"'@]+)@|(?<=[a-z0-9+.-])://[^/?#\s\"':@]*:(?P<word>[^/?#\s\"'@]+)@")
"""Looked for from the `://` on: to look for a scheme from each word of a long line would take the line's square."""

_QUERY = regex(
    r"(?i)[?&;](?:sig|signature|token|access_token|password|x-amz-(?:signature|credential|security-token))="
    r"(?P<hidden>[^&#,)\]}\s\"'\\]+)"
)

Span = tuple[int, int]
"""Where something hidden starts in a text, and where it ends."""


class _Secrets:
    """The texts to hide; from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.texts: frozenset[str] = frozenset()
        self.values: tuple[re.Pattern[str], ...] = ()

    def add(self, texts: Iterable[str]) -> None:
        with self._lock:
            more = {text for text in texts if len(text) >= SHORTEST and text.strip("*")} - self.texts
            if more:
                self.texts |= more
                self.__dict__.pop("pattern", None)

    def clear(self) -> None:
        with self._lock:
            self.texts = frozenset()
            self.values = ()
            self.__dict__.pop("pattern", None)

    @cached_property
    def pattern(self) -> "re.Pattern[str] | None":
        """What finds any of the texts, the longest first."""
        spelled = {spelling for text in self.texts for spelling in _spellings(text)}
        return re.compile("|".join(map(re.escape, sorted(spelled, key=len, reverse=True)))) if spelled else None


_secrets = _Secrets()


def hide(*texts: str) -> None:
    """Remember credentials: from now on nothing that is printed or reported holds them, or a line of them."""
    _secrets.add(line.strip() for text in texts for line in (text, *text.splitlines()))


def hide_value(key: str, text: str) -> None:
    """Remember a credential as the value of a key, however short: it is hidden where it stands there."""
    if text.strip("*"):
        found = re.compile(rf"(?i)(?<![\w-]){re.escape(key)}[\"']?\s*=\s*[\"']?(?P<hidden>{re.escape(text)})")
        _secrets.values = (*dict.fromkeys((*_secrets.values, found)),)


def hide_in_url(text: str) -> None:
    """Remember what is secret in URLs: the password, and the signature of a query; wherever it turns up again."""
    if "://" not in text:
        return
    from urllib.parse import unquote

    parts = [text[start:end] for start, end in spans_of_urls(text)]
    words = [part.partition(":")[2] for part in parts]
    hide(*(spelled for part in (*parts, *words) for spelled in (part, unquote(part))))


def hidden() -> frozenset[str]:
    """Return what is to be hidden, for another process that prints."""
    return _secrets.texts


def forget() -> None:
    """Begin with none."""
    _secrets.clear()


def spans_of_urls(text: str) -> list[Span]:
    """Return where something secret is in the URLs of a text."""
    return [_span(match) for pattern in (_USER, _QUERY) for match in pattern.finditer(text)]


def _spellings(text: str) -> set[str]:
    """Return a text as JSON, a URL, HTML, CSV and HCL spell it, and as it is when it is shown."""
    import json
    from html import escape
    from urllib.parse import quote

    plain = {text, one_line(text), text.replace('"', '""'), text.replace("${", "$${").replace("%{", "%%{")}
    coded = {json.dumps(one, ensure_ascii=only)[1:-1] for one in plain for only in (False, True)}
    return plain | coded | {quote(text, safe=""), quote(text), escape(text), escape(text, quote=False)}


def spans(text: str, also: "re.Pattern[str] | None" = None) -> list[Span]:
    """Return where something hidden is, in order; `also` finds more of it, as a group `hidden`."""
    patterns = (also, *_secrets.values) if also else _secrets.values
    found = spans_of_urls(text) + [_span(match) for pattern in patterns for match in pattern.finditer(text)]
    if (known := _secrets.pattern) is not None:
        found += [match.span() for match in known.finditer(text)]
        found += _cut(text, _secrets.texts) if "…" in text else []
    return _joined(found)


def _span(match: "re.Match[str]") -> Span:
    name = match.lastgroup or 0
    return match.span(name)


def _cut(text: str, secrets: Iterable[str]) -> list[Span]:
    """Find what is left of a secret where a text was cut: a beginning before the dots, an end after them."""
    found = []
    for place in (match.start() for match in re.finditer("…", text)):
        for secret in secrets:
            for length in range(len(secret) - 1, SHORTEST - 1, -1):
                if text.endswith(secret[:length], 0, place):
                    found.append((place - length, place))
                    break
            for length in range(len(secret) - 1, SHORTEST - 1, -1):
                if text.startswith(secret[-length:], place + 1):
                    found.append((place + 1, place + 1 + length))
                    break
    return found


def _joined(found: list[Span]) -> list[Span]:
    joined: list[Span] = []
    for start, end in sorted(found):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        elif end > start:
            joined.append((start, end))
    return joined


def redacted(text: str, also: "re.Pattern[str] | None" = None) -> str:
    """Return a text with `***` where something is hidden; `also` as for `spans`."""
    if also is None and _secrets.pattern is None and "://" not in text and "=" not in text:
        return text
    shown, end = "", 0
    for start, stop in spans(text, also):
        shown, end = shown + text[end:start] + HIDDEN, stop
    return shown + text[end:]
