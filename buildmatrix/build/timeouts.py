"""Which target takes too long, and which was written already; both are told by its steps."""

import time

from buildmatrix.build.calls.runner import Running
from buildmatrix.build.completed import is_whole, written_outputs
from buildmatrix.build.merged import merged_digest
from buildmatrix.build.results import Run
from buildmatrix.engine.drivers import nodes_of
from buildmatrix.plan.model import Plan
from buildmatrix.plan.policy import Policy


def late_one(running: Running, run: Run, policy: Policy) -> str:
    """Return the target of a call that takes longer than it may; "" if none does."""
    now, plan = time.monotonic(), run.plan
    for name in running.unit.call.within:
        limit, since = policy.timeout(plan.by_name[name]), _since(running, plan, name)
        if limit and since and now - since > limit and not _is_over(running, run, name):
            return name
    return ""


def _is_over(running: Running, run: Run, name: str) -> bool:
    """Tell whether a target needs no more time: it was written, or nothing of it runs and what is upon it has begun."""
    upon = (other for other in running.unit.call.names if name in run.plan.by_name[other].depends_on)
    begun = any(map(running.progress.works_since, upon))
    return (begun and not running.progress.runs(name)) or is_done(running, run, name)


def _since(running: Running, plan: Plan, name: str) -> float:
    """Return when a target began, 0 before.

    All Dockerfiles of a call are read at its start: what depends on others of the call begins with its own first step,
    or, should it wait for anything else, when those have ended.
    """
    progress, own = running.progress, set(running.unit.call.names)
    upon = [link for link in plan.by_name[name].depends_on if link in own]
    if not upon:
        return progress.tracks[name].seen
    if began := progress.works_since(name):
        return began
    idle = all(progress.works_since(link) and not progress.runs(link) for link in upon)
    return max(progress.tracks[link].gone for link in upon) if idle else 0.0


def is_done(running: Running, run: Run, name: str) -> bool:
    """Tell whether a target was written before its call failed: then it is done."""
    track, target = running.progress.tracks[name], run.plan.by_name[name]
    outputs = written_outputs(target)
    if name in running.metadata:
        return True
    if not outputs:
        return is_whole(running.progress, running.unit.call, target, run.engine.builder, running.live.files)
    if len(nodes_of(target.platforms, run.engine.builder)) <= 1:
        return sum(track.exports.values()) == len(outputs)
    if not running.merged.get(name) and track.exports and all(track.exports.values()):
        running.merged[name] = merged_digest(run, target, track)
    return bool(running.merged.get(name))
