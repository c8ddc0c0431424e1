"""Which targets of a call are done before it has ended: all that they write is written, told by their steps."""

from collections.abc import Collection, Iterable
from typing import Any

from buildmatrix.build.calls.batches import Call
from buildmatrix.dockerfile.steps import Last
from buildmatrix.engine.buildx import Builder
from buildmatrix.engine.drivers import loads_elsewhere, nodes_of
from buildmatrix.engine.progress.dockerfiles import Dockerfiles
from buildmatrix.engine.progress.reader import Progress
from buildmatrix.patterns import regex
from buildmatrix.plan.model import PlannedTarget
from buildmatrix.plan.outputs import pushes_tags
from buildmatrix.spec.rows.caches import InlineCacheTo
from buildmatrix.spec.rows.outputs import CacheonlyOutput

_NUMBERED = regex(r"^(?P<head>.*?)(?P<number>\d+)/(?P<count>\d+)$")


def is_whole(progress: Progress, made: Call, target: PlannedTarget, builder: Builder, files: Dockerfiles) -> bool:
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
    return written and (wanted > 0 or (not _is_scanned(target) and has_run(progress, target, files)))


def written_outputs(target: PlannedTarget) -> tuple[Any, ...]:
    """Return the outputs that something comes of."""
    outputs: tuple[Any, ...] = (target.settings.output or ()) if target.exported else ()
    return tuple(output for output in outputs if not isinstance(output, CacheonlyOutput))


def _implied(target: PlannedTarget, made: Call, builder: Builder) -> int:
    """Return what bake writes without being asked to: an image into the store of the `docker` driver."""
    asked = target.settings.output if target.exported else made.alone
    return int(builder.driver == "docker" and not asked)


def has_run(progress: Progress, target: PlannedTarget, files: Dockerfiles) -> bool:
    """Tell whether a target's last step has ended well; false where its Dockerfile does not tell which that is."""
    known = files.last(target.name)
    if known is None:
        return False
    name = target.name
    own = progress.good_steps(name, lambda step: files.may_end(name, step) and files.is_own(name, step))
    return _ends(own, target.platforms, known)


def _ends(steps: Iterable[str], platforms: Collection[str], known: Last) -> bool:
    """Tell whether the last step of a stage is among these (`linux/amd64 x 2/5`), for each of several platforms."""
    found = [match for step in steps if (match := _NUMBERED.match(step))]
    last = [match for match in found if int(match["number"]) == int(match["count"]) - known.hidden]
    heads = {match["head"].strip() for match in last}
    wanted = platforms if len(platforms) > 1 else {head.partition(" ")[0] for head in heads if "/" in head} or {""}
    ends = [{f"{platform} {stage}".strip() for stage in known.names} for platform in wanted]
    return all(heads & end for end in ends)


def _is_scanned(target: PlannedTarget) -> bool:
    return any(table.type == "sbom" for table in target.settings.attest or () if not isinstance(table, str))
