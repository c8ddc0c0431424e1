"""What `apply` runs: the plan, or a part of it, with the paths that the command writes and where its logs go."""

import os
from contextlib import ExitStack

from buildmatrix.build.logs import name_of
from buildmatrix.cli.run.showing import logs_of
from buildmatrix.cli.session import Session
from buildmatrix.pipeline.run.job import Job
from buildmatrix.plan.builds import builds_of
from buildmatrix.plan.document.reviewed import Claim
from buildmatrix.plan.policy import Policy


def written_by(policy: Policy) -> tuple[str, ...]:
    """Return the files that the command writes, absolute: of a directory for logs the logs alone."""
    chosen = policy.options
    names = [build.name for build in builds_of(policy.plan).targets] if chosen.log_dir else []
    paths = (*(f"{chosen.log_dir}/{name_of(name)}" for name in names), chosen.metadata, *chosen.report, chosen.record)
    return tuple(map(os.path.abspath, filter(None, paths)))


def job_of(here: Session, policy: Policy, claim: Claim | None, stack: ExitStack) -> Job:
    """Return what is run; BuildFailedError where a part of a plan is asked for, and what it depends on is not there."""
    chosen, root = policy.options, here.sources.repository.root
    job = Job(
        plan=builds_of(policy.plan),
        policy=policy,
        programs=here.programs,
        environment=here.environment,
        written=(*written_by(policy), *map(os.path.abspath, [claim.name] if claim else [])),
        logs=logs_of(chosen.log_dir, stack, root),
        claim=claim,
    )
    if not chosen.build:
        return job
    from buildmatrix.cli.run.parts import job_of_part

    return job_of_part(job, root)
