"""What the tags of a run hold: asked once before the build, while docker still answers, and again where it counts."""

import time
from collections.abc import Callable, Mapping

from buildmatrix.engine.preflight import Engine
from buildmatrix.engine.registry import Registry
from buildmatrix.oci.answers import Absent, Answer, Found, Unknown
from buildmatrix.oci.http.parallel import Begun, all_of
from buildmatrix.oci.image import Held, Image
from buildmatrix.oci.reference import Reference, parse
from buildmatrix.plan.model import Plan
from buildmatrix.plan.policy import Policy
from buildmatrix.plan.publishing import caches_by_tag, insecure_registries, pushed_tags
from buildmatrix.process import Programs
from buildmatrix.retries import wait_before
from buildmatrix.state.images.marks import fingerprints_in


class Tags:
    """What the registries hold under the tags that a run will push, images and caches.

    Asking begins at once, and keeps nobody.
    """

    def __init__(self, plan: Plan, policy: Policy, programs: Programs, tell: Callable[[str], object] = str) -> None:
        """Begin to ask; `tell` is told why a question is asked again, from any thread.

        What may lose platforms anyway, and moves with its push, is not asked for.
        """
        self._tell = tell
        self.registry = Registry(programs, insecure_registries(plan))
        self._tries = {
            tag: 1 + policy.retries(target)
            for target in plan.targets
            for tag in pushed_tags(target)
            if not policy.platforms_may_shrink or policy.incremental or policy.together(target) or target.carried_over
        }
        if not policy.platforms_may_shrink:
            # once: what nobody can say of a cache keeps no run (see shrink.py)
            self._tries |= {tag: 1 for target in plan.targets for tag in caches_by_tag(target)}
        self._looks_below = policy.incremental
        self._below: dict[str, Answer] = {}
        self._taken: set[str] = set()
        self._begun = Begun(self._looked, self._tries)
        self._before: Mapping[str, Held] = {}

    def _looked(self, tag: str) -> Held:
        """Look at a tag, and in incremental runs at the platforms that its image tells the fingerprints of, too."""
        held = self._asked(tag)
        marks = fingerprints_in(held) if self._looks_below else {}
        if isinstance(held, Image) and marks:
            repository = parse(tag).repository
            for one in held.index.manifests:
                if str(one.platform) in marks and one.digest != held.digest:
                    self._ask_below(str(Reference(repository, digest=one.digest)))
        return held

    def _asked(self, tag: str) -> Held:
        for attempt in range(1, self._tries[tag]):
            held = self.registry.look(tag)
            if not (isinstance(held, Unknown) and held.passes):
                return held
            wait = wait_before(attempt, held.wait)
            self._tell(f"{tag}: {held.reason}, asked again in {wait:.0f} s")
            time.sleep(wait)
        return self.registry.look(tag)

    def leave(self) -> None:
        """End the asking, where the run ends before it is settled."""
        self._begun.leave()

    def settle(self, engine: Engine) -> None:
        """Wait for the answers, and ask again in another way where there was none: the builder is known now."""
        first = self._begun.result()
        wanted = self._without_tls(first, engine)
        self.registry = asked = self.registry.through(engine, wanted)
        self._before = all_of(
            lambda tag: asked.look(tag) if parse(tag).host in wanted else asked.again(tag, first[tag]), first
        )

    def settle_alone(self) -> None:
        """Wait for the answers, where no builder is known that could be asked in another way."""
        self._before = self._begun.result()

    def _without_tls(self, found: Mapping[str, Held], engine: Engine) -> set[str]:
        """Return the registries that did not answer, and that the engine may ask without TLS."""
        unknown = {parse(tag).host for tag, held in found.items() if isinstance(held, Unknown)}
        return unknown & engine.insecure_registries() if unknown else set()

    def _ask_below(self, reference: str) -> None:
        if reference not in self._taken:  # several tags hold one image; who asks twice by chance learns the same
            self._taken.add(reference)
            self._below[reference] = self.registry.head(reference)

    def below(self, reference: str) -> Answer:
        """Return what stands for a manifest of an image that a tag held: asked with the tag, or now."""
        found = self._below.get(reference)
        if found is None or isinstance(found, Unknown):
            found = self._below[reference] = self.registry.head(reference)
        return found

    def of(self, tag: str) -> Held | None:
        """Return what a tag held before the build; None if nobody asked."""
        return self._before.get(tag)


def digest_in(held: Held | Answer | None) -> str | None:
    """Return the digest that a name stands for, "" if there is none, None if nobody can say."""
    if isinstance(held, Image | Found):
        return held.digest
    return "" if isinstance(held, Absent) else None
