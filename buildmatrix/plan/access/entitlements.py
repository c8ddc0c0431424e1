"""The entitlements that a plan asks for: privileges of the build, and paths outside of the repository.

Bake's own check (bake/entitlements.go) does not act with rawjson progress, and not at all before buildx 0.17: ours is
the one that counts. What it allows is handed to bake, whose check acts with the other styles of progress.
"""

import os
from collections.abc import Iterable, Iterator
from functools import cache

from buildmatrix.errors import Diagnostic, Pointer, UsageError, did_you_mean
from buildmatrix.files import Repository, is_within
from buildmatrix.plan.access.reach import Reach, privileges, reaches
from buildmatrix.plan.model import Entitlement, PlannedTarget

_PATHS = frozenset({"fs", "fs.read", "fs.write"})
_OURS = ("docker.context=", "cache.server=", "builder=")
"""What bake does not know; it is asked for all the same, and never handed on."""


_KINDS = frozenset({
    "network.host", "security.insecure", "device", "ssh", "fs", "fs.read", "fs.write", "image", "buildx.local.delete",
    *(kind.removesuffix("=") for kind in _OURS),
})  # fmt: skip
"""All that can be allowed: bake's (bake/entitlements.go, up to 0.37), and ours."""


def refuse_unknown(allowed: Iterable[str]) -> None:
    """Raise UsageError for an `--allow` that nothing asks for: it would be passed over, or fail every build."""
    found = []
    for text in allowed:
        kind = text.partition("=")[0]
        if kind not in _KINDS:
            hint = did_you_mean(kind, _KINDS) or f"known here: {', '.join(sorted(_KINDS))}"
            found.append(Diagnostic(message=f'unknown --allow "{text}"', code="allow", hint=hint))
    if found:
        raise UsageError(*found)


def entitlements_of(targets: Iterable[PlannedTarget], directory: str) -> tuple[Entitlement, ...]:
    """Return each entitlement that the targets need, once, with the first target that asks for it.

    `directory` is where bake will run. A path outside of it but within the repository around it is granted by
    ourselves; everything else is for `apply --allow`. The links of the disk are followed as they are now.
    """
    look = _Look(Repository.around(directory))
    found: dict[str, Entitlement] = {}
    for target in targets:
        for value, path, automatic in look.wanted(target):
            if value not in found:
                place = target.place_of(*path)
                found[value] = Entitlement(value=value, target=target.name, place=place, automatic=automatic)
    return tuple(found.values())


class _Look:
    """Looks at where the paths of targets lead; at each once."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._judged = cache(self._judge)
        self._is_there = cache(self._starts)
        self._last: tuple[tuple[Reach, ...], list[tuple[str, Pointer, bool]]] = ((), [])

    def _paths(self, reached: tuple[Reach, ...]) -> list[tuple[str, Pointer, bool]]:
        """Return what paths ask for: targets with the very same tuple ask for the same."""
        if self._last[0] is not reached:
            self._last = (reached, list(self._wanted_paths(reached)))
        return self._last[1]

    def wanted(self, target: PlannedTarget) -> Iterator[tuple[str, Pointer, bool]]:
        """Yield each entitlement with the setting that asks for it, and whether we grant it ourselves."""
        yield from ((value, pointer, False) for value, pointer in privileges(target.settings))
        yield from self._paths(reaches(target))

    def _wanted_paths(self, reached: tuple[Reach, ...]) -> Iterator[tuple[str, Pointer, bool]]:
        said: list[tuple[str, str]] = []
        for reach in reached:
            if reach.maybe and not self._is_there(reach.path):
                continue
            for real, automatic in self._of(reach):
                if not any(access == reach.access and is_within(real, other) for access, other in said):
                    said.append((reach.access, real))
                    yield f"fs.{reach.access}={real}", reach.pointer, automatic

    def _of(self, reach: Reach) -> Iterator[tuple[str, bool]]:
        own = self._judged(reach.access, reach.path)
        yield from own
        for path in reach.more:
            expected = {real + path.removeprefix(reach.path) for real, _ in own}
            yield from (
                (real, ours) for real, ours in self._judged(reach.access, path) if not ours | (real in expected)
            )
        if reach.tree:
            yield from ((path, False) for path in self._gits(reach.path))

    def _starts(self, path: str) -> bool:
        return os.path.lexists(f"{self._repository.folder}/{path.partition('/')[0]}")

    def _judge(self, access: str, path: str) -> list[tuple[str, bool]]:
        """Return what to grant for a path: nothing within the working directory, which bake leaves free."""
        repository = self._repository
        real, outside = repository.leads(path)
        if outside:
            return [(one, False) for one in outside]
        if access == "write" and ".git" in os.path.relpath(real, repository.root).split("/"):
            return [(real, False)]
        return [] if is_within(real, repository.folder) else [(os.path.relpath(real, repository.folder), True)]

    def _gits(self, path: str) -> Iterator[str]:
        """Yield what git obeys (hooks, programs in its settings) and an exported directory would lie over."""
        real, outside = self._repository.leads(path)
        if outside:
            return
        holders = dict.fromkeys(one for one in (real, self._repository.root) if is_within(one, real))
        yield from (f"{one}/.git" for one in holders if os.path.lexists(f"{one}/.git"))


def is_allowed(value: str, allowed: Iterable[str]) -> bool:
    """Tell whether an entitlement is among those that the command line allows, or below one of its paths."""
    kind, _, path = value.partition("=")
    given = set(allowed)
    if value in given or (kind in given and kind not in _PATHS):
        return True
    if kind not in _PATHS:
        return False
    paths = [item.partition("=")[2] for item in given if item.partition("=")[0] in {"fs", kind}]
    return any(one == "*" or (one and is_within(path, os.path.realpath(one))) for one in paths)


def for_bake(entitlements: Iterable[Entitlement], allowed: Iterable[str]) -> tuple[str, ...]:
    """Return what bake is to allow: the entitlements, and what the command line allows, wherever it was typed."""
    found = dict.fromkeys(entitlement.value for entitlement in entitlements)
    for item in allowed:
        kind, sign, path = item.partition("=")
        is_path = kind in _PATHS and path not in {"", "*"}
        found[f"{kind}{sign}{os.path.realpath(path)}" if is_path else item] = None
    return tuple(value for value in found if not value.startswith(_OURS))
