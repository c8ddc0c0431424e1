"""Pins: the digest of each external image, asked for once, when a run begins.

So all targets, platforms and tries of a run build on the same images, wherever a tag moves meanwhile.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from buildmatrix.engine.outcome import Origin, Pin
from buildmatrix.engine.registry import Registry
from buildmatrix.errors import some
from buildmatrix.lock import FILE as LOCK
from buildmatrix.lock.named import Images, Named, short_name
from buildmatrix.lock.policy import SourcePolicy, Verdict, file_in, identifier_of, locked, merged, name_in, pointed
from buildmatrix.lock.sources import SourceRule, rules_of
from buildmatrix.oci.answers import Answer, Found, Unknown
from buildmatrix.oci.http.parallel import Begun
from buildmatrix.oci.image import Image
from buildmatrix.oci.reference import parse
from buildmatrix.process import Programs, written_in
from buildmatrix.records import dataclass

DENIED = "the source policy denies it"
UNCLEAR = "only BuildKit knows what the source policy makes of it"
UNLOCKED = f"it is not in {LOCK}"
ELSEWHERE = "the source policy takes something else than an image for it"


PATIENCE = 2.0
"""Seconds of waiting of which nothing is said."""


@dataclass(frozen=True, kw_only=True)
class Pins:
    """What a run takes its external images by; those without a digest are taken as their tags are then.

    `own` are those that the run itself writes, `user` is the policy that somebody has set. With `only` nothing else
    may be taken.
    """

    pins: tuple[Pin, ...] = ()
    only: bool = False
    own: tuple[str, ...] = ()
    user: SourcePolicy = field(default_factory=SourcePolicy)
    sources: Mapping[str, str] = field(default_factory=dict)
    """The checksums and commits of other sources, by URL."""

    @cached_property
    def _by_target(self) -> dict[str, dict[str, str]]:
        found: dict[str, dict[str, str]] = {}
        for pin in self.pins:
            for target in pin.targets if pin.digest else ():
                found.setdefault(target, {})[pin.name] = pin.digest
        return found

    def of(self, targets: Iterable[str]) -> dict[str, str]:
        """Return the digests of the external images of some targets, by their names."""
        return {name: digest for target in targets for name, digest in self._by_target.get(target, {}).items()}

    def policy(self) -> dict[str, Any] | None:
        """Return the source policy of the run; None where it needs none."""
        found = {identifier_of(pin.instead or pin.name): _identifier(pin) for pin in self.pins if pin.digest}
        rules = [one.rule for one in self._rules]
        if self.only:
            return locked(self.user, found, map(identifier_of, self.own), rules)
        return merged(self.user, found, rules) if rules or any(one != pin for one, pin in found.items()) else None

    @property
    def fetched(self) -> dict[str, str]:
        """The checksums and commits by which other sources are taken, by URL."""
        return {one.url: self.sources[one.url] for one in self._rules}

    @cached_property
    def _rules(self) -> tuple[SourceRule, ...]:
        """The rules of other sources, but for those of which the user's own rules say something."""
        every = rules_of(self.sources)
        return tuple(one for one in every if self.user.judged(one.identifier) == Verdict(one.identifier, denied=False))

    def handed(
        self,
        programs: Programs,
        folder: Path,
        kept: Iterable[str] = (),
        held: Mapping[str, str] = MappingProxyType({}),
    ) -> Programs:
        """Write the policy into the run's directory, and return what starts bake with it.

        `kept` are images of the run's own, by digest, that are used as they are; `held` are the digests of those of its
        own tags that it does not write now, by short name.
        """
        own = [Pin(name=name, targets=(), digest=held[name]) for name in self.own if name in held]
        if (document := replace(self, pins=(*self.pins, *own), own=(*self.own, *kept)).policy()) is None:
            return programs
        with written_in(folder):
            file_in(folder).write_text(json.dumps(document, indent=1), encoding="utf-8")
        return pointed(programs, folder)

    def notes(self) -> Iterator[str]:
        """Yield what is not pinned, and why."""
        reasons: dict[str, list[str]] = {}
        for pin in self.pins:
            if pin.reason:
                reasons.setdefault(pin.reason, []).append(pin.name)
        for why, names in reasons.items():
            yield f"{some(names)} {'is' if len(names) == 1 else 'are'} not pinned: {why}"


def _identifier(pin: Pin) -> str:
    return identifier_of(pin.instead or pin.name, pin.digest)


class _Meant(NamedTuple):
    """The image that a name stands for under the user's rules; or why nothing is pinned."""

    name: str
    why: str = ""


class Resolving:
    """Asks for the digests of images. Asking begins at once, and keeps nobody."""

    def __init__(
        self,
        images: Images,
        registry: Registry,
        user: SourcePolicy,
        known: Mapping[str, str] = MappingProxyType({}),
        planned: Mapping[str, str] = MappingProxyType({}),
        *,
        only: bool = False,
    ) -> None:
        """Take what is asked, the rules that a user has set, and the digests that a lock file knows, by short name.

        `planned` are those of a saved plan. With `only` nobody is asked: what is not known may not be taken.
        """
        self._images, self._user, self._known, self._only = images, user, known, only
        self._planned = planned
        self._meant = {one.name: _meant(one, user) for one in images.named}
        self._begun = Begun(registry.head, sorted(set(self._unknown())))

    def _unknown(self) -> Iterator[str]:
        for own, (name, why) in self._meant.items():
            if not (why or self._only or parse(name).digest or name in self._known or own in self._planned):
                yield name

    def leave(self) -> None:
        """End the asking: nobody wants the answers."""
        self._begun.leave()

    def silent(self) -> list[str]:
        """Return the registries that have not answered yet, after a moment."""
        return list(dict.fromkeys(parse(name).host for name in self._begun.left_after(PATIENCE)))

    def settle(self, registry: Registry, *, apart: str = "") -> Pins:
        """Wait for the answers; `registry` is asked again in another way where there was none.

        `apart` says why nothing is to be pinned to what a registry says, "" if it is.
        """
        answers: dict[str, Answer | Image] = {
            name: registry.again(name, answer) if isinstance(answer, Unknown) else answer
            for name, answer in self._begun.result().items()
        }
        return Pins(
            pins=tuple(self._pin(one, answers, apart) for one in self._images.named),
            own=tuple(one.name for one in self._images.own),
            user=self._user,
            only=self._only,
        )

    def _pin(self, one: Named, answers: Mapping[str, Answer | Image], apart: str) -> Pin:
        name, why = self._meant[one.name]
        found = _Known(why=why) if why else self._digest(one.name, name, answers.get(name), apart)
        instead = "" if name == one.name else name
        return Pin(
            name=one.name,
            targets=one.targets,
            digest=found.digest,
            origin=found.origin,
            instead=instead,
            reason=found.why,
        )

    def _digest(self, own: str, name: str, answer: Answer | Image | None, apart: str) -> "_Known":
        """Return the digest of an image, or why nobody knows it; `name` is what is meant by its `own`."""
        if digest := parse(name).digest:
            return _Known(digest, "name")
        if digest := self._known.get(name):
            return _Known(digest, "lock")
        if self._only:
            return _Known(why=UNLOCKED)
        return _Known(self._planned[own], "plan") if own in self._planned else self._told(name, answer, apart)

    def _told(self, name: str, answer: Answer | Image | None, apart: str) -> "_Known":
        if isinstance(answer, Unknown) or apart:
            return _Known(why=answer.reason if isinstance(answer, Unknown) else apart)
        if isinstance(answer, Found | Image):
            return _Known(answer.digest, "registry")
        return _Known(why=f"{parse(name).host} does not have it")


class _Known(NamedTuple):
    """A digest, and who knows it; or why nobody does."""

    digest: str = ""
    origin: Origin = ""
    why: str = ""


def _meant(one: Named, user: SourcePolicy) -> _Meant:
    verdict = user.judged(one.identifier)
    if verdict is None:
        return _Meant("", UNCLEAR)
    name = name_in(verdict.identifier)
    return _Meant(short_name(name) if name else "", DENIED if verdict.denied else "" if name else ELSEWHERE)
