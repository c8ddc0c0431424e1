"""Which Builds have a job, and after which others: those that are taken from a registry are built a wave before."""

from collections.abc import Iterator

from buildmatrix.errors import Diagnostic, some
from buildmatrix.plan.builds import Build, BuildPlan, held_together
from buildmatrix.plan.publishing import is_pushed
from buildmatrix.spec.rows.outputs import CacheonlyOutput

_PUSH = 'push it (output = [{ type = "registry" }]), or write a target of its own for each platform'
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


def whole(plan: BuildPlan) -> Iterator[Diagnostic]:
    """Yield a warning for each target by which others, or itself, are not built on the machines of their platforms.

    `plan` are the Builds of one that was cut by machines (see `plan.runners.cut_by_runner`).
    """
    found: dict[str, list[str]] = {}
    why = {}
    for name, above, reason in held_together(plan.of.targets):
        found.setdefault(above.name, []).append(name)
        why[above.name] = above, reason
    for name, held in found.items():
        above, reason = why[name]
        verb, who = "are" if held[1:] else "is", "it" if held == [name] else name
        message = f"{some(held, 4)} {verb} built for all platforms by one machine: {who} {reason}"
        hint = _PUSH if above.platforms else f"write platforms = [ … ] in target.{above.declared}"
        yield Diagnostic(message=message, code="runner", place=above.place, hint=hint, severity="warning")


def doubts(plan: BuildPlan) -> Iterator[Diagnostic]:
    """Yield a warning for all that separate machines do not do as it may be meant."""
    yield from unshared(plan)
    yield from whole(plan)


def _writes(build: Build) -> bool:
    return any(not isinstance(output, CacheonlyOutput) for output in build.settings.output or ())
