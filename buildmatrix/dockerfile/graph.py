"""What the stages of a Dockerfile are made of, with the build's arguments put in: BuildKit's dockerfile2llb.

A FROM means the nearest stage of that name above it, COPY and RUN the last of that name in the file; COPY alone may
name a stage by its number. A named context takes the place of an image, and of a stage, of that name.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TypeVar

from buildmatrix.dockerfile.arguments import Scope, scope_of
from buildmatrix.dockerfile.model import Dockerfile, Instruction, Reference, Stage
from buildmatrix.graphs import reached
from buildmatrix.oci.platform import normalized
from buildmatrix.records import dataclass

T = TypeVar("T", bound=Instruction | Reference)

_DIGITS = 10
"""Digits that no stage's number has; Python reads no number of thousands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """A Dockerfile as it is built: what each stage depends on, None where nobody knows; the contexts' names."""

    file: Dockerfile
    bases: tuple[str | None, ...]
    contexts: frozenset[str]
    scope: Scope

    def parent(self, stage: Stage) -> Stage | None:
        """Return the stage that a stage depends on, None where that is something else."""
        base = self.bases[stage.number]
        if base is None or self.is_replaced(stage):
            return None
        above = reversed(self.file.stages[: stage.number])
        return next((one for one in above if one.name and one.name == base.lower()), None)

    def is_replaced(self, stage: Stage) -> bool:
        """Tell whether a named context stands in a stage's place: nothing of the stage is run."""
        return stage.name in self.contexts and stage.name != ""

    def context_below(self, stage: Stage) -> bool:
        """Tell whether a stage depends on a named context; `scratch` is never one."""
        base = self.bases[stage.number]
        if base is None or base == "scratch" or self.parent(stage) is not None:
            return False
        return familiar(base) in self.contexts

    def instructions(self, stage: Stage) -> tuple[Instruction, ...]:
        """Return what is run in a stage: the ONBUILDs of the stage that it depends on, then its own instructions."""
        return self._run(stage, lambda one: one.instructions)

    def references(self, stage: Stage) -> tuple[Reference, ...]:
        """Return what is copied and mounted in a stage, with that of the ONBUILDs below it."""
        return self._run(stage, lambda one: one.references)

    def _run(self, stage: Stage, of: Callable[[Stage], Iterable[T]]) -> tuple[T, ...]:
        if self.is_replaced(stage):
            return ()
        parent = self.parent(stage)
        before = tuple(one for one in of(parent) if one.onbuild) if parent else ()
        return (*before, *(one for one in of(stage) if not one.onbuild))

    def source(self, reference: Reference) -> Stage | None:
        """Return the stage that a reference means, None where it means something else."""
        name = reference.name.lower()
        if reference.kind == "copy" and name.isdecimal():
            return next(iter(self.file.stages[int(name) :]), None) if len(name) < _DIGITS else None
        return None if reference.kind == "add" or not name else self.file.stage(name)

    def reachable(self, stage: Stage) -> tuple[Stage, ...]:
        """Return the stages that one is made of, itself included, in the file's order."""
        return tuple(self.file.stages[number] for number in sorted(reached([stage.number], self._below)))

    def _below(self, number: int) -> tuple[int, ...]:
        """Return the stages that one names."""
        stage = self.file.stages[number]
        return tuple(one.number for one in (self.parent(stage), *map(self.source, self.references(stage))) if one)

    def is_for_target(self, stage: Stage) -> bool:
        """Tell whether a stage is made for the target's platform: what depends on a stage has the platform of that."""
        while (parent := self.parent(stage)) is not None:
            stage = parent
        if not stage.platform:
            return True
        found = self.scope.expanded(stage.platform)
        return found is not None and normalized(found) == normalized(self.scope.platform)


def graph_of(
    file: Dockerfile, args: Mapping[str, str] | None = None, platform: str = "", contexts: Collection[str] = ()
) -> Graph:
    """Return a Dockerfile as it is built with these arguments, for a platform; "" where it may be any."""
    scope = scope_of(file, args or {}, platform)
    bases = tuple(scope.expanded(stage.base) for stage in file.stages)
    return Graph(file=file, bases=bases, contexts=frozenset(map(str.lower, contexts)), scope=scope)


def familiar(name: str) -> str:
    """Return an image's name as contexts are looked up by it: `busybox` for docker.io/library/busybox:latest."""
    short = name.lower().removeprefix("docker.io/")
    return short.removeprefix("library/").removesuffix(":latest")
