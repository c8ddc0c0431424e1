"""Tells what is another in a target than in the image that was built last, and what the next run can tell it by."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace

from buildmatrix.graphs import reached
from buildmatrix.inputs.known import Known
from buildmatrix.oci.image import Image
from buildmatrix.plan.access.across import TARGET
from buildmatrix.plan.model import Plan, PlannedTarget
from buildmatrix.plan.publishing import pushed_tags
from buildmatrix.state.images.changes import Now, changes
from buildmatrix.state.images.contents import (
    REBUILD,
    Contents,
    Summing,
    Within,
    args_in,
    is_private,
    rows_in,
    shortened,
    unkeyed_in,
)
from buildmatrix.state.images.marks import fingerprints_in
from buildmatrix.state.images.summary import read, written
from buildmatrix.state.values import Kept

_NO_VALUES = ("image ", "context", "needs ", "dockerfile")
"""How the parts begin that have digests and no values."""


class Telling:
    """Tells of the targets of a plan. It decides nothing."""

    def __init__(
        self,
        plan: Plan,
        known: Callable[[str], Known],
        within: Callable[[str, str], Mapping[str, Within]],
        kept: Kept | None,
        earlier: Callable[[str], Iterable[Mapping[str, Contents]]] = lambda _: (),
    ) -> None:
        """Take what is known of a target's inputs, what those of a platform stand for, and where values are kept.

        `earlier` returns what is known to have been built of a target that this run pushes nowhere.
        """
        self._plan, self._known, self._within, self._kept = plan, known, within, kept
        self._earlier = earlier
        self._summing = Summing()
        self._made: dict[tuple[str, str], Contents] = {}
        self._read: dict[str, dict[str, Contents]] = {}

    def told(self, name: str, platform: str, image: Image, rebuilt: Collection[str]) -> tuple[str, ...]:
        """Return what is another than in an image, for a platform; () where nobody can tell."""
        old = self._old(image, platform)
        return self.since({platform: old}, fingerprints_in(image), name, platform, rebuilt) if old else ()

    def afresh(self, name: str, platforms: Collection[str], images: Collection[Image]) -> list[str]:
        """Return what of a target the cache would not build as it is to be now: itself, and what it is built from.

        Its `rebuild` is another than an image tells, or is there and no image tells of any, or there are secrets or ssh
        which were not: none of it is in BuildKit's keys. `images` are those of its tags, `platforms` what is built.
        """
        known = self._known(name).fingerprints
        found: dict[str, None] = {}
        for platform in platforms or known:
            then = [old for image in images if (old := self._old(image, platform))]
            for one in (name, *self._below(name)):
                thens = [each for old in then if (each := old if one == name else old.below.get(one))]
                if self._is_bumped(one, self._platform(one, platform), thens):
                    found[one] = None
        return list(found)

    def _is_bumped(self, name: str, platform: str, then: Collection[Contents]) -> bool:
        contents = self._contents(name, platform)
        bumps = self._plan.by_name[name].on(platform).settings.rebuild is not None
        if bumps and not (then and REBUILD in contents.parts):
            return True
        return bool(then) and all(unkeyed_in(one) != unkeyed_in(contents) for one in then)

    def _old(self, image: Image, platform: str) -> Contents | None:
        """Return what an image tells of a platform, None where it tells nothing that is of its mark."""
        if image.digest not in self._read:
            self._read[image.digest] = read(image.index.annotations)
        old = self._read[image.digest].get(platform)
        return old if old and old.fingerprint == fingerprints_in(image).get(platform) else None

    def since(
        self,
        then: Mapping[str, Contents],
        marks: Mapping[str, str],
        name: str,
        platform: str,
        rebuilt: Collection[str] = (),
    ) -> tuple[str, ...]:
        """Return what is another than in what was built from contents by platform, with these fingerprints."""
        old, mark = then.get(platform), marks.get(platform)
        if old is None or old.fingerprint != mark:
            return ()
        old = self._completed(old, name, platform)
        return changes(old, self._now(name, platform, rebuilt, self._kept.read(mark) if self._kept else {}))

    def summary(self, name: str, platforms: Collection[str] = ()) -> str:
        """Return what is to stand beside the mark of a target's image, of some platforms or all; "" for nothing."""
        wanted = platforms or self._known(name).fingerprints
        return written({platform: self._whole(name, platform) for platform in wanted})

    def keep(self, names: Collection[str]) -> None:
        """Keep the values of what is built."""
        if self._kept is None:
            return
        found = (
            (known.fingerprints[one], name, one)
            for name in names
            for known in (self._known(name),)
            for one in known.fingerprints
        )
        self._kept.write({fingerprint: self._values(name, platform) for fingerprint, name, platform in found})

    def _completed(self, old: Contents, name: str, platform: str) -> Contents:
        """Return contents with those of the targets below that were pushed then, and are pushed nowhere now.

        What is known to have been built of one of these is believed only where it is what the contents were built from.
        """
        plan, below = self._plan.by_name, {name: old, **old.below}
        order = [one.name for one in reversed(self._plan.targets) if one.name in {name, *self._below(name)}]
        for upper in (one for one in order if one in below):
            for context, link in _links(plan[upper]).items():
                then, part = below[upper].parts.get(f"context {context}"), f"context {context}"
                own = self._platform(link, platform)
                now = shortened(part, self._known(link).fingerprints[own])
                if link in below or link not in order or then in {now, None}:
                    continue
                found = (one[own] for one in self._earlier(link) if own in one)
                if right := next((one for one in found if shortened(part, one.fingerprint) == then), None):
                    below = {link: right, **right.below, **below}
        del below[name]
        return replace(old, below=below)

    def _now(self, name: str, platform: str, rebuilt: Collection[str], then: Mapping[str, str]) -> Now:
        below = {one: self._alone(one, self._platform(one, platform), rebuilt) for one in self._below(name)}
        return self._alone(name, platform, rebuilt, then, below)

    def _alone(
        self,
        name: str,
        platform: str,
        rebuilt: Collection[str],
        then: Mapping[str, str] | None = None,
        below: Mapping[str, Now] | None = None,
    ) -> Now:
        return Now(
            contents=self._contents(name, platform),
            rows=rows_in(self._within(name, platform)),
            links=_links(self._plan.by_name[name]),
            rebuilt=rebuilt,
            then=then or {},
            values=self._values(name, platform) if then else {},
            below=below or {},
        )

    def _whole(self, name: str, platform: str) -> Contents:
        below = {one: self._contents(one, self._platform(one, platform)) for one in self._below(name)}
        return replace(self._contents(name, platform), below=below)

    def _contents(self, name: str, platform: str) -> Contents:
        key = name, platform
        if key not in self._made:
            known = self._known(name)
            fingerprint, parts = known.fingerprints[platform], known.parts[platform]
            self._made[key] = self._summing.contents(fingerprint, parts, self._within(name, platform))
        return self._made[key]

    def _below(self, name: str) -> list[str]:
        """Return the targets that one is built from, and that are pushed nowhere."""
        plan = self._plan.by_name

        def below(one: str) -> list[str]:
            return [link for link in plan[one].depends_on if not pushed_tags(plan[link])]

        return [one for one in reached([name], below) if one != name]

    def _platform(self, name: str, platform: str) -> str:
        """Return for which of its platforms a target is used by what is built for another."""
        return platform if platform in self._known(name).fingerprints else next(iter(self._known(name).fingerprints))

    def _values(self, name: str, platform: str) -> dict[str, str]:
        parts = self._known(name).parts[platform]
        plain = {one: value for one, value in parts if not one.startswith(_NO_VALUES)}
        args = args_in(rows_in(self._within(name, platform)))
        found = plain | {f"arg {one}": value for one, value in args.items()}
        return {one: value for one, value in found.items() if not is_private(one, value)}


def _links(target: PlannedTarget) -> dict[str, str]:
    contexts = target.settings.contexts or {}
    return {name: place.removeprefix(TARGET) for name, place in contexts.items() if place.startswith(TARGET)}
