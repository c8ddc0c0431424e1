"""What is looked at before anything is built: the builder, the saved plan, and what of a plan is left to be built."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache, partial
from typing import TYPE_CHECKING

from buildmatrix.build.calls.links import links_here, taken_otherwise
from buildmatrix.build.recorder import Records
from buildmatrix.engine.buildx import Probe
from buildmatrix.engine.preflight import Engine, loaded, preflight
from buildmatrix.errors import BuildmatrixError
from buildmatrix.graphs import reached
from buildmatrix.lock.pins import Pins
from buildmatrix.pipeline.run.job import Job, Watcher
from buildmatrix.pipeline.run.left import Reduced
from buildmatrix.plan.builds import Build, BuildPlan, builds_of
from buildmatrix.publish.staging import by_node, first_tags
from buildmatrix.publish.tags import Tags
from buildmatrix.records import dataclass
from buildmatrix.state.decisions.unchanged import NOTHING
from buildmatrix.state.present import Present
from buildmatrix.state.record import ResultFile

if TYPE_CHECKING:
    from buildmatrix.inputs.fingerprint import Fingerprints
    from buildmatrix.state.resume import Remembered


@dataclass(frozen=True, kw_only=True)
class Ready:
    """All that is known before a run begins: `left` is what of the plan is to be built.

    `make` makes the fingerprints of all targets, once, and `last` is what the last run left, None where nobody asks.
    """

    engine: Engine
    tags: Tags
    pins: Pins
    records: Records
    left: Reduced
    make: "Callable[[], Fingerprints]"
    last: "Remembered | None" = None


def hold_to_claim(job: Job) -> None:
    """Refuse a saved plan whose targets would be built from something else; what changes from now on is noticed."""
    if job.claim:
        from buildmatrix.pipeline.reviewing import refuse_other_inputs

        own = set(job.written).difference(map(os.path.abspath, [job.claim.name]))
        refuse_other_inputs(job.claim, replace(job.policy, plan=job.plan.of), job.programs, own)


@contextmanager
def probe_of(job: Job, probe: Probe, watcher: Watcher) -> Iterator[Probe]:
    """Ask of another builder where the file names one, or where the one that is named had to be made first."""
    named = job.policy.builder
    if not _made(job, named, watcher) and named == job.policy.options.builder:
        yield probe
        return
    with Probe(job.programs, named) as other:
        yield other


def cut_by_node(job: Job, engine: Engine, records: Records) -> tuple[Job, Records]:
    """Return a job that builds in parts what several nodes build and what moves its tags last, and its records."""
    if job.part or (cut := by_node(job.plan.of, job.policy, engine.builder)) == job.plan.of:
        return job, records
    plan = builds_of(cut)
    logs = (job.logs.place(build.name) for build in plan.targets) if job.logs and job.logs.lasting else ()
    job = replace(job, plan=plan, written=(*job.written, *map(os.path.abspath, logs)))
    return job, replace(records, result=ResultFile(plan, job.written))


def _made(job: Job, named: str | None, watcher: Watcher) -> bool:
    """Make the builder of a run if the file declares it and it is missing; return whether it was made."""
    if named not in job.plan.of.builders:
        return False
    from buildmatrix.pipeline.run.builders import ready

    allowed = job.policy.options.allow
    return ready(named, job.plan.of.builders, allowed, job.programs, lambda text: watcher.note(f"note: {text}"))


def looked_at(job: Job, probe: Probe, watcher: Watcher) -> Engine:
    """Return the engine of which it is known that it can build a plan; of a job a refusal is recorded."""
    plan = job.asked
    try:
        engine = preflight(plan, allow=job.policy.options.allow, probe=probe, programs=job.programs)
    except BuildmatrixError as error:
        if job.part:
            from buildmatrix.machines.recording import record_refused

            record_refused(job.part, error)
        raise
    watcher.warn([*(one for one in plan.warnings if one.code != "no-output"), *engine.warnings])
    if text := loaded(plan, engine.builder):
        watcher.note(f"note: {text}")
    return engine


def takes_its_own(probe: Probe, engine: Engine) -> bool:
    """Tell whether the engine looks among images of its own before it asks a registry: one without containerd does."""
    return engine.builder.driver == "docker" and not probe.has_containerd_store(engine.builder)


def made_ready(job: Job, engine: Engine, tags: Tags, pins: Pins, records: Records, watcher: Watcher) -> Ready:
    """Return what is known of a run, and what of its plan is to be built; StaleError if a saved plan says less."""
    if job.claim:
        from buildmatrix.pipeline.reviewing import refuse_other_platform

        refuse_other_platform(job.claim.reviewed, engine.own_platform, job.asked)
    records.result.pins = {build.name: pins.of(_built_from(job.plan, build)) for build in job.plan.targets}
    make = cache(partial(_fingerprints, job, engine, tags, pins, records))
    policy = job.policy
    ready = Ready(
        engine=engine,
        tags=tags,
        pins=pins,
        records=records,
        left=Reduced(plan=job.plan, resumed=NOTHING, decisions={}),
        make=make,
    )
    if job.part:
        from buildmatrix.pipeline.run.part import left_of_part, refuse_staging

        refuse_staging(job.part, engine.builder)
        return replace(ready, left=left_of_part(job, job.part, tags, make, engine.own_platform))
    if not (policy.incremental or policy.options.resume):
        return ready
    from buildmatrix.pipeline.run.recorded import elsewhere, entries_of, remembered, telling_of

    entries = entries_of(records.result, policy, lambda text: watcher.note(f"note: {text}"))
    present = Present(job.plan, lambda: engine.builder, job.programs, tags.registry)
    environment, asked = job.programs.environment, records.result.asked
    telling = telling_of(job.plan.of, make(), entries, tags.registry, environment)
    last = remembered(job.plan, policy, entries, make(), present, asked=asked, telling=telling)
    if not policy.incremental:
        return replace(ready, last=last)
    from buildmatrix.pipeline.run.incremental import reduced

    beside, cut = elsewhere(job.plan, policy, last), partial(by_node, policy=policy, builder=engine.builder)
    left = reduced(job.plan.of, policy, make(), tags, environment, telling, beside, cut=cut)
    if job.claim:
        from buildmatrix.pipeline.reviewing import refuse_other_decisions

        refuse_other_decisions(job.claim.reviewed, left.decisions, job.plan.of)
    return replace(ready, left=left, last=last)


def on_builder(ready: Ready, watcher: Watcher) -> Ready:
    """Return what is known of a run, with what Builds take of one another as its builder can hand it on."""
    plan = links_here(ready.left.plan, ready.engine)
    otherwise = taken_otherwise(plan, ready.engine, ready.left.plan)
    watcher.warn([one.warning for one in otherwise.values() if one.warning])
    ready.records.result.otherwise = {target: one.words for target, one in otherwise.items()}
    return replace(ready, left=replace(ready.left, plan=plan))


def said_first(job: Job, ready: Ready) -> str:
    """Return what is said before a run of the staging tags that it pushes to; "" where it pushes to none."""
    left = ready.left
    return first_tags(left.plan, job.policy, ready.engine.builder, left.resumed.unchanged)


def _fingerprints(job: Job, engine: Engine, tags: Tags, pins: Pins, records: Records) -> "Fingerprints":
    """Return what makes the fingerprints of a plan; all are made."""
    from buildmatrix.inputs.local import Aside
    from buildmatrix.pipeline.run.fingerprints import fingerprints_of

    plan, environment, policy = job.plan.of, job.programs.environment, job.policy
    wanted = policy.incremental or policy.options.resume
    own = engine.own_platform
    aside = Aside(job.written, records.result.made)
    made = fingerprints_of(plan, pins, tags.registry, environment, own, aside, wanted=wanted)
    for target in plan.targets:
        made.of(target.name)
    made.keep()
    return made


def _built_from(plan: BuildPlan, build: Build) -> Iterator[str]:
    """Yield the targets that a Build is made of: its own, and those that it depends on."""
    return (plan.by_name[name].target for name in reached([build.name], lambda one: plan.by_name[one].depends_on))
