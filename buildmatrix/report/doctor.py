"""What the doctor found: as text, and as a document for programs."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Annotated

from buildmatrix.engine.checks.examined import Examined, Finding, Status
from buildmatrix.errors import Diagnostic
from buildmatrix.report.diagnostics.json import ProblemFound
from buildmatrix.report.diagnostics.places import Places
from buildmatrix.report.diagnostics.text import masked, ways
from buildmatrix.report.layout import Span, laid_out, plain
from buildmatrix.report.run.words import counted
from buildmatrix.report.style import Style
from buildmatrix.spec.rows.document import FORMAT, Document, Of, Version, to_json
from buildmatrix.spec.rows.shapes import Doc
from buildmatrix.spec.toml.source import Sources
from buildmatrix.text import one_line


class TroubleFound(ProblemFound):
    """What is in the way, or may be."""

    command: Annotated[
        str | None, Of(lambda one, _: masked(one.command) or None), Doc("What mends it, typed as it stands.")
    ]


class CheckOfDoctor(Document):
    """A check, and what it found."""

    name: Annotated[str, Doc("Which one: docker, buildx, engine, registries.")]
    status: Annotated[
        Status,
        Doc("unknown: it could not be asked, which says nothing of it; skipped: there is no plan to look at."),
    ]
    words: Annotated[str, Of(lambda one, _: masked(one.words)), Doc("What there is, or why that is not known.")]
    problems: Annotated[tuple[TroubleFound, ...], Doc("What is wrong, or may be.")]


class DoctorDocument(Document):
    """What is in the way of a build: `doctor --format json`."""

    format_version: Annotated[int, Version(1), FORMAT]
    checks: Annotated[tuple[CheckOfDoctor, ...], Of("findings"), Doc("All checks, in their order.")]


def doctor_json(found: Examined, sources: Sources, *, prefix: str = "") -> str:
    """Return what was found as JSON."""
    return to_json(DoctorDocument, found, Places(sources, prefix))


def doctor_text(found: Examined, sources: Sources, style: Style, *, prefix: str = "", width: int | None = None) -> str:
    """Return what was found: a line for each check, below it what is wrong and what mends it; a count at the end."""
    places, wide = Places(sources, prefix), max(len(one.name) for one in found.findings) + 2
    lines = [line for one in found.findings for line in _lines(one, places, style, wide, width)]
    return "".join(f"{line}\n" for line in [*lines, "", _total(found.findings)])


FILE = "file"
"""The finding that is no check: what there is to plan."""

WIDE = len("warning") + 2
"""Columns of the status."""


def _lines(one: Finding, places: Places, style: Style, wide: int, width: int | None) -> Iterator[str]:
    margin = " " * (WIDE + wide)
    head: list[Span] = [(one.status.ljust(WIDE), _paint(one.status, style)), (one.name.ljust(wide), style.name)]
    told: list[tuple[str, Diagnostic | None]] = [(one_line(masked(one.words)), None)] if one.words else []
    problems = () if one.name == FILE else one.problems  # those are told with their lines
    told += [(_message(problem, places), problem) for problem in problems]
    for text, problem in told or [("", None)]:
        yield from laid_out([*head, (text, plain)], width, margin)
        yield from _ways(problem, style, margin, width) if problem else ()
        head = [(margin, plain)]


def _message(problem: Diagnostic, places: Places) -> str:
    spot = places.spot(problem.place)
    where = f"{spot.label}: " if spot and spot.label else ""
    return one_line(masked(f"{where}{problem.message}"))


def _ways(problem: Diagnostic, style: Style, margin: str, width: int | None) -> Iterator[str]:
    """Yield the lines that say what to do: the hint, and the command where the hint does not have it."""
    for text in ways(problem):
        yield from laid_out([(f"{margin}  ", plain), (text, style.hint)], width, f"{margin}    ")


def _paint(status: Status, style: Style) -> Callable[[str], str]:
    paints: dict[Status, Callable[[str], str]] = {"ok": style.good, "error": style.error, "warning": style.warning}
    return paints.get(status, style.quiet)


def _total(findings: Sequence[Finding]) -> str:
    count = Counter(one.status for one in findings)
    bad = [counted(count[status], status) for status in ("error", "warning") if count[status]]
    rest = [f"{count[status]} {status}" for status in ("unknown", "skipped") if count[status]]
    return f"{counted(len(findings), 'check')}: {', '.join([*bad, *rest]) or 'all is well'}"
