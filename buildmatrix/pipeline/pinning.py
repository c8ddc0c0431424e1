"""The pins of a run: what a lock file says, what registries say, and what a source policy of the user's makes of it."""

from collections.abc import Iterator, Mapping

from buildmatrix.engine.outcome import Pin
from buildmatrix.engine.registry import Registry
from buildmatrix.errors import Diagnostic, SpecError, StaleError, UsageError
from buildmatrix.lock import FILE
from buildmatrix.lock.bases import platforms_of
from buildmatrix.lock.file import MAKE, Lock, read_lock
from buildmatrix.lock.named import Images, images_of
from buildmatrix.lock.pins import UNLOCKED, Pins, Resolving
from buildmatrix.lock.platforms import lacking
from buildmatrix.lock.policy import VARIABLE, PolicyError, SourcePolicy, policy_of_user
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
    indexes = {name: one.platforms for name, one in lock.images.items() if not one.single}
    if wrong := list(lacking(images.named, indexes)):
        raise SpecError(*wrong)
    if policy.locked and (missing := list(unlocked(images, lock))):
        raise StaleError(*missing)
    return lock


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

    def __init__(self, plan: Plan, policy: Policy, environment: Mapping[str, str], registry: Registry) -> None:
        """Begin; errors as those of `lock_for`, UsageError for a source policy that has to be read and cannot be."""
        images = images_of(plan)
        lock = lock_for(plan, policy, images)
        self.notes: list[str] = []
        self._environment = environment
        user = self._user(environment, plan.directory, only=policy.locked)
        self._open = [one for one in images.named if one.name not in lock.images]
        self._resolving = None if user is None else Resolving(images, registry, user, lock.digests, only=policy.locked)

    def _user(self, environment: Mapping[str, str], directory: str, *, only: bool) -> SourcePolicy | None:
        try:
            return policy_of_user(environment, directory)
        except PolicyError as error:
            if only:
                hint = f"only BuildKit can read it: unset {VARIABLE}, or leave --locked out"
                raise UsageError(Diagnostic(message=f"{VARIABLE}: {error}", code="lock", hint=hint)) from None
            self.notes.append(f"external images are not pinned: {VARIABLE}: {error}")
            return None

    def leave(self) -> None:
        """End the asking, where the run ends before it is settled."""
        if self._resolving is not None:
            self._resolving.leave()

    def settle(self, registry: Registry, *, own_images: bool) -> Pins:
        """Wait for the digests; StaleError where one is not known and has to be.

        SpecError where a base lacks a platform. `registry` has another way to ask; `own_images` says that the engine
        takes images of its own first.
        """
        if self._resolving is None:
            return Pins()
        pins = self._resolving.settle(registry, apart=OWN if own_images else "")
        if missing := list(_not_known(pins)):
            raise StaleError(*missing)
        if wrong := list(lacking(self._open, platforms_of(registry, self._open, pins.pins, self._environment))):
            raise SpecError(*wrong)
        self.notes += pins.notes()
        return pins


def _not_known(pins: Pins) -> Iterator[Diagnostic]:
    """Yield what is not in the lock file though all that is named is: what somebody's rules take in its place."""
    for pin in pins.pins:
        if pin.reason == UNLOCKED:
            message = f"{_meant(pin)} is not in {FILE}"
            hint = f"leave the rule out of the policy that {VARIABLE} names, or --locked"
            yield Diagnostic(message=message, code="lock", hint=hint)


def _meant(pin: Pin) -> str:
    return f"{pin.instead}, which the source policy takes for {pin.name}," if pin.instead else pin.name
