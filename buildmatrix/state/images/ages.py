"""How old images are: when they were built without the cache, and when those that they are built upon were.

`2026-11-27T15:00:00Z base=2026-11-27T14:00:00Z`, in an annotation of what may grow too old and of what is built upon
such. Neither a configuration's `created` tells it, which is the cache's or SOURCE_DATE_EPOCH, nor when it was pushed.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field
from datetime import UTC, datetime, timedelta

from buildmatrix.graphs import reached
from buildmatrix.oci.image import Image
from buildmatrix.patterns import regex
from buildmatrix.plan.model import Plan, PlannedTarget
from buildmatrix.plan.policy import Policy
from buildmatrix.plan.publishing import pushed_tags
from buildmatrix.records import dataclass
from buildmatrix.state.decisions.decision import AHEAD, Decision

ANNOTATION = "dev.buildmatrix.built"

_TIME = regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")


@dataclass(frozen=True)
class Built:
    """When an image was built, and how old then was what it was built upon, by target."""

    at: datetime
    upon: Mapping[str, datetime] = field(default_factory=dict)

    @property
    def latest(self) -> datetime:
        """The latest time that it tells of."""
        return max((self.at, *self.upon.values()))

    @property
    def text(self) -> str:
        """It as an annotation tells it."""
        return " ".join([_written(self.at), *(f"{name}={_written(self.upon[name])}" for name in sorted(self.upon))])


def built_in(annotations: Mapping[str, str]) -> Built | None:
    """Return what annotations tell; None where that is nothing, or not as we write it."""
    head, *words = annotations.get(ANNOTATION, "").split(" ")
    at, pairs = _moment(head), [word.partition("=") for word in words]
    upon = {name: moment for name, _, text in pairs if name and (moment := _moment(text))}
    return Built(at, upon) if at and len(upon) == len(words) else None


def oldest(new: Mapping[str, str], old: Mapping[str, str]) -> dict[str, str]:
    """Return the annotation of an image that is made of two: it is as old as the older, and so is what it is built on.

    What one of them does not tell is not known of both.
    """
    one, other = built_in(new), built_in(old)
    if not (one and other):
        return {}
    upon = {name: min(one.upon[name], other.upon[name]) for name in one.upon if name in other.upon}
    return {ANNOTATION: Built(min(one.at, other.at), upon).text}


def _written(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _moment(text: str) -> datetime | None:
    if not _TIME.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


class Ages:
    """How old the images of a plan's targets are, as it is decided about one after the other."""

    def __init__(self, plan: Plan, policy: Policy, now: datetime) -> None:
        """Take the plan, in whose order it is decided, and the time of the run."""
        self._plan, self._policy, self.now = plan.by_name, policy, now.replace(microsecond=0)
        self._times: dict[str, datetime] = {}
        self._inner: dict[str, dict[str, datetime]] = {}
        self._aged = set[str]()
        for target in plan.targets:
            links = {*target.depends_on, *target.needs}
            if policy.max_age(target) is not None or not links.isdisjoint(self._aged):
                self._aged.add(target.name)

    def below(self, name: str) -> list[str]:
        """Return the targets that one is built from and that are pushed nowhere: they are a part of it."""
        return [one for one in reached([name], self._unpushed) if one != name]

    def upon(self, name: str) -> list[str]:
        """Return the targets that are built first: those that are pushed, and what is pushed nowhere on the way."""

        def links(one: str) -> Iterable[str]:
            target = self._plan[one]
            return (*target.depends_on, *target.needs) if one == name or not pushed_tags(target) else ()

        return [one for one in reached([name], links) if one != name]

    def told(self, image: Image) -> Built | None:
        """Return what an image tells of itself; None where nobody knows, and where that is ahead of our clock."""
        found = built_in(image.index.annotations)
        return found if found and found.latest <= self.now + AHEAD else None

    def overtaken(self, name: str, image: Image) -> str:
        """Return why an image is too old for what it is built upon, "" if it is not."""
        if name not in self._aged:
            return ""
        then = self.told(image)
        return next(self._overtaken(name, then), "") or next(self._expired(name, then), ("", ""))[1]

    def afresh(self, name: str, decision: Decision, images: Iterable[Image]) -> list[str]:
        """Return what of a target that is built is too old to be taken from the cache: itself, and what is below it."""
        own = self._policy.max_age(self._plan[name])
        told = [then for image in images if (then := self.told(image))]
        is_old = own is not None and any(self.now - then.at > timedelta(seconds=own) for then in told)
        if own is not None and (decision.renewed or is_old):
            return [name, *self.below(name)]
        return list(dict.fromkeys(one for then in told for one, _ in self._expired(name, then)))

    def settle(self, name: str, decision: Decision, images: Iterable[Image]) -> None:
        """Take what was decided of a target; `images` are what its tags hold."""
        if name not in self._aged:
            return
        if decision.action == "skip":
            told = self.told(decision.image) if decision.image else None
            self._inner[name] = dict(told.upon) if told else {}
            self._times |= {name: told.at} if told else {}
            return
        told_by = [then for image in images if (then := self.told(image))]
        is_new = decision.renewed or self._is_uncached(name, decision)
        known = [] if is_new else [then.at for then in told_by]
        self._times[name] = min(known, default=self.now)
        self._inner[name] = {one: self._inside(one, decision, told_by) for one in self._aging(name)}

    def note(self, name: str) -> dict[str, str]:
        """Return the annotation of the image of a target that is built: nothing for what never grows too old."""
        if name not in self._aged:
            return {}
        upon = {one: self._times[one] for one in self.upon(name) if one in self._times}
        return {ANNOTATION: Built(self._times.get(name, self.now), upon | self._inner.get(name, {})).text}

    def _overtaken(self, name: str, then: Built | None) -> Iterator[str]:
        for one in self.upon(name):
            now = self._times.get(one)
            was = then.upon.get(one) if then else None
            if now and was is None:
                yield f"nobody knows how old {one} was, on which it was built"
            elif now and was and was < now:
                yield f"{one}, which it depends on, was built again since"

    def _expired(self, name: str, then: Built | None) -> Iterator[tuple[str, str]]:
        """Yield what is a part of an image and older than it may be, and why that is so."""
        for one, most in self._aging(name).items():
            was = then.upon.get(one, then.at) if then else None
            if was is None:
                yield one, f"nobody knows how old {one} is, from which it was built"
            elif self.now - was > timedelta(seconds=most):
                yield one, f"{one}, from which it was built, is older than max-age: built {was:%Y-%m-%d}"

    def _aging(self, name: str) -> dict[str, int]:
        ages = {one: self._policy.max_age(self._plan[one]) for one in self.below(name)}
        return {one: age for one, age in ages.items() if age is not None}

    def _inside(self, one: str, decision: Decision, told: Iterable[Built]) -> datetime:
        if self._is_uncached(one, decision):
            return self.now
        return min((then.upon.get(one, then.at) for then in told), default=self.now)

    def _is_uncached(self, name: str, decision: Decision) -> bool:
        always = all(one.settings.no_cache for one in self._plan[name].each)
        return always or self._policy.options.no_cache or name in decision.afresh

    def _unpushed(self, name: str) -> list[str]:
        target: PlannedTarget = self._plan[name]
        return [link for link in target.depends_on if not pushed_tags(self._plan[link])]
