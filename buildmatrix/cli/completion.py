"""Completion of target names in the shell: quick, and silent when the file is wrong."""

import os

import typer

SECONDS = 3.0
"""Seconds of processor time after which there is no completion: somebody waits for it with a key pressed."""


def complete_targets(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the groups, targets and cells whose names start with what was typed, behind a `!` too.

    The file is that of `--file` or BUILDMATRIX_FILE, as for the command itself.
    """
    from buildmatrix.cli.session import Session
    from buildmatrix.errors import BuildmatrixError
    from buildmatrix.pipeline import everything
    from buildmatrix.plan.request import Request

    file = ctx.params.get("file") or os.environ.get("BUILDMATRIX_FILE")
    sign = "!" if incomplete.startswith("!") else ""
    try:
        session = Session(file=None if file == "-" else file)
        asked = Request(environment=dict(os.environ))
        spec, expansion, _ = everything(session.name, session.sources, asked, session.git, seconds=SECONDS)
    except (BuildmatrixError, OSError):
        return []
    declared = [name for name in spec.targets if not name.startswith("_")]
    names = dict.fromkeys([*spec.groups, *declared, *expansion.entries])
    return [sign + name for name in names if name.startswith(incomplete.removeprefix("!"))]
