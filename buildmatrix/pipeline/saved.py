"""Plans as files: what `plan --format json` writes, and `apply PLAN.json` makes again."""

from collections.abc import Iterable
from typing import Any

from buildmatrix.build.logs import name_of
from buildmatrix.engine.outcome import Pin
from buildmatrix.errors import Diagnostic, SpecError, StaleError, UsageError
from buildmatrix.files import Repository, read_regular
from buildmatrix.git.facts import Git, NoRepositoryError
from buildmatrix.lock import FILE as LOCK
from buildmatrix.pipeline import SAVED, plan
from buildmatrix.pipeline.bases import Asking
from buildmatrix.pipeline.lock import planned_pins
from buildmatrix.plan.builds import builds_of
from buildmatrix.plan.document.contents import Contents, Inode, contents_of
from buildmatrix.plan.document.reviewed import Claim, Reviewed, absent_secrets_of, pins_of, plan_digest, reviewed_of
from buildmatrix.plan.document.shown import Shown
from buildmatrix.plan.document.verify import document_of, refuse_changed, refuse_moved, request_of
from buildmatrix.plan.model import Plan
from buildmatrix.process import Programs
from buildmatrix.records import dataclass
from buildmatrix.report.plan.json import plan_json
from buildmatrix.spec.toml.plain import json_of
from buildmatrix.spec.toml.source import Sources
from buildmatrix.template.request import Request
from buildmatrix.text import redacted

BESIDE = (LOCK,)
"""Files that a plan is made from beside those that the spec names."""

LARGEST = 1 << 28
"""The largest saved plan that is read, in bytes; one of 100,000 cells has some 60 MB."""


def saved_text(
    planned: Plan,
    sources: Sources,
    git: Git,
    unread: Iterable[Inode] = (),
    out: str = "",
    known: tuple[Reviewed, tuple[Pin, ...]] | None = None,
) -> str:
    """Return a plan as it is saved.

    `unread` are files that are being written, perhaps in one of its contexts, and so is `out`. `known` is what
    `plan --out` has found out: what goes in, and the external images.
    """
    reviewed, pins = known or (None, planned_pins(planned))
    contents = contents_of(planned, out, unread, fingerprinted=_fingerprinted(reviewed), beside=BESIDE)
    return plan_json(planned, contents, _commit(git), sources, pins, reviewed)


def _fingerprinted(reviewed: Reviewed | None) -> list[str]:
    return [name for name, one in reviewed.inputs.items() if not one.doubt] if reviewed else []


def _commit(git: Git) -> str:
    try:
        return str(git.sha)
    except NoRepositoryError:
        return ""


@dataclass(frozen=True, kw_only=True)
class Written:
    """What the command writes, into `log_dir` the logs: an earlier run may have written it after the plan was saved."""

    files: tuple[str, ...] = ()
    log_dir: str | None = None

    def paths(self, planned: Plan) -> tuple[str, ...]:
        """Return all of it."""
        names = [build.name for build in builds_of(planned).targets] if self.log_dir else []
        return (*self.files, *(f"{self.log_dir}/{name_of(name)}" for name in names))


@dataclass(frozen=True, kw_only=True)
class Again:
    """A saved plan, made again; `claim` is what it says beyond what its files say, None for one without `--out`."""

    plan: Plan
    claim: Claim | None


def plan_of_file(
    name: str,
    sources: Sources,
    request: Request,
    git: Git,
    written: Written,
    *,
    named: bool,
    programs: Programs | None = None,
) -> Again:
    """Return the saved plan that is asked for, made again; StaleError where it is another one now.

    `named`: the command line says which root file is meant. What goes into targets is not looked at yet.
    With `programs` registries may be asked which platforms the plan's images have.
    """
    saved = next(selector for selector in request.selectors if selector.endswith(SAVED))
    _refuse_more(saved, request)
    document = document_of(_text(saved), saved)
    again = request_of(document, request.variables, request.environment)
    root = _root_of(document["file"], name, sources, named=named)
    sources.home = document["request"]["included_file"]
    try:
        digests = {one: pin.digest for one, pin in pins_of(document).items()}
        planned = plan(root, sources, again, git, asking=Asking(programs=programs, digests=digests))
    except SpecError:
        refuse_moved(document, str(sources.directory), git.known())
        raise
    reviewed = reviewed_of(document)
    sure = _fingerprinted(reviewed)
    paths = written.paths(planned)
    contents = contents_of(planned, saved, written=paths, fingerprinted=sure, beside=BESIDE)
    fresh = json_of(redacted(plan_json(planned, contents, _commit(git), sources, planned_pins(planned))))
    refuse_changed(document, _beside(fresh, document, contents))
    digest, pins = plan_digest(document), pins_of(document)
    if reviewed is None:
        return Again(plan=planned, claim=None)
    absent = absent_secrets_of(document)
    claim = Claim(name=saved, digest=digest, reviewed=reviewed, pins=pins, absent_secrets=absent)
    return Again(plan=planned, claim=claim)


def _beside(fresh: dict[str, Any], document: Any, contents: Contents) -> dict[str, Any]:
    """Return the fresh document; of each directory that differs by what we write alone, with what it was then."""
    then, folders = document["contexts"], dict(fresh["contexts"])
    folders |= {name: then[name] for name, digests in contents.beside.items() if then.get(name) in digests}
    return {**fresh, "contexts": folders}


def _refuse_more(saved: str, asked: Request) -> None:
    if len(asked.selectors) > 1:
        message = f"{saved} is applied whole: name nothing beside it"
        raise UsageError(Diagnostic(message=message, code="usage", hint="give the selectors to plan"))
    laid_over = (asked.variable_files, asked.bake_files.paths, asked.set_options, asked.platforms)
    if any(laid_over) or asked.output != "declared":
        message = "a saved plan is applied as it is"
        hint = "leave --var-file, --bake-file, --set, --platform and outputs out, or give them to plan"
        raise UsageError(Diagnostic(message=message, code="usage", hint=hint))


def _text(saved: str) -> str:
    try:
        return read_regular(saved, LARGEST).decode()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise UsageError(Diagnostic(message=f"{saved} cannot be read: {reason}", code="plan")) from None


def shown_plan(name: str) -> Shown:
    """Return the plan in a file, to be read; UsageError where there is none, StaleError for one of a newer format."""
    from buildmatrix.plan.document.shown import shown

    return shown(_text(name), name)


def _root_of(file: str, name: str, sources: Sources, *, named: bool) -> str:
    """Return the root file that a plan was made from: one of this directory, unless the command line names another."""
    if file != name and (named or "/" in file or Repository.around(sources.directory).kind(file) != "file"):
        message = (
            f"the plan was made from {file}, not from {name}" if file else "the plan does not say of which file it is"
        )
        raise StaleError(Diagnostic(message=message, code="stale", hint="name that file with --file"))
    return file
