"""All of a spec as one plan, for who takes it elsewhere: every target and group, with what is built by default."""

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import closing
from dataclasses import field, replace

from buildmatrix.errors import Diagnostic, Problems
from buildmatrix.git.facts import Git
from buildmatrix.graphs import reached
from buildmatrix.plan.access.paths import rebase
from buildmatrix.plan.auto import Bases
from buildmatrix.plan.cells.expand import Expansion
from buildmatrix.plan.checks.collisions import collisions
from buildmatrix.plan.checks.races import races_of
from buildmatrix.plan.checks.targets import Checker
from buildmatrix.plan.closure import closure, planned_of
from buildmatrix.plan.model import Plan, PlannedTarget
from buildmatrix.plan.planning import OF_A_RUN, check_platforms, checked, chosen_of, expand, plan_of
from buildmatrix.plan.sharing import share
from buildmatrix.records import dataclass
from buildmatrix.spec.rows.settings import Settings
from buildmatrix.spec.rows.shapes import given
from buildmatrix.spec.rows.tables import Spec
from buildmatrix.template.request import Request


@dataclass(frozen=True, kw_only=True)
class Whole:
    """A plan with its `groups`, matrices among them: each name with its targets and with what these need first.

    `default` is what is built where nothing is named, and `asked` that with all that it depends on. `warnings` are
    why something was `left_out`.
    """

    plan: Plan
    default: tuple[str, ...]
    asked: frozenset[str]
    groups: Mapping[str, tuple[str, ...]]
    left_out: tuple[str, ...] = ()
    warnings: tuple[Diagnostic, ...] = field(default_factory=tuple)

    def seen_from(self, folder: str) -> "Whole":
        """Return it with the paths as they are from elsewhere: `folder` is the way from there to the root file's."""
        targets = tuple(_seen_from(one, folder) for one in self.plan.targets) if folder else self.plan.targets
        return replace(self, plan=replace(self.plan, targets=targets))

    def without(self, names: AbstractSet[str], why: Iterable[Diagnostic]) -> "Whole":
        """Return it without targets, what depends on them or needs them, and the groups that hold any of these."""
        lost = set(names)
        for target in self.plan.targets:  # in build order
            if not lost.isdisjoint((*target.depends_on, *target.needs)):
                lost.add(target.name)
        return replace(
            self,
            plan=replace(self.plan, targets=tuple(one for one in self.plan.targets if one.name not in lost)),
            groups={name: held for name, held in self.groups.items() if lost.isdisjoint(held)},
            left_out=(*self.left_out, *sorted(lost), *(name for name in self.groups if lost & {*self.groups[name]})),
            warnings=(*self.warnings, *(replace(one, severity="warning") for one in why)),
        )


def _seen_from(target: PlannedTarget, folder: str) -> PlannedTarget:
    values = {**given(target.settings), "context": target.settings.context or "."}
    moved = {name: rebase(Settings, name, value, folder) for name, value in values.items()}
    return replace(target, settings=target.settings.but(moved))


def make_whole(spec: Spec, request: Request, git: Git, problems: Problems, bases: Bases | None = None) -> Whole:
    """Return all targets of a spec, or with selectors what these select; what is wrong is added to `problems`.

    What nobody asked for, and cannot be rendered without a variable that only a run gives, is left out. `bases` tells
    the platforms of external images: without it what is "auto" stays so.
    """
    check_platforms(request, problems)
    with closing(expand(spec, request, git, problems)) as expansion:
        chosen = chosen_of(expansion, request, problems)
        every = {} if request.selectors else dict.fromkeys(expansion.entries, "")
        targets = planned_of(closure(expansion, {**every, **chosen}, request, problems, bases), request, problems)
        by_name = {target.name: target for target in targets}
        if chosen and not any(name in by_name for name in chosen):
            closure(expansion, chosen, request, problems)  # says why
        default = _with_needs(chosen, by_name)
        asked = frozenset(_reached(default, by_name))
        targets = _check(expansion, targets, default, asked, problems)
        whole = Whole(
            plan=plan_of(spec, request, expansion, targets, git, problems),
            default=default,
            asked=asked,
            groups=dict(_groups(expansion, by_name, problems, whole=not request.selectors)),
        )
        return _without_values(whole, expansion, problems)


def _reached(names: Iterable[str], by_name: Mapping[str, PlannedTarget]) -> Iterator[str]:
    """Return targets and all that has to be built for them."""
    there = (name for name in names if name in by_name)
    return reached(there, lambda name: (*by_name[name].depends_on, *by_name[name].needs))


def _with_needs(names: Iterable[str], by_name: Mapping[str, PlannedTarget]) -> tuple[str, ...]:
    """Return what a run that names these exports: them, and what is needed first, in build order."""
    given = [name for name in names if name in by_name]
    found = {*given, *(need for name in _reached(given, by_name) for need in by_name[name].needs)}
    return tuple(name for name in by_name if name in found)


def _check(
    expansion: Expansion,
    targets: Iterable[PlannedTarget],
    default: Iterable[str],
    asked: frozenset[str],
    problems: Problems,
) -> tuple[PlannedTarget, ...]:
    """Check every target, and on disk and together what is built by default: alternatives may share a tag.

    Returns the targets, of those without the tags that others get: plain bake would push both, in any order.
    """
    directory = expansion.spec.directory
    exported = {*default}
    sound = checked(expansion, targets, Checker(directory, problems), files=asked)
    together = [_exported(one, one.name in exported) for one in sound if one.name in asked]
    shared = collisions(together, directory, problems, expansion.spec.checks)
    problems.take(races_of(together, directory))
    for one in sound:
        if one.name not in asked:
            collisions([one], directory, problems)
    changed = {one.name: one for one in share(together, shared)} if shared else {}
    return tuple(replace(changed.get(one.name, one), exported=one.exported) for one in targets)


def _exported(target: PlannedTarget, exported: bool) -> PlannedTarget:  # noqa: FBT001 a fact of the target
    return target if target.exported is exported else replace(target, exported=exported)


def _groups(
    expansion: Expansion, by_name: Mapping[str, PlannedTarget], problems: Problems, *, whole: bool
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield what is not a target and can be named, with its targets as far as `--platform` leaves them.

    Where only a part is selected, a group counts if all of it is there.
    """
    by_target = expansion.selection.by_target
    matrices = [name for name, found in by_target.items() if found and name not in expansion.entries]
    for name in [*expansion.spec.groups, *matrices]:
        group = expansion.spec.groups.get(name)
        if name == "default" or (group is None and name in by_name):
            continue
        if group is not None and not problems.is_sound(group.basis):
            continue
        held = expansion.selection.names(name)
        there = [one for one in held if one in by_name]
        if there and (whole or len(there) == len(held)):
            yield name, _with_needs(there, by_name)


def _without_values(whole: Whole, expansion: Expansion, problems: Problems) -> Whole:
    """Leave out what lacks a value that only a run gives, if nothing that is asked for does."""
    lacking = [one for one in problems.errors if one.code in OF_A_RUN]
    wrong = {target.name for target in whole.plan.targets if not problems.is_sound(target.basis())}
    unexpanded = any(not found for name, found in expansion.selection.by_target.items() if not name.startswith("_"))
    if not lacking or unexpanded or wrong & whole.asked:
        return whole
    problems.found = [one for one in problems.found if one not in lacking]
    return whole.without(wrong, lacking)
