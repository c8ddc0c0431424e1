"""Recording what one machine has built: what of it is in its registry, and a record of each Build.

Part, Outcome ─ recorded ─► Records, and the Outcome with what could not be built
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from shlex import quote

from buildmatrix.engine.outcome import BuildOutcome, Outcome
from buildmatrix.engine.registry import Registry
from buildmatrix.errors import BuildFailedError, BuildmatrixError, Diagnostic, RegistryError, StoppedError, UsageError
from buildmatrix.machines.part import Part, awaited, built_on
from buildmatrix.machines.record import FORMAT_VERSION, GOOD, PushedImage, RecordDocument, write_record
from buildmatrix.oci.answers import Absent, Answer, Found
from buildmatrix.oci.http.parallel import all_of
from buildmatrix.oci.reference import Reference
from buildmatrix.plan.builds import Build, BuildPlan
from buildmatrix.plan.publishing import pushed_repositories

AGAIN = "run its job again"
LATER = "No tag moved: buildmatrix merge does that."


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
        problem=_problem(_own_words(outcome.problem), wrong, list(why_lost(part))),
        publish=LATER if any(one.digest and one.name in answers for one in targets) else "",
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
    return _skipped(part, part.lost)


def _skipped(part: Part, reasons: Mapping[str, str]) -> Iterator[BuildOutcome]:
    for key, why in reasons.items():
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
    digests = {key: record.digest for key, record in part.records.items()}
    digests |= {one.name: one.digest for one in outcome.targets if one.exported}
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
            built_on={name: digests[name] for name in built_on(part.jobs, one.name) if digests.get(name)},
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
            raise unwritable(part.folder, error) from None


def _images(one: BuildOutcome, answers: Mapping[str, Answer]) -> Iterator[PushedImage]:
    for name, answer in answers.items() if one.status in GOOD else ():
        kind, size = (answer.descriptor.media_type, answer.descriptor.size) if isinstance(answer, Found) else ("", 0)
        yield PushedImage(repository=name, digest=one.digest, media_type=kind, size=size)


def _moment(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


# --- what cannot be built ---------------------------------------------------------------------------------------------


def record_refused(part: Part, error: BuildmatrixError) -> None:
    """Record that a machine cannot build its part, and why; UsageError where a record cannot be written."""
    why = "; ".join(one.message for one in error.diagnostics)
    hint = error.diagnostics[0].hint
    refused = (replace(one, status="failed", hint=hint) for one in _skipped(part, dict.fromkeys(part.wanted, why)))
    _write(part, Outcome(targets=(*refused, *_lost(part)), seconds=0.0), part.jobs, {}, {})


def record_lost(part: Part) -> None:
    """Record the Builds that cannot be built; UsageError where a record cannot be written."""
    _write(part, Outcome(targets=tuple(_lost(part)), seconds=0.0), part.jobs, {}, {})


def why_lost(part: Part) -> Iterator[Diagnostic]:
    """Yield an error for each Build that cannot be built."""
    for key, why in part.lost.items():
        place, hint = part.jobs.by_name[key].place, _first(key, part)
        yield Diagnostic(message=f"{key} was not built: {why}", code="record", place=place, hint=hint)


def _first(key: str, part: Part) -> str:
    """Return what to do before one can be built: the command for what it waits for."""
    before = [one for one in awaited(part.jobs, key, [*part.wanted, *part.lost]) if one not in part.records]
    command = f"buildmatrix apply {part.file} --build {quote(','.join(before))} --record {part.folder}"
    job, record = ("their jobs", "their records") if before[1:] else ("its job", "its record")
    return f"run {job} first, and put {record} into {part.folder}: {command}" if before else ""


def unwritable(folder: str, error: OSError) -> UsageError:
    """Return the error that a directory of records cannot be written."""
    return UsageError(Diagnostic(message=f"{folder} cannot be written: {error.strerror}", code="write"))
