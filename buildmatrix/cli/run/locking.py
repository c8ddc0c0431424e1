"""What a plan is held to by the lock file; nothing is imported for it where there is none."""

import os

from buildmatrix.lock import FILE
from buildmatrix.plan.model import Plan
from buildmatrix.plan.policy import Policy


def held_to_lock(plan: Plan, policy: Policy) -> Plan:
    """Return a plan with the digests that the lock file has.

    SpecError or StaleError where it takes external images that the lock file does not let it take.
    """
    if policy.locked or os.path.lexists(os.path.join(plan.directory, FILE)):  # noqa: PTH118
        from buildmatrix.pipeline.pinning import with_locked

        return with_locked(plan, policy)
    return plan
