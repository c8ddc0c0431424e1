"""What is known of a step, and of a target, while its call runs."""

import re
from dataclasses import field

from buildmatrix.engine.progress.rawjson import seconds
from buildmatrix.patterns import regex
from buildmatrix.records import dataclass

NUMBERED = regex(r"\d+/\d+$")
MERGE = "merging manifest list "
EXPORT = regex(rf"^exporting to |^{MERGE}")

QUOTED = r'"(?:[^"\\]|\\.)*"'
_CANCELED = regex(r"context canceled|code = Canceled")

DRIFT = 2.0
"""Seconds by which the engine's clock and ours may differ about a step; beyond, a clock has jumped, and ours counts."""


def outside_quotes(text: str) -> str:
    """Return a message without the texts that it quotes: names of files, stages and commands are people's words."""
    return re.sub(QUOTED, '""', text)


def is_canceled(said: str) -> bool:
    """Tell whether an end was asked for: by ^C, or by the failure of something else in the same call."""
    return _CANCELED.search(outside_quotes(said)) is not None


@dataclass()
class Step:
    """A vertex: whose it is, where it stands (`linux/amd64 2/5`), what it is (`RUN make`), and what became of it."""

    target: str
    at: str
    text: str
    started: str = ""
    ended: str = ""
    said: bool = False
    pushing: bool = False
    cached: bool = False
    good: bool = False
    """Whether it has ended, and well."""
    error: str = ""
    seen: float = 0.0
    """When it was first seen to run, by our own clock (monotonic)."""
    gone: float = 0.0
    log: list[str] = field(default_factory=list)
    partial: str = ""

    @property
    def is_work(self) -> bool:
        """Whether it is a step of the Dockerfile that can be cached: `2/5`, but no FROM."""
        return NUMBERED.search(self.at) is not None and not self.text.startswith("FROM ")

    @property
    def is_export(self) -> bool:
        """Whether it writes the result."""
        return EXPORT.match(self.text) is not None

    def is_begun_again(self, started: str) -> bool:
        """Tell whether a start is another one than that whose end was told."""
        return self.said and started not in {"", self.started} and seconds(self.ended, started) > 0

    @property
    def seconds(self) -> float:
        """How long it took: the engine's words, unless a clock has jumped."""
        said, ours = seconds(self.started, self.ended), self.gone - self.seen
        return said if abs(said - ours) < DRIFT else max(0.0, ours)


@dataclass()
class Track:
    """What is known of one target while it is built."""

    seen: float = 0.0
    """When something of it was first seen to run, by our own clock (monotonic); 0 before."""
    gone: float = 0.0
    whole: float = 0.0
    """When all that it writes was seen to be written; 0 where that was not told before its call ended."""
    work: dict[str, bool] = field(default_factory=dict)
    """The steps that have ended, by digest: whether each came from the cache."""
    failed_step: str = ""
    error: str = ""
    """What the engine said of a step of its Dockerfile that failed; "" where none did, or was ended."""
    log: list[str] = field(default_factory=list)
    exports: dict[str, bool] = field(default_factory=dict)
    """What writes the result, by digest: whether it has ended without an error."""
    caches: dict[str, bool] = field(default_factory=dict)
    """What writes caches, alike."""
    parts: dict[str, str] = field(default_factory=dict)
    """The steps that were told under its name, or are its own, by digest: where each stands."""
    digest: str = ""
    """That of the index, or of the image where there is none; "" before it is known."""
    has_list: bool = False
    manifests: set[str] = field(default_factory=set)
    """The digests of all images that were written, one for each platform."""

    @property
    def ran(self) -> bool:
        """Whether a step was run and not taken from the cache."""
        return not all(self.work.values())

    @property
    def seconds(self) -> float:
        """Seconds from the first step's start to the last one's end."""
        return max(0.0, self.gone - self.seen)
