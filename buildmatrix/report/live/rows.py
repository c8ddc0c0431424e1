"""What is known of each target while a run goes on; the board draws it, the lines say it now and then."""

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import field

from buildmatrix.engine.outcome import BuildOutcome
from buildmatrix.engine.progress.events import (
    Event,
    LogLine,
    Pushing,
    Retrying,
    Shared,
    StepEnded,
    StepStarted,
    TargetDone,
    TargetEnded,
    TargetStarted,
    Transferred,
)
from buildmatrix.engine.progress.tracks import NUMBERED
from buildmatrix.records import dataclass
from buildmatrix.report.run.words import DIGEST, STATUSES

ORDER = ("waiting", "building", "exporting", "pushing")
"""States on the way of a target: within an attempt none comes again."""

BUSY = frozenset(ORDER[1:])
"""States in which something of a target runs."""

ENDS = frozenset[str](STATUSES)
"""States in which nothing more is expected of a target."""


@dataclass()
class Step:
    """A step that runs; `at` as in `linux/amd64 2/5`, `log` is the last line that it wrote."""

    at: str
    text: str
    since: float
    log: str = ""

    @property
    def number(self) -> str:
        """`2/5`; "" for what is not a step of the Dockerfile."""
        found = NUMBERED.search(self.at)
        return found[0] if found else ""


@dataclass()
class Row:
    """One target. `doing` says what there is to say of its state, `outcome` what became of it once that is decided.

    It waits for what comes `before`; its tags are `held` until every image is there.
    """

    state: str = "waiting"
    doing: str = ""
    before: tuple[str, ...] = ()
    held: bool = False
    since: float = 0.0
    took: float = 0.0
    steps: dict[tuple[str, str], Step] = field(default_factory=dict)
    outcome: BuildOutcome | None = None

    @property
    def left(self) -> str:
        """What a target that is built has left: `sha256:4af5eec9f528, tags wait`."""
        digest = self.outcome.digest[:DIGEST] if self.outcome else self.doing
        waits = self.held and self.state in {"built", "cached"}
        return ", ".join(filter(None, (digest, "tags wait" if waits else "")))

    @property
    def step(self) -> Step | None:
        """The step that tells most: of those that run the last one of the Dockerfile to start."""
        running = list(self.steps.values())
        return next((step for step in reversed(running) if step.number), running[-1] if running else None)

    @property
    def longest(self) -> Step | None:
        """The step that runs for the longest time."""
        return next(iter(self.steps.values()), None)


class Rows:
    """The rows of all targets, by name."""

    def __init__(
        self,
        targets: Mapping[str, tuple[str, ...]],
        held: Collection[str] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take the targets with what each waits for, and those whose tags are `held` until every image is there."""
        self.by_name = {name: Row(before=before, held=name in held) for name, before in targets.items()}
        self.held = held
        self.clock = clock

    @property
    def done(self) -> int:
        """How many targets have ended."""
        return sum(row.state in ENDS for row in self.by_name.values())

    def waits_for(self, row: Row) -> str:
        """Return what a row waits for, of that what is not there yet."""
        left = [name for name in row.before if name not in self.by_name or self.by_name[name].state not in ENDS]
        return f"for {', '.join(left)}" if left else "for its turn"

    def note(self, event: Event) -> Row | None:
        """Take note of an event; return the row that it changed."""
        name = event.outcome.name if isinstance(event, TargetEnded) else getattr(event, "target", "")
        row = self.by_name.get(name)
        if row is None or (row.state in ENDS and not isinstance(event, TargetStarted | TargetEnded)):
            return None  # another call's, which depends on it
        if isinstance(event, StepStarted | StepEnded | LogLine):
            self._note_step(row, event)
        else:
            self._note_state(row, event)
        return row

    def _note_step(self, row: Row, event: StepStarted | StepEnded | LogLine) -> None:
        match event:
            case StepStarted() if event.step.startswith(("exporting ", "merging ")):
                if _advance(row, "exporting"):
                    row.doing = ""
            case StepStarted():
                step = Step(at=event.at, text=event.step, since=self.clock())
                row.steps[event.at, event.step] = step
                if row.state == "building" and step.number:
                    row.doing = ""  # what it said of a step of another's is over
            case StepEnded():
                row.steps.pop((event.at, event.step), None)
            case LogLine() if event.text.strip():
                for step in [step for step in row.steps.values() if step.at == event.at]:
                    step.log = event.text

    def _note_state(self, row: Row, event: Event) -> None:
        match event:
            case TargetStarted():
                row.state, row.doing, row.since = "building", event.because, row.since or self.clock()
                row.outcome = None
            case Pushing():
                _advance(row, "pushing")
            case Shared() if event.runs and row.state == "building" and row.step is None:
                row.doing = f"{event.at.rpartition(' ')[2]} with {event.whose}: {event.step}"
            case Transferred() if row.state == "pushing":
                row.doing = f"{event.current / 1e6:.0f} MB of {event.total / 1e6:.0f} MB"
            case Retrying():
                row.state = "waiting"
                row.doing = f"attempt {event.attempt} failed, again in {event.seconds:.0f}s: {event.problem}"
                row.steps.clear()
            case TargetDone():
                row.state, row.took = "built" if event.ran else "cached", event.seconds
                row.doing = event.digest[:DIGEST]
                row.steps.clear()
            case TargetEnded():
                row.state, row.took, row.outcome = event.outcome.status, event.outcome.seconds, event.outcome
                row.steps.clear()


def _advance(row: Row, state: str) -> bool:
    """Bring a row to a state, unless it is further; tell whether it is there now."""
    if row.state in ORDER and ORDER.index(row.state) > ORDER.index(state):
        return False
    row.state = state
    return True
