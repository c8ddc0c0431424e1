"""The Dockerfiles of a plan's targets, each read once and only when it is needed: whose a step is, which is last.

Bake tells the steps of what a target depends on under that target's name, too.
"""

import re

from buildmatrix.dockerfile.steps import Last, last_step, numbered, pulls
from buildmatrix.graphs import reached
from buildmatrix.patterns import regex
from buildmatrix.plan.access.reach import text_of
from buildmatrix.plan.model import Plan, PlannedTarget


class Dockerfiles:
    """Knows the steps of targets."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._steps: dict[str, frozenset[tuple[str, ...]]] = {}
        self._last: dict[str, Last | None] = {}
        self._from: dict[str, bool] = {}
        self._upon: dict[str, tuple[str, ...]] = {}

    def upon(self, name: str) -> tuple[str, ...]:
        """Return all that a target depends on, a base before what depends on it."""
        if name not in self._upon:
            targets = self._plan.by_name
            found = set(reached(targets[name].depends_on, lambda one: targets[one].depends_on))
            self._upon[name] = tuple(one.name for one in self._plan.targets if one.name in found)
        return self._upon[name]

    def whose(self, name: str, step: str) -> str:
        """Return the target whose step it is that was told under a name: its own in doubt."""
        if not self.upon(name):
            return name
        if step.startswith("FROM ") and not self._pulls(name):  # it is told as it was resolved
            return next(filter(self._pulls, self.upon(name)), name)
        return max((name, *self.upon(name)), key=lambda one: self._likeness(one, step))

    def is_own(self, name: str, step: str) -> bool:
        """Tell whether a step that was told under a name is surely its own."""
        if not self.upon(name):
            return True
        return self._likeness(name, step) > max([-1, *(self._likeness(base, step) for base in self.upon(name))])

    def last(self, name: str) -> Last | None:
        """Return what `last_step` says of a target's Dockerfile."""
        if name not in self._last:
            target = self._plan.by_name[name]
            settings, text = target.settings, text_of(target, self._plan.directory)
            self._last[name] = last_step(text, settings.target, settings.contexts or {}, settings.args)
        return self._last[name]

    def may_end(self, name: str, step: str) -> bool:
        """Tell whether a step that has the last one's number is made by the last instruction.

        BuildKit tells a step that runs for another build, too, with the number that it has there. A FROM is told as it
        was resolved, and a here-document may be told otherwise: there the number has to do.
        """
        found = self.last(name)
        last = found.instruction if found is not None else ""
        is_from = last[:5].upper() == "FROM "
        if is_from or step.startswith("FROM "):
            return is_from and step.startswith("FROM ")
        return "<<" in last or _is_made_of(_plain(step), _pieces(last))

    def _pulls(self, name: str) -> bool:
        if name not in self._from:
            target = self._plan.by_name[name]
            settings, text = target.settings, text_of(target, self._plan.directory)
            self._from[name] = pulls(text, settings.contexts or {}, settings.args)
        return self._from[name]

    def _likeness(self, name: str, step: str) -> int:
        """Return how many signs a step has in common with one of a target's Dockerfile, as it is told; -1 for none."""
        if name not in self._steps:
            text = text_of(self._plan.by_name[name], self._plan.directory)
            self._steps[name] = frozenset(_pieces(instruction) for _, instruction in numbered(text))
        told = _plain(step)
        return max((sum(map(len, pieces)) for pieces in self._steps[name] if _is_made_of(told, pieces)), default=-1)


def line_of(target: PlannedTarget, directory: str, step: str) -> int:
    """Return the line of a target's Dockerfile on which a step is written, as it is told: `linux/amd64 2/5 RUN make`.

    0 where none is like it, or several are.
    """
    told, found = _plain(_NUMBER.sub("", step)), dict[int, list[int]]()
    for line, instruction in numbered(text_of(target, directory)):
        pieces = _pieces(instruction)
        if _is_made_of(told, pieces):
            found.setdefault(sum(map(len, pieces)), []).append(line)
    lines = found[max(found)] if found else []
    return lines[0] if len(lines) == 1 else 0


_NUMBER = regex(r"^.*?\b\d+/\d+ ")
_VARIABLE = regex(r"\$(?:\{[^}]*\}|[a-z_][a-z0-9_]*)")
"""A variable, in small letters: BuildKit tells a step with some of them replaced by their values."""


def _plain(step: str) -> str:
    return re.sub(r"\s+", "", step).casefold()


def _pieces(instruction: str) -> tuple[str, ...]:
    """Return what stands between the variables of an instruction."""
    return tuple(_VARIABLE.split(_plain(instruction)))


def _is_made_of(told: str, pieces: tuple[str, ...]) -> bool:
    """Tell whether a text is these pieces with anything in between."""
    first, *others = pieces
    if not others:
        return told == first
    last = others.pop()
    place, end = len(first), len(told) - len(last)
    if place > end or not (told.startswith(first) and told.endswith(last)):
        return False
    for piece in others:
        found = told.find(piece, place, end)
        if found < 0:
            return False
        place = found + len(piece)
    return True
