"""Which stages a Build needs, with the triggers of their bases, and what each FROM, COPY and mount of them means.

`graph.py` says what the file alone says; here the images' own ONBUILDs count too, and contexts by their exact names, as
BuildKit looks them up: `NAME::PLATFORM`, then `NAME`, the name without `docker.io/library/` and `:latest`.
"""

import csv
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Literal, NamedTuple

from buildmatrix.dockerfile.graph import Graph, graph_of
from buildmatrix.dockerfile.model import Dockerfile, Instruction, Stage
from buildmatrix.dockerfile.reader import read
from buildmatrix.graphs import reached
from buildmatrix.oci.platform import normalized
from buildmatrix.oci.reference import REFERENCE, parse

MAIN = "context"
"""What BuildKit calls the main context, which no named one takes the place of."""


class Config(NamedTuple):
    """What is known of an image's configuration: its ONBUILDs, and its variables, None where a value is not known.

    Where an image is used for several platforms it is what holds for each of them.
    """

    onbuild: tuple[str, ...] = ()
    env: Mapping[str, str | None] = {}


class Link(NamedTuple):
    """What a name means: an image by its full name, a named context, a stage by its number, nothing, or it is open."""

    kind: Literal["image", "context", "stage", "scratch", "open"]
    name: str = ""
    number: int = -1
    written: str = ""


class Step(NamedTuple):
    """An instruction that is run in a stage; what its COPY, or each of its mounts, takes files from: None for neither.

    A step that an image or another stage brings is a trigger, and is told on the line of the FROM.
    """

    instruction: Instruction
    links: tuple[Link | None, ...]
    is_trigger: bool
    line: int


class Part(NamedTuple):
    """A stage that is needed: its base, the platform that its FROM asks for ("" for the target's, None unknown).

    `is_open` where the base may have ONBUILDs of which nothing is known here.
    """

    stage: Stage
    base: Link
    platform: str | None
    steps: tuple[Step, ...]
    is_open: bool

    @property
    def links(self) -> Iterator[Link]:
        """What it is made of: its base, and what it copies from and mounts."""
        yield self.base
        yield from (link for step in self.steps for link in step.links if link)


class Linked(NamedTuple):
    """What a Build needs: the target, the parts in the file's order, and what nobody can know, with its line."""

    graph: Graph
    target: Link
    parts: tuple[Part, ...]
    doubts: tuple[tuple[int, str], ...]

    @property
    def arguments(self) -> frozenset[str]:
        """The names of the arguments that the parts declare, triggers of images included."""
        steps = (step.instruction for part in self.parts for step in part.steps)
        words = (word for one in steps if one.keyword == "ARG" for word in one.args)
        return frozenset(word.partition("=")[0] for word in words)

    def part(self, number: int) -> Part:
        """Return the part that is a stage of this number."""
        return next(one for one in self.parts if one.stage.number == number)


Bases = Mapping[str, Config]


def linked(
    file: Dockerfile,
    *,
    target: str | None,
    platform: str,
    args: Mapping[str, str],
    contexts: Collection[str],
    bases: Bases,
) -> Linked | None:
    """Return what a Build needs of a Dockerfile; None where it has no such stage."""
    stage = file.stage(target)
    if stage is None:
        return None
    last = file.stages[-1].name or "default"
    graph = graph_of(file, {"TARGETSTAGE": target or last, **args}, platform)
    linker = _Linker(graph, contexts, bases)
    start = linker.link_of(stage)
    numbers = sorted(reached([stage.number] if start.kind == "stage" else [], linker.below))
    parts = tuple(linker.part(file.stages[number]) for number in numbers)
    return Linked(graph, start, parts, tuple(dict.fromkeys(linker.doubts)))


class _Linker:
    """Finds what names mean, and keeps the parts that it has made."""

    def __init__(self, graph: Graph, contexts: Collection[str], bases: Bases) -> None:
        self.graph, self.bases = graph, bases
        self.stages = graph.file.stages
        self.contexts = frozenset(contexts)
        self.parts: dict[int, Part] = {}
        self.doubts: list[tuple[int, str]] = []

    def below(self, number: int) -> Iterator[int]:
        """Yield the numbers of the stages that one is made of."""
        yield from (link.number for link in self.part(self.stages[number]).links if link.kind == "stage")

    def part(self, stage: Stage) -> Part:
        """Return a stage with all that is run in it."""
        if stage.number not in self.parts:
            platform, above = self._platform(stage), self._above(stage)
            base = self._base(stage, platform, above)
            steps = tuple(self._steps(stage, self._triggers(stage, base, above)))
            is_open = above is None and base.kind != "scratch" and base.name not in self.bases
            self.parts[stage.number] = Part(stage, base, platform, steps, is_open)
        return self.parts[stage.number]

    def _platform(self, stage: Stage) -> str | None:
        found = self.graph.scope.expanded(stage.platform)
        return normalized(found) if found else found

    def _above(self, stage: Stage) -> Stage | None:
        """Return the stage that a FROM names: the nearest above it."""
        name = self.graph.bases[stage.number]
        above = (one for one in reversed(self.stages[: stage.number]) if one.name and one.name == name)
        return next(above, None)

    def _base(self, stage: Stage, platform: str | None, above: Stage | None) -> Link:
        name = self.graph.bases[stage.number]
        if above is not None:
            return self.link_of(above)
        if name is None:
            return Link("open", stage.base, written=stage.base)
        return self._outside(name, platform, stage.head.line)._replace(written=stage.base)

    def link_of(self, stage: Stage) -> Link:
        """Return what stands for a stage: itself, or the named context that takes its place."""
        found = self._context(stage.name, self._platform(stage), stage.head.line) if stage.name else None
        return Link("stage", number=stage.number) if found is None else Link("context", found)

    def _outside(self, name: str, platform: str | None, line: int) -> Link:
        """Return what a name means that is no stage's."""
        if name == "scratch":
            return Link("scratch")
        if not REFERENCE.fullmatch(name):
            return Link("open", name, written=name)
        found = self._context(short(name), platform, line)
        return Link("image", full(name), written=name) if found is None else Link("context", found)

    def _context(self, name: str, platform: str | None, line: int) -> str | None:
        """Return the context that a name means, None for none."""
        if name.lower() in {"scratch", MAIN} or not self.contexts:
            return None
        asked = self.graph.scope.platform if platform == "" else platform
        for_platform = [one for one in self.contexts if one.startswith(f"{name}::")]
        if for_platform and not asked:
            self.doubts.append((line, f"context {for_platform[0]} is for a platform that is not known"))
        exact = f"{name}::{normalized(asked)}" if asked else ""
        return next((one for one in (exact, name) if one in self.contexts), None)

    def _steps(self, stage: Stage, triggers: Iterable[Instruction]) -> Iterator[Step]:
        for one in triggers:
            yield Step(one, tuple(self._links(one, stage.head.line)), is_trigger=True, line=stage.head.line)
        for one in stage.instructions:
            links = () if one.onbuild else tuple(self._links(one, one.line))
            yield Step(one, links, is_trigger=False, line=one.line)

    def _triggers(self, stage: Stage, base: Link, above: Stage | None) -> Iterator[Instruction]:
        """Yield the triggers of the base. A stage's own count even where a context takes its place."""
        if above is not None:
            yield from (one._replace(onbuild=False) for one in above.instructions if one.onbuild)
        elif base.name in self.bases:
            for text in self.bases[base.name].onbuild:
                trigger = trigger_of(text)
                if trigger is None:
                    self.doubts.append((stage.head.line, f"ONBUILD of {base.name} cannot be read"))
                else:
                    yield trigger

    def _links(self, one: Instruction, line: int) -> Iterator[Link | None]:
        """Yield what an instruction takes files from: one for a COPY, one for each mount of a RUN."""
        if one.keyword == "COPY":
            name = "".join(one.values("from")[-1:])
            yield self._named(name, line, by_number=True) if name else None
        elif one.keyword == "RUN":
            for mount in one.values("mount"):
                name = dict(fields(mount)).get("from", "")
                yield self._named(name, line, by_number=False) if name else None

    def _named(self, name: str, line: int, *, by_number: bool) -> Link:
        if by_number and name.lstrip("+-").isdecimal():
            found = [one for one in self.stages if str(one.number) == name]
            return self.link_of(found[0]) if found else Link("open", name, written=name)
        if "$" in name or name != name.strip("\"'"):
            return Link("open", name, written=name)
        stage = self.graph.file.stage(name)
        return self._outside(name, "", line) if stage is None else self.link_of(stage)


def fields(mount: str) -> tuple[tuple[str, str], ...]:
    """Return the fields of a mount in their order, keys in small letters; none where it is not CSV."""
    try:
        row = next(csv.reader([mount]), [])
    except csv.Error:
        return ()
    parts = (field.partition("=") for field in row)
    return tuple((key.lower(), value) for key, _, value in parts)


def full(name: str) -> str:
    """Return a valid name of an image with all that docker adds."""
    return parse(name).full


def short(name: str) -> str:
    """Return the name that a context has to have to take the place of an image."""
    one = parse(name)
    last = one.path.removeprefix("library/")
    place = last if "/" not in last else one.path
    place = place if one.host == "docker.io" else f"{one.host}/{one.path}"
    tag = "" if one.tag is None or (one.tag == "latest" and one.digest is None) else f":{one.tag}"
    return f"{place}{tag}" if one.digest is None else f"{place}{tag}@{one.digest}"


@lru_cache(maxsize=1024)
def trigger_of(text: str) -> Instruction | None:
    """Return the instruction of an ONBUILD as an image's configuration holds it; None where it cannot be read."""
    file = read(f"FROM scratch\n{text}\n")
    if file is None or len(file.stages) != 1 or len(file.stages[0].instructions) != 1:
        return None
    return file.stages[0].instructions[0]
