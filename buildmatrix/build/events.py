"""What is told of a run while it goes on: each event is one thing that happened to one target."""

from collections.abc import Callable
from dataclasses import dataclass

from buildmatrix.build.outcome import TargetOutcome


@dataclass(frozen=True, kw_only=True)
class TargetStarted:
    """A target is begun; `attempt` counts from 1. `because` says why it is built again, "" where nobody asks."""

    target: str
    attempt: int
    because: str = ""


@dataclass(frozen=True, kw_only=True)
class TargetEnded:
    """A target has ended for good."""

    outcome: TargetOutcome


@dataclass(frozen=True, kw_only=True)
class Retrying:
    """An attempt at a target failed, and another follows in so many seconds."""

    target: str
    attempt: int
    problem: str
    seconds: float


@dataclass(frozen=True, kw_only=True)
class StepStarted:
    """A step has started: `step` as in `RUN make`, `at` as in `linux/amd64 2/5`."""

    target: str
    at: str
    step: str


@dataclass(frozen=True, kw_only=True)
class Transferred:
    """Bytes of a target on their way: `what` as in `pushing sha256:…`; `total` is at least 1."""

    target: str
    what: str
    current: int
    total: int


@dataclass(frozen=True, kw_only=True)
class StepEnded:
    """A step has ended: `step` as in `RUN make`, `at` as in `linux/amd64 2/5`; `error` is "" if it worked."""

    target: str
    at: str
    step: str
    seconds: float
    cached: bool
    error: str


@dataclass(frozen=True, kw_only=True)
class LogLine:
    """A line that a step of a target wrote."""

    target: str
    at: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Line:
    """A line of buildx's own progress, where that was asked for: it is passed on as it is."""

    text: str


Event = Line | TargetStarted | TargetEnded | Retrying | StepStarted | StepEnded | Transferred | LogLine
Listener = Callable[[Event], None]
