"""Problems that stand on one very long line: what each costs does not grow with the line."""

from pathlib import Path
from typing import Any

import pytest

from buildmatrix.errors import Diagnostic, Place
from buildmatrix.report.diagnostics import text as module
from buildmatrix.report.style import Style
from buildmatrix.spec.toml.source import Sources
from buildmatrix.text import columns, spans

KEYS = [f"key{number:04}" for number in range(500)]
LINE = "x = { " + ", ".join(f'{key} = "日本"' for key in KEYS) + " }\n"


def test_a_long_line_is_looked_through_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[int] = []
    measured: list[int] = []

    def count_spans(text: str, also: Any) -> list[tuple[int, int]]:
        looked.append(len(text))
        return spans(text, also)

    def count_columns(text: str) -> int:
        measured.append(len(text))
        return columns(text)

    monkeypatch.setattr(module, "spans", count_spans)
    monkeypatch.setattr(module, "columns", count_columns)
    sources = Sources(Path("/"), {"f.toml": LINE})
    found = [
        Diagnostic(message=f"about {key}", code="x", place=Place(file="f.toml", pointer=("x", key), part="key"))
        for key in KEYS
    ]
    shown = module.diagnostics_text(found, sources, Style(colour=False))
    assert looked == [len(LINE) - 1]
    assert max(measured) <= 3 * module.NEAR
    lines = shown.splitlines()
    assert len(lines) == 3 * len(KEYS) + 1
    for number, key in enumerate(KEYS):
        head, line, marks = lines[3 * number : 3 * number + 3]
        assert (f"about {key}" in head, columns(line) <= module.WIDEST + 10) == (True, True)
        before = marks.index("^")
        place = next(place for place in range(len(line)) if columns(line[:place]) == before)
        assert line[place:].startswith(key)
        assert marks.strip("| ") == "^" * len(key)


def test_a_command_is_not_broken() -> None:
    """It is copied into a shell, which would run the first line of it alone."""
    command = f"buildmatrix apply {'app ' * 30}--resume"
    one = Diagnostic(message="stopped", code="stopped", hint=f"first do\n{command} builds what is left")
    shown = module.diagnostics_text([one], Sources(Path("/")), Style(colour=False), width=40)
    assert f"  {command} builds what is left" in shown.splitlines()
