"""Diagnostics as a document: `validate --format json`."""

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from buildmatrix.errors import Diagnostic
from buildmatrix.report.diagnostics.places import Places, Spot
from buildmatrix.report.diagnostics.text import in_order, masked
from buildmatrix.spec.rows.document import FORMAT, Document, Of, Version, to_json
from buildmatrix.spec.rows.shapes import Doc, Keyword
from buildmatrix.spec.toml.source import Sources

_AT_LEAST_1 = Keyword("minimum", 1)


class Note(Document):
    """What belongs to a problem, and may be elsewhere."""

    message: Annotated[str, Of(lambda note, _: masked(note[0])), Doc("What is there.")]
    at: Annotated[
        str | None, Of(lambda note, places: masked(places.line(note[1])) if note[1] else None), Doc("As in FILE:LINE.")
    ]


class ProblemFound(Document):
    """An error or a warning; where it is, is null as far as it is not known."""

    severity: Annotated[Literal["error", "warning"], Doc("Whether it is to be mended, or only looked at.")]
    code: Annotated[str, Doc("What kind of problem it is: one of the codes below.")]
    file: Annotated[
        str | None, Of(lambda one, places: masked(_spot(one, places).file) or None), Doc("From the working directory.")
    ]
    line: Annotated[int | None, _AT_LEAST_1, Of(lambda one, places: _spot(one, places).line or None), Doc("From 1.")]
    column: Annotated[
        int | None, _AT_LEAST_1, Of(lambda one, places: _spot(one, places).column or None), Doc("From 1.")
    ]
    end_column: Annotated[
        int | None, _AT_LEAST_1, Of(lambda one, places: _end(_spot(one, places))), Doc("The one behind it.")
    ]
    pointer: Annotated[
        tuple[Any, ...],
        Of(lambda one, _: one.place.pointer if one.place else ()),
        Doc("The way to it in the file: keys, and indices from 0."),
    ]
    message: Annotated[str, Of(lambda one, _: masked(one.message)), Doc("What is wrong.")]
    hint: Annotated[str, Of(lambda one, _: masked(one.hint)), Doc('What to write instead; "" where nothing is known.')]
    notes: Annotated[tuple[Note, ...], Doc("What belongs to it.")]


class DiagnosticsDocument(Document):
    """What is wrong with a file: `validate --format json`."""

    format_version: Annotated[int, Version(2), FORMAT]
    problems: Annotated[
        tuple[ProblemFound, ...], Of(lambda problems, _: problems), Doc("By place; empty: all is well.")
    ]


def diagnostics_json(diagnostics: Iterable[Diagnostic], sources: Sources, *, prefix: str = "") -> str:
    """Return diagnostics as JSON, sorted by place."""
    places = Places(sources, prefix)
    return to_json(DiagnosticsDocument, in_order(diagnostics, places), places)


def _spot(diagnostic: Diagnostic, places: Places) -> Spot:
    return places.spot(diagnostic.place) or Spot(file="")


def _end(spot: Spot) -> int | None:
    return spot.column + spot.width if spot.line and spot.column else None
