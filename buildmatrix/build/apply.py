"""Running a plan: the scheduler's calls, then the tags that move last."""

import tempfile
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from buildmatrix.build.options import ApplyOptions
from buildmatrix.build.outcome import Outcome
from buildmatrix.build.preflight import Facts
from buildmatrix.build.process import Programs
from buildmatrix.build.progress import Listener
from buildmatrix.build.schedule import Run, Schedule
from buildmatrix.plan.model import Plan


def apply(
    plan: Plan,
    options: ApplyOptions,
    facts: Facts,
    programs: Programs,
    listener: Listener,
    kept: Iterable[str] = (),
) -> Outcome:
    """Build a plan and return what became of each target; a failure is in the outcome's `problem`.

    The bake files live in a temporary directory that is gone when this returns.
    """
    began, start = datetime.now(UTC), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="buildmatrix-") as folder:
        run = Run(plan=plan, facts=facts, programs=programs, folder=Path(folder), start=start)
        schedule = Schedule(run, options, listener, kept)
        schedule.go()
    return Outcome(
        targets=tuple(schedule.ledger.outcomes[target.name] for target in plan.targets),
        seconds=time.monotonic() - start,
        started=began.isoformat(timespec="seconds").replace("+00:00", "Z"),
        builder=facts.builder.name,
        nodes=tuple(node.name for node in facts.builder.nodes),
        metadata=schedule.metadata,
        problem=schedule.problem,
    )
