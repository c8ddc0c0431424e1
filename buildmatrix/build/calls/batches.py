"""Which bake calls build a plan: as few as the order and the options allow, each with a bake file of what it needs."""

import itertools
import shlex
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path

from buildmatrix.build.calls.chains import Chains
from buildmatrix.engine.buildx import BUILDX, Buildx
from buildmatrix.engine.drivers import nodes_of
from buildmatrix.engine.preflight import Engine
from buildmatrix.engine.versions import has_execution
from buildmatrix.plan.access.absent import without_absent
from buildmatrix.plan.access.entitlements import for_bake
from buildmatrix.plan.bakefile import bake_document, bake_text, with_links
from buildmatrix.plan.builds import builds_of
from buildmatrix.plan.model import Plan, PlannedTarget
from buildmatrix.plan.outputs import builds
from buildmatrix.plan.policy import Policy
from buildmatrix.plan.publishing import staging_tag
from buildmatrix.publish.staging import staged
from buildmatrix.records import dataclass
from buildmatrix.spec.rows.options import Options
from buildmatrix.text import one_line

BAKE_FILE, METADATA_FILE = "docker-bake.json", "metadata.json"

MOST = 100
"""Solves that engines may have at once: one that gets hundreds forgets some (`no such job`, found with 0.29 and
BuildKit 0.25), and bake takes time by the square of targets to read its file. A target has one on each of its nodes."""

PIECE = 50
"""Solves of a call where there are more than that."""

AT_ONCE = 16
"""Calls into which a stage is cut so that a failure disturbs few; each is a process of docker."""


@dataclass(frozen=True, kw_only=True)
class Call:
    """One bake call: the targets that it builds, and `within` all targets in its bake file: also what they depend on.

    `alone` says that the call builds what it names whether it is exported or not; `asks` that its targets are not
    built, but that the builder is asked something about each (`call`).
    """

    names: tuple[str, ...]
    within: tuple[str, ...]
    alone: bool = False
    asks: bool = False


def calls(
    plan: Plan, policy: Policy, unchanged: AbstractSet[str] = frozenset(), engine: Engine | None = None
) -> list[Call]:
    """Return the calls that build a plan, in order; what is `unchanged` is only a dependency.

    Where targets are limited, timed, or are to go on beside a failure, each stage is cut into many, with chains from
    their first target on; else there is one call, or several where `needs` asks for something to be finished first. So
    there is where the engine's bake limits them, and goes on, by itself. Questions (`call`) have calls of their own:
    bake builds what a call names, or asks about it.
    """
    weights = {target.name: solves(target, engine) for target in plan.targets}
    if not is_cut(policy, engine):
        parts = (part for wave in _waves(plan) for part in _alike(plan, wave))
        return [call(plan, names) for part in parts for names in _pieces(part, weights)]
    found = []
    chains = list(Chains(plan, policy, unchanged).of((name for name in plan.by_name if name not in unchanged), MOST))
    for stage in sorted({target.stage for target in plan.targets}):
        begun = {chain[0]: chain for chain in chains if plan.by_name[chain[0]].stage == stage}
        for firsts in _alike(plan, begun):
            size = 1 if policy.jobs else min(PIECE, -(-len(firsts) // AT_ONCE))
            joined = (itertools.chain(*(begun[first] for first in some)) for some in _cut(firsts, size))
            found += [call(plan, some, alone=True) for part in joined for some in _weighed(part, MOST, weights)]
    return found


def solves(target: PlannedTarget, engine: Engine | None) -> int:
    """Return how many builds an engine's nodes make of a target: each does its platforms."""
    return max(1, len(nodes_of(target.platforms, engine.builder))) if engine else 1


def is_cut(policy: Policy, buildx: Buildx | None) -> bool:
    """Tell whether a plan is cut into many calls: targets are limited, timed, or go on, and not by bake itself."""
    return policy.is_split and (policy.is_timed or not _by_bake(buildx))


def _by_bake(buildx: Buildx | None) -> bool:
    return buildx is not None and has_execution(buildx.buildx)


def _alike(plan: Plan, names: Iterable[str]) -> list[tuple[str, ...]]:
    """Return the targets that one call can have together: all that are built; of questions, those of one stage."""
    found: dict[int, list[str]] = {0: []}
    for name in names:
        target = plan.by_name[name]
        found.setdefault(0 if builds(target.settings) else target.stage, []).append(name)
    return [tuple(some) for some in found.values() if some]


def call(plan: Plan, names: Iterable[str], *, alone: bool = False) -> Call:
    """Return the call that builds these targets."""
    chosen = tuple(names)
    return Call(
        names=chosen,
        within=tuple(target.name for target in with_links(plan, chosen)),
        alone=alone,
        asks=any(not builds(plan.by_name[name].settings) for name in chosen),
    )


def _pieces(names: tuple[str, ...], weights: Mapping[str, int]) -> Iterator[tuple[str, ...]]:
    return _weighed(names, PIECE if sum(weights[name] for name in names) > MOST else MOST, weights)


def _weighed(names: Iterable[str], size: int, weights: Mapping[str, int]) -> Iterator[tuple[str, ...]]:
    """Cut targets into parts of so many solves; one that has more is a part of its own."""
    part: list[str] = []
    weight = 0
    for name in names:
        if part and weight + weights[name] > size:
            yield tuple(part)
            part, weight = [], 0
        part.append(name)
        weight += weights[name]
    if part:
        yield tuple(part)


def _cut(names: Iterable[str], size: int) -> Iterator[tuple[str, ...]]:
    listed = tuple(names)
    return (listed[start : start + size] for start in range(0, len(listed), size))


def _waves(plan: Plan) -> list[tuple[str, ...]]:
    """Return the exported targets by call: one call later than what they need, no earlier than what they depend on."""
    level: dict[str, int] = {}
    for target in plan.targets:
        upon = [level[name] for name in target.depends_on if name in level]
        after = [level[name] + 1 for name in target.needs if name in level]
        level[target.name] = max([0, *upon, *after])
    waves: dict[int, list[str]] = {}
    for target in plan.targets:
        if target.exported:
            waves.setdefault(level[target.name], []).append(target.name)
    return [tuple(waves[number]) for number in sorted(waves)]


def text_of(plan: Plan, made: Call, options: Options) -> str:
    """Return the bake file of a call."""
    return bake_text(bake_document(plan, made.names, alone=made.alone, no_cache=made.alone and options.no_cache))


def command_of(plan: Plan, made: Call, policy: Policy, buildx: Buildx | None, folder: str = "") -> tuple[str, ...]:
    """Return the command of a call, to be run in the plan's directory; its files are in `folder`.

    The names are the bake file's group `default`, so that the command stays short with thousands of targets. Without
    `buildx` every flag is given, and docker is asked for buildx.
    """
    files = ["-f", str(Path(folder, BAKE_FILE)), "--metadata-file", str(Path(folder, METADATA_FILE))]
    program = buildx.program if buildx else BUILDX
    return (*program, "bake", *files, *_flags(plan, made, policy, buildx))


def _flags(plan: Plan, made: Call, policy: Policy, buildx: Buildx | None) -> list[str]:
    options = policy.options
    flags = ["--progress", "rawjson" if policy.progress == "auto" else policy.progress]
    flags += ["--builder", policy.builder] if policy.builder else []
    flags += ["--no-cache"] if options.no_cache and not made.alone else []
    flags += ["--pull"] if options.pull else []
    flags += _execution(made, policy) if _by_bake(buildx) else []
    minor = buildx.buildx.release[1] if buildx and buildx.buildx.major == 0 else 99
    for value in for_bake(plan.entitlements, options.allow):
        if minor >= (20 if value.startswith("fs") else 17):
            flags += ["--allow", value]
    return flags


def variables_of(policy: Policy) -> dict[str, str]:
    """Return what is added to the environment of a call: bake takes its time to ask for what nobody wants to have."""
    return {} if policy.options.metadata is not None else {"BUILDX_METADATA_PROVENANCE": "disabled"}


def _execution(made: Call, policy: Policy) -> list[str]:
    """Return how bake is to go through the targets of a call that is not cut."""
    if made.alone:
        return []
    jobs = ["--jobs", str(policy.jobs)] if policy.jobs else []
    return [*jobs, *(["--execution", "defer-error"] if policy.keep_going and not made.asks else [])]


def dry_run(policy: Policy, environment: Mapping[str, str]) -> str:
    """Return the commands and the bake files that `apply` would use, as text; `environment` is what bake would see."""
    whole = builds_of(without_absent(policy.plan, environment, outside=False))
    staging = staged(whole, policy, None)
    plan = staging.plan
    planned = calls(plan, policy)
    parts = []
    for number, made in enumerate(planned, start=1):
        head = f"# call {number} of {len(planned)}\n" if len(planned) > 1 else ""
        command = one_line(shlex.join(command_of(plan, made, policy, None)))
        parts.append(f"{head}{command}\n\n# {BAKE_FILE}\n{text_of(plan, made, policy.options)}")
    moves = [
        f"docker buildx imagetools create {' '.join(f'-t {tag}' for tag in tags)} {' '.join(sources)}\n"
        for image in staging.images.values()
        for repository, tags in image.tags.items()
        if (sources := [f"{repository}@DIGEST"] * len(image.builds))
    ]
    parts += ["# when everything is there\n" + "".join(moves)] if moves else []
    first = [
        f"#   {repository}:{staging_tag(plan.by_name[key].bake_name)}\n"
        for image in staging.images.values()
        for key in image.builds
        for repository in image.tags
    ]
    head = "# where the builder pushes no digest (the driver docker), it is pushed first as\n"
    parts += [head + "".join(first)] if first else []
    return "\n".join(parts)
