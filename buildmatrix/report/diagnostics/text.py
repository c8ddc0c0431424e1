"""Diagnostics as text with source lines and carets, and as GitHub's annotations."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from buildmatrix.errors import Diagnostic
from buildmatrix.report.diagnostics.places import Places, Spot
from buildmatrix.report.layout import NARROWEST, Span, in_a_line, laid_out, plain, split
from buildmatrix.report.style import Style
from buildmatrix.spec.credentials import assignment
from buildmatrix.spec.toml.source import Sources
from buildmatrix.text import HIDDEN, columns, command, one_line, redacted, spans

ROOM = 88
"""Columns for carets and the hint beside them; a longer hint has lines of its own."""

MINOR = frozenset({"no-output"})
"""Codes of warnings that stand last."""

WIDEST = 160
"""Columns of a source line that are shown; longer ones are cut around the caret."""

NEAR = 4 * WIDEST
"""Signs on each side of the caret that are looked at: there may be many problems on one very long line."""


def diagnostics_text(
    diagnostics: Iterable[Diagnostic], sources: Sources, style: Style, *, prefix: str = "", width: int | None = None
) -> str:
    """Return diagnostics as a person reads them, sorted by place, each once, with a count at the end.

    `prefix` is the way from the working directory to that of the sources; `width` that of the terminal.
    """
    places = Places(sources, prefix)
    ordered = list(_gathered(in_order(diagnostics, places)))
    lines = _Lines()
    blocks = [_block(diagnostic, places, lines, style, width) for diagnostic in ordered]
    return "".join(blocks) + _closing(ordered, places, style)


def in_order(diagnostics: Iterable[Diagnostic], places: Places) -> list[Diagnostic]:
    """Return diagnostics by place, each once; minor ones last."""

    def key(diagnostic: Diagnostic) -> tuple[bool, bool, str, int, int]:
        spot = places.spot(diagnostic.place)
        last = diagnostic.code in MINOR
        return (last, spot is None, spot.file if spot else "", spot.line if spot else 0, spot.column if spot else 0)

    return sorted(dict.fromkeys(diagnostics), key=key)


def _gathered(diagnostics: Sequence[Diagnostic]) -> Iterator[Diagnostic]:
    """Yield diagnostics; beside errors, warnings of a minor kind are one with a count: they would drown the errors."""
    count = Counter(one.code for one in diagnostics if one.code in MINOR)
    alone = all(one.severity != "error" for one in diagnostics)
    said: set[str] = set()
    for one in diagnostics:
        if alone or count[one.code] <= 1:
            yield one
        elif one.code not in said:
            said.add(one.code)
            yield replace(one, message=f"{one.message} (and {count[one.code] - 1} more like it)")


class _Lines:
    """Lines of files, each looked through for secrets once: all problems of a file may stand on one long line."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[str, list[tuple[int, int]]]] = {}

    def without_secrets(self, text: str, start: int, end: int) -> tuple[str, int, int]:
        """Return a line of a file with what is hidden in it as `***`, and where a stretch of it is then."""
        if text not in self._known:
            self._known[text] = _without_secrets(text)
        hidden, found = self._known[text]
        for first, last in found:
            start, end = (_moved(place, first, last) for place in (start, end))
        return hidden, start, end


def _without_secrets(text: str) -> tuple[str, list[tuple[int, int]]]:
    """Return a line with what is hidden in it as `***`, and where that was, from the last on."""
    found = [*reversed(spans(text, assignment()))]
    for first, last in found:
        text = text[:first] + HIDDEN + text[last:]
    return text, found


def _block(diagnostic: Diagnostic, places: Places, known: _Lines, style: Style, width: int | None) -> str:
    spot, hint = places.spot(diagnostic.place), "\n".join(ways(diagnostic))
    paint = style.error if diagnostic.severity == "error" else style.warning
    where: list[Span] = [(_shown(spot.label), style.name), (": ", plain)] if spot and spot.label else []
    head = [*where, (f"{diagnostic.severity}:", paint), (f" {_shown(diagnostic.message)}", plain)]
    lines = laid_out(head, width, "  ")
    lines += _excerpt(spot, known, hint, style, width) if spot and spot.text else _lines_of_hint(hint, style, width)
    notes = [_note(message, places.spot(place)) for message, place in diagnostic.notes]
    lines += [line for note in notes for line in laid_out([(f"  {note}", plain)], width)]
    return "".join(f"{line}\n" for line in lines)


def ways(diagnostic: Diagnostic) -> list[str]:
    """Return the lines that say what to do: the hint, and the command where the hint does not have it."""
    hint, mends = masked(diagnostic.hint), masked(diagnostic.command)
    lines = [one_line(line) for line in hint.split("\n") if line]
    return [*lines, f"run: {one_line(mends)}"] if mends and mends not in hint else lines


def masked(text: str) -> str:
    """Return a text without the credentials that are known or plain to see: they may be at hand before any plan is."""
    return redacted(text, assignment())


def _shown(text: str) -> str:
    return one_line(masked(text))


COMMANDS = ("run: ", "buildmatrix ")
"""What a line begins with that is copied into a shell: it is not broken."""


def _lines_of_hint(hint: str, style: Style, width: int | None) -> list[str]:
    texts = [one_line(line) for line in hint.split("\n") if hint]
    return [
        line
        for text in texts
        for line in laid_out([("  ", plain), (text, style.hint)], None if text.startswith(COMMANDS) else width)
    ]


def _note(message: str, spot: Spot | None) -> str:
    if spot is None:
        return _shown(message)
    where = f"{spot.file}:{spot.line}" if spot.line else spot.file
    return f"{_shown(message)} ({_shown(where)})"


def _excerpt(spot: Spot, known: _Lines, hint: str, style: Style, width: int | None) -> list[str]:
    gutter = max(4, len(str(spot.line)))
    room = max(NARROWEST, width - gutter - 3) if width else WIDEST + 2
    text, start, marked = _shortened(spot, known, min(WIDEST, room - 2))
    bar = style.quiet(" " * gutter + " |")
    before, marks = " " * start, "^" * max(1, marked)
    lines = [f"{style.quiet(f'{spot.line:>{gutter}} |')} {text}"]
    hints = [one_line(line) for line in hint.split("\n") if hint]
    if hints[1:] or len(before) + len(marks) + columns("".join(hints)) > min(ROOM, room - 1):
        lines.append(f"{bar} {before}{style.error(marks)}")
        edge = " " * gutter + " |"
        for one in hints:
            spans: list[Span] = [(edge, style.quiet), ("  ", plain), (one, style.hint)]
            lines += laid_out(spans, width, f"{edge}    ", style.quiet)
    else:
        lines.append(f"{bar} {before}{style.error(marks)} {style.hint(''.join(hints))}".rstrip())
    return lines


def _shortened(spot: Spot, known: _Lines, widest: int) -> tuple[str, int, int]:
    """Return the line as it is shown, the columns before the caret, and its own; long lines are cut on both sides."""
    text, start, end = known.without_secrets(spot.text, spot.column - 1, spot.column - 1 + spot.width)
    begin, stop = max(0, start - NEAR), min(end, start + NEAR)
    parts = text[begin:start], text[start:stop], text[stop : stop + NEAR]
    before, marked, after = map(_untabbed, parts)
    more = stop + NEAR < len(text)
    text, first, last = before + marked + after, columns(before), columns(before + marked)
    if not begin and not more and columns(text) <= widest:
        return text, first, last - first
    cut, rest = split(text, max(0, first + 1 - widest // 3))
    shown, left = split(rest, widest)
    head, tail = "…" if cut or begin else "", "…" if left or more else ""
    moved = columns(head) - columns(cut)
    return head + shown + tail, first + moved, min(last, columns(cut + shown + tail)) - first


def _moved(place: int, first: int, last: int) -> int:
    """Return where a place of a line is when `first` to `last` has become `***`."""
    if place <= first:
        return place
    return first + len(HIDDEN) + max(0, place - last)


def _untabbed(text: str) -> str:
    return one_line(text.replace("\t", " "))


ELSEWHERE = frozenset({"publish", "record", "registry", "shrunk", "tag-moved", "unknown-tag"})
"""Codes of what is wrong in a registry or on another machine: the place in a file says which target it is about."""


def _closing(diagnostics: Sequence[Diagnostic], places: Places, style: Style) -> str:
    errors = [diagnostic for diagnostic in diagnostics if diagnostic.severity == "error"]
    if not errors[1:]:
        return ""
    spots = [places.spot(diagnostic.place) for diagnostic in errors if diagnostic.code not in ELSEWHERE]
    files = list(dict.fromkeys(spot.file for spot in spots if spot and spot.line))
    where = f" in {_shown(files[0])}" if len(files) == 1 else f" in {len(files)} files" if files else ""
    return f"{style.error('error:')} {len(errors)} problems{where}\n"


def diagnostics_github(diagnostics: Iterable[Diagnostic], sources: Sources, *, prefix: str = "") -> str:
    """Return diagnostics as GitHub's workflow commands, which become annotations of the files."""
    places = Places(sources, prefix)
    return "".join(_command(diagnostic, places) for diagnostic in _gathered(in_order(diagnostics, places)))


def _command(diagnostic: Diagnostic, places: Places) -> str:
    spot = places.spot(diagnostic.place)
    properties = {"title": "buildmatrix"}
    if spot:
        properties = {"file": masked(spot.file)} | properties
        if spot.line:
            properties |= {"line": str(spot.line), "col": str(spot.column or "")}
    text = f"{diagnostic.message} ({in_a_line(diagnostic.hint)})" if diagnostic.hint else diagnostic.message
    return command(diagnostic.severity, masked(text), **properties)
