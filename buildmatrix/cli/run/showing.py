"""How a run is shown while it goes on, and what GitHub is told at its end."""

import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext

from buildmatrix.build.logs import Logs
from buildmatrix.cli.output import behind, say, say_wide
from buildmatrix.cli.run.github import OUTPUT, SUMMARY, appended, on_github, told_to
from buildmatrix.cli.session import Session
from buildmatrix.engine.outcome import Finding, Outcome
from buildmatrix.engine.preflight import Engine
from buildmatrix.engine.progress.events import Listener
from buildmatrix.errors import Diagnostic, Severity
from buildmatrix.files import read_regular
from buildmatrix.pipeline.run.job import Job
from buildmatrix.publish.staging import held_back
from buildmatrix.report.live.lines import Lines, Passed
from buildmatrix.report.live.rows import Rows
from buildmatrix.report.run.about import NOTHING, About
from buildmatrix.text import clean, json_safe, one_line, redacted

MOST_LOGGED = 1 << 30
"""The largest log that is shown again, in bytes."""


def logs_of(log_dir: str | None, stack: ExitStack, root: str) -> Logs | None:
    """Return what writes the logs: where it was asked to, and for GitHub in a temporary directory."""
    if log_dir is None and not on_github():
        return None
    folder = log_dir or stack.enter_context(tempfile.TemporaryDirectory(prefix="buildmatrix-logs-"))
    logs = Logs(folder, root, lasting=log_dir is not None)
    stack.callback(logs.close)
    return logs


class Screen:
    """Shows a run: what there is to say before it on standard error, then a board on a terminal, lines elsewhere."""

    def __init__(self, here: Session, job: Job) -> None:
        self._here, self._job = here, job

    def warn(self, found: Iterable[Diagnostic]) -> None:
        """Show warnings."""
        self._here.warn(found)

    def note(self, text: str) -> None:
        """Show a text on one line, from any thread."""
        say(f"{one_line(text)}\n", err=True)

    def begin(self, engine: Engine, first: str) -> AbstractContextManager[Listener]:
        """Show that the run begins, and return who shows it while it goes on."""
        style, jobs = self._here.style(error=True), self._job.policy.jobs
        nodes, part = _several(engine.builder.nodes, "node"), self._job.part
        targets = _several(part.wanted, "build") if part else _several(self._job.asked.targets, "target")
        at_once = f" · {jobs} at a time" if jobs else ""
        builder = f'builder "{one_line(engine.builder.name)}" ({nodes})'
        say(f"{style.name('buildmatrix apply')} · {targets} · {builder}{at_once}\n", err=True)
        if first:
            say_wide(one_line(first), style.quiet)
        return self._listener()

    def _listener(self) -> AbstractContextManager[Listener]:
        policy, plan, logs = self._job.policy, self._job.plan, self._job.logs
        if policy.options.progress != "auto":
            fit = json_safe if policy.options.progress == "rawjson" else clean
            return nullcontext(Passed(lambda text: say(text, err=True), fit))
        waits = {target.name: (*target.depends_on, *target.needs) for target in plan.targets}
        rows = Rows(waits, held_back(plan, policy))
        style = self._here.style(error=True)
        if sys.stderr.isatty() and os.environ.get("TERM") != "dumb" and not on_github():
            from buildmatrix.report.live.board import Board

            return Board(rows, behind(sys.stderr), lambda: logs.trouble if logs else "", colour=style.colour)
        return Lines(rows, style, lambda text: say(text, err=True), _log_lines(logs) if logs and on_github() else None)


def _several(things: Sequence[object], what: str) -> str:
    return f"{len(things)} {what}{'s' if len(things) != 1 else ''}"


def _log_lines(logs: Logs) -> Callable[[str], Iterable[str]]:
    def read(name: str) -> Iterable[str]:
        logs.flush(name)
        path = logs.path(name)
        if not path:
            return []
        return read_regular(path, MOST_LOGGED, own=True).decode(errors="replace").splitlines(keepends=True)

    return read


def _annotation(finding: Finding) -> Diagnostic:
    hint = ", ".join(part for part in (finding.rule, finding.url) if part)
    severity: Severity = "warning" if finding.rule else "error"
    return Diagnostic(message=finding.message, code="check", place=finding.place, hint=hint, severity=severity)


def annotate(outcome: Outcome, run: Session, failures: Iterable[Diagnostic]) -> None:
    """Give GitHub what failed, what checks found and what builds warned of, as annotations of the Dockerfiles."""
    checked = [finding for target in outcome.targets for finding in target.findings]
    failed = [problem for problem in failures if not (checked and problem.code == "check")]
    found = [*failed, *map(_annotation, (*checked, *outcome.warnings))]
    if found and on_github():
        from buildmatrix.report.diagnostics.text import diagnostics_github

        say(diagnostics_github(found, run.sources, prefix=run.way_from_root), err=True)


def tell_github(outcome: Outcome, about: About = NOTHING) -> Iterator[Diagnostic]:
    """Give the run to GitHub: the step's summary as markdown, and its outputs `digests` and `tags`, JSON by target.

    Yields what could not be written.
    """
    files = told_to()
    if not files:
        return
    from buildmatrix.report.run.text import outcome_markdown

    digests = {target.target: target.index or target.digest for target in outcome.targets if target.digest}
    tags = {target.target: list(target.tags) for target in outcome.targets if target.tags}
    told = {
        SUMMARY: redacted(outcome_markdown(outcome, about)),
        OUTPUT: f"digests={json.dumps(digests)}\ntags={json.dumps(tags)}\n",
    }
    for name, path in files.items():
        yield from appended(name, path, told[name])
