"""Plans as files: what `plan --format json` writes, and `apply PLAN.json` makes again."""

import os
import stat
import sys
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from buildmatrix.cli.session import Session
from buildmatrix.errors import Diagnostic, SpecError, StaleError, UsageError
from buildmatrix.files import Repository, read_regular
from buildmatrix.git.facts import NoRepositoryError
from buildmatrix.pipeline import plan as make_plan
from buildmatrix.plan.document.contents import Contents, Inode, contents_of
from buildmatrix.plan.document.verify import document_of, refuse_changed, request_of
from buildmatrix.plan.model import Plan
from buildmatrix.report.plan.json import plan_json
from buildmatrix.spec.toml.plain import json_of
from buildmatrix.template.request import Request
from buildmatrix.text import redacted

LARGEST = 1 << 28
"""The largest saved plan that is read, in bytes; one of 100,000 cells has some 60 MB."""


def saved_text(run: Session, planned: Plan) -> str:
    """Return a plan as it is saved; the file that it is written to may lie in one of its contexts."""
    return plan_json(planned, contents_of(planned, unread=_standard_output()), _commit(run), run.sources)


def _standard_output() -> list[Inode]:
    with suppress(OSError, ValueError):
        found = os.fstat(sys.stdout.fileno())
        if stat.S_ISREG(found.st_mode):
            return [(found.st_dev, found.st_ino)]
    return []


def _commit(run: Session) -> str:
    try:
        return str(run.git.sha)
    except NoRepositoryError:
        return ""


def plan_of_file(run: Session, asked: Request, *, named: bool, log_dir: str | None, written: Iterable[str]) -> Plan:
    """Return the plan of a file, made again; StaleError where it is another one now.

    `named`: the command line says which root file is meant. Into `log_dir` go the logs, and `written` are the other
    files that the command writes: an earlier run may have written them after the plan was made.
    """
    saved = next(selector for selector in asked.selectors if selector.endswith(".json"))
    _refuse_more(saved, asked)
    document = document_of(_text(saved), saved)
    again = request_of(document, asked.variables, asked.environment)
    _take_file(run, document["file"], named=named)
    run.sources.home = document["request"]["home"]
    try:
        planned = make_plan(run.name, run.sources, again, run.git)
    except SpecError:
        refuse_changed(document, None, str(run.sources.directory))
        raise
    logs = [f"{log_dir}/{target.name}.log" for target in planned.targets] if log_dir else []
    contents = contents_of(planned, saved, written=(*written, *logs))
    fresh = json_of(redacted(plan_json(planned, contents, _commit(run), run.sources)))
    refuse_changed(document, _beside(fresh, document, contents), str(run.sources.directory))
    return planned


def _beside(fresh: dict[str, Any], document: Any, contents: Contents) -> dict[str, Any]:
    """Return the fresh document; of each folder that differs by what we write alone, with what it was then."""
    then, folders = document["contexts"], dict(fresh["contexts"])
    folders |= {name: then[name] for name, digests in contents.beside.items() if then.get(name) in digests}
    return {**fresh, "contexts": folders}


def _refuse_more(saved: str, asked: Request) -> None:
    if len(asked.selectors) > 1:
        message = f"{saved} is applied whole: name nothing beside it"
        raise UsageError(Diagnostic(message=message, code="usage", hint="give the selectors to plan"))
    if asked.variable_files or asked.sets or asked.platforms or asked.output != "declared":
        message = "a saved plan is applied as it is"
        hint = "leave --var-file, --set, --platform and outputs out, or give them to plan"
        raise UsageError(Diagnostic(message=message, code="usage", hint=hint))


def _text(saved: str) -> str:
    try:
        return read_regular(saved, LARGEST).decode()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise UsageError(Diagnostic(message=f"{saved} cannot be read: {reason}", code="plan")) from None


def _take_file(run: Session, file: str, *, named: bool) -> None:
    """Take the root file that a plan was made from: one of this folder, unless the command line names another."""
    if file == run.name:
        return
    if named or "/" in file or Repository.around(run.sources.directory).kind(file) != "file":
        message = f"the plan was made from {file}, not from {run.name}"
        raise StaleError(Diagnostic(message=message, code="stale", hint="name that file with --file"))
    run.name = file
