"""The Plan of a Spec: expand, select, follow dependencies, filter, order, check."""

import re
from collections import deque
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

from buildmatrix.errors import Place, Pointer, Problems, some
from buildmatrix.oci.platform import normalized
from buildmatrix.plan.checks import Checker
from buildmatrix.plan.collisions import collisions
from buildmatrix.plan.expand import Expansion
from buildmatrix.plan.git import Git
from buildmatrix.plan.grants import grants_of
from buildmatrix.plan.graph import TARGET, Edge, edges_of, refuse_circles, stages
from buildmatrix.plan.made import made_of
from buildmatrix.plan.model import Plan, PlannedTarget, Reason
from buildmatrix.plan.outputs import exported_of, pushes_tags
from buildmatrix.plan.races import races_of
from buildmatrix.plan.reach import written_before
from buildmatrix.plan.request import Request
from buildmatrix.plan.room import Room
from buildmatrix.plan.select import Entry, GroupCircleError, SelectorError
from buildmatrix.plan.sets import parse_sets
from buildmatrix.spec.damage import ANY_SETTING
from buildmatrix.spec.model import DeclaredGroup, DeclaredTarget, Spec
from buildmatrix.spec.names import inside, steps_of
from buildmatrix.spec.placed import Placed, source_of, sources_of
from buildmatrix.spec.platforms import PLATFORM, platform_hint
from buildmatrix.spec.settings import Settings

OF_A_RUN = frozenset({"missing-variable", "no-output", "no-repository"})
"""Codes of problems that a run has and the file has not."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Node:
    """An entry in the plan with its settings and edges, and why it is there. `declared` are all its platforms."""

    entry: Entry
    settings: Settings
    declared: tuple[str, ...]
    origins: Mapping[Pointer, Place]
    edges: tuple[Edge, ...]
    reason: Reason
    exported: bool


def expand(spec: Spec, request: Request, git: Git, problems: Problems) -> Expansion:
    """Return all targets of a spec expanded, with `--set` laid over them."""
    expansion = Expansion(spec, Room(spec, request, git, problems), problems)
    if request.sets:
        expansion.lay_over(parse_sets(request.sets, problems))
    _check_groups(spec, expansion, problems)
    return expansion


def _check_groups(spec: Spec, expansion: Expansion, problems: Problems) -> None:
    """Add what is wrong with each member of a group; what is wrong within a member group is said there."""
    for group in _groups(spec):
        if all(member.startswith("!") for member in group.members) and not isinstance(group.members, Placed):
            what = "only takes away" if group.members else "is empty"
            hint = "name what it holds: a target, a group, or a glob such as *"
            problems.error("group", f"group.{group.name} {what}", group.place, hint=hint)
    _check_members(spec, expansion, problems)


def _groups(spec: Spec) -> list[DeclaredGroup]:
    return list(dict.fromkeys([*spec.groups.values(), *spec.folder_defaults]))


def _check_members(spec: Spec, expansion: Expansion, problems: Problems) -> None:
    circles: set[str] = set()
    for group in (group for group in _groups(spec) if group.name not in spec.targets):
        for index, member in zip(sources_of(group.members), group.members, strict=True):
            try:
                expansion.selection.names(member.removeprefix("!"))
            except GroupCircleError as error:
                if not circles.intersection(error.walk):
                    _refuse_group_circle(spec, group.name, error.walk, problems)
                circles.update(error.walk)
            except SelectorError as error:
                if member.removeprefix("!") not in spec.groups:
                    place = inside(group.place, index)
                    problems.error("group", f"group.{group.name}: {error.message}", place, hint=error.hint)


def _refuse_group_circle(spec: Spec, first: str, walk: tuple[str, ...], problems: Problems) -> None:
    start = walk.index(first) if first in walk else 0
    names = [*walk[start:], *walk[:start]]
    notes = tuple((f"{name} contains {other}", spec.groups[name].place) for name, other in steps_of(names))
    message = "groups contain each other in a circle: " + " → ".join([*names, names[0]])
    problems.error("circle", message, spec.groups[names[0]].place, notes=notes)


def make_plan(
    spec: Spec, request: Request, git: Git, problems: Problems, *, files: bool = True, together: bool = True
) -> Plan:
    """Return the plan of a run, with `files` checked against the contexts and Dockerfiles on disk.

    `together` is whether one run builds them all: else nobody minds if two write the same. What is wrong is added to
    `problems`: with errors, the plan is not to be used.
    """
    check_platforms(request, problems)
    with closing(expand(spec, request, git, problems)) as expansion:
        chosen = chosen_of(expansion, request, problems)
        targets = planned_of(closure(expansion, chosen, request, problems), request, problems)
        checker = Checker(spec.directory, problems, spec.variables, spec.targets)
        sound = checked(expansion, targets, checker, files=files)
        if together:
            collisions(sound, spec.directory, problems)
            problems.found += races_of(targets, spec.directory)
        return plan_of(spec, request, expansion, targets, git, problems)


def check_all(spec: Spec, request: Request, git: Git, problems: Problems) -> None:
    """Add to `problems` all that the file alone shows to be wrong: every target, whether selected or not.

    Collisions are looked for among what is built by default, and within each target: alternatives may share a tag.
    """
    with closing(expand(spec, request, git, problems)) as expansion:
        _check_all(spec, expansion, request, problems)


def _check_all(spec: Spec, expansion: Expansion, request: Request, problems: Problems) -> None:
    nodes = closure(expansion, dict.fromkeys(expansion.entries, ""), request, problems)
    targets = planned_of(nodes, request, problems)
    checker = Checker(spec.directory, problems, spec.variables, spec.targets)
    sound = checked(expansion, targets, checker, files=False)
    try:
        default = set(expansion.selection.default_of_root())
    except SelectorError:
        return  # a group is wrong, and reported
    collisions([target for target in sound if target.name in default], spec.directory, problems)
    for target in sound:
        if target.name not in default:
            collisions([target], spec.directory, problems)


def checked(
    expansion: Expansion, targets: Iterable[PlannedTarget], checker: Checker, *, files: bool | AbstractSet[str]
) -> list[PlannedTarget]:
    """Check each target alone and with what it builds upon; return the targets, for a look at all of them.

    `files` is whether, or for which of them, contexts and Dockerfiles have to be there.
    """
    found = list(targets)
    on_disk = files if isinstance(files, AbstractSet) else {target.name for target in found if files}
    wrong = {target.name: expansion.wrong(expansion.entries[target.name]) for target in found}
    providers = {target.name: target for target in found if "platforms" not in wrong[target.name]}
    written = written_before(found) if files else {}
    for target in found:
        checker.values(target, wrong[target.name])
        if target.name in on_disk:
            checker.files(target, wrong[target.name], written.get(target.name, frozenset()))
            checker.dests(target)
        checker.stages(target, wrong[target.name], written.get(target.name, frozenset()), files=target.name in on_disk)
        checker.platforms(target, providers, wrong[target.name])
    checker.end()
    for declared, settings, origins, unknown in expansion.unexpanded():
        checker.values(_outline(declared, settings, origins), unknown)
    return [target for target in found if not wrong[target.name] & {"tags", "output", "cache_to"}]


def _outline(declared: DeclaredTarget, settings: Settings, origins: Mapping[Pointer, Place]) -> PlannedTarget:
    return PlannedTarget(
        name=declared.name,
        declared=declared.name,
        cell={},
        settings=settings,
        links=(),
        needs=(),
        reason=Reason(kind="selected", by=""),
        exported=True,
        stage=1,
        place=declared.place,
        origins=origins,
    )


def check_platforms(request: Request, problems: Problems) -> None:
    """Add what is wrong with `--platform`."""
    for platform in request.platforms:
        if re.fullmatch(PLATFORM, platform) is None:
            place = Place(file=f"--platform {platform}")
            problems.error("platform", "this is no platform", place, hint=platform_hint(platform))


def chosen_of(expansion: Expansion, request: Request, problems: Problems) -> dict[str, str]:
    """Return what the run names, each with the selector that took it first; what is wrong is added."""
    try:
        chosen = expansion.selection.select(request.selectors)
    except SelectorError:
        for selector in request.selectors:
            _check_selector(expansion, selector, problems)
        return {}  # without selectors a group is wrong, and reported
    home = expansion.spec.home
    if not chosen and not problems.errors and home is not None and not request.selectors:
        hint = f"name what you mean, or go to the folder of {expansion.spec.file}"
        problems.error("no-target", "this file declares no target to build", Place(file=home.file), hint=hint)
    elif not chosen and not problems.errors:
        problems.error("no-target", "nothing is selected", hint="the selectors take away all that they select")
    return chosen


def _check_selector(expansion: Expansion, selector: str, problems: Problems) -> None:
    try:
        expansion.selection.names(selector.removeprefix("!"))
    except GroupCircleError:
        return  # reported with the group
    except SelectorError as error:
        problems.error("selector", error.message, hint=error.hint)


# --- dependencies ---------------------------------------------------------------------------------------------------


def closure(expansion: Expansion, chosen: Mapping[str, str], request: Request, problems: Problems) -> dict[str, _Node]:
    """Return the chosen entries and all that they depend on, in the order of their declaration."""
    wanted = tuple(dict.fromkeys(map(normalized, request.platforms)))
    nodes: dict[str, _Node] = {}
    pending = deque((name, Reason(kind="selected", by=selector)) for name, selector in chosen.items())
    dropped = 0
    while pending:
        name, reason = pending.popleft()
        if name in nodes:
            if reason.kind != "context" and not nodes[name].exported:
                nodes[name] = replace(nodes[name], exported=True)
            continue
        node = _node(expansion, expansion.entries[name], reason, wanted, problems)
        if node is None:
            dropped += 1
            continue
        nodes[name] = node
        pending += [(edge.to, _reason(edge, name)) for edge in node.edges]
    if nodes and not problems.errors:
        _check_each_is_built(expansion, [*chosen, *nodes], request, problems)
    if dropped and not nodes and not problems.errors:
        message = f"no selected target is built for {' '.join(wanted)}"
        problems.error("platform", message, Place(file="--platform " + " ".join(request.platforms)))
    return {name: nodes[name] for name in expansion.entries if name in nodes}


def _check_each_is_built(expansion: Expansion, names: Iterable[str], request: Request, problems: Problems) -> None:
    """Warn of each platform that is asked for, and that none of these entries is built for."""
    built: set[str] = set()
    for name in dict.fromkeys(names) if request.platforms else ():
        settings, _ = expansion.settings(expansion.entries[name])
        built.update(settings.platforms or ())
    for platform in request.platforms if built else ():
        if normalized(platform) not in built:
            place = Place(file=f"--platform {platform}")
            hint = f"they are built for {some(sorted(built))}"
            problems.warn("platform", "no selected target is built for it", place, hint=hint)


def _reason(edge: Edge, by: str) -> Reason:
    return Reason(kind="context" if edge.context else "needs", by=by)


def _node(
    expansion: Expansion, entry: Entry, reason: Reason, wanted: tuple[str, ...], problems: Problems
) -> _Node | None:
    settings, origins = expansion.settings(entry)
    declared = settings.platforms or ()
    kept = tuple(platform for platform in declared if platform in wanted) if wanted else declared
    if declared and not kept:
        if reason.kind != "context":
            return None
        kept = declared
    if wanted and not declared and expansion.wrong(entry).isdisjoint({"platforms", ANY_SETTING}):
        problems.warn(
            "platform",
            f"target.{entry.target.name} declares no platforms: --platform does not reach it",
            entry.target.place,
        )
    if kept != declared:
        settings = settings.but({"platforms": kept})

    def place_of(*path: str | int) -> Place:
        path = tuple(source_of(settings.needs, part) if isinstance(part, int) else part for part in path)
        return origins.get(path) or origins.get(path[:1]) or entry.target.place

    edges = tuple(edges_of(entry, settings, place_of, expansion.selection, problems))
    settings = _linked(settings, edges)
    return _Node(
        entry=entry,
        settings=settings,
        declared=declared,
        origins=origins,
        edges=edges,
        reason=reason,
        exported=reason.kind != "context",
    )


def _linked(settings: Settings, edges: Iterable[Edge]) -> Settings:
    """Put the names of cells into the contexts that select them."""
    links = {edge.context: TARGET + edge.to for edge in edges if edge.context}
    if not links:
        return settings
    return settings.but({"contexts": {**(settings.contexts or {}), **links}})


# --- order ----------------------------------------------------------------------------------------------------------


def planned_of(nodes: Mapping[str, _Node], request: Request, problems: Problems) -> tuple[PlannedTarget, ...]:
    """Return the targets in build order; what is wrong is added."""
    edges = {name: [edge for edge in node.edges if edge.to in nodes] for name, node in nodes.items()}
    stage_of = dict.fromkeys(nodes, 1) if refuse_circles(edges, problems) else stages(edges)
    found = [_target(node, stage_of[name], edges[name], request) for name, node in nodes.items()]
    return tuple(sorted(found, key=lambda target: target.stage))


def _target(node: _Node, stage: int, edges: list[Edge], request: Request) -> PlannedTarget:
    settings = exported_of(node.settings, request.output, exported=node.exported)
    return PlannedTarget(
        name=node.entry.name,
        declared=node.entry.target.name,
        cell=node.entry.cell,
        settings=settings,
        links=tuple(dict.fromkeys(edge.to for edge in edges if edge.context)),
        needs=tuple(dict.fromkeys(edge.to for edge in edges if not edge.context)),
        reason=node.reason,
        exported=node.exported,
        stage=stage,
        place=node.entry.target.place,
        origins=node.origins,
        lacking=_lacking(settings, node.declared) if node.exported else (),
    )


def _lacking(settings: Settings, declared: tuple[str, ...]) -> tuple[str, ...]:
    """Return the platforms that a pushed tag would lose, were it not completed from what the registry holds."""
    outputs: tuple[Any, ...] = settings.output or ()
    if not any(map(pushes_tags, outputs)):
        return ()
    return tuple(platform for platform in declared if platform not in (settings.platforms or ()))


def plan_of(
    spec: Spec, request: Request, expansion: Expansion, targets: tuple[PlannedTarget, ...], git: Git, problems: Problems
) -> Plan:
    """Return the plan of these targets, with all that was found so far as its warnings."""
    planned = {target.declared for target in targets}
    if why := git.lost_branch:
        hint = 'check a branch out, or declare what says it: branch = { env = "…" }'
        problems.warn("branch", f'git.branch is "": {why}', hint=hint)
    return Plan(
        file=spec.file,
        directory=spec.directory,
        digests=spec.digests,
        requires_buildx=tuple(text for text, _ in spec.requires_buildx),
        selectors=request.selectors,
        platforms=request.platforms,
        targets=targets,
        grants=grants_of(targets, spec.directory),
        matrices={name: facts for name, facts in expansion.matrices.items() if name in planned},
        warnings=problems.warnings,
        apply=spec.apply,
        made=made_of(spec, request, expansion.room, git),
    )
