"""Whose steps are told: bake tells what a target builds upon under that target's name, too."""

import re
from collections.abc import Collection, Iterator

from buildmatrix.plan.dockerfile import instructions, text_of
from buildmatrix.plan.model import Plan


class Owners:
    """Knows the steps of the targets of one call by their Dockerfiles, which are read when they are needed."""

    def __init__(self, plan: Plan, within: Collection[str]) -> None:
        """Take the plan and all targets of the call."""
        self._plan, self._within = plan, frozenset(within)
        self._texts: dict[str, frozenset[str]] = {}
        self._upon: dict[str, tuple[str, ...]] = {}

    def __call__(self, name: str, step: str) -> str:
        """Return the target whose step it is that was told under a name: its own in doubt."""
        text = _plain(step)
        if not self.upon(name) or text in self._of(name):
            return name
        return next((base for base in self.upon(name) if text in self._of(base)), name)

    def is_own(self, name: str, step: str) -> bool:
        """Tell whether a step that was told under a name is surely its own."""
        text = _plain(step)
        return text in self._of(name) and not any(text in self._of(base) for base in self.upon(name))

    def upon(self, name: str) -> tuple[str, ...]:
        """Return all that a target builds upon within the call, a base before what builds upon it."""
        if name not in self._upon:
            found = set(self._links(name))
            self._upon[name] = tuple(one.name for one in self._plan.targets if one.name in found)
        return self._upon[name]

    def _links(self, name: str) -> Iterator[str]:
        for link in self._plan.by_name[name].links:
            if link in self._within:
                yield link
                yield from self.upon(link)

    def _of(self, name: str) -> frozenset[str]:
        if name not in self._texts:
            text = text_of(self._plan.by_name[name], self._plan.directory)
            self._texts[name] = frozenset(map(_plain, instructions(text)))
        return self._texts[name]


def _plain(step: str) -> str:
    return re.sub(r"\s+", "", step).casefold()
