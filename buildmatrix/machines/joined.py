"""What the records of a plan come to: the images that are there, what is missing, and what becomes of which tags."""

import shlex
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import reduce

from buildmatrix.engine.failures.places import line_told, place_in
from buildmatrix.engine.outcome import BuildOutcome
from buildmatrix.errors import Diagnostic, some
from buildmatrix.machines.part import Records, built_on
from buildmatrix.machines.record import RecordDocument
from buildmatrix.plan.builds import Build, BuildPlan
from buildmatrix.state.images import ages

NO_RECORD = "there is no record of it"


def index_notes(records: Iterable[RecordDocument]) -> dict[str, str]:
    """Return the annotations of the index of several parts: each tells all of them, and when it was built itself."""
    every = [record.annotations for record in records]
    found: dict[str, str] = {}
    for key, text in (pair for one in every for pair in one.items() if pair[0] != ages.ANNOTATION):
        found.setdefault(key, text)
    return found | _age(every)


def _age(every: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Return the annotation of the oldest; none where one part does not tell."""
    told = [{ages.ANNOTATION: one[ages.ANNOTATION]} for one in every if ages.ANNOTATION in one]
    return reduce(ages.oldest, told[1:], told[0]) if told and len(told) == len(every) else {}


def outdated(plan: BuildPlan, good: Records) -> dict[str, str]:
    """Return the Builds that were built on other images than those that records name now, each with why.

    What is built on one of them is one, too.
    """
    found: dict[str, str] = {}
    for build in plan.targets:
        under = [name for name in built_on(plan, build.name) if name in good] if build.name in good else []
        if why := next((why for name in under if (why := _outdated(name, good[build.name], good, found))), ""):
            found[build.name] = why
    return found


def _outdated(name: str, record: RecordDocument, good: Records, found: Mapping[str, str]) -> str:
    then, now = record.built_on.get(name, ""), good[name].digest
    if then != now:
        before = f"{then[:19]}…" if then else "no image"
        return f"it was built on {before} of {name}, which has been built again since: {now[:19]}…"
    return f"{name}, which it was built on, has to be built again" if name in found else ""


def outcomes_of(
    plan: BuildPlan, records: Mapping[str, RecordDocument], gone: Mapping[str, str]
) -> dict[str, BuildOutcome]:
    """Return what became of each Build that has a job; `gone` says why an image of a good record cannot be taken."""
    first = min((record.started for record in records.values()), default="")
    return {
        build.name: _placed(_outcome(build, records.get(build.name), gone.get(build.name, ""), first), build, plan)
        for build in plan.targets
        if build.exported
    }


def _placed(one: BuildOutcome, build: Build, plan: BuildPlan) -> BuildOutcome:
    """Return an outcome with the place of its failure, as far as the end of its log tells a line of its Dockerfile."""
    line = line_told(one.excerpt.split("\n"), build)
    return replace(one, place=place_in(build, plan.directory, line)) if line else one


def _outcome(build: Build, record: RecordDocument | None, gone: str, first: str) -> BuildOutcome:
    made = BuildOutcome(
        name=build.name,
        target=build.target,
        declared=build.declared,
        status="skipped",
        exported=True,
        platforms=build.platforms,
        tags=(),
        tags_left_to=build.tags_left_to,
        depends_on=build.depends_on,
        needs=build.needs,
        reason=NO_RECORD,
    )
    if record is None:
        return made
    told = replace(
        made,
        status=record.status,
        digest=record.digest,
        started=seconds_between(first, record.started),
        seconds=record.seconds,
        reason=record.reason or "",
        hint=record.hint or "",
        failed_step=record.failed_step or "",
        excerpt=record.excerpt or "",
        log=record.log or "",
    )
    return replace(told, status="failed", digest="", reason=gone) if gone else told


def seconds_between(first: str, later: str) -> float:
    """Return the seconds between two moments of records; 0 where one is none."""
    try:
        return max(0.0, (datetime.fromisoformat(later) - datetime.fromisoformat(first)).total_seconds())
    except (ValueError, TypeError):
        return 0.0


def missing(plan: BuildPlan, outcomes: Mapping[str, BuildOutcome], again: str) -> Iterator[Diagnostic]:
    """Yield an error for each Build that is not there; `again` is the command that builds one, with its key to come."""
    for key, one in outcomes.items():
        if one.status in {"failed", "stopped", "skipped"}:
            verb = "failed" if one.status == "failed" else "was not built"
            job = f"run its job again: {again.format(shlex.quote(key))}"
            hint = f"{one.hint}\n{job}" if one.hint else job
            place = plan.by_name[key].place
            yield Diagnostic(message=f"{key} {verb}: {one.reason}", code="record", place=place, hint=hint)


def no_folder(folder: str, lacking: int) -> Diagnostic:
    """Return the error of a directory of records that does not exist, for want of which so many Builds are missing."""
    builds = f"{lacking} builds" if lacking > 1 else "a build"
    named = folder or '""'
    message = f"the directory {named} does not exist, and the records of {builds} are missing"
    return Diagnostic(message=message, code="record", hint="name the one that the jobs wrote to: apply --record DIR")


def left_alone(images: Mapping[str, Sequence[str]], parts: Mapping[str, Sequence[str]], there: Collection[str]) -> str:
    """Return what to say of tags that stay as they are, a line for each image.

    They are of `images`, by target, of which not all `parts` are there.
    """
    lacking = {name: [key for key in parts[name] if key not in there] for name in images}
    return "\n".join(_left(tuple(images[name]), keys) for name, keys in lacking.items() if keys)


def _left(tags: Sequence[str], keys: Sequence[str]) -> str:
    verb, plural = "was" if len(tags) == 1 else "were", "is" if len(keys) == 1 else "are"
    return f"{some(tags, 3)} {verb} left as before: {some(keys, 3)} {plural} missing."
