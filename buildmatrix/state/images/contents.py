"""What went into an image, in short: names, and digests that are just long enough to see that something is another.

It is for words alone ("src/app.py changed"): what is built or kept is decided by fingerprints. A registry is public, so
of a value 18 bits are told, however often it is pushed: enough to see a change, and too little to find the value among
many. Of what may be a credential there is nothing.
"""

import base64
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from functools import cached_property
from hashlib import sha256
from typing import Literal

from buildmatrix.inputs.context import Entry
from buildmatrix.inputs.framing import digest_of
from buildmatrix.inputs.settings import Part
from buildmatrix.patterns import regex
from buildmatrix.records import dataclass
from buildmatrix.text import redacted

SHORT = 3
"""Characters of a short digest, 6 bits each."""

SHOWN = 12
"""Digits of an image's digest: it is public, and shown."""

Depth = Literal["files", "directories", "top", "whole"]
DEPTHS: tuple[Depth, ...] = ("files", "directories", "top", "whole")
"""How closely files are told, the closest first."""

DOCKERFILE, CONTEXT = "dockerfile", "context"

REBUILD, SECRETS, SSH = "rebuild", "secret", "ssh."
"""Parts that are in no key of BuildKit's cache. Of secrets it is told how many there are, and nothing else."""

_IMAGE = regex(r"sha256:([0-9a-f]{64})")
_CREDENTIAL = regex(r"(?i)pass|secret|token|credential|private|api_?key|auth")
_LEAST = {"platform"}
"""Rows of a recipe that say nothing of the Dockerfile."""


@dataclass(frozen=True, kw_only=True)
class Files:
    """What of a context was read: short digests by path, or by directory (`src/`), as closely as `depth` says."""

    depth: Depth
    digests: Mapping[str, str]

    def as_far_as(self, depth: Depth) -> "Files":
        """Return the same, told no closer than that; each depth follows from the one before, whoever works it out."""
        found = self
        while DEPTHS.index(found.depth) < DEPTHS.index(depth):
            found = found.less
        return found

    @cached_property
    def weight(self) -> int:
        """The bytes that they take at least where they are kept: worked out once for all targets that read them."""
        return len(zlib.compress(json.dumps(self.digests).encode()))

    @cached_property
    def less(self) -> "Files":
        """The same, told one depth less closely."""
        depth = DEPTHS[DEPTHS.index(self.depth) + 1]
        groups: dict[str, list[str]] = {}
        for path in sorted(self.digests):
            groups.setdefault(_group(path, depth), []).append(f"{path}\0{self.digests[path]}")
        return Files(depth=depth, digests={group: short("\n".join(some)) for group, some in groups.items()})


@dataclass(frozen=True, kw_only=True)
class Contents:
    """What went into an image for one platform.

    `parts` are settings, images, contexts and the like by name, `args` the arguments that the Dockerfile uses,
    `steps` the Dockerfile's, `files` those of local contexts. `below` are the contents of targets that it is built
    from and that are pushed nowhere, so that nobody else tells of them.
    """

    fingerprint: str
    parts: Mapping[str, str] = field(default_factory=dict)
    args: Mapping[str, str] = field(default_factory=dict)
    steps: tuple[str, ...] = ()
    files: Mapping[str, Files] = field(default_factory=dict)
    below: Mapping[str, "Contents"] = field(default_factory=dict)


Row = tuple[str, ...]
Within = tuple[Entry, ...] | tuple[Row, ...]
"""What a part of a fingerprint stands for: the files of a context, or the rows of a Dockerfile."""


class Summing:
    """Makes contents of what makes fingerprints; what targets share is worked out once."""

    def __init__(self) -> None:
        self._files: dict[int, tuple[object, Files]] = {}

    def contents(self, fingerprint: str, parts: Iterable[Part], within: Mapping[str, Within]) -> Contents:
        """Return the contents of an image for a platform: the parts of its fingerprint, and what those stand for."""
        rows = rows_in(within)
        return Contents(
            fingerprint=fingerprint,
            parts=_told(tuple(parts)),
            args={
                name: short(f"{name}\0{value}") for name, value in args_in(rows).items() if not is_private(name, value)
            },
            steps=tuple(short("\n".join("\0".join(row) for row in step)) for step in steps_in(rows)),
            files={name: self._of_files(some) for name, some in within.items() if name != DOCKERFILE},
        )

    def _of_files(self, entries: Within) -> Files:
        if id(entries) not in self._files:
            digests = {one.path: _of_file(one) for one in entries if isinstance(one, Entry) and one.kind != "directory"}
            self._files[id(entries)] = entries, Files(depth="files", digests=digests)
        return self._files[id(entries)][1]


def short(text: str) -> str:
    """Return a short digest of a text."""
    return base64.urlsafe_b64encode(sha256(text.encode("utf-8", "surrogatepass")).digest())[:SHORT].decode()


def is_private(name: str, value: str) -> bool:
    """Tell whether a value may be a credential: nothing of it is kept anywhere."""
    return _CREDENTIAL.search(name) is not None or redacted(value) != value or redacted(name) != name


def unkeyed_in(contents: Contents) -> dict[str, str]:
    """Return the parts that are in no key of BuildKit's cache: it gives what was built before, though they differ."""
    return {name: one for name, one in contents.parts.items() if name in {REBUILD, SECRETS} or name.startswith(SSH)}


def _told(parts: Sequence[Part]) -> dict[str, str]:
    found = {name: shortened(name, value) for name, value in parts if not is_private(name, value)}
    secrets = sum(name.startswith(f"{SECRETS}.") for name, _ in parts)
    return found | ({SECRETS: short(f"{SECRETS}\0{secrets}")} if secrets else {})


def rows_in(within: Mapping[str, Within]) -> tuple[Row, ...]:
    """Return the rows of the Dockerfile."""
    return tuple(row for row in within.get(DOCKERFILE, ()) if not isinstance(row, Entry))


def args_in(rows: Iterable[Row]) -> dict[str, str]:
    """Return the arguments that a Dockerfile uses, by name; of several stages their values, one behind the other."""
    found: dict[str, dict[str, None]] = {}
    for row in rows:
        if _is_argument(row):
            found.setdefault(row[1], {})[row[-1]] = None
    return {name: " ".join(values) for name, values in found.items()}


def steps_in(rows: Iterable[Row]) -> Iterator[Sequence[Row]]:
    """Yield the steps, each with the rows that belong to it; arguments are told by themselves."""
    step: list[Row] = []
    for row in rows:
        if row[0] in _LEAST or _is_argument(row):
            continue
        if step and (row[0].isupper() or not step[0][0].isupper()):
            yield step
            step = []
        step.append(row)
    if step:
        yield step


def _is_argument(row: Row) -> bool:
    return len(row) > 2 and row[0] in {"ARG", "given"}  # noqa: PLR2004 a head, a name, and a value


def shortened(name: str, value: str) -> str:
    """Return what is told of a part: of an image so much of its digest as is shown."""
    if found := _IMAGE.fullmatch(value):
        return found[1][:SHOWN]
    return short(f"{name}\0{value}")


def _of_file(entry: Entry) -> str:
    _, kind, is_executable, mode, content, same_as = entry
    return short(digest_of((kind, is_executable, mode, content, same_as)))


def _group(path: str, depth: Depth) -> str:
    """Return the directory that stands for a file: that around it, the first on its way, or the whole context."""
    folder, slash, _ = path.rpartition("/") if depth == "directories" else path.partition("/")
    return f"{folder}/" if slash and depth != "whole" else "./"
