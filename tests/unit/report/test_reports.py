"""Reports of what happened, to the letter."""

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from buildmatrix.build.outcome import Outcome, TargetOutcome
from buildmatrix.build.progress import LogLine, StepEnded
from buildmatrix.errors import BuildFailedError, Diagnostic, Place
from buildmatrix.report.diagnostics import diagnostics_github, diagnostics_json, diagnostics_text
from buildmatrix.report.outcome import outcome_markdown, outcome_text
from buildmatrix.report.progress import Lines
from buildmatrix.report.run_json import run_json
from buildmatrix.report.style import Style
from buildmatrix.spec.source import Sources

TEXT = 'version = 1\n[target.app]\n\ttags = ["é", "日本 x", "c"] # note\n'
PLAIN = Style(colour=False)


def sources() -> Sources:
    return Sources(Path(), {"f.toml": TEXT})


def at(*pointer: str | int) -> Place:
    return Place(file="f.toml", pointer=("target", "app", *pointer))


def test_carets_stand_under_wide_signs_and_behind_tabs() -> None:
    found = diagnostics_text([Diagnostic(message="no", code="x", place=at("tags", 1), hint="why")], sources(), PLAIN)
    assert found == (
        'f.toml:3:15: error: no\n   3 |  tags = ["é", "日本 x", "c"] # note\n     |               ^^^^^^^^ why\n'
    )


def test_sorted_counted_and_each_once() -> None:
    one = Diagnostic(message="later", code="x", place=at("tags", 2))
    two = Diagnostic(message="sooner", code="x", place=at("tags", 0), notes=(("the other", at("tags", 1)),))
    nowhere = Diagnostic(message="nowhere", code="x", severity="warning", hint="a\nb")
    found = diagnostics_text([nowhere, one, two, one], sources(), PLAIN, prefix="../")
    assert [line for line in found.splitlines() if " | " not in line] == [
        "../f.toml:3:10: error: sooner",
        "  the other (../f.toml:3)",
        "../f.toml:3:23: error: later",
        "warning: nowhere",
        "  a",
        "  b",
        "error: 2 problems in ../f.toml",
    ]


def test_colours_only_add() -> None:
    one = Diagnostic(message="no", code="x", place=at("tags"), hint="why")
    plain = diagnostics_text([one], sources(), PLAIN)
    coloured = diagnostics_text([one], sources(), Style(colour=True))
    assert coloured != plain
    import re

    assert re.sub("\033\\[[0-9;]*m", "", coloured) == plain


@given(st.text(max_size=200), st.integers(1, 300))
def test_any_source_line_can_be_shown(line: str, column: int) -> None:
    texts = Sources(Path(), {"f.toml": line})
    place = Place(file="f.toml", line=1, column=column)
    shown = diagnostics_text([Diagnostic(message="no", code="x", place=place)], texts, PLAIN)
    assert "error: no" in shown
    assert all(sign.isprintable() or sign == "\n" for sign in shown)


def test_github_escapes() -> None:
    one = Diagnostic(message="100%\nno", code="x", place=at("tags"), hint="a,b:c")
    assert diagnostics_github([one], sources()) == (
        "::error file=f.toml,title=buildmatrix,line=3,col=9::100%25%0Ano (a,b:c)\n"
    )


def test_json_has_lines_and_columns() -> None:
    one = Diagnostic(message="no", code="x", place=at("tags", 0), notes=(("other", None),))
    (problem,) = json.loads(diagnostics_json([one], sources()))["problems"]
    assert (problem["line"], problem["column"], problem["end_column"]) == (3, 10, 13)
    assert problem["pointer"] == ["target", "app", "tags", 0]


def outcome() -> Outcome:
    def target(name: str, status: str, **more: object) -> TargetOutcome:
        values = {"declared": name, "exported": True, "platforms": ("linux/amd64",), "tags": (), **more}
        return TargetOutcome(name=name, status=status, **values)  # type: ignore[arg-type]

    return Outcome(
        targets=(
            target("base", "cached", exported=False),
            target("app", "built", tags=("r/app:1", "r/app:2"), seconds=12.4, digest="sha256:" + "a" * 64),
            target("bad", "failed", seconds=3.1, failed_step="2/2 RUN false", excerpt="why\nbecause"),
        ),
        seconds=58.0,
        metadata={},
        problem=BuildFailedError(Diagnostic(message="bad failed", code="failed")),
    )


def test_the_summary() -> None:
    assert outcome_text(outcome(), PLAIN) == (
        "\n"
        "  base  cached            (built upon)\n"
        "  app   built      12.4s  r/app:1  sha256:aaaaaaaaaaaa  linux/amd64\n"
        "                          r/app:2\n"
        "  bad   failed      3.1s  linux/amd64\n"
        "\n"
        "> bad: 2/2 RUN false\n"
        "  why\n"
        "  because\n"
        "\n"
        "1 built, 1 cached, 1 failed in 58.0s\n"
    )


def test_the_summary_for_machines_and_for_github() -> None:
    document = json.loads(run_json(outcome()))
    assert [target["status"] for target in document["targets"]] == ["cached", "built", "failed"]
    assert document["problem"] == ["bad failed"]
    assert "| app | built | linux/amd64 | `r/app:1`<br>`r/app:2` | `sha256:aaaaaaaaaaaa` | 12.4s |" in outcome_markdown(
        outcome()
    )


def test_lines_while_it_runs() -> None:
    written: list[str] = []
    lines = Lines(["app", "base"], PLAIN, written.append)
    lines(LogLine(target="app", at="linux/amd64 2/2", text="hello"))
    lines(StepEnded(target="base", at="2/2", step="RUN a\nb", seconds=1.25, cached=False, error=""))
    lines(StepEnded(target="base", at="", step="x" * 200, seconds=0, cached=True, error=""))
    lines(StepEnded(target="app", at="2/2", step="RUN c", seconds=1, cached=False, error="exit code: 1"))
    assert written == [
        "app   linux/amd64 | hello\n",
        "base  2/2 RUN a b  1.2s\n",
        f"base  {'x' * 99}…  cached\n",
        "app   2/2 RUN c  failed 1.0s\n",
    ]
