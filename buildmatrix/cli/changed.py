"""`--changed-since` and `--changed-files`: the plan of what changed."""

import sys
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from typing import TYPE_CHECKING

from buildmatrix.cli.options import Changed
from buildmatrix.cli.output import say_wide
from buildmatrix.cli.session import Session
from buildmatrix.errors import Diagnostic, UsageError
from buildmatrix.files import read_regular
from buildmatrix.git.facts import Git
from buildmatrix.pipeline import plan
from buildmatrix.pipeline.bases import Asking
from buildmatrix.plan.model import Plan
from buildmatrix.template.request import Request
from buildmatrix.text import one_line

if TYPE_CHECKING:
    from buildmatrix.pipeline.against import Here

LARGEST = 1 << 26
"""The largest list of files that is read, in bytes."""


def planned_of(run: Session, asked: Request, changed: Changed, asking: Asking) -> Plan:
    """Return the plan of what is asked for, or of what changed of it, and say what that is; `asking` as for `plan`.

    UsageError for a revision that there is not, or a list that cannot be read.
    """
    listed = None if changed.changed_files is None else _list(changed.changed_files, run, asked)
    planned = plan(run.name, run.sources, asked, run.git, asking=asking)
    return _kept(run, asked, planned, changed.changed_since, listed, asking) if changed.is_asked else planned


def _kept(
    run: Session, asked: Request, planned: Plan, reference: str | None, listed: bytes | None, asking: Asking
) -> Plan:
    from buildmatrix.pipeline.changed import again, changed_targets

    here = here_of(run, asked, planned, asking)
    found = changed_targets(here, reference, listed)
    for note in found.notes:
        say_wide(one_line(f"note: {note}"))
    if found.names is None:
        return planned
    git = Git.of(run.git_folder)  # a new one: a saved plan says which facts this plan asks for, and no others
    return plan(run.name, run.sources, again(here, found.names), git, asking=asking)


def here_of(run: Session, asked: Request, planned: Plan, asking: Asking) -> "Here":
    """Return a run and its plan, as what is compared with something earlier; `asking` is what it was made with."""
    from buildmatrix.pipeline.against import Here

    return Here(
        name=run.name,
        sources=run.sources,
        request=asked,
        git=run.git,
        folder=run.git_folder,
        plan=planned,
        asking=asking,
    )


def _list(path: str, run: Session, asked: Request) -> bytes:
    try:
        if path != "-":
            return _utf8(read_regular(path, LARGEST, pipe=True))
        if run.is_from_standard_input or "-" in asked.bake_files.paths:
            message = "--changed-files -: standard input is read for something else already"
            raise UsageError(Diagnostic(message=message, code="usage", hint="write the list to a file"))
        return _utf8(sys.stdin.buffer.read(LARGEST + 1)[:LARGEST]) if sys.stdin else b""
    except OSError as error:
        message = f"--changed-files {path}: the list cannot be read: {error.strerror}"
        raise UsageError(Diagnostic(message=message, code="usage")) from None


def _utf8(listed: bytes) -> bytes:
    """Return a list without the mark of its encoding, of which PowerShell's `>` may write UTF-16."""
    wide = listed.startswith((BOM_UTF16_LE, BOM_UTF16_BE))
    return listed.decode("utf-16", "replace").encode("utf-8", "replace") if wide else listed.removeprefix(BOM_UTF8)
