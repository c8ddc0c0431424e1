"""How to run a plan: the flags of `apply`, over what the file says in `[apply]` and of each target."""

import re
from dataclasses import dataclass
from typing import Literal

from buildmatrix.plan.model import Plan, PlannedTarget
from buildmatrix.spec.rows.settings import Publish

ProgressStyle = Literal["auto", "plain", "tty", "quiet", "rawjson"]

_UNITS = {"h": 3600, "m": 60, "s": 1}


def seconds_of(duration: str) -> int:
    """Return the seconds of a duration such as `1h30m` (its form is checked by the schema)."""
    return sum(int(number) * _UNITS[unit] for number, unit in re.findall(r"([0-9]+)([hms])", duration))


@dataclass(frozen=True, kw_only=True)
class ApplyOptions:
    """What the command line asks for; None where it says nothing. `timeout` is in seconds."""

    builder: str | None = None
    no_cache: bool = False
    pull: bool = False
    progress: ProgressStyle = "auto"
    allow: tuple[str, ...] = ()
    provenance_in_metadata: bool = False
    jobs: int | None = None
    keep_going: bool | None = None
    fail_fast: bool = False
    retries: int | None = None
    timeout: int | None = None
    publish: Publish | None = None
    platforms_may_shrink: bool | None = None


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What holds for a run: the flags, else the target's own settings, else `[apply]`."""

    plan: Plan
    options: ApplyOptions

    @property
    def is_split(self) -> bool:
        """Whether targets are limited, timed, or are to go on beside a failure: then a plan is cut into many calls."""
        timed = any(self.timeout(target) for target in self.plan.targets)
        return bool(self.jobs or self.keep_going or timed)

    @property
    def progress(self) -> ProgressStyle:
        """How bake shows its progress: several calls at once cannot share a terminal."""
        return "plain" if self.options.progress == "tty" and self.is_split else self.options.progress

    @property
    def builder(self) -> str | None:
        """The builder's name; None for the current one."""
        return self.options.builder or self.plan.apply.builder

    @property
    def jobs(self) -> int | None:
        """How many targets may build at once; None for as many as there are."""
        return self.options.jobs or self.plan.apply.jobs

    @property
    def keep_going(self) -> bool:
        """Whether to start what does not depend on a failure."""
        if self.options.fail_fast:
            return False
        given = self.options.keep_going
        return bool(self.plan.apply.keep_going) if given is None else given

    def retries(self, target: PlannedTarget) -> int:
        """Return how often a target is tried again."""
        given = (self.options.retries, target.settings.retries, self.plan.apply.retries)
        return next((number for number in given if number is not None), 0)

    def timeout(self, target: PlannedTarget) -> int | None:
        """Return the seconds that a target may take; None for any."""
        if self.options.timeout is not None:
            return self.options.timeout
        given = target.settings.timeout or self.plan.apply.timeout
        return seconds_of(given) if given else None

    @property
    def platforms_may_shrink(self) -> bool:
        """Whether a tag may lose platforms that it has."""
        given = self.options.platforms_may_shrink
        return bool(self.plan.apply.platforms_may_shrink) if given is None else given

    def together(self, target: PlannedTarget) -> bool:
        """Tell whether a target's tags move only when every image of the run is there."""
        given = (self.options.publish, target.settings.publish, self.plan.apply.publish)
        return next((publish for publish in given if publish), "direct") == "together"
