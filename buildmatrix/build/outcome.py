"""What became of a run: one outcome for each target of the plan."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from buildmatrix.errors import BuildmatrixError

Status = Literal["built", "cached", "failed", "stopped", "skipped"]
"""`stopped`: it was running when another target failed. `skipped`: it was not started."""


@dataclass(frozen=True, kw_only=True)
class TargetOutcome:
    """What became of one target.

    `seconds` are from the first step to the last, 0 if it did not start. `digest` is that of the image or index, "" if
    nothing was written that has one. `failed_step` and `excerpt` (the last lines of the log, then the Dockerfile's) are
    set only for a failed target.
    """

    name: str
    declared: str
    status: Status
    exported: bool
    platforms: tuple[str, ...]
    tags: tuple[str, ...]
    seconds: float = 0.0
    digest: str = ""
    failed_step: str = ""
    excerpt: str = ""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a run.

    `seconds` are those of the whole run; `metadata` is bake's own, by target; `problem` is what ended the run early.
    """

    targets: tuple[TargetOutcome, ...]
    seconds: float
    metadata: Mapping[str, Any]
    problem: BuildmatrixError | None = None
