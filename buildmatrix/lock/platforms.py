"""Bases that lack a platform for which something is built on them."""

from collections.abc import Iterable, Iterator, Mapping

from buildmatrix.errors import Diagnostic, Place, and_more
from buildmatrix.lock.known import fitting
from buildmatrix.lock.named import Named


def lacking(named: Iterable[Named], platforms: Mapping[str, tuple[str, ...]]) -> Iterator[Diagnostic]:
    """Yield an error for each FROM of an image that lacks a platform; `platforms` are those of indexes, by name.

    Of an image that is in no index BuildKit only warns: it takes that for every platform.
    """
    for one in named:
        if have := platforms.get(one.name):
            for (place, lacked), targets in _lacked(one, have).items():
                who = f"{targets[0]}{and_more(len(targets), 'target')}"
                message = f"{one.name} has no {lacked}, for which {who} {'is' if len(targets) == 1 else 'are'} built"
                hint = f"it has {', '.join(have)}: build for those only, or take another image"
                yield Diagnostic(message=message, code="platforms", place=place, hint=hint)


def _lacked(one: Named, have: tuple[str, ...]) -> dict[tuple[Place, str], list[str]]:
    found: dict[tuple[Place, str], list[str]] = {}
    for use in one.uses:
        for platform in use.platforms:
            if not fitting(platform, have):
                found.setdefault((use.place, platform), []).append(use.target)
    return found
