"""Which Builds have a job, and after which others: those that are taken from a registry are built a wave before."""

from collections.abc import Iterator

from buildmatrix.errors import Diagnostic
from buildmatrix.plan.builds import Build, BuildPlan
from buildmatrix.plan.publishing import is_pushed
from buildmatrix.spec.rows.settings import CacheonlyOutput

Wave = tuple[Build, ...]
"""Builds that can be built at the same time, each on a machine of its own."""


def waves_of(plan: BuildPlan) -> tuple[Wave, ...]:
    """Return the Builds that have a job, which are the exported ones, by wave.

    What a Build depends on and what is pushed is in a wave before it. What is not pushed is built again in the job of
    what depends on it, so that the latter waits only for what that itself takes from a registry. What a Build `needs`
    comes before it in any case.
    """
    level: dict[str, int] = {}
    for build in plan.targets:  # in build order
        upon = [level[name] + is_pushed(plan.by_name[name]) for name in build.depends_on if name in level]
        after = [level[name] + plan.by_name[name].exported for name in build.needs if name in level]
        level[build.name] = max([0, *upon, *after])
    found: dict[int, list[Build]] = {}
    for build in plan.targets:
        if build.exported:
            found.setdefault(level[build.name], []).append(build)
    return tuple(tuple(found[number]) for number in sorted(found))


def unshared(plan: BuildPlan) -> Iterator[Diagnostic]:
    """Yield a warning for each target that needs what another machine writes and keeps for itself."""
    found = {
        (build.target, other.target): build
        for build in plan.targets
        for other in (plan.by_name[name] for name in build.needs if name in plan.by_name)
        if other.exported and not is_pushed(other) and _writes(other)
    }
    for (name, other), build in found.items():
        message = f"{name} needs {other}, which another job builds and pushes nowhere: its files are not there"
        hint = f'push {other}, and take it as a context: contexts.NAME = "target:{other}"'
        yield Diagnostic(message=message, code="runner", place=build.place, hint=hint, severity="warning")


def _writes(build: Build) -> bool:
    return any(not isinstance(output, CacheonlyOutput) for output in build.settings.output or ())
