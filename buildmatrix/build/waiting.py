"""What waits for tags: Builds that need an image first whose tags move when all of its parts are there."""

import threading
from collections.abc import Callable, Iterable, Mapping

from buildmatrix.build.calls.batches import Call
from buildmatrix.engine.outcome import BuildOutcome
from buildmatrix.plan.builds import BuildPlan
from buildmatrix.publish.early import Early
from buildmatrix.publish.publish import Published

Told = Callable[[str, Published | BaseException], None]


class Waiting:
    """Knows which images' tags have yet to move before a call starts, and has them moved by threads of their own."""

    def __init__(self, plan: BuildPlan, early: Early | None) -> None:
        """Take a plan, and who moves tags early; None where nobody does."""
        self._plan, self._early = plan, early
        self._left = dict(early.builds) if early else {}
        self.moving: set[str] = set()

    def of(self, made: Call) -> list[str]:
        """Return the images, by target, whose tags a call has to wait for: not those that it builds itself."""
        if not self._left:
            return []
        needed = {key for name in made.within for key in self._plan.by_name[name].needs}
        return [name for name, keys in self._left.items() if needed.intersection(keys) and not {*keys} & {*made.names}]

    def begin(self, made: Iterable[Call], ended: Mapping[str, BuildOutcome], tell: Told) -> None:
        """Begin to move the tags that calls wait for, where all parts have ended well; `tell` is told the result."""
        for name in dict.fromkeys(name for one in made for name in self.of(one)):
            parts = [ended.get(key) for key in self._left[name]]
            if name not in self.moving and all(one and one.status in {"built", "cached", "unchanged"} for one in parts):
                self.moving.add(name)
                digests = {one.name: one.digest for one in parts if one}
                threading.Thread(target=self._move, args=[name, digests, tell], daemon=True).start()

    def _move(self, name: str, digests: Mapping[str, str], tell: Told) -> None:
        assert self._early is not None  # noqa: S101 else nothing waits
        try:
            tell(name, self._early.move(name, digests))
        except BaseException as error:  # noqa: BLE001 it is raised where somebody can handle it
            tell(name, error)

    def end(self, name: str) -> list[str]:
        """Take down that the tags of an image moved, or could not be; return the Builds that need it."""
        self.moving.discard(name)
        keys = {*self._left.pop(name)}
        return [build.name for build in self._plan.targets if keys.intersection(build.needs)]
