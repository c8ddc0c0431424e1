"""What is in the way of a build: every check of this machine, and of a plan where there is one."""

import os
from collections.abc import Mapping

from buildmatrix.engine.buildx import Probe
from buildmatrix.engine.checks.examined import Examined, Finding, examined
from buildmatrix.engine.checks.model import Scene
from buildmatrix.errors import BuildmatrixError, and_more
from buildmatrix.plan.policy import Policy
from buildmatrix.process import Programs

FILE = "file"
"""The name of the first finding: what there is to plan."""


def doctor(
    programs: Programs,
    environment: Mapping[str, str],
    directory: str,
    policy: Policy | BuildmatrixError | None,
    builder: str | None = None,
) -> Examined:
    """Return what each check found; nothing is raised for what is wrong with the machine.

    `environment` is all that we were started with. `policy` is that of a plan, or what is wrong with the file, or None
    where there is no file; `builder` is what the command line names, for want of a plan.
    """
    file = _of_file(policy)
    planned = policy if isinstance(policy, Policy) else None
    with Probe(programs, planned.builder if planned else builder or None) as probe:
        plan = planned.plan if planned else None
        scene = Scene(programs, probe, plan, directory, environment, tells=True)
        found = examined(scene, "the file has errors" if policy else "there is no buildmatrix.toml")
    return Examined(findings=(file, *found.findings))


def _of_file(policy: Policy | BuildmatrixError | None) -> Finding:
    if policy is None:
        words = "there is no buildmatrix.toml here: only the machine is looked at"
        return Finding(name=FILE, status="skipped", words=words)
    if isinstance(policy, Policy):
        names = [target.name for target in policy.plan.targets]
        where = os.path.join(policy.plan.directory, policy.plan.file)  # noqa: PTH118 a text
        return Finding(name=FILE, status="ok", words=f"{where}: {names[0]}{and_more(len(names), 'target')}")
    errors = [one for one in policy.diagnostics if one.severity == "error"]
    words = f"{errors[0].message}{and_more(len(errors), 'error')}: only the machine is looked at"
    return Finding(name=FILE, status="error", words=words, problems=policy.diagnostics, exit_code=policy.exit_code)
