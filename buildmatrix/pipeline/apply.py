"""Applying a plan: what is needed is looked at, images are staged, the scheduler builds, then the tags move.

Plan ─ preflight, Tags ─► Engine ─ resumed, staged, Schedule ─► Built ─ Publisher ─► Outcome
"""

import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from buildmatrix.build.logs import Logs
from buildmatrix.build.recorder import Recorder, Records
from buildmatrix.build.results import Run
from buildmatrix.build.schedule import Schedule
from buildmatrix.engine.buildx import Probe
from buildmatrix.engine.outcome import BuildOutcome, Finding, Outcome
from buildmatrix.engine.preflight import Engine, preflight
from buildmatrix.engine.progress.events import Listener, TargetEnded
from buildmatrix.engine.registry import Registry
from buildmatrix.errors import BuildmatrixError, Diagnostic
from buildmatrix.graphs import reached
from buildmatrix.lock.pins import Pins
from buildmatrix.oci.reference import parse
from buildmatrix.pipeline.left import Reduced
from buildmatrix.pipeline.pinning import Pinning
from buildmatrix.plan.access.absent import left_out, without_absent
from buildmatrix.plan.builds import Build, BuildPlan
from buildmatrix.plan.policy import Policy
from buildmatrix.process import Programs
from buildmatrix.publish.publish import Published, Publisher, published_metadata
from buildmatrix.publish.shrink import refuse_shrunk_tags, replaced
from buildmatrix.publish.staging import FirstTags, StagedImage, Staging, first_tags, staged, too_late
from buildmatrix.publish.tags import Tags
from buildmatrix.records import dataclass
from buildmatrix.state.present import Present, builder_of
from buildmatrix.state.record import ResultFile
from buildmatrix.state.resume import resumed
from buildmatrix.state.unchanged import NOTHING, Resumed


@dataclass(frozen=True, kw_only=True)
class Job:
    """A plan, how it is run, and with what.

    `written` are the paths that the command writes itself, `environment` is what bake will see, `logs` where the logs
    of targets go, if anybody wants them.
    """

    plan: BuildPlan
    policy: Policy
    programs: Programs
    environment: Mapping[str, str]
    written: tuple[str, ...] = ()
    logs: Logs | None = None


class Watcher(Protocol):
    """Who is told how a run goes on: nothing is printed here."""

    def warn(self, found: Iterable[Diagnostic]) -> None:
        """Take warnings."""

    def note(self, text: str) -> None:
        """Take a text on one line, from any thread."""

    def begin(self, engine: Engine, first: str) -> AbstractContextManager[Listener]:
        """Return who hears of the run while it goes on: it begins now, on this builder.

        `first` says under which tags images are pushed first; "" if there are none.
        """


@dataclass(frozen=True, kw_only=True)
class Applied:
    """What became of a run, and the way to the registries that it asked, for what more is wanted of them."""

    outcome: Outcome
    registry: Registry


@dataclass(frozen=True, kw_only=True)
class Ready:
    """All that is known before a run begins: `left` is what of the plan is to be built."""

    engine: Engine
    tags: Tags
    pins: Pins
    records: Records
    left: Reduced


@dataclass(frozen=True, kw_only=True)
class Built:
    """How building ended, before any tag moved."""

    outcomes: Mapping[str, BuildOutcome]
    metadata: Mapping[str, Any]
    problem: BuildmatrixError | None
    interrupted: bool
    warnings: tuple[Finding, ...]


def apply(job: Job, probe: Probe, watcher: Watcher) -> Applied:
    """Apply a plan and return what became of each target; a failure is in the outcome's `problem`.

    `probe` has begun to ask docker of the builder that the command line names. UsageError, EngineError, RegistryError
    or StaleError for what is in the way before anything is built.
    """
    with _probe_of(job, probe) as asked, ExitStack() as asking:
        tags = Tags(job.plan.of, job.policy, job.programs, watcher.note)
        asking.callback(tags.leave)
        pinning = Pinning(job.plan.of, job.policy, job.programs.environment, tags.registry)
        asking.callback(pinning.leave)
        reduced = replace(job, plan=without_absent(job.plan, job.programs.environment, outside=True))
        records = Records(result=ResultFile(reduced.plan, job.written, job.environment), logs=job.logs)
        engine = _looked_at(job, asked, records, watcher)
        job = reduced  # from here on: all that it looks at is allowed
        for text in left_out(job.plan.of.absent_secrets):
            watcher.note(f"note: {text}")
        tags.settle(engine)
        pins = pinning.settle(tags.registry, own_images=_takes_its_own(asked, engine))
        for text in pinning.notes:
            watcher.note(f"note: {text}")
        watcher.warn([*too_late(job.plan.of, job.policy), *replaced(job.plan.of, tags)])
        ready = Ready(engine=engine, tags=tags, pins=pins, records=records, left=_left(job, engine, tags, pins))
        with watcher.begin(engine, first_tags(ready.left.plan, job.policy, engine.builder)) as listener:
            outcome = _run(replace(job, plan=ready.left.plan), ready, listener)
    watcher.warn(_troubles(records))
    return Applied(outcome=outcome, registry=tags.registry)


# --- before -----------------------------------------------------------------------------------------------------------


@contextmanager
def _probe_of(job: Job, probe: Probe) -> Iterator[Probe]:
    """Ask of another builder where the file names one."""
    named = job.policy.builder
    if named == job.policy.options.builder:
        yield probe
        return
    with Probe(job.programs, named) as other:
        yield other


def _looked_at(job: Job, probe: Probe, records: Records, watcher: Watcher) -> Engine:
    plan, options = job.plan.of, job.policy.options
    engine = preflight(plan, allow=options.allow, probe=probe, programs=job.programs)
    watcher.warn([*(one for one in plan.warnings if one.code != "no-output"), *engine.warnings])
    if options.resume and not records.result.known():
        watcher.note("note: there is no last result to go on from (.buildmatrix/result.json): everything is built")
    return engine


def _takes_its_own(probe: Probe, engine: Engine) -> bool:
    """Tell whether the engine looks among images of its own before it asks a registry: one without containerd does."""
    return engine.builder.driver == "docker" and not probe.has_containerd_store(engine.builder)


def _troubles(records: Records) -> Iterator[Diagnostic]:
    for text in (records.result.trouble, records.logs.trouble if records.logs else ""):
        if text:
            yield Diagnostic(message=text, code="records", severity="warning")


# --- the run ----------------------------------------------------------------------------------------------------------


def _left(job: Job, engine: Engine, tags: Tags, pins: Pins) -> Reduced:
    """Return what of a plan is to be built."""
    if not job.policy.incremental:
        return Reduced(plan=job.plan, resumed=NOTHING, decisions={})
    from buildmatrix.pipeline.incremental import fingerprints_of, reduced

    fingerprints = fingerprints_of(
        job.plan.of, pins, tags.registry, job.programs.environment, engine.own_platform, job.written
    )
    return reduced(job.plan.of, job.policy, fingerprints, tags, job.programs.environment)


def _run(job: Job, ready: Ready, listener: Listener) -> Outcome:
    began, start = datetime.now(UTC), time.monotonic()
    engine, tags, pins, records, left = ready.engine, ready.tags, ready.pins, ready.records, ready.left
    staging = staged(job.plan, job.policy, engine.builder, left.moved)
    records.result.pins = {build.name: pins.of(_built_from(job.plan, build)) for build in job.plan.targets}
    again = left.resumed
    if job.policy.options.resume and not job.policy.incremental:
        again = _resumed(job, engine, records, tags.registry, staging)
    records.result.begin(builder_of(engine.builder, job.programs))
    first = FirstTags(staging.images)
    refuse_shrunk_tags(left.pushed, job.policy, tags, engine.own_platform)
    with tempfile.TemporaryDirectory(prefix="buildmatrix-") as folder:
        run = Run(
            plan=staging.plan,
            engine=engine,
            programs=pins.handed(job.programs, Path(folder), left.kept),
            registry=tags.registry,
            folder=Path(folder),
            start=start,
            log_of=records.log_of,
            first_tags=first,
        )
        built = _built(run, job.policy, again, records, listener)
    images = [image for image in staging.images.values() if not _is_spared(image, built, again)]
    publisher = Publisher(job.plan, images, tags, first, blindly=job.policy.platforms_may_shrink)
    published = _published(publisher, built) if images else Published()
    targets = tuple(_with_tags(built.outcomes[build.name], published, build) for build in job.plan.targets)
    records.result.record_all(targets)
    metadata = published_metadata(built.metadata, published, images, targets)
    ended = _ended(built, published, engine)
    return replace(
        ended,
        targets=targets,
        metadata=metadata,
        seconds=time.monotonic() - start,
        started=_written_time(began),
        pins=pins.pins,
    )


def _built_from(plan: BuildPlan, build: Build) -> Iterator[str]:
    """Yield the targets that a Build is made of: its own, and those that it depends on."""
    return (plan.by_name[name].target for name in reached([build.name], lambda one: plan.by_name[one].depends_on))


def _resumed(job: Job, engine: Engine, records: Records, registry: Registry, staging: Staging) -> Resumed:
    moved_last = {name for image in staging.images.values() for name in image.builds}
    present = Present(job.plan, engine.builder, job.programs, registry, moved_last)
    return resumed(job.plan, records.result, present, pull=job.policy.options.pull)


def _built(run: Run, policy: Policy, again: Resumed, records: Records, listener: Listener) -> Built:
    with Recorder(records, listener) as recorder:
        for outcome in again.unchanged.values():
            recorder.tell(TargetEnded(outcome=outcome))
        schedule = Schedule(run, policy, recorder.tell, again)
        schedule.go()
    return Built(
        outcomes=recorder.ended,
        metadata=schedule.metadata,
        problem=schedule.problem,
        interrupted=schedule.interrupted,
        warnings=schedule.warnings.found,
    )


def _is_spared(image: StagedImage, built: Built, again: Resumed) -> bool:
    """Tell whether an image was unchanged, each of its tags too: others had to be built, or to be moved to it."""
    unchanged = (again.unchanged.get(name) for name in image.builds)
    wanted = {parse(tag).full for tag in image.all_tags}
    return all(
        one and built.outcomes[one.name] is one and wanted <= {parse(tag).full for tag in one.tags} for one in unchanged
    )


def _published(publisher: Publisher, built: Built) -> Published:
    digests = {name: outcome.digest for name, outcome in built.outcomes.items() if outcome.digest}
    return publisher.publish(digests, complete=built.problem is None, interrupted=built.interrupted)


def _ended(built: Built, published: Published, engine: Engine) -> Outcome:
    """Return how a run ended, beside its targets and times."""
    return Outcome(
        targets=(),
        seconds=0.0,
        builder=engine.builder.name,
        nodes=tuple(node.name for node in engine.builder.nodes),
        problem=built.problem or published.problem,
        publish=published.words,
        left_behind=published.left_behind,
        warnings=built.warnings,
    )


def _written_time(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def _with_tags(outcome: BuildOutcome, published: Published, build: Build) -> BuildOutcome:
    """Return an outcome with what its tags are now; what was not built of them is carried over."""
    moved, digest = published.moved.get(build.target), published.digest_of(build.target)
    if moved is None:
        return outcome
    outcome = replace(outcome, tags=moved, carried_over=build.carried_over if moved else ())
    return replace(outcome, index=digest) if build.is_part else replace(outcome, digest=digest or outcome.digest)
