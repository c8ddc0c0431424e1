"""The commands of buildx that make a builder what the file declares: created, extended, or created anew.

`create` on what exists keeps options and files that it is not given, and the daemon goes on as it was started (found
with 0.29); so what differs otherwise than by a node more is removed and created again. A builder of containers keeps
its cache.
"""

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence

from buildmatrix.engine.builders.compare import Difference, differences
from buildmatrix.engine.builders.stored import StoredBuilder
from buildmatrix.records import dataclass
from buildmatrix.spec.rows.builders import CONTAINER, DeclaredBuilder, DeclaredNode

FORGETTABLE = frozenset({"remote", "cloud"})
"""Drivers whose nodes are somebody else's: a node that leaves leaves no container behind."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """A command of buildx without the program's name, and what it does, in the past tense."""

    words: tuple[str, ...]
    does: str


@dataclass(frozen=True, kw_only=True)
class Change:
    """What is to be done to a builder, and why: `differs` is empty for one that is not there."""

    steps: tuple[Step, ...]
    differs: tuple[Difference, ...] = ()


def change(declared: DeclaredBuilder, found: StoredBuilder | None, environment: Mapping[str, str]) -> Change:
    """Return what makes a builder what is declared; no steps where it is."""
    if found is None:
        return Change(steps=tuple(_created(declared)))
    differs = differences(declared, found, environment)
    kinds = {one.kind for one in differs}
    if kinds <= {"missing"}:
        missing = {one.node for one in differs}
        nodes = [node for node in declared.nodes if node.name in missing]
        return Change(steps=tuple(_create(declared, node, append=True) for node in nodes), differs=differs)
    if kinds == {"extra"} and declared.driver in FORGETTABLE:
        return Change(steps=tuple(_leave(declared.name, one.node) for one in differs), differs=differs)
    anew = (remove(declared.name, found.driver, keep_state=True), *_created(declared))
    return Change(steps=anew, differs=differs)


def remove(name: str, driver: str, *, keep_state: bool) -> Step:
    """Return the step that removes a builder; of containers the cache may be kept."""
    keeps = keep_state and driver == CONTAINER
    words = ("rm", "--keep-state", name) if keeps else ("rm", name)
    return Step(words=words, does=f"removed {name}{', and kept its cache' if keeps else ''}")


def bootstrap(name: str) -> Step:
    """Return the step that starts a builder's nodes."""
    return Step(words=("inspect", "--bootstrap", name), does=f"started {name}")


def use(name: str) -> Step:
    """Return the step that makes a builder the current one."""
    return Step(words=("use", name), does=f"{name} is the current builder")


def _created(declared: DeclaredBuilder) -> Iterator[Step]:
    for index, node in enumerate(declared.nodes):
        yield _create(declared, node, append=index > 0)


def _create(declared: DeclaredBuilder, node: DeclaredNode, *, append: bool) -> Step:
    words = ["create", "--name", declared.name, *(["--append"] if append else [])]
    words += ["--driver", declared.driver, "--node", node.name]
    words += ["--platform", ",".join(node.platforms)] if node.platforms else []
    for key, value in node.driver_opts.items():
        words += ["--driver-opt", _csv(f"{key}={value}")]
    words += ["--buildkitd-flags", shlex.join(node.flags)] if node.flags else []
    words += ["--buildkitd-config", node.config] if node.config else []
    words += [node.endpoint] if node.endpoint else []
    does = f"added node {node.name} to {declared.name}" if append else f"created {declared.name} ({declared.driver})"
    return Step(words=tuple(words), does=does)


def _csv(text: str) -> str:
    """Return a text as one field of CSV."""
    return '"{}"'.format(text.replace('"', '""')) if re.search('[",]', text) else text


def _leave(name: str, node: str) -> Step:
    words = ("create", "--name", name, "--leave", "--node", node)
    return Step(words=words, does=f"removed node {node} from {name}")


def typed(program: Sequence[str], step: Step) -> str:
    """Return a step as a person types it."""
    return shlex.join((*program, *step.words))
