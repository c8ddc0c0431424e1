"""Bases that lack a platform for which something is built on them."""

from collections.abc import Iterable, Iterator, Mapping

from buildmatrix.errors import Diagnostic, Place, and_more
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


def fitting(platform: str, there: Iterable[str]) -> str:
    """Return which of an image's platforms BuildKit takes for one, "" for none: containerd's `platforms.Only`.

    An older variant will do, 32 bits where a machine has 64, and any variant of a platform that is written without one.
    """
    have = list(there)
    return next((one for one in _taken(platform) if one in have), "")


def _taken(platform: str) -> Iterator[str]:
    yield platform
    system, _, rest = platform.partition("/")
    name, _, variant = rest.partition("/")
    if name == "amd64":
        yield from (f"{system}/amd64/v{number}" for number in range(_number(variant, 1) - 1, 1, -1))
        yield from (f"{system}/amd64", f"{system}/386")
    if name == "arm64":
        yield f"{system}/arm64"
        yield from (f"{system}/arm/v{number}" for number in range(8, 4, -1))
    if name == "arm":
        yield from (f"{system}/arm/v{number}" for number in range(_number(variant, 7) - 1, 4, -1))


def _number(variant: str, otherwise: int) -> int:
    return int(variant[1:]) if variant[1:].isdecimal() and len(variant) == len("v1") else otherwise
