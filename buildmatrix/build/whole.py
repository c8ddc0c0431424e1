"""Which targets of a call are done before it has ended: all that they write is written, told by their steps."""

from typing import Any

from buildmatrix.build.buildx import Builder
from buildmatrix.build.calls import Call
from buildmatrix.build.drivers import loads_elsewhere, nodes_of
from buildmatrix.build.progress import Progress
from buildmatrix.plan.model import PlannedTarget
from buildmatrix.plan.outputs import pushes_tags
from buildmatrix.spec.caches import InlineCacheTo
from buildmatrix.spec.settings import CacheonlyOutput


def is_whole(progress: Progress, made: Call, target: PlannedTarget, builder: Builder) -> bool:
    """Tell whether all that a target writes is written, its caches too; what writes nothing ends with its last step.

    An image that is loaded into an engine elsewhere is so after its export, by a step that bake tells under no name:
    there the end of the call tells.
    """
    track, outputs = progress.tracks[target.name], written_outputs(target)
    nodes = max(1, len(nodes_of(target.platforms, builder)))
    caches = [cache for cache in target.settings.cache_to or () if not isinstance(cache, InlineCacheTo)]
    if made.asks or sum(track.caches.values()) != len(caches) * nodes:
        return False
    if any(loads_elsewhere(output, builder) for output in outputs):
        return False
    merges = sum(map(pushes_tags, outputs)) if nodes > 1 else 0
    wanted = len(outputs) * nodes + merges if outputs else _implied(target, made, builder)
    written = len(track.exports) == sum(track.exports.values()) == wanted
    return written and (wanted > 0 or _has_run(progress, target))


def written_outputs(target: PlannedTarget) -> tuple[Any, ...]:
    """Return the outputs that something comes of."""
    outputs: tuple[Any, ...] = (target.settings.output or ()) if target.exported else ()
    return tuple(output for output in outputs if not isinstance(output, CacheonlyOutput))


def _implied(target: PlannedTarget, made: Call, builder: Builder) -> int:
    """Return what bake writes without being asked to: an image into the store of the `docker` driver."""
    asked = target.settings.output if target.exported else made.alone
    return int(builder.driver == "docker" and not asked)


def _has_run(progress: Progress, target: PlannedTarget) -> bool:
    scanned = any(table.type == "sbom" for table in target.settings.attest or () if not isinstance(table, str))
    return not scanned and progress.has_run(target.name, target.platforms)
