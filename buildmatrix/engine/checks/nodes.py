"""Nodes that are somebody else's: a BuildKit that does not answer is not started by buildx."""

from collections.abc import Iterator

from buildmatrix.engine.buildx import Builder, Node, parse_builder
from buildmatrix.engine.failures.unreachable import FAR
from buildmatrix.errors import Diagnostic
from buildmatrix.plan.model import Plan
from buildmatrix.process import Programs

REMOTE = "remote"

PATIENCE = 60.0
"""Seconds that buildx may take to wait for nodes; it gives up by itself after 20."""


def silent_nodes(builder: Builder, plan: Plan | None) -> Iterator[Diagnostic]:
    """Yield an error for each remote node that does not answer; a warning where the plan goes on without it."""
    silent = silent_of(builder)
    needed = _needed(builder, plan) if len(silent) < len(builder.nodes) else {node.name for node in silent}
    for node in silent:
        is_needed = node.name in needed
        yield Diagnostic(
            message=f'node {node.name} of builder "{builder.name}" does not answer at {node.endpoint}',
            code="engine",
            hint=FAR[REMOTE] if is_needed else f"nothing of this plan is built there; {FAR[REMOTE]}",
            severity="error" if is_needed else "warning",
        )


def awaited(builder: Builder, programs: Programs, program: tuple[str, ...]) -> Builder:
    """Return the builder after buildx has waited for its remote nodes, as it does before it builds."""
    if not silent_of(builder):
        return builder
    done = programs.run([*program, "inspect", "--bootstrap", builder.name], timeout=PATIENCE)
    return parse_builder(done.stdout) if done.code == 0 else builder


def silent_of(builder: Builder) -> tuple[Node, ...]:
    """Return the remote nodes that buildx has asked in vain."""
    if builder.driver != REMOTE:
        return ()
    return tuple(node for node in builder.nodes if node.status in {"inactive", "stopped"})


def _needed(builder: Builder, plan: Plan | None) -> set[str]:
    """Return the nodes that a plan is built on, all where that is not known."""
    every = {node.name for node in builder.nodes}
    if plan is None:
        return every
    nodes = {builder.node_of(platform) for target in plan.each for platform in target.platforms}
    return every if "" in nodes else nodes
