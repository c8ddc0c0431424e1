"""What the tags of a run hold: asked once before the build, while docker still answers, and again where it counts.

Our own client asks; where it is refused or does not understand, `imagetools` is asked too: it knows other logins, and
what the builder's configuration says of registries. Who asks is decided here alone.
"""

import time
from collections.abc import Callable, Mapping

from buildmatrix.engine.imagetools import Imagetools
from buildmatrix.engine.preflight import Facts
from buildmatrix.oci.answers import Absent, Answer, Descriptor, Found, Unknown
from buildmatrix.oci.client import Registries
from buildmatrix.oci.holdings import Holdings
from buildmatrix.oci.image import Held, Image
from buildmatrix.oci.parallel import Begun, all_of
from buildmatrix.oci.reference import host_of
from buildmatrix.plan.model import Plan
from buildmatrix.plan.policy import Policy
from buildmatrix.plan.publishing import caches_by_tag, insecure_registries, pushed_tags
from buildmatrix.process import Programs
from buildmatrix.retries import wait_before


class Tags:
    """What the registries hold under the tags that a run will push, images and caches.

    Asking begins at once, and keeps nobody.
    """

    def __init__(self, plan: Plan, policy: Policy, programs: Programs, tell: Callable[[str], object] = str) -> None:
        """Begin to ask; `tell` is told why a question is asked again, from any thread.

        What may lose platforms anyway, and moves with its push, is not asked for.
        """
        self._tell = tell
        self._programs = programs
        self.holdings = Holdings(Registries(programs, insecure_registries(plan)))
        self._tries = {
            tag: 1 + policy.retries(target)
            for target in plan.targets
            for tag in pushed_tags(target)
            if not policy.platforms_may_shrink or policy.together(target) or target.lacking
        }
        if not policy.platforms_may_shrink:
            # once: what nobody can say of a cache keeps no run (see shrink.py)
            self._tries |= {tag: 1 for target in plan.targets for tag in caches_by_tag(target)}
        self._begun = Begun(self._asked, self._tries)
        self._before: Mapping[str, Held] = {}
        self.imagetools: Imagetools | None = None

    def _asked(self, tag: str) -> Held:
        for attempt in range(1, self._tries[tag]):
            held = self.holdings.look(tag)
            if not (isinstance(held, Unknown) and held.passes):
                return held
            wait = wait_before(attempt, held.wait)
            self._tell(f"{tag}: {held.reason}, asked again in {wait:.0f} s")
            time.sleep(wait)
        return self.holdings.look(tag)

    def settle(self, facts: Facts) -> None:
        """Wait for the answers, and ask again in another way where there was none: the builder is known now."""
        self.imagetools = Imagetools(facts, self._programs)
        first = self._begun.result()
        if wanted := self._without_tls(first, facts):
            self.holdings = Holdings(self.holdings.registries.allowing(wanted))
            first |= all_of(self.holdings.look, (tag for tag in first if host_of(tag) in wanted))
        self._before = all_of(lambda tag: self._second(tag, first[tag]), first)

    def _without_tls(self, found: Mapping[str, Held], facts: Facts) -> set[str]:
        """Return the registries that did not answer, and that the engine may ask without TLS."""
        unknown = {host_of(tag) for tag, held in found.items() if isinstance(held, Unknown)}
        return unknown & facts.insecure_registries

    def _second(self, tag: str, held: Held) -> Held:
        """Ask imagetools, where our own client was refused or did not understand; its word counts if it has one.

        Imagetools takes every 404 for "not found": where our own client has doubted one, so do we.
        """
        if not isinstance(held, Unknown) or held.passes or self.imagetools is None:
            return held
        told = self.imagetools.look(tag)
        return held if isinstance(told, Unknown) or (isinstance(told, Absent) and held.doubted) else told

    def of(self, tag: str) -> Held | None:
        """Return what a tag held before the build; None if nobody asked."""
        return self._before.get(tag)

    def look(self, tag: str) -> Held:
        """Return what a tag holds now."""
        return self._second(tag, self.holdings.look(tag))

    def head(self, tag: str) -> Answer:
        """Return what a tag points at now, without its content."""
        found = self.holdings.registries.head(tag)
        if not isinstance(found, Unknown):
            return found
        held = self._second(tag, found)
        if not isinstance(held, Image):
            return held
        return Found(descriptor=Descriptor(digest=held.digest, media_type=held.media_type), body=held.body)


def digest_in(held: Held | Answer | None) -> str | None:
    """Return the digest that a name stands for, "" if there is none, None if nobody can say."""
    if isinstance(held, Image | Found):
        return held.digest
    return "" if isinstance(held, Absent) else None
