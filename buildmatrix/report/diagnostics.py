"""Diagnostics as text with source lines and carets, as JSON, and as GitHub's annotations."""

import json
import unicodedata
from collections.abc import Iterable, Sequence

from buildmatrix.errors import Diagnostic
from buildmatrix.report.places import Places, Spot
from buildmatrix.report.style import Style
from buildmatrix.spec.source import Sources

ROOM = 88
"""Columns for carets and the hint beside them; a longer hint has lines of its own."""

WIDEST = 160
"""Columns of a source line that are shown; longer ones are cut around the caret."""


def diagnostics_text(diagnostics: Iterable[Diagnostic], sources: Sources, style: Style, *, prefix: str = "") -> str:
    """Return diagnostics as a person reads them, sorted by place, each once, with a count at the end.

    `prefix` is the way from the working directory to that of the sources.
    """
    places = Places(sources, prefix)
    ordered = _sorted(diagnostics, places)
    blocks = [_block(diagnostic, places, style) for diagnostic in ordered]
    return "".join(blocks) + _closing(ordered, places, style)


def _sorted(diagnostics: Iterable[Diagnostic], places: Places) -> list[Diagnostic]:
    def key(diagnostic: Diagnostic) -> tuple[bool, str, int, int]:
        spot = places.spot(diagnostic.place)
        return (spot is None, spot.file if spot else "", spot.line if spot else 0, spot.column if spot else 0)

    return sorted(dict.fromkeys(diagnostics), key=key)


def _block(diagnostic: Diagnostic, places: Places, style: Style) -> str:
    spot = places.spot(diagnostic.place)
    paint = style.error if diagnostic.severity == "error" else style.warning
    where = f"{style.name(spot.label)}: " if spot and spot.label else ""
    text = f"{where}{paint(f'{diagnostic.severity}:')} {diagnostic.message}\n"
    text += _excerpt(spot, diagnostic.hint, style) if spot and spot.text else _lines_of_hint(diagnostic.hint, style)
    return text + "".join(_note(message, places.spot(place)) for message, place in diagnostic.notes)


def _lines_of_hint(hint: str, style: Style) -> str:
    return "".join(f"  {style.hint(line)}\n" for line in hint.splitlines())


def _note(message: str, spot: Spot | None) -> str:
    if spot is None:
        return f"  {message}\n"
    return f"  {message} ({spot.file}:{spot.line})\n" if spot.line else f"  {message} ({spot.file})\n"


def _excerpt(spot: Spot, hint: str, style: Style) -> str:
    text, start, width = _shortened(spot)
    gutter = max(4, len(str(spot.line)))
    bar = style.quiet(" " * gutter + " |")
    before, marks = " " * _columns(text[: start - 1]), "^" * max(1, width)
    lines = [f"{style.quiet(f'{spot.line:>{gutter}} |')} {_untabbed(text)}"]
    hints = hint.splitlines()
    if hints[1:] or len(before) + len(marks) + _columns(hint) > ROOM:
        lines += [f"{bar} {before}{style.error(marks)}", *(f"{bar}  {style.hint(line)}" for line in hints)]
    else:
        lines.append(f"{bar} {before}{style.error(marks)} {style.hint(hint)}".rstrip())
    return "\n".join(lines) + "\n"


def _shortened(spot: Spot) -> tuple[str, int, int]:
    """Return the line, the caret's column in it and its width in columns; long lines are cut on both sides."""
    text, start = spot.text, min(spot.column, len(spot.text) + 1)
    if len(text) > WIDEST:
        left = max(0, start - WIDEST // 3)
        right = left + WIDEST
        head, tail = "…" if left else "", "…" if right < len(text) else ""
        text, start = head + text[left:right] + tail, start - left + len(head)
    marked = text[start - 1 : start - 1 + spot.width]
    return text, start, _columns(marked)


def _untabbed(text: str) -> str:
    return "".join(" " if sign == "\t" else sign if sign.isprintable() else "�" for sign in text)


def _columns(text: str) -> int:
    """Count the terminal columns of a text: wide signs take two, combining ones none."""
    return sum(
        0 if unicodedata.combining(sign) else 2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text
    )


def _closing(diagnostics: Sequence[Diagnostic], places: Places, style: Style) -> str:
    errors = [diagnostic for diagnostic in diagnostics if diagnostic.severity == "error"]
    if not errors[1:]:
        return ""
    spots = [places.spot(diagnostic.place) for diagnostic in errors]
    files = list(dict.fromkeys(spot.file for spot in spots if spot and spot.line))
    where = f" in {files[0]}" if len(files) == 1 else f" in {len(files)} files" if files else ""
    return f"{style.error('error:')} {len(errors)} problems{where}\n"


def diagnostics_json(diagnostics: Iterable[Diagnostic], sources: Sources, *, prefix: str = "") -> str:
    """Return diagnostics as JSON: `{"format_version": 1, "problems": [...]}`, sorted by place."""
    places = Places(sources, prefix)
    found = [_plain(diagnostic, places) for diagnostic in _sorted(diagnostics, places)]
    return json.dumps({"format_version": 1, "problems": found}, indent=2, ensure_ascii=False) + "\n"


def _plain(diagnostic: Diagnostic, places: Places) -> dict[str, object]:
    spot = places.spot(diagnostic.place)
    return {
        "severity": diagnostic.severity,
        "code": diagnostic.code,
        "file": spot.file if spot else None,
        "line": spot.line or None if spot else None,
        "column": spot.column or None if spot else None,
        "end_column": spot.column + spot.width if spot and spot.line else None,
        "pointer": list(diagnostic.place.pointer) if diagnostic.place else [],
        "message": diagnostic.message,
        "hint": diagnostic.hint,
        "notes": [
            {"message": message, "at": places.line(place) if place else None} for message, place in diagnostic.notes
        ],
    }


def diagnostics_github(diagnostics: Iterable[Diagnostic], sources: Sources, *, prefix: str = "") -> str:
    """Return diagnostics as GitHub's workflow commands, which become annotations of the files."""
    places = Places(sources, prefix)
    return "".join(_command(diagnostic, places) for diagnostic in _sorted(diagnostics, places))


def _command(diagnostic: Diagnostic, places: Places) -> str:
    spot = places.spot(diagnostic.place)
    properties = {"title": "buildmatrix"}
    if spot:
        properties = {"file": spot.file} | properties
        if spot.line:
            properties |= {"line": str(spot.line), "col": str(spot.column)}
    listed = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
    text = f"{diagnostic.message} ({diagnostic.hint})" if diagnostic.hint else diagnostic.message
    return f"::{diagnostic.severity} {listed}::{_data(text)}\n"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
