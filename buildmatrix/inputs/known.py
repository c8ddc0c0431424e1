"""What is known of the inputs of a target, and what that was read from."""

from collections.abc import Mapping

from buildmatrix.inputs.looks import Look, Passed
from buildmatrix.inputs.settings import Part
from buildmatrix.records import dataclass


@dataclass(frozen=True, kw_only=True)
class Known:
    """The fingerprints of a target by platform, and what went into each; or `doubt`, why nobody can know them."""

    fingerprints: Mapping[str, str]
    parts: Mapping[str, tuple[Part, ...]]
    doubt: str = ""


@dataclass(frozen=True, eq=False)
class Read:
    """What a fingerprint was read from: a directory, by its real path, with the paths in it; or a file without any.

    `way` is the path as it is written, absolute, which links and other directories on it may lead elsewhere later.
    `looks` are those of the place and of each path when it was read, `passed` what is on the way; empty where nobody
    looked. `made` are the real paths that were left out as an output's, those of directories with a `/` at the end.
    """

    place: str
    paths: tuple[str, ...] = ()
    way: str = ""
    made: tuple[str, ...] = ()
    looks: tuple[Look | None, ...] = ()
    passed: tuple[Passed, ...] = ()
