"""`apply PLAN.json --build --record`: what has to be given together, and the job that comes of it."""

from dataclasses import replace

from buildmatrix.errors import Diagnostic, UsageError
from buildmatrix.pipeline.run.job import Job
from buildmatrix.pipeline.run.part import part_of_plan, plan_of_part, refuse_lost
from buildmatrix.plan.document.reviewed import Claim
from buildmatrix.spec.rows.options import Options

SAVE = "save it with buildmatrix plan --out PLAN.json, and name that file"
BOTH = "give both: --build KEY --record DIR"


def refuse_alone(chosen: Options, claim: Claim | None) -> None:
    """Raise UsageError where a part of a plan is asked for, and something is missing or makes no sense with it."""
    wrong = next((pair for pair in _wrong(chosen, claim) if pair), None)
    if wrong:
        raise UsageError(Diagnostic(message=wrong[0], code="usage", hint=wrong[1]))


def _wrong(chosen: Options, claim: Claim | None) -> list[tuple[str, str] | None]:
    flags = {"--resume": chosen.resume, "--dry-run": chosen.dry_run}
    flag = next((name for name, given in flags.items() if given), "")
    return [
        None if chosen.build else ("--record is for what --build names", BOTH),
        None if chosen.record else ("--build leaves records, and no directory is named for them", BOTH),
        None if claim else ("--build takes builds of a plan that was saved with plan --out", SAVE),
        (f"{flag} says nothing of a part of a plan", "leave it out") if flag else None,
    ]


def job_of_part(job: Job, root: str) -> Job:
    """Return the job of the part that is asked for; BuildFailedError where what it depends on is not there."""
    chosen, claim = job.policy.options, job.claim
    assert claim is not None  # noqa: S101 it was refused
    assert chosen.record is not None  # noqa: S101 it was refused
    part = part_of_plan(job.plan.of, claim, chosen.build, chosen.record, root)
    refuse_lost(part, keep_going=job.policy.keep_going)
    return replace(job, plan=plan_of_part(part), part=part)
