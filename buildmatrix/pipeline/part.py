"""Applying a part of a saved plan on one of several machines: what it builds, and the records that it leaves.

saved plan ─ part_of_plan, Records of others ─► Job with a Part ─ apply ─► Outcome ─ recorded ─► Records
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from buildmatrix.engine.buildx import Builder
from buildmatrix.engine.drivers import OTHER
from buildmatrix.engine.outcome import BuildOutcome, Outcome
from buildmatrix.engine.registry import Registry
from buildmatrix.errors import (
    BuildFailedError,
    BuildmatrixError,
    Diagnostic,
    EngineError,
    RegistryError,
    StoppedError,
    UsageError,
)
from buildmatrix.files import make_folder
from buildmatrix.machines.folder import read_folder
from buildmatrix.machines.judged import judged, refuse_wrong
from buildmatrix.machines.part import Records, closure_of, images_of, keys_in, lost, part_of, tags_of
from buildmatrix.machines.record import FORMAT_VERSION, GOOD, PushedImage, RecordDocument, write_record
from buildmatrix.oci.answers import Absent, Answer, Found
from buildmatrix.oci.http.parallel import all_of
from buildmatrix.oci.reference import Reference
from buildmatrix.pipeline.left import Reduced
from buildmatrix.plan.access.absent import without_absent
from buildmatrix.plan.builds import Build, BuildPlan
from buildmatrix.plan.document.reviewed import Claim, Reviewed
from buildmatrix.plan.model import Plan
from buildmatrix.plan.publishing import pushed_repositories
from buildmatrix.plan.runners import cut_by_runner
from buildmatrix.publish.staging import pushes_by_digest
from buildmatrix.publish.tags import Tags
from buildmatrix.records import dataclass
from buildmatrix.state.assigned import as_planned, assigned, left_to_jobs
from buildmatrix.state.decision import Decision
from buildmatrix.state.marks import mark_of
from buildmatrix.state.unchanged import NOTHING, Resumed

if TYPE_CHECKING:
    from buildmatrix.inputs.fingerprint import Fingerprints
    from buildmatrix.pipeline.apply import Job


AGAIN = "run its job again"


@dataclass(frozen=True, kw_only=True)
class Part:
    """What one machine builds of a saved plan.

    `whole` is the plan, cut by machines; `jobs` are all of its Builds that have jobs, with what they are made of.
    `wanted` are the keys of those that are built here, `records` what others have built. `lost` are those that cannot
    be built, each with why. Into `folder` go the records; `root` is the repository.
    """

    digest: str
    whole: Plan
    jobs: BuildPlan
    wanted: tuple[str, ...]
    records: Records
    lost: Mapping[str, str]
    folder: str
    root: str
    began: datetime


def part_of_plan(plan: Plan, claim: Claim, named: Iterable[str], folder: str, root: str) -> Part:
    """Return what of a saved plan is built here: the Builds that are `named`, on the records in a directory.

    UsageError for what is not a Build with a job, StaleError for a record that does not fit the plan.
    """
    _make(folder, root)
    jobs = assigned(plan, claim.reviewed)
    keys = keys_in(named, jobs)
    found = judged(jobs, claim.digest, read_folder(folder), marks_of(claim.reviewed))
    refuse_wrong(found, folder)
    gone = lost(jobs, keys, found.records)
    return Part(
        digest=claim.digest,
        whole=cut_by_runner(plan),
        jobs=jobs,
        wanted=tuple(key for key in keys if key not in gone),
        records={key: record for key, record in found.good.items() if key not in keys},
        lost=gone,
        folder=folder,
        root=root,
        began=datetime.now(UTC),
    )


def _make(folder: str, root: str) -> None:
    try:
        make_folder(Path(folder), root)
    except OSError as error:
        raise _unwritable(folder, error) from None


def _unwritable(folder: str, error: OSError) -> UsageError:
    return UsageError(Diagnostic(message=f"{folder} cannot be written: {error.strerror}", code="write"))


def marks_of(then: Reviewed) -> dict[str, str]:
    """Return the marks that images of an incremental plan have, by target."""
    known = {name: one.fingerprints for name, one in then.inputs.items() if one.fingerprints}
    return {name: mark_of(prints) for name, prints in known.items()} if then.incremental else {}


def plan_of_part(part: Part) -> BuildPlan:
    """Return the plan of a part as it is executed; `of` are all targets that it is made of or waits for."""
    made = part_of(part.jobs, part.wanted, part.records)
    return replace(made, of=closure_of(part.whole, [part.jobs.by_name[key].target for key in part.wanted]))


def refuse_lost(part: Part, *, keep_going: bool) -> None:
    """Record what cannot be built; BuildFailedError where nothing is to be built then."""
    if part.lost and not (keep_going and part.wanted):
        _write(part, Outcome(targets=tuple(_lost(part)), seconds=0.0), part.jobs, {}, {})
        raise BuildFailedError(*_why_lost(part))


def _why_lost(part: Part) -> Iterator[Diagnostic]:
    for key, why in part.lost.items():
        hint = f"run its job first, and put its record into {part.folder}" if "no record" in why else ""
        place = part.jobs.by_name[key].place
        yield Diagnostic(message=f"{key} was not built: {why}", code="record", place=place, hint=hint)


def refuse_staging(part: Part, builder: Builder) -> None:
    """Raise EngineError where a builder cannot push a Build without a tag: only merge writes any."""
    builds = (part.jobs.by_name[key] for key in part.wanted)
    wrong = [one for one in builds if pushed_repositories(one) and not pushes_by_digest(one, builder)]
    several = "name the machines of its platforms in [runner], or use a builder of one node"
    is_docker = builder.driver == "docker"
    who, hint = ('the driver "docker"', OTHER) if is_docker else ("a builder of several nodes", several)
    if wrong:
        raise EngineError(
            *(
                Diagnostic(
                    message=f"{one.name}: {who} cannot push it without a tag", code="driver", place=one.place, hint=hint
                )
                for one in wrong
            )
        )


def left_of_part(job: "Job", part: Part, tags: Tags, make: "Callable[[], Fingerprints]") -> Reduced:
    """Return what is left of a part: of an incremental plan, on the images that it keeps.

    StaleError where something that was kept would be built now.
    """
    handed, pulled = images_of(part.jobs, part.wanted, part.records), tags_of(part.jobs, part.wanted, part.records)
    if not job.policy.incremental:
        plan = part_of(without_absent(part.jobs, job.programs.environment, outside=True), part.wanted, part.records)
        return Reduced(plan=plan, resumed=NOTHING, decisions={}, handed=handed, pulled=pulled)
    from buildmatrix.pipeline.incremental import Planned, reduced
    from buildmatrix.pipeline.recorded import telling_of

    environment = job.programs.environment
    whole = without_absent(part.whole, environment, outside=True)
    telling = telling_of(job.plan.of, make(), {}, tags.registry, environment)
    planned = Planned(asked=job.plan.of, settle=partial(_settled, job, whole))
    left = reduced(whole, job.policy, make(), tags, environment, telling, {}, planned=planned)
    plan = part_of(left_to_jobs(left.plan, left.decisions), part.wanted, part.records)
    reasons = {key: why for key, why in left.resumed.reasons.items() if key in plan.by_name}
    return replace(left, plan=plan, resumed=Resumed(reasons=reasons), handed=handed, pulled={**left.held, **pulled})


def _settled(job: "Job", whole: Plan, found: Mapping[str, Decision]) -> Mapping[str, Decision]:
    assert job.claim is not None  # noqa: S101 only a saved plan has parts
    from buildmatrix.pipeline.reviewing import refuse_other_decisions

    refuse_other_decisions(job.claim.reviewed, found, whole)
    return as_planned(found, whole, job.claim.reviewed)


# --- records ----------------------------------------------------------------------------------------------------------


def recorded(
    part: Part, outcome: Outcome, plan: BuildPlan, registry: Registry, overtaken: Mapping[str, str]
) -> Outcome:
    """Write the records of a part's Builds; return the outcome with those that could not be built.

    A Build that is not in its repository failed, whatever bake says. UsageError where a record cannot be written.
    """
    answers = _answers(outcome, plan, registry)
    faults = {one.name: fault for one in outcome.targets if (fault := _fault(one, answers.get(one.name)))}
    targets = tuple(_failed(one, faults[one.name]) if one.name in faults else one for one in outcome.targets)
    wrong = [_problem_of(key, fault, plan.by_name[key]) for key, fault in faults.items()]
    ended = replace(
        outcome,
        targets=(*targets, *_lost(part)),
        problem=_problem(_own_words(outcome.problem), wrong, list(_why_lost(part))),
    )
    _write(part, ended, plan, answers, overtaken)
    return ended


def _answers(outcome: Outcome, plan: BuildPlan, registry: Registry) -> dict[str, dict[str, Answer]]:
    """Return what registries say of the images that were pushed, by Build and repository."""
    ended = [one for one in outcome.targets if one.status in GOOD and one.exported]
    where = {one.name: (one.digest, pushed_repositories(plan.by_name[one.name])) for one in ended}
    names = {(digest, name) for digest, some_of in where.values() for name in some_of if digest}
    asked = all_of(lambda one: registry.head(str(Reference(one[1], digest=one[0]))), names)
    return {
        key: {name: asked.get((digest, name), Absent()) for name in some_of} for key, (digest, some_of) in where.items()
    }


def _fault(one: BuildOutcome, answers: Mapping[str, Answer] | None) -> str:
    """Return why an image that was pushed is not there, "" if it is: that nobody can say is looked at by merge."""
    if not answers:
        return ""
    if not one.digest:
        return "buildx gave no digest for it"
    gone = [name for name, answer in answers.items() if isinstance(answer, Absent)]
    return f"{gone[0]} does not have {one.digest[:19]}…, which was pushed" if gone else ""


def _failed(one: BuildOutcome, fault: str) -> BuildOutcome:
    return replace(one, status="failed", reason=fault, digest="", tags=())


def _problem_of(key: str, fault: str, build: Build) -> Diagnostic:
    message = f"{key} cannot be recorded: {fault}"
    return Diagnostic(message=message, code="record", place=build.place, hint=AGAIN)


def _own_words(problem: BuildmatrixError | None) -> BuildmatrixError | None:
    """Return a problem with what to do on one of several machines, which resumes nothing."""
    is_stopped = isinstance(problem, StoppedError)
    return StoppedError(Diagnostic(message="stopped", code="stopped", hint=AGAIN)) if is_stopped else problem


def _problem(
    before: BuildmatrixError | None, wrong: list[Diagnostic], not_built: list[Diagnostic]
) -> BuildmatrixError | None:
    if not (wrong or not_built):
        return before
    kind = type(before) if before else BuildFailedError if not_built else RegistryError
    return kind(*(before.diagnostics if before else ()), *wrong, *not_built)


def _lost(part: Part) -> Iterator[BuildOutcome]:
    for key, why in part.lost.items():
        build = part.jobs.by_name[key]
        yield BuildOutcome(
            name=key,
            target=build.target,
            declared=build.declared,
            status="skipped",
            exported=True,
            platforms=build.platforms,
            tags=(),
            reason=why,
        )


def _write(
    part: Part,
    outcome: Outcome,
    plan: BuildPlan,
    answers: Mapping[str, Mapping[str, Answer]],
    overtaken: Mapping[str, str],
) -> None:
    for one in outcome.targets:
        if not one.exported:
            continue
        told = outcome.metadata.get(one.name)
        record = RecordDocument(
            format_version=FORMAT_VERSION,
            plan=part.digest,
            build=one.name,
            target=one.target,
            platforms=one.platforms,
            status=one.status,
            pushed=tuple(_images(one, answers.get(one.name, {}))),
            annotations=plan.notes.get(one.target, {}) if one.name != one.target and one.status in GOOD else {},
            metadata={key: text for key, text in told.items() if isinstance(text, str)} if told else {},
            overtaken=overtaken.get(one.target),
            started=_moment(part.began),
            ended=_moment(datetime.now(UTC)),
            seconds=one.seconds,
            builder=outcome.builder or None,
            reason=one.reason or None,
            hint=one.hint or None,
            failed_step=one.failed_step or None,
            excerpt=one.excerpt or None,
            log=one.log or None,
        )
        try:
            write_record(record, part.folder, part.root)
        except OSError as error:
            raise _unwritable(part.folder, error) from None


def _images(one: BuildOutcome, answers: Mapping[str, Answer]) -> Iterator[PushedImage]:
    for name, answer in answers.items() if one.status in GOOD else ():
        kind, size = (answer.descriptor.media_type, answer.descriptor.size) if isinstance(answer, Found) else ("", 0)
        yield PushedImage(repository=name, digest=one.digest, media_type=kind, size=size)


def _moment(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
