"""When the steps of a run ran: a row for each target, in it a lane for each node and platform."""

from collections.abc import Callable, Iterator, Sequence
from typing import Literal

from buildmatrix.engine.outcome import Attempt, BuildOutcome, Outcome, StepOutcome
from buildmatrix.records import dataclass
from buildmatrix.report.run.words import duration

MOST_STEPS, FEWEST_STEPS, ALL_STEPS = 200, 2, 4000
"""Steps drawn of one target, and of a run: the page of 2,000 targets stays readable, and under 5 MB."""

MOST_LANES = 4
"""Lanes of one node and platform; what has no room is drawn over the last."""

LONGEST_TEXT, SHORTEST_TEXT, ALL_TEXTS = 1000, 80, 600_000
"""Characters of a step's text, in its table; of those that are drawn together."""

LONGEST_TITLE = 160
WORDED = 6.0
"""Percent of the whole from which on a bar has words in it."""

TICKS = 6

State = Literal["built", "cached", "failed"]


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A stretch of time; `left` and `width` are percent of the whole."""

    left: float
    width: float
    state: State
    title: str
    label: str = ""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A target's bars: the tries, where there were several, and lanes by what they are called.

    `whole` stands for the steps that are not drawn, where some are not.
    """

    target: BuildOutcome
    whole: Bar | None
    tries: tuple[Bar, ...]
    lanes: tuple[tuple[str, tuple[Bar, ...]], ...]


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """All rows, the first to start first. `ticks` are times and their places; `idle` counts what did not start."""

    rows: tuple[Row, ...]
    ticks: tuple[tuple[str, float], ...]
    idle: int

    @property
    def is_cut(self) -> bool:
        """Whether steps are left out."""
        return any(row.whole for row in self.rows)


def timeline_of(outcome: Outcome) -> Timeline:
    """Return the timeline of a run."""
    whole = max([outcome.seconds, *map(_end, outcome.targets), 0.1])
    most, longest = most_steps(outcome), min(LONGEST_TITLE, longest_text(outcome) // 2)
    started = sorted((target for target in outcome.targets if _ran(target)), key=lambda target: target.started)
    return Timeline(
        rows=tuple(_row(target, whole, most, longest) for target in started),
        ticks=tuple(_ticks(whole)),
        idle=len(outcome.targets) - len(started),
    )


def most_steps(outcome: Outcome) -> int:
    """Return how many steps of each target have room."""
    return max(FEWEST_STEPS, min(MOST_STEPS, ALL_STEPS // max(1, len(outcome.targets))))


def longest_text(outcome: Outcome) -> int:
    """Return how many characters of each step have room."""
    most = most_steps(outcome)
    drawn = sum(min(most, len(target.steps)) for target in outcome.targets)
    return max(SHORTEST_TEXT, min(LONGEST_TEXT, ALL_TEXTS // max(1, drawn)))


def picked(steps: Sequence[StepOutcome], most: int) -> Sequence[StepOutcome]:
    """Return the steps that are shown: those that failed and the longest, in their order."""
    if len(steps) <= most:
        return steps
    by_weight = sorted(range(len(steps)), key=lambda index: (not steps[index].error, -steps[index].seconds))
    return [steps[index] for index in sorted(by_weight[:most])]


def _ran(target: BuildOutcome) -> bool:
    return bool(target.steps or target.attempts or target.seconds)


def _end(target: BuildOutcome) -> float:
    return max(
        [
            target.started + target.seconds,
            *(step.started + step.seconds for step in target.steps),
            *(attempt.started + attempt.seconds for attempt in target.attempts),
        ]
    )


def _ticks(whole: float) -> Iterator[tuple[str, float]]:
    """Yield round times with their places, some six of them."""
    steps = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)
    step = next((step for step in steps if whole / step <= TICKS), whole / TICKS)
    for number in range(int(whole / step) + 1):
        yield _clock(number * step, step), 100 * number * step / whole


def _clock(seconds: float, step: float) -> str:
    if step < 1:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _row(target: BuildOutcome, whole: float, most: int, longest: int) -> Row:
    tries = target.attempts if len(target.attempts) > 1 else ()
    lanes = _lanes(target, picked(target.steps, most))
    is_cut = len(target.steps) > most
    return Row(
        target=target,
        whole=_placed(target.started, target.seconds, whole, "built", "") if is_cut else None,
        tries=tuple(_try(attempt, whole) for attempt in tries),
        lanes=tuple((name, tuple(_bar(step, whole, longest) for step in steps)) for name, steps in lanes),
    )


def _lanes(target: BuildOutcome, steps: Sequence[StepOutcome]) -> Iterator[tuple[str, list[StepOutcome]]]:
    """Yield the steps by node and platform; those that ran side by side lie in lanes side by side."""
    groups: dict[str, list[StepOutcome]] = {}
    place = _places(target)
    for step in sorted(steps, key=lambda step: step.started):
        groups.setdefault(place(step), []).append(step)
    for name, group in groups.items():
        for number, lane in enumerate(_side_by_side(group)):
            yield "" if number else name, lane


def _side_by_side(steps: Sequence[StepOutcome]) -> list[list[StepOutcome]]:
    lanes: list[list[StepOutcome]] = []
    for step in steps:
        free = next((lane for lane in lanes if lane[-1].started + lane[-1].seconds <= step.started + 0.05), None)
        if free is None and len(lanes) < MOST_LANES:
            lanes.append([step])
        else:
            (free or lanes[-1]).append(step)
    return lanes


def _places(target: BuildOutcome) -> Callable[[StepOutcome], str]:
    """Return what names a step's lane: its node, and its platform where there are several.

    A step of which no node is known ran on the only one that its target used.
    """
    nodes = {step.node for step in target.steps if step.node}
    node = next(iter(nodes)) if len(nodes) == 1 else ""
    many = len(target.platforms) > 1

    def name(step: StepOutcome) -> str:
        platform = _platform(step) if many else ""
        return (
            " ".join(text for text in (step.node or node, platform.removeprefix("linux/")) if text) or "shared" * many
        )

    return name


def _platform(step: StepOutcome) -> str:
    first = step.at.partition(" ")[0]
    return first if "/" in first and first[0].isalpha() else ""


def _bar(step: StepOutcome, whole: float, longest: int) -> Bar:
    state: State = "failed" if step.error else "cached" if step.cached else "built"
    text = " ".join(f"{step.at} {step.text}".split())
    shown = text if len(text) <= longest else text[: longest - 1] + "…"
    what = state if step.error or step.cached else duration(step.seconds)
    where = f" on {step.node}" if step.node else ""
    title = f"{shown}: {what}, from {_clock(step.started, 1)}{where}"
    words = step.text[:80] if 100 * step.seconds / whole > WORDED and not step.cached else ""
    return _placed(step.started, step.seconds, whole, state, title, label=words)


def _try(attempt: Attempt, whole: float) -> Bar:
    title = f"attempt {attempt.number}: {attempt.problem or 'worked'}"
    title += f" ({attempt.kind})" if attempt.kind else ""
    title += f"; tried again in {duration(attempt.retried_in)}" if attempt.retried_in else ""
    state: State = "failed" if attempt.problem else "built"
    return _placed(attempt.started, attempt.seconds, whole, state, title, label=str(attempt.number))


def _placed(started: float, seconds: float, whole: float, state: State, title: str, label: str = "") -> Bar:
    left = min(100.0, 100 * started / whole)
    width = min(100 - left, 100 * seconds / whole)
    return Bar(left=round(left, 2), width=round(width, 2), state=state, title=title, label=label)
