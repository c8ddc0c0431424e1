"""The pins of a run: what a lock file says, what registries say, and what a source policy of the user's makes of it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType

from buildmatrix.engine.outcome import Pin
from buildmatrix.engine.registry import Registry
from buildmatrix.errors import Diagnostic, SpecError, StaleError, UsageError, some
from buildmatrix.lock import FILE
from buildmatrix.lock.bases import platforms_of
from buildmatrix.lock.file import MAKE, Lock, read_lock
from buildmatrix.lock.named import Images, images_of
from buildmatrix.lock.pins import UNLOCKED, Pins, Resolving
from buildmatrix.lock.platforms import Have, lacking
from buildmatrix.lock.policy import VARIABLE, PolicyError, SourcePolicy, policy_of_user
from buildmatrix.plan.document.reviewed import PlannedPin
from buildmatrix.plan.model import Plan
from buildmatrix.plan.policy import Policy

OWN = "the engine takes the images of its old store first"


def lock_for(plan: Plan, policy: Policy, images: Images | None = None) -> Lock:
    """Return the lock that holds for a plan; nobody is asked. `images` are the plan's, where they are known already.

    SpecError where a locked base lacks a platform, StaleError where an image is not locked and has to be.
    """
    lock = read_lock(plan.directory)
    if not lock.is_there and not policy.locked:
        return lock
    images = images_of(plan) if images is None else images
    have = {name: Have(one.platforms, single=bool(one.single)) for name, one in lock.images.items()}
    if wrong := list(lacking(images.named, have)):
        raise SpecError(*wrong)
    if policy.locked and (missing := list(unlocked(images, lock))):
        raise StaleError(*missing)
    return lock


def with_locked(plan: Plan, policy: Policy) -> Plan:
    """Return a plan with the digests that are known before anybody is asked; errors as those of `lock_for`."""
    images = images_of(plan)
    known = lock_for(plan, policy, images).digests
    found = {one.name: digest for one in images.named if (digest := one.digest or known.get(one.name))}
    return replace(plan, pins=found)


def unlocked(images: Images, lock: Lock) -> Iterator[Diagnostic]:
    """Yield an error for each image that is not locked."""
    for one in images.named:
        if one.name not in lock.images and not one.digest:
            message = f"{one.name} is not in {FILE}, and only locked images are taken"
            hint = f"{MAKE}, and commit the file"
            yield Diagnostic(message=message, code="lock", place=one.uses[0].place, hint=hint)


class Pinning:
    """Asks for the digests of a plan's external images. Asking begins at once, and keeps nobody.

    `notes` say what is not pinned, and why, once it is settled.
    """

    def __init__(
        self,
        plan: Plan,
        policy: Policy,
        environment: Mapping[str, str],
        registry: Registry,
        planned: Mapping[str, PlannedPin] = MappingProxyType({}),
    ) -> None:
        """Begin; errors as those of `lock_for`, UsageError for a source policy that has to be read and cannot be.

        `planned` are the pins of a saved plan.
        """
        images = images_of(plan)
        lock = lock_for(plan, policy, images)
        self.notes: list[str] = []
        self._environment, self._planned, self._sources = environment, planned, lock.sources or {}
        user = self._user(
            environment, plan.directory, must="--locked" if policy.locked else "the plan" if planned else ""
        )
        self._open = [one for one in images.named if one.name not in lock.images]
        digests = {name: pin.digest for name, pin in planned.items()}
        self._resolving = (
            None if user is None else Resolving(images, registry, user, lock.digests, digests, only=policy.locked)
        )

    def _user(self, environment: Mapping[str, str], directory: str, *, must: str) -> SourcePolicy | None:
        """Return the rules of the user; UsageError where they cannot be read, and something `must` be kept to."""
        try:
            return policy_of_user(environment, directory)
        except PolicyError as error:
            if must:
                hint = f"only BuildKit can read it, and {must} has to be kept to: unset {VARIABLE}"
                raise UsageError(Diagnostic(message=f"{VARIABLE}: {error}", code="lock", hint=hint)) from None
            self.notes.append(f"external images are not pinned: {VARIABLE}: {error}")
            return None

    def leave(self) -> None:
        """End the asking, where the run ends before it is settled."""
        if self._resolving is not None:
            self._resolving.leave()

    def settle(self, registry: Registry, *, own_images: bool, tell: Callable[[str], object] = lambda _: None) -> Pins:
        """Wait for the digests; StaleError where one is not known and has to be.

        SpecError where a base lacks a platform. `registry` has another way to ask; `own_images` says that the engine
        takes images of its own first. `tell` is told whose answers are waited for.
        """
        if self._resolving is None:
            return Pins()
        if silent := self._resolving.silent():
            tell(f"waiting for {some(silent)} to tell the digests of external images")
        pins = replace(self._resolving.settle(registry, apart=OWN if own_images else ""), sources=self._sources)
        if missing := [*_not_known(pins), *self._other(pins)]:
            raise StaleError(*missing)
        there = platforms_of(registry, self._open, pins.pins, self._environment)
        if wrong := list(lacking(self._open, {name: Have(platforms) for name, platforms in there.items()})):
            raise SpecError(*wrong)
        self.notes += pins.notes()
        return pins

    def _other(self, pins: Pins) -> Iterator[Diagnostic]:
        """Yield where a source policy takes another image than it did when the plan was saved."""
        for pin in pins.pins:
            then = self._planned.get(pin.name)
            if then and (then.instead, then.digest) != (pin.instead, pin.digest):
                what = f"for {pin.name} {VARIABLE} stood for {then.instead or pin.name} then, and for {_meant(pin)} now"
                if then.instead == pin.instead:
                    what = (
                        f"the digest of {pin.name} was {then.digest}, and is {pin.digest or 'unknown: ' + pin.reason}"
                    )
                hint = "make the plan again, or set what was set then"
                yield Diagnostic(message=f"the plan is stale: {what}", code="stale", hint=hint)


def _not_known(pins: Pins) -> Iterator[Diagnostic]:
    """Yield what is not in the lock file though all that is named is: what somebody's rules take in its place."""
    for pin in pins.pins:
        if pin.reason == UNLOCKED:
            message = f"{_meant(pin)} is not in {FILE}"
            hint = f"leave the rule out of the policy that {VARIABLE} names, or --locked"
            yield Diagnostic(message=message, code="lock", hint=hint)


def _meant(pin: Pin) -> str:
    return f"{pin.instead}, which the source policy takes for {pin.name}," if pin.instead else pin.name
