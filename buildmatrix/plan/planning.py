"""The Plan of a Spec: expand, select, follow dependencies, filter, order, check."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from contextlib import closing
from shlex import quote

from buildmatrix.errors import Place, Pointer, Problems
from buildmatrix.git.facts import Git
from buildmatrix.plan.access.absent import absent_secrets
from buildmatrix.plan.access.entitlements import entitlements_of
from buildmatrix.plan.access.reach import written_before
from buildmatrix.plan.auto import Bases
from buildmatrix.plan.builds import as_joined, unjoined
from buildmatrix.plan.cells.expand import Expansion
from buildmatrix.plan.cells.overrides import parse_sets
from buildmatrix.plan.cells.select import SelectorError, parts_of_key
from buildmatrix.plan.checks.collisions import collisions, warn_of_strangers
from buildmatrix.plan.checks.groups import check_groups
from buildmatrix.plan.checks.parts import caches_of_parts
from buildmatrix.plan.checks.races import races_of
from buildmatrix.plan.checks.runners import warn_of_runners
from buildmatrix.plan.checks.targets import Checker
from buildmatrix.plan.closure import closure, planned_of
from buildmatrix.plan.document.origin import made_of
from buildmatrix.plan.model import Plan, PlannedTarget, Reason, each_of
from buildmatrix.plan.sharing import share
from buildmatrix.soundness import FILE, TARGETS
from buildmatrix.spec.rows.platforms import PLATFORM, platform_hint
from buildmatrix.spec.rows.settings import Settings
from buildmatrix.spec.rows.shapes import is_template
from buildmatrix.spec.rows.tables import DeclaredGroup, DeclaredTarget, Spec
from buildmatrix.template.context import Rendering
from buildmatrix.template.request import Request

OF_A_RUN = frozenset({"missing-variable", "no-output", "no-repository"})
"""Codes of problems that a run has and the file has not."""


def expand(spec: Spec, request: Request, git: Git, problems: Problems) -> Expansion:
    """Return all targets of a spec expanded, with `--set` laid over them."""
    expansion = Expansion(spec, Rendering(spec, request, git, problems), problems)
    if request.set_options:
        expansion.lay_over(parse_sets(request.set_options, problems), forgiving=request.forgiving)
    check_groups(expansion, problems)
    return expansion


def make_plan(
    spec: Spec,
    request: Request,
    git: Git,
    problems: Problems,
    *,
    files: bool = True,
    together: bool = True,
    bases: Bases | None = None,
) -> Plan:
    """Return the plan of a run, with `files` checked against the contexts and Dockerfiles on disk.

    `together` is whether one run builds them all: else nobody minds if two write the same. `bases` tells the platforms
    of external images: without it what is "auto" stays so. What is wrong is added to
    `problems`: with errors, the plan is not to be used.
    """
    check_platforms(request, problems)
    with closing(expand(spec, request, git, problems)) as expansion:
        chosen = chosen_of(expansion, request, problems)
        targets = planned_of(closure(expansion, chosen, request, problems, bases), request, problems)
        checker = Checker(spec.directory, problems, spec.variables, spec.targets)
        sound = checked(expansion, targets, checker, files=files)
        if together:
            shared = collisions(sound, spec.directory, problems, spec.checks)
            if len(sound) == len(expansion.entries):
                warn_of_strangers(sound, problems)
                _warn_of_runners(spec, sound, request, problems)
            problems.take(races_of(each_of(targets), spec.directory))
            targets = share(targets, shared)
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
    warn_of_strangers(sound, problems)
    _warn_of_runners(spec, sound, request, problems)
    if "default" in spec.groups and not problems.is_sound(spec.groups["default"].basis):
        return
    default = set(expansion.selection.default_of_root())
    collisions([target for target in sound if target.name in default], spec.directory, problems, spec.checks)
    for target in sound:
        if target.name not in default:
            collisions([target], spec.directory, problems)


def _warn_of_runners(spec: Spec, targets: Iterable[PlannedTarget], request: Request, problems: Problems) -> None:
    if not request.platforms:
        warn_of_runners(spec, targets, problems)


def _inherited(expansion: Expansion) -> set[str]:
    """Return the targets that others inherit: what those say may be for heirs. A template may name any."""
    targets = expansion.spec.targets
    items = [item for one in targets.values() for item in one.table.inherits or ()]
    return set(targets) if any(map(is_template, items)) else {item.partition("[")[0] for item in items}


def checked(
    expansion: Expansion, targets: Iterable[PlannedTarget], checker: Checker, *, files: bool | AbstractSet[str]
) -> list[PlannedTarget]:
    """Check each target alone and with what it depends on; return the targets, for a look at all of them.

    `files` is whether, or for which of them, contexts and Dockerfiles have to be there.
    """
    found = list(targets)
    on_disk = files if isinstance(files, AbstractSet) else {target.name for target in found if files}
    by_name = {target.name: target for target in found}
    written = written_before(found) if files else {}
    for target in each_of(found):
        checker.values(as_joined(target, by_name[target.name]))
        if target.name in on_disk:
            checker.files(target, written.get(target.name, frozenset()))
            checker.dests(target)
        before, is_here = written.get(target.name, frozenset()), target.name in on_disk
        checker.stages(target, before, files=is_here)
        checker.platforms(target, by_name, before, files=is_here)
    for declared, settings, origins in expansion.unexpanded():
        checker.values(_outline(declared, settings, origins))
    count, cells = Counter(target.declared for target in found), expansion.selection.by_target
    complete = {name for name, number in count.items() if number == len(cells[name])} - _inherited(expansion)
    checker.end(complete, whole=len(found) == len(expansion.entries))
    expansion.warn_of_platforms()
    expansion.problems.take(unjoined(found))
    sound = [target for target in found if expansion.problems.is_sound(target.basis("output", "cache_to"))]
    expansion.problems.take(caches_of_parts(sound, expansion.spec.directory, expansion.spec.checks.duplicate_caches))
    return sound


def _outline(declared: DeclaredTarget, settings: Settings, origins: Mapping[Pointer, Place]) -> PlannedTarget:
    return PlannedTarget(
        name=declared.name,
        declared=declared.name,
        cell={},
        settings=settings,
        depends_on=(),
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
            problems.error("platform", "this is not a valid platform", place, hint=platform_hint(platform))


def chosen_of(expansion: Expansion, request: Request, problems: Problems) -> dict[str, str]:
    """Return what the run names, each with the selector that took it first; what is wrong is added."""
    try:
        chosen = expansion.selection.select(request.selectors, forgiving=request.forgiving)
    except SelectorError:
        for selector in request.selectors:
            _check_selector(expansion, selector, problems)
        return {}
    if chosen and request.only is not None:
        return {name: by for name, by in chosen.items() if name in request.only}
    if not chosen and request.forgiving:
        return {}
    home = expansion.spec.home
    if not chosen and home is not None and not request.selectors:
        hint = f"name what you mean, or go to the directory of {expansion.spec.file}"
        place, rests_on = Place(file=home.file), [FILE]
        problems.error("no-target", "this file declares no target to build", place, hint=hint, rests_on=rests_on)
    elif not chosen and (group := _empty_group(expansion, request)):
        problems.warn("group", f"group.{group.name} holds nothing in this run", group.place)
    elif not chosen:
        hint = "the selectors exclude all that they select"
        problems.error("no-target", "nothing is selected", hint=hint, rests_on=[FILE])
    return chosen


def _empty_group(expansion: Expansion, request: Request) -> DeclaredGroup | None:
    """Return a group that is asked for and that templates leave empty in this run."""
    named = [selector for selector in request.selectors if not selector.startswith("!")] or ["default"]
    groups = (expansion.spec.groups.get(name) for name in named)
    return next((group for group in groups if group is not None and group.varies), None)


def _check_selector(expansion: Expansion, selector: str, problems: Problems) -> None:
    try:
        expansion.selection.names(selector.removeprefix("!"))
    except SelectorError as error:
        hint = _of_key(expansion, selector) or error.hint
        problems.error("selector", error.message, hint=hint, rests_on=[TARGETS, *error.rests_on])


def _of_key(expansion: Expansion, selector: str) -> str:
    """Return what to write for the key of a build, as output has it; "" for what is not one."""
    name, platforms = parts_of_key(selector)
    try:
        known = expansion.selection.names(name) if platforms else ()
    except SelectorError:
        return ""
    return f"write --platform {','.join(platforms)} {quote(name)}" if known else ""


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
        entitlements=entitlements_of(each_of(targets), spec.directory),
        matrices={name: size for name, size in expansion.matrices.items() if name in planned},
        warnings=problems.warnings,
        apply=spec.apply,
        runners=spec.runners,
        builders=spec.builders,
        made=made_of(spec, request, expansion.rendering, git),
        absent_secrets=absent_secrets(each_of(targets), spec.directory, request.environment),
    )
