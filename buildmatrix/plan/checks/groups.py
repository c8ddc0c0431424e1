"""What is wrong with groups: empty ones, members that nobody has, cycles."""

from collections.abc import Iterable

from buildmatrix.errors import Problems
from buildmatrix.graphs import steps_of
from buildmatrix.plan.cells.expand import Expansion
from buildmatrix.plan.cells.select import GroupCycleError, SelectorError
from buildmatrix.soundness import omitted_of
from buildmatrix.spec.checks.names import inside
from buildmatrix.spec.rows.tables import DeclaredGroup, Spec
from buildmatrix.spec.toml.placed import sources_of


def check_groups(expansion: Expansion, problems: Problems) -> None:
    """Add what is wrong with each member of a group; what is wrong within a member group is said there."""
    spec = expansion.spec
    hidden = [group for group in spec.groups.values() if group.name in spec.targets and not group.holds_own_name]
    for group in hidden:
        message = f'group "{group.name}" hides a target of that name'
        hint = f'give one another name, or add "{group.name}" to the group: in it, that is the target'
        notes = (("the target", spec.targets[group.name].place),)
        problems.error("shadowed", message, group.place, hint=hint, notes=notes, invalidates=[group.basis])
    for group in _groups(spec):
        if not group.varies and all(member.startswith("!") for member in group.members):
            what = "only excludes" if group.members else "is empty"
            hint = "name what it holds: a target, a group, or a glob such as *"
            rests_on = [omitted_of(group.name, group.place.file)]
            problems.error("group", f"group.{group.name} {what}", group.place, hint=hint, rests_on=rests_on)
    _check_members(expansion, [group for group in _groups(spec) if group not in hidden], problems)


def _groups(spec: Spec) -> list[DeclaredGroup]:
    return list(dict.fromkeys([*spec.groups.values(), *spec.folder_defaults]))


def _check_members(expansion: Expansion, groups: Iterable[DeclaredGroup], problems: Problems) -> None:
    spec, cycles = expansion.spec, set[str]()
    for group in groups:
        for index, member in zip(sources_of(group.members), group.members, strict=True):
            try:
                expansion.selection.names(member.removeprefix("!"))
            except GroupCycleError as error:
                problems.invalidate(group.basis)
                if not cycles.intersection(error.walk):
                    _refuse_group_cycle(spec, group.name, error.walk, problems)
                cycles.update(error.walk)
            except SelectorError as error:
                problems.invalidate(group.basis)
                if member.removeprefix("!") not in spec.groups:
                    place = inside(group.place, index)
                    hint = _NO_VARIABLES if "$" in member else error.hint
                    message = f"group.{group.name}: {error.message}"
                    problems.error("group", message, place, hint=hint, rests_on=error.rests_on)


_NO_VARIABLES = "a variable is written {{ name }}, and declared: variable.name = …"


def _refuse_group_cycle(spec: Spec, first: str, walk: tuple[str, ...], problems: Problems) -> None:
    start = walk.index(first) if first in walk else 0
    names = [*walk[start:], *walk[:start]]
    notes = tuple((f"{name} contains {other}", spec.groups[name].place) for name, other in steps_of(names))
    message = "groups contain each other in a cycle: " + " → ".join([*names, names[0]])
    problems.error("cycle", message, spec.groups[names[0]].place, notes=notes)
