"""Whether what an earlier run left is still where it put it: in registries, in the engine's store, on the disk."""

import hashlib
import json
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cached_property
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
from buildmatrix.plan.publishing import pushed_tags
from buildmatrix.process import Programs
from buildmatrix.records import dataclass
from buildmatrix.spec.rows.shapes import given
from buildmatrix.state.stats import look

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
    return {dest: look(Path(plan.directory, dest)) for dest in dests_of(target)}


def outputs_of(target: PlannedTarget) -> str:
    """Return a digest of what is to be written of a target; tags only where what is written holds them.

    Annotations that change from run to run are left out: a commit's name is nothing to build for.
    """
    outputs: tuple[Any, ...] = target.settings.output or ()
    told = [
        {key: value for key, value in _plain(one).items() if ("output", index, key) not in target.volatile}
        for index, one in enumerate(outputs)
    ]
    tags = target.tags if any(one.type in {"oci", "docker", "image"} and not pushes(one) for one in outputs) else ()
    return hashlib.sha256(json.dumps([told, tags], sort_keys=True).encode()).hexdigest()


def rebuild_of(target: PlannedTarget) -> str | None:
    """Return a digest of a target's `rebuild`; None for one without."""
    text = target.settings.rebuild
    return None if text is None else hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _plain(output: Any) -> dict[str, Any]:
    """Return a table's keys and values; those of its free keys stand beside them, as in the file."""
    found = given(output)
    free = found.pop("annotation", None) or {}
    return {**found, **free}


class Present:
    """Answers why what an earlier run left cannot be relied upon."""

    def __init__(
        self,
        plan: Plan,
        where: Callable[[], Builder],
        programs: Programs,
        registry: Registry,
        moved_last: Collection[str] = (),
    ) -> None:
        """Take the plan, what tells where a run would build it now, and whom to ask what registries hold.

        `where` is asked only for what stays with a builder. `moved_last` are the Builds whose tags the run moves at its
        end, also where nothing is built: of those it is enough that their images are there.
        """
        self._plan, self._where, self._programs = plan, where, programs
        self._registry, self._moved_last = registry, moved_last
        self._silent: dict[str, Unknown] = {}

    @cached_property
    def _builder(self) -> Builder:
        return self._where()

    def doubts(self, left: Mapping[str, Left], *, tags: bool = True) -> dict[str, str]:
        """Return the targets of which something is gone, moved, or unknown, and what that is.

        Without `tags` those that push some are not asked for what registries hold: somebody else has.
        """
        here = {name: self._here(self._plan.by_name[name], one) for name, one in left.items()}
        asked = [name for name, doubt in here.items() if not doubt]
        stored = self._stored({name: left[name] for name in asked})
        pushed = [name for name in asked if tags or not pushed_tags(self._plan.by_name[name])]
        there = all_of(lambda name: self._pushed(self._plan.by_name[name], left[name]), pushed)
        found = {name: here[name] or there.get(name) or stored.get(name, "") for name in left}
        return {name: doubt for name, doubt in found.items() if doubt}

    # --- on the disk, and with the builder ------------------------------------------------------------------------

    def _here(self, target: PlannedTarget, left: Left) -> str:
        now = files_of(self._plan, target)
        changed = next((dest for dest in now if now[dest] in {"", "-"} or now[dest] != left.files.get(dest)), "")
        if changed:
            return f"{changed} is {'gone' if now[changed] == '-' else 'not what the last run wrote'}"
        if target.settings.output and not any(map(_stays, target.settings.output)):
            return ""
        try:
            here = builder_of(self._builder, self._programs)
        except EngineError as error:
            return f"cannot know without docker: {error.diagnostics[0].message}"
        return "another builder built it" if left.builder != here else ""

    # --- in the engine's store ------------------------------------------------------------------------------------

    def _stored(self, left: Mapping[str, Left]) -> dict[str, str]:
        """Return what the engine's store lacks, by target, or why nobody knows.

        Nobody looks into the store of another docker context.
        """
        wanted = {
            name: self._plan.by_name[name].tags or (one.digest,)
            for name, one in left.items()
            if self._loads(self._plan.by_name[name])
        }
        try:
            ids = self._ids(sorted({tag for tags in wanted.values() for tag in tags if tag}))
        except EngineError as error:
            return dict.fromkeys(wanted, f"nobody can say what the engine has: {error.diagnostics[0].message}")
        found = {}
        for name, tags in wanted.items():
            digest = left[name].digest
            gone = [tag for tag in tags if not digest or ids.get(tag if tag == digest else parse(tag).full) != digest]
            if gone:
                found[name] = _lacking(gone[0], ids) if digest else "nobody knows which image it was"
        return found

    def _loads(self, target: PlannedTarget) -> bool:
        outputs: tuple[Any, ...] = target.settings.output or ()
        stores = any(output.type == "docker" and not output.dest for output in outputs)
        own = not outputs or any(output.type == "image" and not pushes(output) for output in outputs)
        return stores or (own and self._builder.driver == "docker")

    def _ids(self, tags: list[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        for start in range(0, len(tags), MANY):
            command = ["docker", "image", "inspect", "--format", "{{json .}}", *tags[start : start + MANY]]
            lines = self._programs.run(command).stdout.splitlines()
            for identity, names in _images(lines):
                found |= {identity: identity, **{parse(name).full: identity for name in names}}
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


def _lacking(name: str, ids: Mapping[str, str]) -> str:
    is_other = not name.startswith("sha256:") and parse(name).full in ids
    return f"the engine has another image as {name}" if is_other else f"the engine has {_cut(name)} no more"


def _cut(name: str) -> str:
    return name[:19] if name.startswith("sha256:") else name


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
