"""How to run a plan: the flags of `apply`, over what the file says of each target and in `[apply]`."""

import re
from collections.abc import Iterator
from dataclasses import field
from functools import cached_property
from typing import Any

from buildmatrix.errors import Diagnostic
from buildmatrix.plan.model import Plan, PlannedTarget
from buildmatrix.records import dataclass
from buildmatrix.spec.rows.options import Apply, Flag, OfTarget, Options, ProgressStyle, settled
from buildmatrix.spec.rows.shapes import Keyword, row_of, rows

_UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}


def seconds_of(duration: str) -> int:
    """Return the seconds of a duration such as `1h30m` or `7d` (its form is checked by the schema)."""
    return sum(int(number) * _UNITS[unit] for number, unit in re.findall(r"([0-9]+)([dhms])", duration))


def refusals(options: Options) -> Iterator[Diagnostic]:
    """Yield an error for each option whose row's pattern refuses its value."""
    for row in rows(type(options)):
        flag, value = row.marker(Flag), getattr(options, row.attribute)
        pattern = next((one.value for one in row.markers if isinstance(one, Keyword) and one.name == "pattern"), None)
        if flag and pattern and value is not None and re.fullmatch(str(pattern), value) is None:
            words, hint = flag.refusal
            yield Diagnostic(message=f"{flag.names[0]} {value} {words}", code="usage", hint=hint)


def asks_registries(options: Options, apply: Apply) -> bool:
    """Tell whether a plan is made with what registries hold: incremental, by the command line or else the file."""
    return bool(settled(row_of(type(options), "incremental"), options, apply))


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What holds for a run: the command line, its environment, else the target's own setting, else `[apply]`.

    It is made once, and handed on.
    """

    plan: Plan
    options: Options = field(default_factory=Options)

    def value(self, name: str, target: PlannedTarget | None = None) -> Any:
        """Return what holds of an option, for a target where targets may have it as a setting."""
        row = row_of(type(self.options), name)
        own = target.settings if target and row.marker(OfTarget) is not None else None
        return settled(row, self.options, own, self.plan.apply)

    @cached_property
    def is_split(self) -> bool:
        """Whether targets are limited, timed, or are to go on beside a failure: then a plan is cut into many calls."""
        return bool(self.jobs or self.keep_going or self.is_timed)

    @cached_property
    def is_timed(self) -> bool:
        """Whether a target is ended that takes too long: with it goes its call, whatever bake does of itself."""
        return any(self.timeout(target) for target in self.plan.targets)

    @property
    def progress(self) -> ProgressStyle:
        """How bake shows its progress: several calls at once cannot share a terminal."""
        return "plain" if self.options.progress == "tty" and self.is_split else self.options.progress

    @property
    def builder(self) -> str | None:
        """The builder's name; None for the current one."""
        found: str | None = self.value("builder")
        return found

    @cached_property
    def jobs(self) -> int | None:
        """How many targets may build at once; None for as many as there are."""
        found: int | None = self.value("jobs")
        return found

    @cached_property
    def keep_going(self) -> bool:
        """Whether to start what does not depend on a failure."""
        return not self.options.fail_fast and bool(self.value("keep_going"))

    def retries(self, target: PlannedTarget) -> int:
        """Return how often a target is tried again."""
        return int(self.value("retries", target))

    def timeout(self, target: PlannedTarget) -> int | None:
        """Return the seconds that a target may take; None for any."""
        given = self.value("timeout", target)
        return seconds_of(given) if given else None

    def max_age(self, target: PlannedTarget) -> int | None:
        """Return the seconds that a target's image may be old; None for any."""
        given = self.value("max_age", target)
        return seconds_of(given) if given else None

    @cached_property
    def platforms_may_shrink(self) -> bool:
        """Whether a tag may lose platforms that it has."""
        return bool(self.value("platforms_may_shrink"))

    @cached_property
    def incremental(self) -> bool:
        """Whether what is up to date is not built."""
        return bool(self.value("incremental"))

    @cached_property
    def content_tag(self) -> bool:
        """Whether images are also pushed, and looked for, under a tag that is named by what went into them."""
        return self.incremental and bool(self.value("content_tag"))

    @cached_property
    def locked(self) -> bool:
        """Whether only images that the lock file has may be taken from outside."""
        return bool(self.value("locked"))

    def together(self, target: PlannedTarget) -> bool:
        """Tell whether a target's tags move only when every image of the run is there."""
        return bool(self.value("publish", target) == "together")
