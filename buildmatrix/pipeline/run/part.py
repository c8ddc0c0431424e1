"""Applying a part of a saved plan on one of several machines: what it builds, and the records that it leaves.

saved plan ─ part_of_plan, Records of others ─► Job with a Part ─ apply ─► Outcome ─ recorded ─► Records
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from buildmatrix.engine.buildx import Builder
from buildmatrix.engine.drivers import OTHER
from buildmatrix.errors import (
    BuildFailedError,
    Diagnostic,
    EngineError,
)
from buildmatrix.files import make_folder
from buildmatrix.machines.folder import read_folder
from buildmatrix.machines.judged import judged, refuse_wrong
from buildmatrix.machines.looked import looked_for
from buildmatrix.machines.part import Part, closure_of, images_of, keys_in, lost, part_of, tags_of, used
from buildmatrix.machines.recording import record_lost, unwritable, why_lost
from buildmatrix.pipeline.run.left import Reduced
from buildmatrix.plan.access.absent import as_saved, without_absent
from buildmatrix.plan.builds import BuildPlan
from buildmatrix.plan.document.reviewed import Claim, Reviewed
from buildmatrix.plan.model import Plan
from buildmatrix.plan.publishing import pushed_repositories
from buildmatrix.plan.runners import cut_by_runner
from buildmatrix.publish.staging import pushes_by_digest
from buildmatrix.publish.tags import Tags
from buildmatrix.state.decisions.assigned import as_planned, assigned, left_to_jobs
from buildmatrix.state.decisions.decision import Decision
from buildmatrix.state.decisions.unchanged import NOTHING, Resumed
from buildmatrix.state.images.marks import mark_of

if TYPE_CHECKING:
    from buildmatrix.inputs.fingerprint import Fingerprints
    from buildmatrix.pipeline.run.job import Job


def part_of_plan(plan: Plan, claim: Claim, named: Iterable[str], folder: str, root: str) -> Part:
    """Return what of a saved plan is built here: the Builds that are `named`, on the records in a directory.

    UsageError for what is not a Build with a job, StaleError for a record that does not fit the plan.
    """
    _make(folder, root)
    whole, jobs = cut_by_runner(plan), assigned(plan, claim.reviewed)
    keys = keys_in(named, jobs, whole)
    found = judged(jobs, claim.digest, read_folder(folder), marks_of(claim.reviewed))
    refuse_wrong(found, folder)
    gone = lost(jobs, keys, found.records)
    return Part(
        digest=claim.digest,
        whole=whole,
        jobs=jobs,
        wanted=tuple(key for key in keys if key not in gone),
        records={key: record for key, record in found.good.items() if key not in keys},
        lost=gone,
        folder=folder,
        file=claim.name,
        root=root,
        began=datetime.now(UTC),
    )


def _make(folder: str, root: str) -> None:
    try:
        make_folder(Path(folder), root)
    except OSError as error:
        raise unwritable(folder, error) from None


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
        record_lost(part)
        raise BuildFailedError(*why_lost(part))


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


def left_of_part(job: "Job", part: Part, tags: Tags, make: "Callable[[], Fingerprints]", own: str) -> Reduced:
    """Return what is left of a part: of an incremental plan, on the images that it keeps.

    `own` is the builder's own platform. StaleError where something that was kept would be built now, or an image is
    another one than its record says.
    """
    looked_for(used(part.jobs, part.wanted, part.records), tags.registry)  # one that is gone fails as it is pulled
    handed = images_of(part.jobs, part.wanted, part.records)
    pulled = tags_of(part.jobs, part.wanted, part.records, own)
    if not job.policy.incremental:
        plan = part_of(without_absent(part.jobs, job.programs.environment, outside=True), part.wanted, part.records)
        return Reduced(plan=plan, resumed=NOTHING, decisions={}, handed=handed, pulled=pulled)
    from buildmatrix.pipeline.reviewing import refuse_other_secrets
    from buildmatrix.pipeline.run.incremental import Planned, reduced
    from buildmatrix.pipeline.run.recorded import telling_of

    environment, claim = job.programs.environment, job.claim
    assert claim is not None  # noqa: S101 only a saved plan has parts
    whole = without_absent(part.whole, environment, outside=True)
    refuse_other_secrets(as_saved(part.whole, claim.absent_secrets), whole, job.plan.of.by_name)
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
