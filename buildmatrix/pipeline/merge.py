"""Joining what separate machines have built of a saved plan: its records are judged, then the tags move.

saved plan, Records ─ merging ─► Joining ─ registries: is it there? ─► outcomes ─ Publisher ─► Outcome
"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from buildmatrix.engine.buildx import Probe
from buildmatrix.engine.outcome import BuildOutcome, Outcome
from buildmatrix.engine.preflight import Engine
from buildmatrix.engine.registry import Registry
from buildmatrix.errors import BuildFailedError, BuildmatrixError, Diagnostic, EngineError, RegistryError, UsageError
from buildmatrix.files import kind_at
from buildmatrix.inputs.fingerprint import Fingerprints
from buildmatrix.inputs.local import Aside
from buildmatrix.lock.pins import Pins
from buildmatrix.machines.folder import read_folder
from buildmatrix.machines.joined import (
    index_notes,
    left_alone,
    missing,
    no_folder,
    outcomes_of,
    outdated,
    seconds_between,
)
from buildmatrix.machines.judged import Judged, judged, refuse_wrong, strangers
from buildmatrix.machines.looked import looked_for
from buildmatrix.machines.record import RecordDocument
from buildmatrix.pipeline.run.job import Applied
from buildmatrix.pipeline.run.left import Reduced
from buildmatrix.pipeline.run.part import marks_of
from buildmatrix.plan.access.absent import as_saved
from buildmatrix.plan.builds import BuildPlan, builds_of
from buildmatrix.plan.document.reviewed import Claim
from buildmatrix.plan.model import Plan
from buildmatrix.plan.policy import Policy
from buildmatrix.plan.runners import cut_by_runner
from buildmatrix.process import Programs
from buildmatrix.publish.publish import Published, Publisher, published_metadata, with_tags
from buildmatrix.publish.shrink import refuse_shrunk_tags
from buildmatrix.publish.staging import FirstTags, StagedImage, staged
from buildmatrix.publish.tags import Tags
from buildmatrix.records import dataclass
from buildmatrix.state.decisions.assigned import as_planned, assigned, left_to_jobs
from buildmatrix.state.decisions.decision import Decision
from buildmatrix.state.decisions.unchanged import NOTHING

Warn = Callable[[Iterable[Diagnostic]], None]
Note = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Joining:
    """A saved plan, and the directory of records that it is joined by; `written` are paths that the command writes."""

    plan: Plan
    claim: Claim
    policy: Policy
    programs: Programs
    folder: str
    written: tuple[str, ...] = ()

    @property
    def again(self) -> str:
        """The command that builds one Build again, whose key is to come."""
        return f"buildmatrix apply {self.claim.name} --build {{}} --record {self.folder}"


@dataclass(frozen=True, kw_only=True)
class Known:
    """All that is known before a tag moves: of Builds with records, and of what is kept.

    `shrunk` are targets whose tags would lose platforms.
    """

    left: Reduced
    plan: BuildPlan
    records: Mapping[str, RecordDocument]
    outcomes: Mapping[str, BuildOutcome]
    shrunk: frozenset[str]
    problem: BuildmatrixError | None


def merge(job: Joining, probe: Probe | None, warn: Warn, note: Note) -> Applied:
    """Move the tags of a saved plan to what its records name; what is missing is in the outcome's `problem`.

    UsageError where the directory of records does not exist and jobs have written some, StaleError for records of the
    plan that do not fit it, RegistryError where nobody can say what a tag holds.
    """
    found = _judged(job, note)
    with ExitStack() as asking:
        tags = Tags(job.plan, job.policy, job.programs, note)
        asking.callback(tags.leave)
        _settle(tags, probe)
        pins, make = _inputs(job, tags.registry)
        left = _left(job, tags, make)
        known = _known(job, found, left, tags)
        warn(() if known.problem else strangers(found.strange, job.folder))
        outcome, published = _moved(job, known, tags)
    if left.decisions:
        outcome = _checked(job, known, outcome, published, pins, tags, warn)
    return Applied(outcome=outcome, registry=tags.registry)


def _settle(tags: Tags, probe: Probe | None) -> None:
    """Wait for what tags hold; where docker has a builder, imagetools is the second way to registries."""
    try:
        version, builder = probe.look() if probe else (None, None)
    except EngineError:
        version = builder = None
    if probe is None or version is None or builder is None:
        tags.settle_alone()
        return
    insecure = probe.insecure_registries if builder.driver == "docker" else frozenset
    tags.settle(
        Engine(buildx=version, builder=builder, warnings=(), program=probe.program(), insecure_registries=insecure)
    )


# --- what there is ----------------------------------------------------------------------------------------------------


def _judged(job: Joining, note: Note) -> Judged:
    then = job.claim.reviewed
    plan, folder = assigned(job.plan, then), read_folder(job.folder)
    jobs = sum(build.exported for build in plan.targets)
    if jobs and not kind_at(job.folder):  # where none has a job, nobody has made it: tags move all the same
        raise UsageError(no_folder(job.folder, jobs))
    found = judged(plan, job.claim.digest, folder, marks_of(then))
    refuse_wrong(found, job.folder)
    for twice in found.twice:
        note(f"note: {twice.build} was built twice: {twice.newer} counts, {twice.older} does not")
    return found


def _inputs(job: Joining, registry: Registry) -> tuple[Pins, Callable[[], Fingerprints]]:
    """Return the pins of a plan, and what makes its fingerprints: only an incremental one is asked for those."""
    if not job.policy.incremental:
        return Pins(), partial(Fingerprints, job.plan, {}, {}, {}, "")
    from buildmatrix.pipeline.pinning import Pinning
    from buildmatrix.pipeline.run.fingerprints import fingerprints_of
    from buildmatrix.state.record import ResultFile

    environment = job.programs.environment
    pinning = Pinning(job.plan, job.policy, environment, registry, job.claim.pins)
    pins = pinning.settle(registry, own_images=False)
    plan = as_saved(job.plan, job.claim.absent_secrets)
    aside = Aside([*job.written, job.folder, job.claim.name], ResultFile(builds_of(job.plan)).made)
    own = job.claim.reviewed.platform
    return pins, partial(fingerprints_of, plan, pins, registry, environment, own, aside)


def _left(job: Joining, tags: Tags, make: Callable[[], Fingerprints]) -> Reduced:
    """Return the plan as machines have executed it; StaleError where something that was kept would be built now."""
    cut = cut_by_runner(job.plan)
    if not job.policy.incremental:
        return Reduced(plan=builds_of(cut), resumed=NOTHING, decisions={})
    from buildmatrix.pipeline.reviewing import refuse_other_decisions
    from buildmatrix.pipeline.run.incremental import Planned, reduced
    from buildmatrix.pipeline.run.recorded import telling_of

    def settle(found: Mapping[str, Decision]) -> Mapping[str, Decision]:
        refuse_other_decisions(job.claim.reviewed, found, job.plan)
        return as_planned(found, job.plan, job.claim.reviewed)

    made, environment = make(), job.programs.environment
    telling = telling_of(job.plan, made, {}, tags.registry, environment)
    planned = Planned(asked=job.plan, settle=settle)
    return reduced(cut, job.policy, made, tags, environment, telling, {}, is_shown=True, planned=planned)


def _known(job: Joining, found: Judged, left: Reduced, tags: Tags) -> Known:
    jobs = left_to_jobs(left.plan, left.decisions)
    kept = {key: one for key, one in left.resumed.unchanged.items() if left.plan.by_name[key].exported}
    gone, doubts = looked_for(found.good, tags.registry)
    outcomes = outcomes_of(jobs, found.records, outdated(jobs, found.good) | gone)
    lacking = list(missing(jobs, outcomes, job.again))
    strange = [replace(one, severity="error") for one in strangers(found.strange, job.folder)] if lacking else []
    shrunk, refused = _shrunk(job, left, tags)
    there = {build.name for build in jobs.targets if build.exported} | kept.keys()
    return Known(
        left=left,
        plan=replace(left.plan, targets=tuple(one for one in left.plan.targets if one.name in there)),
        records=found.records,
        outcomes={**outcomes, **kept},
        shrunk=shrunk,
        problem=_problem([*lacking, *strange], [*doubts, *refused]),
    )


def _problem(lacking: list[Diagnostic], refused: list[Diagnostic]) -> BuildmatrixError | None:
    if lacking:
        return BuildFailedError(*lacking, *refused)
    return RegistryError(*refused) if refused else None


def _shrunk(job: Joining, left: Reduced, tags: Tags) -> tuple[frozenset[str], list[Diagnostic]]:
    """Return the targets whose tags would lose platforms, or nobody can say whether, and why."""
    names: set[str] = set()
    problems: list[Diagnostic] = []
    for target in left.pushed.targets:
        try:
            plan = replace(left.pushed, targets=(target,))
            refuse_shrunk_tags(plan, job.policy, tags, job.claim.reviewed.platform)
        except RegistryError as error:
            names.add(target.name)
            problems += error.diagnostics
    return frozenset(names), problems


# --- tags -------------------------------------------------------------------------------------------------------------


def _moved(job: Joining, known: Known, tags: Tags) -> tuple[Outcome, Published]:
    moving = {one.target for one in known.plan.targets if known.outcomes[one.name].status != "unchanged"}
    staging = staged(known.plan, job.policy, None, moving | known.left.moved)
    meant = (moving | known.left.moved) - known.shrunk
    images = [_noted(image, known) for image in staging.images.values() if image.name in meant]
    digests = {key: one.digest for key, one in known.outcomes.items() if one.digest}
    publisher = Publisher(known.plan, images, tags, FirstTags(), blindly=job.policy.platforms_may_shrink, apart=True)
    published = publisher.publish(digests, complete=known.problem is None) if images else Published()
    targets = tuple(with_tags(known.outcomes[build.name], published, build) for build in known.plan.targets)
    metadata = published_metadata(_metadata(known), published, images, targets)
    return _ended(known, published, images, targets, metadata), published


def _noted(image: StagedImage, known: Known) -> StagedImage:
    """Return an image with the annotations that its parts have told."""
    parts = [record for key in image.builds if key != image.name and (record := known.records.get(key))]
    return replace(image, annotations=index_notes(parts)) if parts else image


def _metadata(known: Known) -> dict[str, dict[str, object]]:
    """Return bake's metadata as far as records tell it."""
    return {
        key: {
            **record.metadata,
            "containerimage.descriptor": {"mediaType": one.media_type, "digest": one.digest, "size": one.size},
        }
        for key, record in known.records.items()
        if key in known.outcomes and known.outcomes[key].digest
        for one in record.pushed[:1]
    }


def _ended(
    known: Known,
    published: Published,
    images: Iterable[StagedImage],
    targets: tuple[BuildOutcome, ...],
    metadata: Mapping[str, object],
) -> Outcome:
    own = [record for key, record in known.records.items() if key in known.outcomes]
    first, last = min((one.started for one in own), default=""), max((one.ended for one in own), default="")
    there = {key for key, one in known.outcomes.items() if one.digest}
    named = {image.name: image.all_tags for image in images if image.name not in published.moved}
    parts = {image.name: image.builds for image in images}
    return Outcome(
        targets=targets,
        seconds=seconds_between(first, last),
        started=first or _now(),
        builder=", ".join(dict.fromkeys(one.builder for one in own if one.builder)),
        metadata=metadata,
        problem=_worst(known.problem, published.problem),
        publish="\n".join(filter(None, [published.words, left_alone(named, parts, there)])),
        left_behind=published.left_behind,
    )


def _worst(missing_ones: BuildmatrixError | None, unmoved: BuildmatrixError | None) -> BuildmatrixError | None:
    if missing_ones is None or unmoved is None:
        return missing_ones or unmoved
    return type(missing_ones)(*missing_ones.diagnostics, *unmoved.diagnostics)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


# --- after that -------------------------------------------------------------------------------------------------------


def _checked(
    job: Joining, known: Known, outcome: Outcome, published: Published, pins: Pins, tags: Tags, warn: Warn
) -> Outcome:
    """Return the outcome of an incremental plan, whose images have no mark that is not true, and their content tags."""
    from buildmatrix.pipeline.run.selfcheck import checked
    from buildmatrix.publish.content import push_content_tags, pushed_images

    overtaken = {record.target: record.overtaken for record in known.records.values() if record.overtaken}
    digests = [record.digest for record in known.records.values() if record.is_good]
    found = checked(outcome, known.left, pins, tags.registry, overtaken, digests)
    warn(found.warnings)
    if not job.policy.content_tag:
        return found.outcome
    built = [name for name, one in known.left.decisions.items() if one.action == "build" and name not in found.wrong]
    pushed = pushed_images(known.plan, [name for name in built if name in known.plan.parts], known.outcomes, published)
    places = job.plan.by_name
    warn(push_content_tags(pushed, tags.registry, lambda name: places[name].place, lambda: False))
    return found.outcome
