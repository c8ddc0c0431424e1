"""What `apply` is asked, checked before anything runs: flags, the terminal, and the files that it is to write."""

import os
import sys

from buildmatrix.cli.output import is_stream, say
from buildmatrix.cli.session import refuse_unwritable
from buildmatrix.errors import Diagnostic, UsageError
from buildmatrix.plan.access.entitlements import refuse_unknown
from buildmatrix.plan.model import Plan
from buildmatrix.plan.policy import Policy, refusals
from buildmatrix.report.run.files import check_report_names
from buildmatrix.spec.rows.options import Options


def check_flags(chosen: Options) -> None:
    """Raise UsageError for flags that exclude each other, and for values that mean nothing."""
    if chosen.fail_fast and chosen.keep_going:
        message = "--fail-fast and --keep-going exclude each other"
        raise UsageError(Diagnostic(message=message, code="usage", hint="give one of them"))
    if chosen.dry_run and chosen.summary == "json":
        message = "--format json is the summary of a run, and --dry-run runs nothing"
        hint = "leave one of them out; buildmatrix plan --format json writes the plan, buildmatrix render the bake file"
        raise UsageError(Diagnostic(message=message, code="usage", hint=hint))
    refuse_unknown(chosen.allow)
    if refused := list(refusals(chosen)):
        raise UsageError(*refused)


def check_terminal(policy: Policy) -> None:
    """Refuse buildx's `tty` where there is no terminal; say where it cannot be had."""
    if policy.options.progress != "tty":
        return
    if not sys.stderr.isatty():
        message = "--progress tty needs a terminal, which standard error is not"
        raise UsageError(Diagnostic(message=message, code="usage", hint="use --progress plain"))
    if policy.progress != "tty":
        say("note: several calls cannot share a terminal: --progress plain is used instead of tty\n", err=True)


def check_files(chosen: Options, plan: Plan, root: str) -> None:
    """Raise UsageError if a file cannot be written at the end, or two of them are one; `root` is the repository."""
    check_report_names(chosen.report)
    _refuse_twice(chosen)
    refuse_unwritable(written(chosen), plan, root, chosen.log_dir)


def written(chosen: Options) -> dict[str, str]:
    """Return the files that are written at the end, each with its option."""
    return dict.fromkeys(chosen.report, "--report") | ({chosen.metadata: "--metadata"} if chosen.metadata else {})


def _refuse_twice(chosen: Options) -> None:
    """Raise UsageError if two of the files that are written are one, whatever they are called."""
    known: dict[str, str] = {}
    metadata = [chosen.metadata] if chosen.metadata else []
    for path, option in [*((path, "--report") for path in chosen.report), *((path, "--metadata") for path in metadata)]:
        real = os.path.realpath(path)
        if real in known and not is_stream(path):
            message = f"{option} {path} is the file of {known[real]}: the second would be written over the first"
            raise UsageError(Diagnostic(message=message, code="write", hint="name another file"))
        known[real] = f"{option} {path}"
