"""The report of a run, its kind by the file's ending."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from importlib import import_module
from pathlib import PurePath

from buildmatrix.engine.outcome import Outcome
from buildmatrix.errors import Diagnostic, UsageError
from buildmatrix.report.run.about import NOTHING, About

KINDS = {
    ".json": ("json", "run_json"),
    ".xml": ("junit", "run_junit"),
    ".md": ("text", "outcome_markdown"),
    ".html": ("html", "run_html"),
}
"""By its ending, the module beside this one and the function that writes a report; only that is imported."""


def check_report_names(paths: Iterable[str]) -> None:
    """Raise UsageError, before a run starts, for each file whose ending is none of `KINDS`."""
    if wrong := [_unknown(path) for path in paths if _ending(path) not in KINDS]:
        raise UsageError(*wrong)


def report_text(path: str, outcome: Outcome, about: About = NOTHING) -> str:
    """Return what is to be written to `path`; UsageError if its ending is none of `KINDS`."""
    check_report_names([path])
    module, function = KINDS[_ending(path)]
    write: Callable[[Outcome, About], str] = getattr(import_module(f"{__package__}.{module}"), function)
    return write(outcome, replace(about, page=path))


def _ending(path: str) -> str:
    return PurePath(path).suffix.lower()


def _unknown(path: str) -> Diagnostic:
    *others, last = KINDS
    hint = f"end it with {', '.join(others)} or {last}"
    return Diagnostic(
        message=f'no report can be written to "{path}": its extension is not that of a report', code="usage", hint=hint
    )
