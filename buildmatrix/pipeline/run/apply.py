"""Applying a plan: what is needed is looked at, images are staged, the scheduler builds, then the tags move.

Plan ─ preflight, Tags ─► Engine ─ resumed, staged, Schedule ─► Built ─ Publisher ─► Outcome
"""

import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from buildmatrix.build.recorder import Recorder, Records
from buildmatrix.build.results import Run
from buildmatrix.build.schedule import Schedule
from buildmatrix.engine.buildx import Probe
from buildmatrix.engine.outcome import BuildOutcome, Finding, Outcome
from buildmatrix.engine.preflight import Engine
from buildmatrix.engine.progress.events import Listener, TargetEnded
from buildmatrix.engine.versions import pushes_from_store
from buildmatrix.errors import BuildmatrixError, Diagnostic
from buildmatrix.pipeline.pinning import Pinning
from buildmatrix.pipeline.run.before import (
    Ready,
    cut_by_node,
    hold_to_claim,
    looked_at,
    made_ready,
    on_builder,
    probe_of,
    said_first,
    takes_its_own,
)
from buildmatrix.pipeline.run.directory import RunDirectory
from buildmatrix.pipeline.run.job import Applied, Job, Watcher
from buildmatrix.plan.access.absent import left_out, without_absent
from buildmatrix.plan.builds import BuildPlan
from buildmatrix.plan.policy import Policy
from buildmatrix.process import Programs, written_in
from buildmatrix.publish.early import Early, is_there
from buildmatrix.publish.publish import Published, Publisher, published_metadata, with_tags
from buildmatrix.publish.shrink import refuse_shrunk_tags, replaced
from buildmatrix.publish.staging import FirstTags, StagedImage, Staging, staged, too_late
from buildmatrix.publish.tags import Tags
from buildmatrix.records import dataclass
from buildmatrix.state.decisions.unchanged import Resumed
from buildmatrix.state.present import Present, builder_of
from buildmatrix.state.record import ResultFile
from buildmatrix.state.values import Kept


@dataclass(frozen=True, kw_only=True)
class Built:
    """How building ended, before any tag moved."""

    outcomes: Mapping[str, BuildOutcome]
    metadata: Mapping[str, Any]
    problem: BuildmatrixError | None
    interrupted: bool
    warnings: tuple[Finding, ...]


def apply(job: Job, probe: Probe, directory: RunDirectory, watcher: Watcher) -> Applied:
    """Apply a plan and return what became of each target; a failure is in the outcome's `problem`.

    `probe` has begun to ask docker of the builder that the command line names; `directory` is the run's. UsageError,
    EngineError, RegistryError or StaleError for what is in the way before anything is built.
    """
    with probe_of(job, probe, watcher) as asked, ExitStack() as asking:
        tags = Tags(job.plan.of, job.policy, job.programs, watcher.note)
        asking.callback(tags.leave)
        planned = job.claim.pins if job.claim else {}
        pinning = Pinning(job.plan.of, job.policy, job.programs.environment, tags.registry, planned)
        asking.callback(pinning.leave)
        reduced = replace(job, plan=without_absent(job.plan, job.programs.environment, outside=True))
        records = Records(result=ResultFile(reduced.plan, job.written, keeps=not job.part), logs=job.logs)
        hold_to_claim(job)
        engine = looked_at(job, asked, watcher)
        job, records = cut_by_node(reduced, engine, records)  # from here on: all that it looks at is allowed
        for text in left_out(job.plan.of.absent_secrets):
            watcher.note(f"note: {text}")
        tags.settle(engine)
        own = takes_its_own(asked, engine)
        pins = pinning.settle(tags.registry, own_images=own, tell=lambda text: watcher.note(f"note: {text} …"))
        for text in pinning.notes:
            watcher.note(f"note: {text}")
        if not job.part:
            watcher.warn([*too_late(job.plan.of, job.policy), *replaced(job.plan.of, tags)])
        ready = on_builder(made_ready(job, engine, tags, pins, records, watcher), watcher)
        with watcher.begin(engine, said_first(job, ready)) as listener:
            outcome, content_tagged = _run(replace(job, plan=ready.left.plan), ready, listener, directory)
    if job.part:
        from buildmatrix.machines.recording import recorded

        outcome = recorded(job.part, outcome, ready.left.plan, tags.registry, records.result.untrue)
        watcher.warn(_troubles(records))
        return Applied(outcome=outcome, registry=tags.registry)
    wrong = frozenset[str]()
    if ready.left.decisions:
        from buildmatrix.pipeline.run.selfcheck import checked

        found = checked(outcome, ready.left, pins, tags.registry, records.result.untrue)
        outcome, wrong = found.outcome, found.wrong
        if wrong:
            records.result.disown(wrong, "other images or files than its fingerprint knows went into it")
        watcher.warn(found.warnings)
    watcher.warn([*_troubles(records), *content_tagged(wrong)])
    return Applied(outcome=outcome, registry=tags.registry)


def _troubles(records: Records) -> Iterator[Diagnostic]:
    for text in (records.result.trouble, records.logs.trouble if records.logs else ""):
        if text:
            yield Diagnostic(message=text, code="records", severity="warning")


# --- the run ----------------------------------------------------------------------------------------------------------


ContentTagged = Callable[[AbstractSet[str]], list[Diagnostic]]
"""Gives what was built its content tags, but for some targets; returns why something got none."""


def _run(job: Job, ready: Ready, listener: Listener, directory: RunDirectory) -> tuple[Outcome, ContentTagged]:
    """Return what became of a run, and what is left to be done."""
    began, start = datetime.now(UTC), time.monotonic()
    engine, tags, pins, records, left = ready.engine, ready.tags, ready.pins, ready.records, ready.left
    stored = pushes_from_store(engine.buildx, engine.builder.driver)
    staging = staged(job.plan, job.policy, engine.builder, left.moved, every=job.part is not None, stored=stored)
    again = _resumed(job, ready, staging) if ready.last else left.resumed
    records.result.late = _late(staging.images.values(), again)
    records.result.begin(builder_of(engine.builder, job.programs), ready.make, Kept(job.programs.environment))
    if job.claim:
        records.result.make()  # before a call starts what it reads is held to what was reviewed
    first = FirstTags(staging.images)
    refuse_shrunk_tags(left.pushed, job.policy, tags, engine.own_platform)
    images = () if job.part else tuple(staging.images.values())
    publisher = Publisher(job.plan, images, tags, first, blindly=job.policy.platforms_may_shrink)
    job = replace(job, programs=directory.writing(job.programs))
    run = Run(
        plan=_uncached(staging.plan, ready, again),
        engine=engine,
        programs=pins.handed(job.programs, directory.path, left.kept, left.held),
        early=Early(publisher, images, again, partial(_handed, job, ready, directory.path)),
        registry=tags.registry,
        folder=directory.path,
        start=start,
        log_of=records.log_of,
        first_tags=first,
        ahead=directory.ahead,
        **({"changed": records.result.changed} if job.claim else {}),
    )
    built = _held(job, _built(run, job.policy, again, records, listener), records)
    moved, published = _published(publisher, images, built, again)
    targets = tuple(with_tags(built.outcomes[build.name], published, build) for build in job.plan.targets)
    records.result.record_all(targets)
    outcome = replace(
        _ended(built, published, engine),
        targets=targets,
        metadata=published_metadata(built.metadata, published, moved, targets),
        seconds=time.monotonic() - start,
        started=_written_time(began),
        pins=pins.pins,
    )
    return outcome, partial(_content_tagged, job, ready, built, published)


def _content_tagged(
    job: Job, ready: Ready, built: Built, published: Published, wrong: AbstractSet[str]
) -> list[Diagnostic]:
    """Give what was built its content tags, where that is wanted, but for some; return why something got none."""
    if not job.policy.content_tag or built.interrupted:
        return []
    from buildmatrix.publish.content import push_content_tags, pushed_images

    names = [name for name, one in ready.left.decisions.items() if one.action == "build" and name not in wrong]
    images = pushed_images(job.plan, names, built.outcomes, published)
    places = job.plan.of.by_name
    return list(push_content_tags(images, ready.tags.registry, lambda name: places[name].place, lambda: False))


def _resumed(job: Job, ready: Ready, staging: Staging) -> Resumed:
    """Return what need not be built, by what registries hold and by what the last run left."""
    assert ready.last is not None  # noqa: S101 somebody asked
    from buildmatrix.pipeline.run.recorded import by_records
    from buildmatrix.state.resume import resumed

    moved_last = {name for image in staging.images.values() for name in image.builds}
    engine, left = ready.engine, ready.left
    present = Present(job.plan, lambda: engine.builder, job.programs, ready.tags.registry, moved_last)
    last = replace(ready.last, present=present)
    return resumed(job.plan, last, left.resumed, wants=by_records(job.policy, left.decisions))


def _uncached(plan: BuildPlan, ready: Ready, again: Resumed) -> BuildPlan:
    """Return the plan with what records say the cache may not build; what registries say is in it already."""
    if ready.last is None:
        return plan
    from buildmatrix.state.decisions.narrowed import without_cache

    ours = (build for build in plan.targets if build.target not in ready.left.decisions)
    names = ready.last.uncached(again.reasons, ours)
    return replace(plan, targets=tuple(without_cache(one) if one.name in names else one for one in plan.targets))


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


def _held(job: Job, built: Built, records: Records) -> Built:
    """Return how building ended, by what the saved plan was held against, if it is one."""
    if job.claim is None:
        return built
    from buildmatrix.pipeline.reviewing import held

    records.result.save()
    return held(built, records.result.overtaken)


def _handed(job: Job, ready: Ready, folder: Path, moved: Mapping[str, str]) -> Programs:
    """Return what starts bake where tags have moved to these digests, by short name, and are pulled as those."""
    with written_in(folder):
        place = Path(tempfile.mkdtemp(dir=folder))  # calls that run have a policy of their own
    return ready.pins.handed(job.programs, place, ready.left.kept, {**ready.left.held, **moved})


def _is_spared(image: StagedImage, built: Built, again: Resumed) -> bool:
    """Tell whether an image was unchanged, each of its tags too: others had to be built, or to be moved to it."""
    return is_there(image, again) and all(built.outcomes[name] is again.unchanged[name] for name in image.builds)


def _published(
    publisher: Publisher, staged_images: Iterable[StagedImage], built: Built, again: Resumed
) -> tuple[list[StagedImage], Published]:
    """Return what became of tags, and the images that are not spared."""
    spared = {image.name for image in staged_images if _is_spared(image, built, again)}
    if not (images := [image for image in staged_images if image.name not in spared]):
        return [], Published()
    digests = {name: outcome.digest for name, outcome in built.outcomes.items() if outcome.digest}
    whole = built.problem is None
    return images, publisher.publish(digests, complete=whole, interrupted=built.interrupted, spared=spared)


def _late(images: Iterable[StagedImage], again: Resumed) -> set[str]:
    """Return the targets whose tags move at the end, after what needs them was built."""
    return {one.name for one in images if one.together and not set(one.builds) <= again.unchanged.keys()}


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
