"""Rows of job matrices: as many as a CI system takes in one matrix, else several Builds share a row."""

from collections.abc import Iterable, Iterator, Sequence
from heapq import heapify, heapreplace
from itertools import pairwise

from buildmatrix.ci.waves import Wave, doubts, waves_of
from buildmatrix.errors import Diagnostic, SpecError
from buildmatrix.plan.builds import Build, BuildPlan
from buildmatrix.records import dataclass
from buildmatrix.spec.rows.tables import OTHERS

GITHUB_MOST = 256
"""Jobs that GitHub makes of one matrix."""

GITLAB_MOST = 200
"""Jobs that GitLab makes of one job with `parallel`; what we write has no more in a stage."""

Labels = tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Job:
    """What one machine builds: Builds of one wave, by their keys.

    `runner` are the labels that the machine has to have, none where the file does not say. `wave` and `number`, within
    the wave, count from 1.
    """

    builds: tuple[str, ...]
    platforms: tuple[str, ...]
    runner: Labels
    wave: int
    number: int

    @property
    def id(self) -> str:
        """A name that no other job of the plan has, of few characters: artifacts are called by it."""
        return f"{self.wave}-{self.number}"

    @property
    def name(self) -> str:
        """What people read."""
        return self.builds[0] if len(self.builds) == 1 else f"{self.builds[0]} and {len(self.builds) - 1} more"


@dataclass(frozen=True, kw_only=True)
class Jobs:
    """All jobs of a plan, by wave, and what may go wrong. `plan` is the id of a saved plan, "" for one that is not.

    `moves`: tags are to be moved to what is there already. `runner` is the machine of what builds nothing.
    """

    plan: str
    waves: tuple[tuple[Job, ...], ...]
    warnings: tuple[Diagnostic, ...]
    moves: bool = False
    runner: Labels = ()

    @property
    def ends_in_merge(self) -> bool:
        """Whether there is anything to merge."""
        return bool(self.waves) or self.moves


def jobs_of(plan: BuildPlan, plan_id: str, most: int, *, moves: bool = False) -> Jobs:
    """Return the jobs of a plan, at most so many in a wave; SpecError where there are more machines than that."""
    waves = tuple(rows_of(waves_of(plan), most))
    return Jobs(plan=plan_id, waves=waves, warnings=tuple(doubts(plan)), moves=moves, runner=default_runner(plan))


def default_runner(plan: BuildPlan) -> Labels:
    """Return the labels of the machine for what builds nothing."""
    return plan.runners.get(OTHERS, ())


def rows_of(waves: Iterable[Wave], most: int) -> Iterator[tuple[Job, ...]]:
    """Yield the jobs of each wave. Where it has too many Builds, those of one machine share jobs."""
    return (tuple(_jobs(wave, number, most)) for number, wave in enumerate(waves, start=1))


def _jobs(wave: Wave, number: int, most: int) -> Iterator[Job]:
    by_runner: dict[Labels, list[Build]] = {}
    for build in wave:
        by_runner.setdefault(build.runner, []).append(build)
    shares = _shares([len(builds) for builds in by_runner.values()], most)
    each = zip(by_runner.items(), shares, strict=True)
    parts = [(runner, part) for (runner, builds), share in each for part in _parts(builds, share)]
    for count, (runner, part) in enumerate(parts, start=1):
        yield Job(
            builds=tuple(build.name for build in part),
            platforms=tuple(dict.fromkeys(platform for build in part for platform in build.platforms)),
            runner=runner,
            wave=number,
            number=count,
        )


def _shares(counts: Sequence[int], most: int) -> list[int]:
    """Return how many jobs each machine's Builds have: as many as there are of both, so that the longest is short."""
    if len(counts) > most:
        message = f"one wave of the plan is built on {len(counts)} different machines, and a matrix has {most} jobs"
        raise SpecError(Diagnostic(message=message, code="runner", hint="name fewer machines in [runner]"))
    if sum(counts) <= most:
        return list(counts)
    shares = [1] * len(counts)
    longest: list[tuple[float, int]] = [(-count, number) for number, count in enumerate(counts)]
    heapify(longest)
    for _ in range(most - len(counts)):
        number = longest[0][1]
        shares[number] += 1
        heapreplace(longest, (-counts[number] / shares[number], number))
    return shares


def _parts(builds: Sequence[Build], number: int) -> Iterator[Sequence[Build]]:
    """Yield the Builds in so many parts, all of about one length."""
    cuts = [len(builds) * part // number for part in range(number + 1)]
    return (builds[start:end] for start, end in pairwise(cuts))
