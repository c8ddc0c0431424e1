"""What a lock file says of what goes into builds, beside what it said before: digests, checksums and commits."""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field, replace

from buildmatrix.dockerfile.links import Config
from buildmatrix.errors import BuildmatrixError
from buildmatrix.lock import FILE
from buildmatrix.pipeline.bases import Asking
from buildmatrix.plan.access.reach import dockerfile_of
from buildmatrix.plan.auto import Bases, Doubt, Named
from buildmatrix.plan.model import Plan, PlannedTarget
from buildmatrix.records import dataclass
from buildmatrix.review.earlier import Earlier
from buildmatrix.review.files import bases_of
from buildmatrix.review.model import Setting
from buildmatrix.spec.rows.options import Apply

Moved = dict[str, tuple[Setting, ...]]
"""By target what moved of what goes into it."""


@dataclass(frozen=True, kw_only=True)
class Locked:
    """The digests of images by name, the checksums and commits of sources by URL, and what makes use of an image.

    `plain` are the variables of those images that have no ONBUILDs.
    """

    images: Mapping[str, str] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    plain: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


NOTHING = Locked()


def locked_in(directory: str) -> Locked:
    """Return what a lock file says; nothing where there is no such file, or none that can be used."""
    if not os.path.lexists(os.path.join(directory, FILE)):  # noqa: PTH118
        return NOTHING
    from buildmatrix.lock.file import read_lock

    try:
        lock = read_lock(directory)
    except BuildmatrixError:
        return NOTHING
    plain = {name: one.env for name, one in lock.images.items() if not one.onbuild}
    return Locked(images=lock.digests, sources=lock.sources or {}, plain=plain)


def bases(plan: Plan) -> Mapping[str, Config]:
    """Return what the lock file says of base images: those without ONBUILDs, which nobody has to ask."""
    return bases_of(locked_in(plan.directory).plain.items())


def bases_then(earlier: Earlier, asking: Asking, environment: Mapping[str, str], said: Apply, here: str) -> Bases:
    """Return who tells the platforms of external images at a revision: its lock file, then whom this run asks.

    What its lock file lacks is known from that of `here`. Dockerfiles are laid out as they are asked for.
    """
    open_ = replace(asking, strict=False, beside=here)
    ask = open_.bases(str(earlier.directory), environment, said)

    def asked(target: PlannedTarget, written: Named) -> Named | Doubt | None:
        if (path := dockerfile_of(target.settings)) is not None:
            earlier.place([path])
        return ask(target, written)

    return asked


def moved(plan: Plan, before: Locked, *, only_known: bool = False) -> Moved:
    """Return by target what goes into it whose digest, checksum or commit in the lock file is another one, or gone.

    `only_known`: a saved plan has digests that no lock file had.
    """
    found: Moved = {}
    changes = [*_images(plan, before, only_known=only_known), *_sources(plan, before)]
    for targets, setting in changes:
        for name in targets:
            found[name] = (*found.get(name, ()), setting)
    return found


def _images(plan: Plan, before: Locked, *, only_known: bool) -> Iterator[tuple[Iterable[str], Setting]]:
    if not before.images:
        return
    from buildmatrix.pipeline.lock import planned_pins

    for pin in planned_pins(plan):
        old = before.images.get(pin.name, "")
        if old and old != pin.digest and (pin.digest or not only_known):
            yield pin.targets, Setting(f"base {pin.name}", old, pin.digest or None)


def _sources(plan: Plan, before: Locked) -> Iterator[tuple[Iterable[str], Setting]]:
    if not before.sources:
        return
    now = locked_in(plan.directory).sources
    if now == before.sources:
        return
    from buildmatrix.lock.sources import users_of

    for url, targets in users_of(plan).items():
        old, new = before.sources.get(url), now.get(url)
        if old is not None and old != new:
            yield targets, Setting(f"source {url}", old, new)


def not_locked(plan: Plan, unseen: Iterable[str], before: Locked) -> tuple[str, ...]:
    """Return of what no comparison of files sees, `TARGET: PLACE`, that which no lock file holds, before and now."""
    both = before.sources.keys() & locked_in(plan.directory).sources.keys()
    return tuple(one for one in unseen if one.partition(": ")[2] not in both)
