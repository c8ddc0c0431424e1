"""What changes between two plans, as data."""

from collections.abc import Iterable
from typing import Literal, NamedTuple

from buildmatrix.records import dataclass

Status = Literal["added", "removed", "renamed", "changed", "affected", "unchanged"]
"""What became of a target: `affected` is one that is as it was and depends on one that changed."""

STATUSES: tuple[Status, ...] = ("added", "removed", "renamed", "changed", "affected", "unchanged")

MOST_PATHS = 20
"""Paths of one part of a target that are named; the others are counted."""


class Setting(NamedTuple):
    """A setting that changed: `args.PYTHON`, or an item of a list; None where there was none, or is none now."""

    name: str
    before: str | None
    after: str | None


class Touched(NamedTuple):
    """What changed of the files that a target reads.

    `part` is "Dockerfile", "context" or "context NAME"; the paths are relative to the top of the repository, and `more`
    is how many there are beside them.
    """

    part: str
    paths: tuple[str, ...]
    more: int = 0

    @classmethod
    def of(cls, part: str, paths: Iterable[str]) -> "Touched":
        """Return it with the first paths named."""
        found = sorted(set(paths))
        return cls(part, tuple(found[:MOST_PATHS]), max(0, len(found) - MOST_PATHS))

    def with_more(self, other: "Touched") -> "Touched":
        """Return it with what another platform of the target reads besides."""
        both = Touched.of(self.part, (*self.paths, *other.paths))
        return both._replace(more=max(both.more, self.more, other.more))


@dataclass(frozen=True, kw_only=True)
class Target:
    """What became of a target. `through` are the changed targets nearest to it among those that it depends on."""

    name: str
    declared: str
    status: Status
    before: str = ""
    settings: tuple[Setting, ...] = ()
    files: tuple[Touched, ...] = ()
    through: tuple[str, ...] = ()


class LostTag(NamedTuple):
    """A tag that nothing would write any longer, and what wrote it."""

    name: str
    by: str


class MovedTag(NamedTuple):
    """A tag that another target would write, by the names of before and now."""

    name: str
    before: str
    after: str


class Need(NamedTuple):
    """What `apply` has to be allowed, and had not before; and which target asks for it."""

    value: str
    target: str


@dataclass(frozen=True, kw_only=True)
class Changes:
    """What changes between a plan of before and one of now.

    `against` is how the other one is spoken of, `commit` its hash, "" where none is known; `is_of_plans`: it is a saved
    plan, which has digests of files. `trouble` says why there is nothing to compare with: then every target counts as
    added. `targets` are those of now in build order, then the removed ones. `expected` are settings that change from
    run to run, and have. `unseen` is what of the targets no comparison of files sees; `wide` the images for want of
    whose lock whole contexts count.
    """

    against: str
    commit: str = ""
    is_of_plans: bool = False
    trouble: tuple[str, ...] = ()
    targets: tuple[Target, ...] = ()
    run: tuple[Setting, ...] = ()
    lost_tags: tuple[LostTag, ...] = ()
    moved_tags: tuple[MovedTag, ...] = ()
    needs: tuple[Need, ...] = ()
    expected: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()
    wide: tuple[str, ...] = ()

    def of(self, *statuses: Status) -> tuple[Target, ...]:
        """Return the targets of these statuses."""
        return tuple(target for target in self.targets if target.status in statuses)

    @property
    def is_nothing(self) -> bool:
        """Whether nothing changes."""
        unlike = any(target.status != "unchanged" for target in self.targets)
        return not (unlike or self.run or self.lost_tags or self.moved_tags or self.needs)
