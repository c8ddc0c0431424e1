"""Completion of target names in the shell: quick, and silent when the file is wrong."""

import os


def complete_targets(incomplete: str) -> list[str]:
    """Return the groups, targets and cells whose names start with what was typed."""
    from buildmatrix.cli.session import Session
    from buildmatrix.errors import BuildmatrixError
    from buildmatrix.pipeline import everything
    from buildmatrix.plan.request import Request

    try:
        session = Session(file=None)
        spec, expansion = everything(session.name, session.sources, Request(environment=dict(os.environ)), session.git)
    except (BuildmatrixError, OSError):
        return []
    declared = [name for name in spec.targets if not name.startswith("_")]
    names = dict.fromkeys([*spec.groups, *declared, *expansion.entries])
    return [name for name in names if name.startswith(incomplete)]
