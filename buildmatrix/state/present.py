"""Whether what an earlier run left is still where it put it: in registries, in the engine's store, on the disk."""

import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from buildmatrix.engine.buildx import Builder
from buildmatrix.engine.registry import Registry
from buildmatrix.errors import EngineError
from buildmatrix.oci.answers import Absent, Answer, Unknown
from buildmatrix.oci.http.parallel import all_of
from buildmatrix.oci.reference import parse
from buildmatrix.plan.access.reach import dests_of
from buildmatrix.plan.model import Plan, PlannedTarget
from buildmatrix.plan.outputs import pushes
from buildmatrix.process import Programs
from buildmatrix.records import dataclass
from buildmatrix.state.stats import Looks

MANY = 50
"""Images that docker is asked for at once."""


@dataclass(frozen=True, kw_only=True)
class Left:
    """What an earlier run left of a Build.

    `files` tells by path how what it wrote looked, `builder` who built it; `index` is what its tags hold where several
    Builds were joined, "" elsewhere.
    """

    digest: str
    index: str
    tags: tuple[str, ...]
    files: Mapping[str, str]
    builder: str


def builder_of(builder: Builder, programs: Programs) -> str:
    """Return what tells one builder from another: results that stay there are not on any other."""
    where = [programs.environment.get(name, "") for name in ("DOCKER_HOST", "DOCKER_CONTEXT")]
    return " ".join([builder.name, builder.driver, *(node.name for node in builder.nodes), *filter(None, where)])


def files_of(plan: Plan, target: PlannedTarget) -> dict[str, str]:
    """Return how all that a target has written to the disk looks now."""
    looks = Looks(young=True)
    return {dest: looks.of(Path(plan.directory, dest)) for dest in dests_of(target)}


class Present:
    """Answers why what an earlier run left cannot be relied upon."""

    def __init__(
        self, plan: Plan, builder: Builder, programs: Programs, registry: Registry, moved_last: Collection[str] = ()
    ) -> None:
        """Take the plan, where a run would build it now, and whom to ask what registries hold.

        `moved_last` are the Builds whose tags the run moves at its end, also where nothing is built: of those it is
        enough that their images are there.
        """
        self._plan, self._driver, self._programs = plan, builder.driver, programs
        self._builder = builder_of(builder, programs)
        self._registry, self._moved_last = registry, moved_last
        self._silent: dict[str, Unknown] = {}

    def doubts(self, left: Mapping[str, Left]) -> dict[str, str]:
        """Return the targets of which something is gone, moved, or unknown, and what that is."""
        here = {name: self._here(self._plan.by_name[name], one) for name, one in left.items()}
        asked = [name for name, doubt in here.items() if not doubt]
        stored = self._stored({name: left[name] for name in asked})
        there = all_of(lambda name: self._pushed(self._plan.by_name[name], left[name]), asked)
        found = {name: here[name] or there.get(name) or stored.get(name, "") for name in left}
        return {name: doubt for name, doubt in found.items() if doubt}

    # --- on the disk, and with the builder ------------------------------------------------------------------------

    def _here(self, target: PlannedTarget, left: Left) -> str:
        now = files_of(self._plan, target)
        changed = next((dest for dest in now if now[dest] in {"", "-"} or now[dest] != left.files.get(dest)), "")
        if changed:
            return f"{changed} is {'gone' if now[changed] == '-' else 'not what the last run wrote'}"
        stays = not target.settings.output or any(map(_stays, target.settings.output))
        return "another builder built it" if stays and left.builder != self._builder else ""

    # --- in the engine's store ------------------------------------------------------------------------------------

    def _stored(self, left: Mapping[str, Left]) -> dict[str, str]:
        """Return what the engine's store lacks, by target; nobody looks into the store of another docker context."""
        wanted = {name: self._plan.by_name[name].tags for name in left if self._loads(self._plan.by_name[name])}
        if not wanted:
            return {}
        ids = self._ids(sorted({tag for tags in wanted.values() for tag in tags}))
        found = {}
        for name, tags in wanted.items():
            gone = [tag for tag in tags if not left[name].digest or ids.get(parse(tag).full) != left[name].digest]
            if gone or not tags:
                found[name] = f"the engine has {gone[0]} no more" if gone else "nobody knows whether the engine has it"
        return found

    def _loads(self, target: PlannedTarget) -> bool:
        outputs: tuple[Any, ...] = target.settings.output or ()
        stores = any(output.type == "docker" and not output.dest for output in outputs)
        own = not outputs or any(output.type == "image" and not pushes(output) for output in outputs)
        return stores or (own and self._driver == "docker")

    def _ids(self, tags: list[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        for start in range(0, len(tags), MANY):
            command = ["docker", "image", "inspect", "--format", "{{json .}}", *tags[start : start + MANY]]
            try:
                lines = self._programs.run(command).stdout.splitlines()
            except EngineError:
                return {}
            for identity, names in _images(lines):
                found |= {parse(name).full: identity for name in names}
        return found

    # --- in registries --------------------------------------------------------------------------------------------

    def _pushed(self, target: PlannedTarget, left: Left) -> str:
        waits = target.name in self._moved_last
        if doubt := _unmoved(target, left, waits=waits):
            return doubt
        for reference in _references(target, left, waits=waits):
            answer = self._asked(reference)
            if isinstance(answer, Absent):
                return f"{reference} is gone"
            if isinstance(answer, Unknown):
                return f"nobody can say whether {reference} is there: {answer.reason}"
            if answer.digest != (left.digest if "@" in reference else left.index or left.digest):
                return f"{reference} is another image now"
        return ""

    def _asked(self, reference: str) -> Answer:
        """Ask for a tag; a registry that did not answer once is not asked again."""
        host = parse(reference).host
        if host in self._silent:
            return self._silent[host]
        answer = self._registry.head(reference)
        if isinstance(answer, Unknown) and not answer.refused:
            self._silent[host] = answer
        return answer


def _images(lines: list[str]) -> Iterator[tuple[str, list[str]]]:
    for line in lines:
        try:
            image = json.loads(line)
            yield str(image["Id"]), [str(tag) for tag in image["RepoTags"]]
        except (ValueError, KeyError, TypeError, RecursionError):
            continue


def _unmoved(target: PlannedTarget, left: Left, *, waits: bool) -> str:
    """Return why a target's tags cannot point at what was left: whoever pushed it did not move them."""
    outputs: tuple[Any, ...] = target.settings.output or ()
    if not any(map(pushes, outputs)):
        return ""
    if not left.digest:
        return "nobody knows which image it was"
    named = any(pushes(output) and not output.push_by_digest and not output.name for output in outputs)
    tags = [tag for tag in target.tags if named and not waits and not _is_among(tag, left.tags)]
    return f"{tags[0]} was not moved to it" if tags else ""


def _is_among(name: str, tags: Collection[str]) -> bool:
    return parse(name).full in {parse(tag).full for tag in tags}


def _references(target: PlannedTarget, left: Left, *, waits: bool) -> Iterator[str]:
    """Yield what registries must have: a digest where a tag still `waits` to be moved to it, or there is none."""
    outputs: tuple[Any, ...] = target.settings.output or ()
    for output in filter(pushes, outputs):
        for name in dict.fromkeys(output.name.split(",") if output.name else target.tags):
            by_digest = output.push_by_digest or (waits and not _is_among(name, left.tags))
            yield str(parse(name).at(left.digest)) if by_digest else name


def _stays(output: Any) -> bool:
    """Tell whether a result is nowhere but where it was built."""
    return output.type == "cacheonly" or (output.type == "image" and not pushes(output)) or _is_loaded(output)


def _is_loaded(output: Any) -> bool:
    return bool(output.type == "docker" and not output.dest)
