"""Paths that one target reads or writes while another one writes the directory around them.

What comes first is not said, and an exported directory may hold links: a secret that was a file when the build began
would be read through one, wherever it leads.
"""

import os
from collections.abc import Iterator, Mapping, Sequence

from buildmatrix.errors import Diagnostic
from buildmatrix.files import Repository
from buildmatrix.graphs import reached
from buildmatrix.plan.access.reach import Reach, reaches, written_before
from buildmatrix.plan.model import PlannedTarget


def races_of(targets: Sequence[PlannedTarget], directory: str) -> Iterator[Diagnostic]:
    """Yield an error for each target that does, once for each that writes: the first setting, of the first cell."""
    repository = Repository.around(directory)
    trees = dict(_trees(targets, repository))
    if not trees:
        return
    ahead, said = written_before(targets), set()
    by_name = {target.name: target for target in targets}
    for target in targets:
        for reach in reaches(target):
            found = _writer(reach, repository, trees)
            if found is None or found[0] is target or found[1] in ahead.get(target.name, ()):
                continue
            pair = (target.declared, found[0].declared)
            if pair in said or _is_before(target.name, found[0].name, by_name):
                continue
            said.add(pair)
            verb = "reads" if reach.access == "read" else "writes"
            message = f"{target.name} {verb} {reach.path}, and {found[0].name} writes into {found[1]} at the same time"
            hint = f"{_in_turn(target, found[0], by_name)}, or use directories that lie apart"
            yield Diagnostic(message=message, code="race", place=target.place_of(*reach.pointer), hint=hint)


def _trees(targets: Sequence[PlannedTarget], repository: Repository) -> Iterator[tuple[str, tuple[PlannedTarget, str]]]:
    for target in targets:
        for reach in reaches(target) if target.exported else ():
            if reach.tree and not repository.outside(reach.path):
                yield repository.real(reach.path), (target, reach.path)


def _writer(
    reach: Reach, repository: Repository, trees: Mapping[str, tuple[PlannedTarget, str]]
) -> tuple[PlannedTarget, str] | None:
    if reach.maybe or repository.outside(reach.path):
        return None
    at = repository.real(reach.path)
    while at != "/":
        at = os.path.dirname(at)  # noqa: PTH120 a Path for each directory of each path is slow
        if at in trees:
            return trees[at]
    return None


def _in_turn(target: PlannedTarget, writer: PlannedTarget, by_name: Mapping[str, PlannedTarget]) -> str:
    """Return how one of two comes first: the writer, unless it depends on the other one, which would be a cycle."""

    def before(name: str) -> tuple[str, ...]:
        return (*by_name[name].depends_on, *by_name[name].needs) if name in by_name else ()

    if target.name in reached([writer.name], before):
        return f'write needs = ["{target.name}"] in target.{writer.declared} to build {target.name} before'
    return f'write needs = ["{writer.name}"] to have it afterwards'


def _is_before(name: str, later: str, by_name: Mapping[str, PlannedTarget]) -> bool:
    """Tell whether a target is over before another one begins."""

    def before(at: tuple[str, bool]) -> list[tuple[str, bool]]:
        one, needed = by_name.get(at[0]), at[1]
        return [(link, needed) for link in one.depends_on] + [(need, True) for need in one.needs] if one else []

    return (name, True) in reached([(later, False)], before)
