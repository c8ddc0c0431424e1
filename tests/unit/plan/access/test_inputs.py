"""Nothing is written over the files that a plan is made of."""

import pytest

from buildmatrix.errors import UsageError
from buildmatrix.lock import FILE
from buildmatrix.plan.access.inputs import LOCK, refuse_overwritten
from tests import plans


def test_the_lock_file_is_one_of_them() -> None:
    assert LOCK == FILE
    plan = plans.plan(plans.target("app"), directory="/project")
    with pytest.raises(UsageError, match=r"--policy /project/buildmatrix\.lock would overwrite the lock file"):
        refuse_overwritten(plan, {f"/project/{LOCK}": "--policy"})
    refuse_overwritten(plan, {"/project/other.lock": "--policy"})
