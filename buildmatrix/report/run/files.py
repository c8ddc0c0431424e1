"""The report of a run, its kind by the file's ending."""

from collections.abc import Callable, Iterable
from pathlib import PurePath

from buildmatrix.engine.outcome import Outcome
from buildmatrix.errors import Diagnostic, UsageError
from buildmatrix.report.run.about import NOTHING, About

KINDS = (".json", ".xml", ".md", ".html")
"""The endings: the document of `apply --format json`, JUnit, markdown, and a page for people."""


def check_report_names(paths: Iterable[str]) -> None:
    """Raise UsageError, before a run starts, for each file whose ending is none of `KINDS`."""
    if wrong := [_unknown(path) for path in paths if _ending(path) not in KINDS]:
        raise UsageError(*wrong)


def report_text(path: str, outcome: Outcome, about: About = NOTHING) -> str:
    """Return what is to be written to `path`; UsageError if its ending is none of `KINDS`."""
    check_report_names([path])
    return _writer(_ending(path))(outcome, about, path)


def _ending(path: str) -> str:
    return PurePath(path).suffix.lower()


def _unknown(path: str) -> Diagnostic:
    hint = f"end it with {', '.join(KINDS[:-1])} or {KINDS[-1]}"
    return Diagnostic(
        message=f'no report can be written to "{path}": its extension is not that of a report', code="usage", hint=hint
    )


def _writer(ending: str) -> Callable[[Outcome, About, str], str]:
    """Return what writes a kind; only that is imported."""
    if ending == ".json":
        from buildmatrix.report.run.json import run_json

        return lambda outcome, about, _: run_json(outcome, about)
    if ending == ".xml":
        from buildmatrix.report.run.junit import run_junit

        return lambda outcome, about, _: run_junit(outcome, about)
    if ending == ".md":
        from buildmatrix.report.run.text import outcome_markdown

        return lambda outcome, about, _: outcome_markdown(outcome, about)
    from buildmatrix.report.run.html import run_html

    return run_html
