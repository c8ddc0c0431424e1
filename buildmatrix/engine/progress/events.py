"""What is told of a run while it goes on: each event is one thing that happened to one target."""

from collections.abc import Callable

from buildmatrix.engine.outcome import BuildOutcome
from buildmatrix.records import dataclass


@dataclass(frozen=True, kw_only=True)
class TargetStarted:
    """Something of a target runs, or a call for it alone; `attempt` counts from 1.

    `because` says why it is built again, "" where nobody asks.
    """

    target: str
    attempt: int
    because: str = ""


@dataclass(frozen=True, kw_only=True)
class TargetDone:
    """All of a target is written while others of its call are still built; its outcome follows when that ends.

    `ran` tells whether a step was run and not taken from the cache. `digest` is "" where there is none, or where it is
    not known yet.
    """

    target: str
    ran: bool
    seconds: float
    digest: str = ""


@dataclass(frozen=True, kw_only=True)
class TargetEnded:
    """A target has ended for good."""

    outcome: BuildOutcome


@dataclass(frozen=True, kw_only=True)
class Retrying:
    """An attempt at a target failed, and another follows in so many seconds."""

    target: str
    attempt: int
    problem: str
    seconds: float


@dataclass(frozen=True, kw_only=True)
class StepStarted:
    """A step has started: `step` as in `RUN make`, `at` as in `linux/amd64 2/5`.

    `again` says that it had ended before: what is looked up first, and pulled only then. `cached` is true where it is
    known at its start that it comes from the cache.
    """

    target: str
    at: str
    step: str
    again: bool = False
    cached: bool = False


@dataclass(frozen=True, kw_only=True)
class Shared:
    """A step of a target is one of another target, too, and is told of as that one's; `runs`: it runs now."""

    target: str
    whose: str
    at: str
    step: str
    runs: bool


@dataclass(frozen=True, kw_only=True)
class Pushing:
    """What was exported of a target is on its way to a registry."""

    target: str


@dataclass(frozen=True, kw_only=True)
class Warned:
    """BuildKit warns of something in a target's Dockerfile; `line` is 0 if unknown.

    `again` says that the same of the same file was told of another target.
    """

    target: str
    rule: str
    message: str
    line: int
    url: str = ""
    again: bool = False


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


Event = (
    Line
    | TargetStarted
    | TargetDone
    | TargetEnded
    | Retrying
    | StepStarted
    | StepEnded
    | Transferred
    | Pushing
    | Shared
    | LogLine
    | Warned
)
Listener = Callable[[Event], None]
