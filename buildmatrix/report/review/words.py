"""What all forms of a comparison say alike: groups of targets with the same change, counts, and what was compared."""

from collections.abc import Iterable, Iterator, Sequence
from difflib import ndiff
from typing import NamedTuple

from buildmatrix.report.plan.details import quoted
from buildmatrix.report.run.words import counted
from buildmatrix.review.model import STATUSES, Changes, Setting, Status, Target, Touched

DIGEST, COMMIT = len("sha256:") + 12, 12
SHOWN = 8
"""Names that are shown of many."""

FEW = 3
"""Values of a setting that are shown of many."""

MOST_LINES = 12
"""Lines of a value of several that are shown."""

WORDS: dict[Status, str] = {
    "added": "new",
    "removed": "removed",
    "renamed": "renamed",
    "changed": "changed",
    "affected": "depending on what changed",
    "unchanged": "unchanged",
}


class Group(NamedTuple):
    """Targets that changed alike; with `briefly` their tags are told without the repositories, in which they differ."""

    targets: tuple[Target, ...]
    briefly: bool = False

    @property
    def first(self) -> Target:
        """One of them."""
        return self.targets[0]

    @property
    def names(self) -> tuple[str, ...]:
        """What they are called."""
        return tuple(target.name for target in self.targets)

    def settings(self) -> Iterator[tuple[str, list[Setting]]]:
        """Yield each setting that changed, with the changes of values that the targets do not have in common."""
        found: dict[str, dict[Setting, None]] = {}
        for target in self.targets:
            for one in target.settings:
                found.setdefault(one.name, {})[_brief(one) if self.briefly else one] = None
        yield from ((name, list(some_of_it)) for name, some_of_it in found.items())


def groups(changes: Changes, *, every: bool = False) -> list[Group]:
    """Return all targets that are not as they were, by status, those that changed alike together.

    Cells of a matrix are alike if the same settings changed, whatever their values; targets if the changes are the
    same, but for the repositories in their tags: with `every` these have to be the same, too.
    """
    cells: dict[object, list[Target]] = {}
    for status in STATUSES[:-1]:
        for target in changes.of(status):
            cells.setdefault(_alike(target), []).append(target)
    same: dict[object, list[Group]] = {}
    for targets in cells.values():
        one = Group(tuple(targets))
        same.setdefault(_same(one, briefly=not every), []).append(one)
    return [_together(some) for some in same.values()]


def _alike(target: Target) -> object:
    if target.status == "affected":
        return target.status, target.through
    shape = tuple((one.name, one.before is None, one.after is None) for one in target.settings)
    return target.status, target.declared, target.before, shape, target.files, target.through


def _same(group: Group, *, briefly: bool) -> object:
    """Return what groups of several targets have to have in common to be told as one."""
    one, settings = group.first, group._replace(briefly=briefly).settings()
    told = tuple((name, tuple(values)) for name, values in settings)
    return one.status, one.before, one.files, one.through, len(one.settings), told


def _together(some: list[Group]) -> Group:
    """Return groups as one; their tags are told in full where they are the same."""
    targets = tuple(target for group in some for target in group.targets)
    return Group(targets, any(list(group.settings()) != list(some[0].settings()) for group in some))


def _brief(one: Setting) -> Setting:
    """Return a change of a tag without the repository, if that is the same before and after."""
    if one.name != "tags":
        return one
    parts = [text.rpartition(":") for text in (one.before, one.after) if text is not None]
    if any(not colon or "/" in tag for _, colon, tag in parts) or len({repository for repository, *_ in parts}) > 1:
        return one
    before, after = (None if text is None else f"…:{text.rpartition(':')[2]}" for text in (one.before, one.after))
    return Setting(one.name, before, after)


def counts(changes: Changes) -> str:
    """Return `1 new, 2 changed, 14 unchanged`."""
    numbers = ((len(changes.of(status)), status) for status in STATUSES)
    return ", ".join(f"{number:,} {WORDS[status]}" for number, status in numbers if number) or "no targets"


def some(names: Sequence[str], *, every: bool = False) -> tuple[list[str], str]:
    """Return the first of many names, and how many there are beside them."""
    if every or len(names) <= SHOWN + 1:
        return list(names), ""
    return list(names[:SHOWN]), f" and {len(names) - SHOWN:,} more"


def nothing(changes: Changes) -> str:
    """Return what is said where nothing changes."""
    number = len(changes.of("unchanged"))
    return f"Nothing changes: {counted(number, 'target')} {'is as it was' if number == 1 else 'are as they were'}."


def some_values(values: Sequence[Setting], *, every: bool = False) -> tuple[Sequence[Setting], str]:
    """Return the first changes of a setting's values, and how many there are beside them."""
    if every or len(values) <= FEW + 1:
        return values, ""
    return values[:FEW], f"… {len(values) - FEW:,} more like these"


def value(one: Setting, text: str) -> str:
    """Return one of its values as it is shown on a line."""
    if one.name.startswith(("base ", "source ")):
        return text[:DIGEST] if ":" in text else text[:COMMIT]
    return quoted(text)


def is_long(one: Setting) -> bool:
    """Tell whether a value has several lines."""
    return any("\n" in text.rstrip("\n") for text in (one.before, one.after) if text)


def line_changes(one: Setting) -> list[str]:
    """Return which lines of a value of several are gone or new, with `-` or `+` before each."""
    before, after = ((text or "").splitlines() for text in (one.before, one.after))
    found = [line for line in ndiff(before, after) if line.startswith(("- ", "+ "))]
    more = len(found) - MOST_LINES
    return [*found[:MOST_LINES], f"… {counted(more, 'more line')}"] if more > 0 else found


def paths(one: Touched) -> list[str]:
    """Return the paths of a part, and how many there are beside them."""
    shown, more = list(one.paths[:SHOWN]), len(one.paths[SHOWN:]) + one.more
    return [*shown, f"{counted(more, 'more path')}"] if more else shown


_OF_REVISIONS = (
    "Compared: settings, buildmatrix.lock, and the files that git has. Not looked at: base images and URLs that are "
    "not locked, contexts elsewhere, and files that git ignores."
)
_OF_PLANS = (
    "Compared: settings, digests of base images, and of files. Not looked at: base images that are not locked, URLs, "
    "contexts elsewhere, and new files that ONBUILDs of base images alone read."
)


def scope(changes: Changes) -> list[str]:
    """Return what was compared, and what of the targets no comparison of files sees."""
    found = [_OF_PLANS if changes.is_of_plans else _OF_REVISIONS]
    found += [f"Not seen: {_listed(changes.unseen)}."] if changes.unseen else []
    if changes.wide and any(one.part.startswith("context") for target in changes.targets for one in target.files):
        found.append(
            f"Whole contexts count, since nobody knows whether {_listed(changes.wide)} "
            f"{'has' if len(changes.wide) == 1 else 'have'} ONBUILDs: with buildmatrix.lock only what is read does."
        )
    if changes.expected:
        found.append(f"Other with each run, and not shown: {_listed(changes.expected)}.")
    return found


def _listed(names: Iterable[str]) -> str:
    shown, more = some(list(names))
    return ", ".join(shown) + more


def trouble(changes: Changes) -> str:
    """Return why there is nothing to compare with; "" where there is."""
    if not changes.trouble:
        return ""
    return f"Nothing to compare with at {changes.against}: {'; '.join(changes.trouble)}. Every target counts as new."
