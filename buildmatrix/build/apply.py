"""Running a plan: images are staged where their tags move last, the scheduler builds, then the tags move."""

import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from buildmatrix.build.recorder import Recorder, Records
from buildmatrix.build.results import Run
from buildmatrix.build.schedule import Schedule
from buildmatrix.engine.imagetools import Imagetools
from buildmatrix.engine.outcome import Outcome, TargetOutcome
from buildmatrix.engine.preflight import Facts
from buildmatrix.engine.progress.events import Listener, TargetEnded
from buildmatrix.plan.builds import Build, BuildPlan
from buildmatrix.plan.policy import Policy
from buildmatrix.process import Programs
from buildmatrix.publish.publish import Published, Publisher, published_metadata
from buildmatrix.publish.shrink import refuse_shrunk_tags
from buildmatrix.publish.staging import FirstTags, staged
from buildmatrix.publish.tags import Tags
from buildmatrix.state.present import Present, builder_of
from buildmatrix.state.resume import NOTHING, Resumed, resumed


def apply(
    plan: BuildPlan,
    policy: Policy,
    facts: Facts,
    programs: Programs,
    listener: Listener,
    records: Records,
    tags: Tags,
) -> Outcome:
    """Build a plan and return what became of each target; a failure is in the outcome's `problem`.

    `tags` were asked for, and settled. RegistryError if tags would lose platforms, StaleError if the last result cannot
    be used. The bake files live in a temporary directory that is gone when this returns.
    """
    began, start = datetime.now(UTC), time.monotonic()
    again = _resumed(plan, policy, facts, programs, records) if policy.options.resume else NOTHING
    kept = again.kept
    records.result.begin(builder_of(facts.builder, programs))
    staging = staged(plan, policy, facts.builder)
    first = FirstTags(staging.images)
    refuse_shrunk_tags(plan.of, policy, tags, facts.own_platform)
    with tempfile.TemporaryDirectory(prefix="buildmatrix-") as folder:
        run = Run(
            plan=staging.plan,
            facts=facts,
            programs=programs,
            folder=Path(folder),
            start=start,
            log_of=records.log_of,
            first_tags=first,
        )
        with Recorder(records, listener) as recorder:
            for outcome in kept.values():
                recorder.tell(TargetEnded(outcome=outcome))
            schedule = Schedule(run, policy, recorder.tell, again)
            schedule.go()
    outcomes = recorder.ended
    spared = {name for name in kept if kept[name].tags and outcomes[name] is kept[name]}  # others had to be built
    images = [image for image in staging.images.values() if not spared.issuperset(image.builds)]
    publisher = Publisher(plan, images, tags, first, Imagetools(facts, programs), blindly=policy.platforms_may_shrink)
    published = _published(publisher, outcomes, schedule) if images else Published()
    targets = tuple(_with_tags(outcomes[build.name], published, build) for build in plan.targets)
    records.result.record_all(targets)
    metadata = published_metadata(schedule.metadata, published, images, targets)
    ended = _ended(schedule, published, facts)
    return replace(
        ended, targets=targets, metadata=metadata, seconds=time.monotonic() - start, started=_written_time(began)
    )


def _ended(schedule: Schedule, published: Published, facts: Facts) -> Outcome:
    """Return how a run ended, beside its targets and times."""
    return Outcome(
        targets=(),
        seconds=0.0,
        builder=facts.builder.name,
        nodes=tuple(node.name for node in facts.builder.nodes),
        problem=schedule.problem or published.problem,
        publish=published.words,
        left_behind=published.left_behind,
        warnings=schedule.warnings.found,
    )


def _written_time(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def _resumed(plan: BuildPlan, policy: Policy, facts: Facts, programs: Programs, records: Records) -> Resumed:
    return resumed(plan, records.result, Present(plan, facts.builder, programs), pull=policy.options.pull)


def _published(publisher: Publisher, outcomes: Mapping[str, TargetOutcome], schedule: Schedule) -> Published:
    digests = {name: outcome.digest for name, outcome in outcomes.items() if outcome.digest}
    return publisher.publish(digests, complete=schedule.problem is None, interrupted=schedule.interrupted)


def _with_tags(outcome: TargetOutcome, published: Published, build: Build) -> TargetOutcome:
    """Return an outcome with what its tags are now; what was not built of them is carried over."""
    moved, digest = published.moved.get(build.target), published.digest_of(build.target)
    if moved is None:
        return outcome
    outcome = replace(outcome, tags=moved, carried=build.lacking if moved else ())
    return replace(outcome, index=digest) if build.is_part else replace(outcome, digest=digest or outcome.digest)
