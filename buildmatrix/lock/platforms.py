"""Bases that lack a platform for which something is built on them."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from buildmatrix.errors import Diagnostic, Place, and_more
from buildmatrix.lock.named import Named


class Have(NamedTuple):
    """The platforms of an image; `single` says that it is in no index."""

    platforms: tuple[str, ...]
    single: bool = False


def lacking(named: Iterable[Named], images: Mapping[str, Have]) -> Iterator[Diagnostic]:
    """Yield an error for each use of an image that lacks a platform; `images` are those that are known, by name.

    BuildKit refuses an index without the platform, wherever it is used. An image that is in none it takes for any, with
    a warning: what is built on that is for another platform than it says, but files may be taken of it.
    """
    for one in named:
        if (have := images.get(one.name)) and have.platforms:
            for (place, lacked), targets in _lacked(one, have).items():
                who = f"{targets[0]}{and_more(len(targets), 'target')}"
                message = f"{one.name} has no {lacked}, for which {who} {'is' if len(targets) == 1 else 'are'} built"
                yield Diagnostic(message=message, code="platforms", place=place, hint=_hint(one.name, have))


def _hint(name: str, have: Have) -> str:
    if have.single:
        alone = have.platforms[0]
        asked = f"FROM --platform={alone} {name}"
        return f"it is one image, for {alone}: take another one, or write {asked} where it is to be used as it is"
    return f"it has {', '.join(have.platforms)}: build for those only, or take another image"


def _lacked(one: Named, have: Have) -> dict[tuple[Place, str], list[str]]:
    found: dict[tuple[Place, str], list[str]] = {}
    for use in one.uses:
        for platform in use.platforms if use.is_base or not have.single else ():
            if not fitting(platform, have.platforms):
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
