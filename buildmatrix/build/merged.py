"""Whether an image that several nodes built is in the registry although its bake call failed.

Bake merges what the nodes have pushed into one index, and says its digest only when all of a call has ended well. A
call that fails afterwards, for another target, has moved the tag nevertheless: the registry is asked what the tag is.
"""

from collections.abc import Collection, Mapping
from typing import Any

from buildmatrix.build.results import Run
from buildmatrix.engine.drivers import nodes_of
from buildmatrix.engine.progress.tracks import Track
from buildmatrix.engine.registry import Registry
from buildmatrix.oci.image import Image
from buildmatrix.oci.index import INDEXES
from buildmatrix.plan.model import PlannedTarget
from buildmatrix.plan.outputs import pushes_tags


def merge_names(targets: Collection[PlannedTarget]) -> Mapping[str, str]:
    """Return whose image a merge is, by the names that bake says: it does not say the target's."""
    found: dict[str, str] = {}
    for target in targets:
        outputs: tuple[Any, ...] = target.settings.output or ()
        names = [",".join(target.tags) or output.name or "" for output in outputs if pushes_tags(output)]
        found |= dict.fromkeys(filter(None, names), target.name)
    return found


def merged_digest(run: Run, target: PlannedTarget, track: Track) -> str:
    """Return the digest of the index that a target's tags are, where it is of what was just pushed; "" in doubt."""
    outputs: tuple[Any, ...] = target.settings.output or ()
    pushed = [output for output in outputs if pushes_tags(output)]
    nodes = len(nodes_of(target.platforms, run.engine.builder))
    wanted = len(outputs) * nodes + len(pushed)  # one on each node, and the merge of each that is pushed
    names = (target.tags or tuple((pushed[0].name or "").split(","))) if pushed else ()
    if not names or not track.manifests or sum(track.exports.values()) != wanted:
        return ""
    digests = {_digest_if_of(run.registry, name, track.manifests) for name in names}
    return digests.pop() if len(digests) == 1 else ""


def _digest_if_of(registry: Registry, name: str, manifests: Collection[str]) -> str:
    """Return the digest of a tag whose index holds all of these manifests; "" else, and where nobody can say."""
    held = registry.look(name)
    if not isinstance(held, Image) or held.media_type not in INDEXES:
        return ""
    return held.digest if {one.digest for one in held.index.manifests}.issuperset(manifests) else ""
