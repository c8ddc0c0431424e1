"""Decides about each target of a plan: what its tags hold is asked once, the manifests of what may be kept besides."""

from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from buildmatrix.engine.registry import Registry
from buildmatrix.inputs.known import Known
from buildmatrix.lock.known import Looked, look
from buildmatrix.oci.answers import Absent, Found, Unknown
from buildmatrix.oci.http.parallel import all_of
from buildmatrix.oci.image import Held, Image
from buildmatrix.oci.reference import Reference, parse
from buildmatrix.plan.model import Plan, PlannedTarget
from buildmatrix.plan.outputs import pushes_tags
from buildmatrix.plan.policy import Policy
from buildmatrix.plan.publishing import pushed_tags
from buildmatrix.spec.rows.settings import CacheonlyOutput
from buildmatrix.state.decision import Asked, Decision, decided
from buildmatrix.state.marks import fingerprints_in

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
    ) -> None:
        """Take what is known of a target's inputs, and what a tag holds (None: nobody asked)."""
        self._plan, self._policy, self._known, self._registry = plan, policy, known, registry
        self._held = {
            target.name: {tag: held(tag) or UNASKED for tag in pushed_tags(target)} for target in plan.targets
        }

    def decide(self, now: datetime) -> dict[str, Decision]:
        """Return the decisions by target: of each that pushes tags."""
        children = {target.name: tuple(self._children(target)) for target in self._plan.targets}
        silent = self._silent({child for some in children.values() for child in some})
        again: dict[str, str] = {}
        found: dict[str, Decision] = {}
        for target in self._plan.targets:
            if tags := self._held[target.name]:
                known, age = self._known(target.name), self._policy.max_age(target)
                found[target.name] = decided(
                    Asked(
                        fingerprints=known.fingerprints,
                        held=tags,
                        doubt=known.doubt,
                        forced=self._forced(target),
                        again=next((again[name] for name in (*target.depends_on, *target.needs) if name in again), ""),
                        children={str(one.digest): silent[one] for one in children[target.name] if one in silent},
                        created=self._created(target) if age is not None else None,
                        max_age=None if age is None else timedelta(seconds=age),
                        now=now,
                    )
                )
                if found[target.name].renewed:
                    again[target.name] = f"{target.name}, on which it depends, is built again"
        return found

    def _forced(self, target: PlannedTarget) -> str:
        """Return why a target is built in any case; "" if it need not be."""
        if self._policy.options.everything:
            return "--all"
        outputs: tuple[Any, ...] = target.settings.output or ()
        others = [one.type for one in outputs if not pushes_tags(one) and not isinstance(one, CacheonlyOutput)]
        return f"it also has an output of type {others[0]}, which no registry tells of" if others else ""

    def _created(self, target: PlannedTarget) -> datetime | None:
        """Return when the image was made that would be kept, by its configuration; None if nobody says."""
        known = self._known(target.name)
        for tag, held in self._held[target.name].items():
            if isinstance(held, Image) and known.fingerprints.items() <= fingerprints_in(held).items():
                looked = look(self._registry, tag, held.digest, known.fingerprints)
                return looked.created if isinstance(looked, Looked) else None
        return None

    def _silent(self, asked: Collection[Reference]) -> Mapping[Reference, Absent | Unknown]:
        """Return the manifests that do not answer, of those that may be kept: clean-ups delete some of live indexes."""
        answers = all_of(lambda child: self._registry.head(str(child)), asked)
        return {child: answer for child, answer in answers.items() if not isinstance(answer, Found)}

    def _children(self, target: PlannedTarget) -> Iterator[Reference]:
        """Yield the manifests of the platforms that may be kept, in the repositories of the tags that hold them."""
        if self._policy.options.everything or (known := self._known(target.name)).doubt:
            return
        for tag, held in self._held[target.name].items():
            if not isinstance(held, Image):
                continue
            marks = fingerprints_in(held)
            for one in held.index.manifests:
                name = str(one.platform)
                if one.digest != held.digest and name in marks and marks[name] == known.fingerprints.get(name):
                    yield Reference(parse(tag).repository, digest=one.digest)
