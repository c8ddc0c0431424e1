"""Which machine of a CI system builds what: a target whose platforms have several is built in parts, one for each.

A run on one machine knows nothing of it: `builds_of` cuts only what differs in its settings.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from buildmatrix.oci.platform import normalized
from buildmatrix.plan.builds import BuildPlan, Cut, builds_of
from buildmatrix.plan.model import Plan, PlannedTarget
from buildmatrix.spec.rows.tables import OTHERS

Labels = tuple[str, ...]
Runners = Mapping[str, Labels]
"""Labels by platform, glob of platforms, or `default`."""

_WILD = frozenset("*?[")


def runner_for(platform: str, runners: Runners) -> Labels:
    """Return the labels of the machine for a platform; () where nobody says which.

    A platform that is named goes before every glob, and of those the first that matches counts.
    """
    exact = {normalized(name): labels for name, labels in runners.items() if name != OTHERS and not _is_glob(name)}
    if platform in exact:
        return exact[platform]
    globs = (labels for name, labels in runners.items() if _is_glob(name) and fnmatchcase(platform, name))
    return next(globs, runners.get(OTHERS, ()))


def fits_runner(key: str, platform: str) -> bool:
    """Tell whether a key of `[runner]`, other than `default`, is a platform, or a glob that matches it."""
    return fnmatchcase(platform, key) if _is_glob(key) else normalized(key) == platform


def _is_glob(name: str) -> bool:
    return not _WILD.isdisjoint(name)


def runner_of(platforms: Sequence[str], runners: Runners) -> Labels:
    """Return the labels of the machine that builds all of these platforms: theirs if it is one, else the default."""
    found = {runner_for(platform, runners) for platform in platforms}
    return found.pop() if len(found) == 1 else runners.get(OTHERS, ())


def cut_by_runner(plan: Plan) -> Plan:
    """Return the plan whose targets are to be built in parts, as far as they can be, where machines differ."""
    return cut_by(plan, lambda platform: runner_for(platform, plan.runners))


def cut_by(
    plan: Plan,
    machine_of: Callable[[str], Hashable],
    is_cut: Callable[[PlannedTarget], bool] = lambda _: True,
) -> Plan:
    """Return the plan whose targets are to be built in parts where platforms have other machines, if they are cut."""
    targets = (replace(one, parts=_parts(one, machine_of)) if is_cut(one) else one for one in plan.targets)
    return replace(plan, targets=tuple(targets))


def _parts(target: PlannedTarget, machine_of: Callable[[str], Hashable]) -> Cut:
    """Return the parts in which a target is built anyway, each cut where the machine is another."""
    whole = target.parts or ((target.platforms,) if target.platforms else ())
    found = tuple(part for platforms in whole for part in _by_machine(platforms, machine_of))
    return found if target.parts or len(found) > 1 else ()


def _by_machine(platforms: Iterable[str], machine_of: Callable[[str], Hashable]) -> Cut:
    found: dict[Hashable, list[str]] = {}
    for platform in platforms:
        found.setdefault(machine_of(platform), []).append(platform)
    return tuple(map(tuple, found.values()))


def with_runners(plan: BuildPlan) -> BuildPlan:
    """Return Builds that know their machines."""
    builds = tuple(replace(build, runner=runner_of(build.platforms, plan.runners)) for build in plan.targets)
    return replace(plan, targets=builds)


def builds_for_runners(plan: Plan) -> BuildPlan:
    """Return the plan as the machines of a CI system execute it: a Build is what one job builds.

    Whole stay, as in `builds_of`, targets that cannot be put together of parts: those are for the default machine,
    unless all of their platforms have one other. Of an incremental plan see `state.decisions.assigned`.
    """
    return with_runners(builds_of(cut_by_runner(plan)))
