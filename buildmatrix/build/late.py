"""Which target takes too long, and which was written already; both are told by its steps."""

import time

from buildmatrix.build.options import Policy
from buildmatrix.build.running import Running
from buildmatrix.plan.model import Plan


def late_one(running: Running, plan: Plan, policy: Policy, nodes: int) -> str:
    """Return the target of a call that takes longer than it may; "" if none does."""
    now = time.monotonic()
    for name in running.unit.call.within:
        limit, since = policy.timeout(plan.by_name[name]), _since(running, plan, name)
        if limit and since and now - since > limit and not _is_over(running, plan, name, nodes):
            return name
    return ""


def _is_over(running: Running, plan: Plan, name: str, nodes: int) -> bool:
    """Tell whether a target needs no more time: it was written, or nothing of it runs and what is upon it has begun."""
    upon = (other for other in running.unit.call.names if name in plan.by_name[other].links)
    begun = any(map(running.progress.works_since, upon))
    return (begun and not running.progress.runs(name)) or is_done(running, plan, name, nodes)


def _since(running: Running, plan: Plan, name: str) -> float:
    """Return when a target began, 0 before.

    All Dockerfiles of a call are read at its start: what builds upon others of the call begins with its own first step,
    or, should it wait for anything else, when those have ended.
    """
    progress, own = running.progress, set(running.unit.call.names)
    upon = [link for link in plan.by_name[name].links if link in own]
    if not upon:
        return progress.tracks[name].seen
    if began := progress.works_since(name):
        return began
    idle = all(progress.works_since(link) and not progress.runs(link) for link in upon)
    return max(progress.tracks[link].gone for link in upon) if idle else 0.0


def is_done(running: Running, plan: Plan, name: str, nodes: int) -> bool:
    """Tell whether a target was written before its call failed, on a builder of so many nodes: then it is done."""
    track, target = running.progress.tracks[name], plan.by_name[name]
    if name in running.metadata:
        return True
    wanted = len(target.settings.output or ()) if target.exported else 0
    return wanted > 0 and nodes == 1 and sum(track.exports.values()) == wanted
