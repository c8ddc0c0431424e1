"""Running a plan: images are staged where their tags move last, the scheduler builds, then the tags move."""

import secrets
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from buildmatrix.build.options import ApplyOptions, Policy
from buildmatrix.build.outcome import Outcome, TargetOutcome
from buildmatrix.build.preflight import Facts
from buildmatrix.build.process import Programs
from buildmatrix.build.progress import Listener
from buildmatrix.build.publish import Published, Publisher
from buildmatrix.build.schedule import Run, Schedule
from buildmatrix.build.staging import staged
from buildmatrix.plan.model import Plan

NOTHING: Mapping[str, TargetOutcome] = {}


def apply(
    plan: Plan,
    options: ApplyOptions,
    facts: Facts,
    programs: Programs,
    listener: Listener,
    kept: Mapping[str, TargetOutcome] = NOTHING,
) -> Outcome:
    """Build a plan and return what became of each target; a failure is in the outcome's `problem`.

    `kept` are the outcomes of an earlier run that hold still. RegistryError if tags would lose platforms. The bake
    files live in a temporary directory that is gone when this returns.
    """
    began, start = datetime.now(UTC), time.monotonic()
    policy = Policy(plan=plan, options=options)
    staging = staged(plan, policy, facts.builder, secrets.token_hex(4))
    images = [image for name, image in staging.images.items() if not (name in kept and kept[name].tags)]
    publisher = Publisher(plan, images, programs, policy.builder)
    publisher.check()
    with tempfile.TemporaryDirectory(prefix="buildmatrix-") as folder:
        run = Run(plan=staging.plan, facts=facts, programs=programs, folder=Path(folder), start=start)
        schedule = Schedule(run, options, listener, kept)
        schedule.go()
    outcomes = {**kept, **schedule.ledger.outcomes}
    published = _published(publisher, outcomes, schedule) if images else Published()
    return Outcome(
        targets=tuple(_with_tags(outcomes[target.name], published) for target in plan.targets),
        seconds=time.monotonic() - start,
        started=began.isoformat(timespec="seconds").replace("+00:00", "Z"),
        builder=facts.builder.name,
        nodes=tuple(node.name for node in facts.builder.nodes),
        metadata=schedule.metadata,
        problem=schedule.problem or published.problem,
        publish=published.words,
        left_behind=published.left_behind,
    )


def _published(publisher: Publisher, outcomes: Mapping[str, TargetOutcome], schedule: Schedule) -> Published:
    digests = {name: outcome.digest for name, outcome in outcomes.items() if outcome.digest}
    return publisher.publish({} if schedule.interrupted else digests, complete=schedule.problem is None)


def _with_tags(outcome: TargetOutcome, published: Published) -> TargetOutcome:
    tags = published.moved.get(outcome.name, outcome.tags)
    return replace(outcome, tags=tags, digest=published.digests.get(outcome.name, outcome.digest))
