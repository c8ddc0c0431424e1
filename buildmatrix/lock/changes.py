"""What becomes of an entry of a lock file, and which are to move."""

import re
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Literal

from buildmatrix.errors import Diagnostic, UsageError
from buildmatrix.records import dataclass

AGE_PATTERN = r"^[1-9][0-9]{0,4}[hdw]$"
_HOURS = {"h": 1, "d": 24, "w": 168}

Status = Literal["added", "moved", "removed", "kept", "unchanged", "missing", "unused"]
"""`kept`: it could move, and is too young; `missing` and `unused`: what a check found."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """What became of an image: its digest `before` and `after`, "" for none; `reason` says why it was kept.

    Of a source it is the checksum or the commit. `lost` are the platforms that an image of `before` had and that of
    `after` has not, `gained` those that are new.
    """

    name: str
    status: Status
    before: str = ""
    after: str = ""
    created: datetime | None = None
    reason: str = ""
    is_source: bool = False
    lost: tuple[str, ...] = ()
    gained: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Upgrade:
    """Which images are to move: those that a glob matches, all without any, to what is at least this old."""

    globs: tuple[str, ...] = ()
    age: timedelta = timedelta()

    def takes(self, name: str) -> bool:
        """Tell whether an image is to move: a glob is matched with its name, and with that without the tag."""
        return not self.globs or any(matches(name, glob) for glob in self.globs)


def age_of(text: str) -> timedelta:
    """Return how old something is to be: `36h`, `14d` or `2w`; UsageError for anything else."""
    if not re.fullmatch(AGE_PATTERN, text):
        message = f"--age {text or repr(text)} is not a valid age"
        raise UsageError(Diagnostic(message=message, code="usage", hint="write 36h, 14d or 2w"))
    return timedelta(hours=int(text[:-1]) * _HOURS[text[-1]])


def matches(name: str, glob: str) -> bool:
    """Tell whether a glob matches a name, or that without its tag."""
    return fnmatchcase(name, glob) or fnmatchcase(untagged(name), glob)


def untagged(name: str) -> str:
    """Return the name of an image without its tag and digest."""
    return re.sub(r":[\w.-]+$", "", name.partition("@")[0])
