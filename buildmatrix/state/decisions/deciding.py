"""Decides about each target of a plan: what its tags hold is asked once, the manifests of what may be kept besides."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from types import MappingProxyType

from buildmatrix.engine.registry import Registry
from buildmatrix.errors import some
from buildmatrix.inputs.known import Known
from buildmatrix.lock.known import Looked, look
from buildmatrix.oci.answers import Absent, Answer, Found, Unknown
from buildmatrix.oci.http.parallel import all_of
from buildmatrix.oci.image import Held, Image
from buildmatrix.oci.reference import Reference, parse
from buildmatrix.plan.model import Plan, PlannedTarget
from buildmatrix.plan.policy import Policy
from buildmatrix.plan.publishing import pushed_tags, tags_apart
from buildmatrix.state.decisions.apart import decided_apart
from buildmatrix.state.decisions.decision import AHEAD, UNKNOWN_AGE, Asked, Decision, attestations, decided
from buildmatrix.state.decisions.following import excess_of, with_more
from buildmatrix.state.images.ages import Ages, built_in
from buildmatrix.state.images.content_tags import content_tags
from buildmatrix.state.images.marks import fingerprints_in
from buildmatrix.state.images.telling import Telling

OLDER = "older than max-age: built"
AGED = (OLDER, UNKNOWN_AGE)
"""How the reasons begin of what is built for its age."""

UNASKED = Unknown(reason="nobody asked")


class Deciding:
    """Decides about the targets of a plan, in its order."""

    def __init__(
        self,
        plan: Plan,
        policy: Policy,
        known: Callable[[str], Known],
        held: Callable[[str], Held | None],
        registry: Registry,
        below: Callable[[str], Answer],
        telling: Telling | None = None,
    ) -> None:
        """Take what is known of a target's inputs, what a tag holds (None: nobody asked), and who tells of changes.

        `below` tells whether a manifest of an image is there.
        """
        self._plan, self._policy, self._known, self._registry = plan, policy, known, registry
        self._telling = telling
        self._below, self._beside = below, dict[str, str]()
        self._held = {
            target.name: {tag: held(tag) or UNASKED for tag in pushed_tags(target)} for target in plan.targets
        }
        self._elsewhere = self._by_content() if policy.content_tag else {}
        self._ages: Ages

    def decide(self, now: datetime, beside: Mapping[str, str] = MappingProxyType({})) -> dict[str, Decision]:
        """Return the decisions by target: of each that pushes tags.

        `beside` says of targets that do not only push tags why what they wrote besides will not do.
        """
        children = {target.name: tuple(self._children(target)) for target in self._plan.targets}
        silent = self._silent({child for some in children.values() for child in some})
        follows: dict[str, str] = {}
        told: dict[str, tuple[str, tuple[str, ...]]] = {}
        while True:
            found = self._decided_all(now, beside, children, silent, follows)
            self._with_tags_in_time(found)
            excess = excess_of(self._plan, found, self._platforms)
            # who wanted it before others followed
            told = {name: told.get(name, why) for name, why in excess.told(found).items()}
            more = excess.overtaken(self._ages.upon) - follows.keys()
            if not more:
                return found | {name: with_more(found[name], *why) for name, why in told.items()}
            follows |= {name: f"{name}, which it depends on, is built again for all platforms" for name in more}

    def _platforms(self, target: PlannedTarget) -> Collection[str]:
        return self._known(target.name).fingerprints or target.platforms

    def _decided_all(
        self,
        now: datetime,
        beside: Mapping[str, str],
        children: Mapping[str, tuple[Reference, ...]],
        silent: Mapping[Reference, Absent | Unknown],
        follows: Mapping[str, str],
    ) -> dict[str, Decision]:
        """Decide about all targets; what is built upon one that `follows` names is built for that reason."""
        self._beside, self._ages = dict(beside), Ages(self._plan, self._policy, now)
        again = dict(follows)
        found: dict[str, Decision] = {}
        rebuilt = set[str]()
        for target in self._plan.targets:
            if tags := self._held[target.name]:
                known, age = self._known(target.name), self._policy.max_age(target)
                asked = Asked(
                    fingerprints=known.fingerprints,
                    held=tags,
                    doubt=known.doubt,
                    forced="--all" if self._policy.options.everything else "",
                    again=next((again[name] for name in self._ages.upon(target.name) if name in again), ""),
                    children={str(one.digest): silent[one] for one in children[target.name] if one in silent},
                    carried=target.carried_over,
                    created=self._created(target) if age is not None else None,
                    max_age=None if age is None else timedelta(seconds=age),
                    now=now,
                    elsewhere=self._elsewhere.get(target.name, {}),
                    told=partial(self._told, target.name, rebuilt),
                    overtaken=partial(self._ages.overtaken, target.name),
                )
                found[target.name] = self._settled(target.name, self._decided(target.name, asked))
                if found[target.name].action == "build":
                    rebuilt.add(target.name)
            renewed = found[target.name].renewed if tags else self._beside.get(target.name, "").startswith(AGED)
            if renewed:
                again.setdefault(target.name, f"{target.name}, which it depends on, is built again")
        return found

    def _with_tags_in_time(self, found: dict[str, Decision]) -> None:
        """Build also that of which only tags have to move, where what needs it is built: tags move at the end."""
        for target in reversed(self._plan.targets):
            kept = target.name in found and found[target.name].action == "skip"
            for name in () if kept else target.needs:
                if name in found and found[name].moves:
                    text = f"{target.name}, which is built, needs it first, and its tags would move later"
                    found[name] = Decision(action="build", because=(text,))

    def _decided(self, name: str, asked: Asked) -> Decision:
        """Decide about one; what it writes besides its tags has to be there, too, and is written by a whole build."""
        outputs = tags_apart(self._plan.by_name[name])
        found = decided_apart(asked, outputs) if outputs else decided(asked)
        while silent := self._silent_attestations(name, found, asked.children or {}):
            asked = replace(asked, children={**(asked.children or {}), **silent})
            found = decided(asked)
        why = self._beside.get(name, "")
        if not why or (found.action == "build" and not found.platforms):
            return found
        return replace(decided(replace(asked, forced=why)), renewed=why.startswith(AGED))

    def _settled(self, name: str, found: Decision) -> Decision:
        """Say what of a target is built without the cache, and take note of how old it is."""
        images = [held for held in self._held[name].values() if isinstance(held, Image)]
        if found.action == "build":
            old = self._ages.afresh(name, found, images)
            other = self._telling.afresh(name, found.platforms, images) if self._telling else []
            found = replace(found, renewed=found.renewed or bool(old), afresh=tuple(dict.fromkeys((*old, *other))))
            found = replace(found, because=(*found.because, *_uncached(name, found.afresh)))
        self._ages.settle(name, found, images)
        return found

    def note(self, name: str) -> dict[str, str]:
        """Return what the image of a target that is built says of its age."""
        return self._ages.note(name)

    def _silent_attestations(
        self, name: str, found: Decision, known: Mapping[str, Absent | Unknown]
    ) -> dict[str, Absent | Unknown]:
        """Return what does not answer of the attestations of what is carried over, or what tags are to be moved to.

        No registry takes an index of what it does not have.
        """
        if (image := found.image) is None or not (found.platforms or found.moves):
            return {}
        kept = (one for one in image.index.manifests if one.platform and str(one.platform) not in found.platforms)
        wanted = {digest for one in kept for digest in attestations(one, image)} - known.keys()
        where = {
            parse(tag).repository
            for tag, held in self._all_held(name)
            if isinstance(held, Image) and held.digest == image.digest
        }
        silent = self._silent([Reference(repository, digest=digest) for repository in where for digest in wanted])
        return {str(one.digest): answer for one, answer in silent.items()}

    def _told(self, name: str, rebuilt: Collection[str], image: Image, platform: str) -> tuple[str, ...]:
        return self._telling.told(name, platform, image, rebuilt) if self._telling else ()

    def _by_content(self) -> dict[str, dict[str, Held]]:
        """Return what content tags hold, by target: one HEAD for each that its own tags do not hold."""
        wanted = {
            target.name: tuple(content_tags(target, known.fingerprints, self._held[target.name].get))
            for target in self._plan.targets
            if not (self._policy.options.everything or (known := self._known(target.name)).doubt)
        }
        answers = all_of(self._registry.look, {tag for tags in wanted.values() for tag in tags})
        return {name: {tag: answers[tag] for tag in tags} for name, tags in wanted.items()}

    def _all_held(self, name: str) -> Iterator[tuple[str, Held]]:
        """Yield what the tags of a target hold, its content tags last."""
        yield from self._held[name].items()
        yield from self._elsewhere.get(name, {}).items()

    def _created(self, target: PlannedTarget) -> datetime | None:
        """Return when the image was made that would be kept, the oldest of several; None if nobody says.

        Of a time that is still to come nobody knows what it means: it is returned before all others.
        """
        known = self._known(target.name)
        found: list[datetime | None] = []
        for tag, held in self._all_held(target.name):
            if isinstance(held, Image) and known.fingerprints.items() <= fingerprints_in(held).items():
                found.append(self._built(tag, held, known))
        made = [moment for moment in found if moment is not None]
        if not made or len(made) < len(found):
            return None
        return max(made) if max(made) - self._ages.now > AHEAD else min(made)

    def _built(self, tag: str, image: Image, known: Known) -> datetime | None:
        if said := built_in(image.index.annotations):
            return said.at if self._ages.told(image) else said.latest
        looked = look(self._registry, tag, image.digest, known.fingerprints)
        return looked.created if isinstance(looked, Looked) else None

    def _silent(self, asked: Collection[Reference]) -> Mapping[Reference, Absent | Unknown]:
        """Return the manifests that do not answer, of those that may be kept: clean-ups delete some of live indexes."""
        answers = all_of(lambda child: self._below(str(child)), asked)
        return {child: answer for child, answer in answers.items() if not isinstance(answer, Found)}

    def _children(self, target: PlannedTarget) -> Iterator[Reference]:
        """Yield the manifests of the platforms that may be kept, in the repositories of the tags that hold them."""
        if self._policy.options.everything or (known := self._known(target.name)).doubt:
            return
        for tag, held in self._all_held(target.name):
            if not isinstance(held, Image):
                continue
            marks = fingerprints_in(held)
            for one in held.index.manifests:
                name = str(one.platform)
                if one.digest != held.digest and name in marks and marks[name] == known.fingerprints.get(name):
                    yield Reference(parse(tag).repository, digest=one.digest)


def _uncached(name: str, afresh: Collection[str]) -> tuple[str, ...]:
    if not afresh:
        return ()
    return (f"{'it' if name in afresh else some(afresh)} is built without the cache",)
