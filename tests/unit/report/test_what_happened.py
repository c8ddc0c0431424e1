"""Reports of what happened, to the letter."""

import io
import json
import re
import threading
from collections.abc import Callable
from dataclasses import replace
from itertools import cycle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from buildmatrix.engine.outcome import BuildOutcome, Finding, Kind, Leftover, Outcome, Pin, Status, StepOutcome
from buildmatrix.engine.progress.events import (
    Event,
    Line,
    LogLine,
    Pushing,
    Retrying,
    Shared,
    StepStarted,
    TargetDone,
    TargetEnded,
    TargetStarted,
    Warned,
)
from buildmatrix.errors import BuildFailedError, Diagnostic, Place
from buildmatrix.report.diagnostics.json import diagnostics_json
from buildmatrix.report.diagnostics.text import diagnostics_github, diagnostics_text
from buildmatrix.report.live.board import Board
from buildmatrix.report.live.lines import Lines, Passed
from buildmatrix.report.live.rows import Rows
from buildmatrix.report.plan.text import plan_text
from buildmatrix.report.run.html import run_html
from buildmatrix.report.run.json import run_json
from buildmatrix.report.run.text import outcome_markdown, outcome_text
from buildmatrix.report.style import Style
from buildmatrix.spec.toml.source import Sources
from buildmatrix.text import columns, terminal
from tests import plans

TEXT = 'version = 1\n[target.app]\n\ttags = ["é", "日本 x", "c"] # note\n'
PLAIN = Style(colour=False)


def sources() -> Sources:
    return Sources(Path(), {"f.toml": TEXT})


def at(*pointer: str | int) -> Place:
    return Place(file="f.toml", pointer=("target", "app", *pointer))


def test_the_command_that_mends_it_is_said_unless_the_hint_has_it() -> None:
    one = Diagnostic(message="no", code="x", hint="see b", command="a b")
    assert diagnostics_text([one], sources(), PLAIN) == "error: no\n  see b\n  run: a b\n"
    assert diagnostics_text([replace(one, hint="the command: a b")], sources(), PLAIN).count("a b") == 1


@pytest.mark.parametrize("status", ["built", "unchanged"])
def test_tags_stand_in_one_column(status: Status, make_target: Callable[..., BuildOutcome]) -> None:
    targets = (
        make_target("app", status, tags=("r/app:1", "r/app:2"), digest="sha256:1"),
        make_target("b", tags=("r/b:1", "r/b:2"), digest="sha256:2"),
    )
    lines = outcome_text(Outcome(targets=targets, seconds=1.0), PLAIN).splitlines()
    columns_of_tags = {line.index("r/") for line in lines if "r/" in line}
    assert (len(columns_of_tags), sum("r/" in line for line in lines)) == (1, 4)


@pytest.mark.parametrize(("tags", "shown"), [(("r/app:1",), "index"), ((), "part")])
def test_a_tag_stands_beside_the_digest_that_it_points_at(
    tags: tuple[str, ...], shown: str, make_target: Callable[..., BuildOutcome]
) -> None:
    """That of a part is one of its own; where no tag moved, nothing else is known."""
    digests = {"digest": f"sha256:{'a' * 64}", "index": f"sha256:{'b' * 64}"}
    target = make_target("app@linux/arm64", tags=tags, **digests)
    outcome = Outcome(targets=(target,), seconds=1.0)
    for text in (outcome_text(outcome, PLAIN), outcome_markdown(outcome)):
        assert (f"sha256:{'b' * 12}" in text) == (shown == "index")
        assert (f"sha256:{'a' * 12}" in text) == (shown == "part")


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


def test_what_is_wrong_in_a_registry_is_not_wrong_in_the_file() -> None:
    found = [Diagnostic(message=f"tag {number} moved", code="publish", place=at("tags", number)) for number in (0, 1)]
    assert diagnostics_text(found, sources(), PLAIN).splitlines()[-1] == "error: 2 problems"


def test_colours_only_add() -> None:
    one = Diagnostic(message="no", code="x", place=at("tags"), hint="why")
    plain = diagnostics_text([one], sources(), PLAIN)
    coloured = terminal(diagnostics_text([one], sources(), Style(colour=True)))
    assert coloured != plain
    assert re.sub("\033\\[[0-9;]*m", "", coloured) == plain


@given(st.text(max_size=200), st.integers(1, 300), st.sampled_from([None, 40, 80]))
def test_any_source_line_can_be_shown(line: str, column: int, width: int | None) -> None:
    texts = Sources(Path(), {"f.toml": line})
    place = Place(file="f.toml", line=1, column=column)
    shown = diagnostics_text([Diagnostic(message="no", code="x", place=place)], texts, PLAIN, width=width)
    assert "error: no" in shown
    assert terminal(shown) == shown


@given(st.text(st.characters(codec="ascii"), max_size=200), st.integers(1, 300), st.text(max_size=200))
def test_messages_keep_the_width_of_a_terminal(line: str, column: int, words: str) -> None:
    place = Place(file="f.toml", line=1, column=column)
    one = Diagnostic(message=words, code="x", place=place, hint=words, notes=((words, place),))
    for width in (40, 80):
        shown = diagnostics_text([one], Sources(Path(), {"f.toml": line}), PLAIN, width=width)
        assert not [text for text in shown.split("\n") if columns(text) > width]
        assert all(text.startswith(("f.toml:1:", "  ")) for text in shown.split("\n") if text)


def test_github_escapes() -> None:
    one = Diagnostic(message="100%\nno", code="x", place=at("tags"), hint="a,b:c")
    assert terminal(diagnostics_github([one], sources())) == (
        "::error file=f.toml,title=buildmatrix,line=3,col=9::100%25%0Ano (a,b:c)\n"
    )


def test_json_has_lines_and_columns() -> None:
    one = Diagnostic(message="no", code="x", place=at("tags", 0), notes=(("other", None),))
    (problem,) = json.loads(diagnostics_json([one], sources()))["problems"]
    assert (problem["line"], problem["column"], problem["end_column"]) == (3, 10, 13)
    assert problem["pointer"] == ["target", "app", "tags", 0]


def outcome() -> Outcome:
    def target(name: str, status: str, **more: object) -> BuildOutcome:
        values = {"declared": name, "exported": True, "platforms": ("linux/amd64",), "tags": (), **more}
        return BuildOutcome(name=name, target=name, status=status, **values)  # type: ignore[arg-type]

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
        "  base  cached            (dependency)\n"
        "  app   built      12.4s  r/app:1  sha256:aaaaaaaaaaaa  linux/amd64\n"
        "                          r/app:2\n"
        "  bad   failed      3.1s\n"
        "\n"
        "> bad: 2/2 RUN false\n"
        "  why\n"
        "  because\n"
        "\n"
        "1 built, 1 cached, 1 failed in 58.0s\n"
    )


def test_what_is_left_in_a_registry_is_one_line_with_the_reason() -> None:
    def said(number: int, kind: Kind, *reasons: str) -> list[str]:
        tags = [f"localhost:5000/app:{index}" for index in range(number)]
        left = [Leftover(tag=tag, kind=kind, because=why) for tag, why in zip(tags, cycle(reasons), strict=False)]
        text = outcome_text(replace(outcome(), left_behind=tuple(left)), PLAIN)
        return [line for line in text.splitlines() if line.startswith("left behind")]

    again, why = "which the next run uses again", "the registry refuses to delete tags"
    assert said(10, "reused", why) == [f"left behind in localhost:5000: 10 staging tags, {again}: {why}"]
    assert said(4, "staging", "a", "b") == ["left behind in localhost:5000: 4 staging tags: a (and 1 more reason)"]
    both = "localhost:5000/app:0, localhost:5000/app:1"
    assert said(2, "reused", why) == [f"left behind: {both} (staging tags, {again}): {why}"]
    assert said(1, "staging", why) == [f"left behind: localhost:5000/app:0 (a staging tag): {why}"]
    assert len(said(9, "stuck", "")) == 9
    assert said(1, "stuck", "") == ["left behind: localhost:5000/app:0 (moved, and could not be moved back)"]


@pytest.mark.parametrize("width", [40, 80])
def test_the_summary_keeps_the_width_of_a_terminal(width: int) -> None:
    first, app, bad = outcome().targets
    long = replace(
        app, name="a-rather-long-name-of-a-service-3-12-bookworm", tags=("r.example/some/long/name:1.2.3",) * 3
    )
    failed = replace(bad, name="worse", excerpt="x" * 200, reason="it is so bad " * 20, log="logs/some/where/worse.log")
    left = (Leftover(tag="r.example/app:buildmatrix-staging-app", kind="reused", because="why " * 9),)
    whole = replace(outcome(), targets=(first, long, bad, failed), left_behind=left, publish="said at length " * 9)
    text = outcome_text(whole, PLAIN, width=width)
    assert not [line for line in text.splitlines() if columns(line) > width]
    starts = {line.split()[0] for line in text.splitlines() if line and not line.startswith(" ")}
    assert starts == {">", "left", "1"}
    assert "".join(text.split()).count("r.example/some/long/name:1.2.3") == 3
    assert "".join(text.split()).count("x") > 200
    wide = outcome_text(whole, PLAIN).splitlines()
    assert f"  {'x' * 200}" in wide


def test_a_long_reason_is_told_by_its_end_on_a_terminal_and_whole_in_a_pipe() -> None:
    bad = replace(outcome().targets[2], reason="r/nope:1: " * 20 + "not found", excerpt="")
    failed = replace(outcome(), targets=(bad,))
    piped = outcome_text(failed, PLAIN)
    assert f"  bad  failed      3.1s  {bad.reason}\n" in piped
    assert piped.count("not found") == 1
    row = " ".join(outcome_text(failed, PLAIN, width=80).partition("> bad")[0].split())
    assert "…" in row
    assert row.endswith("r/nope:1: not found")


def test_the_same_failure_is_shown_once_for_all_whose_it_is() -> None:
    bad = outcome().targets[2]
    failed = replace(outcome(), targets=(bad, replace(bad, name="worse"), replace(bad, name="other", excerpt="else")))
    shown = outcome_text(failed, PLAIN)
    assert shown.count("because") == 1
    assert "> bad, worse: 2/2 RUN false\n" in shown
    assert "> other: 2/2 RUN false\n" in shown


def test_what_github_has_as_an_annotation_is_counted_only() -> None:
    url = "https://docs.docker.com/go/dockerfile/rule/from-as-casing/"
    finding = Finding(rule="FromAsCasing", message="casing", url=url, file="Dockerfile", line=1)
    warned = replace(outcome(), warnings=(finding,))
    assert "Dockerfile:1: warning: casing" in outcome_text(warned, PLAIN)
    shown = outcome_text(warned, PLAIN, annotated=True)
    assert "casing" not in shown
    assert ", 1 warning" in shown
    assert f"- Dockerfile:1: casing (FromAsCasing) `{url}`" in outcome_markdown(warned)
    other = replace(warned, warnings=(replace(finding, url="https://example.com/x"),))
    assert "https://example.com" not in outcome_markdown(other)


def test_beside_errors_targets_without_an_output_are_one_warning_and_last() -> None:
    minor = [
        Diagnostic(message=f"{name} has no output", code="no-output", severity="warning", place=at("tags", 0))
        for name in ("a", "b", "c")
    ]
    error = Diagnostic(message="wrong", code="x", place=at("tags", 2))
    lines = diagnostics_text([*minor, error], sources(), PLAIN).splitlines()
    assert [line.partition(": ")[2] for line in lines if line.startswith("f.toml")] == [
        "error: wrong",
        "warning: a has no output (and 2 more like it)",
    ]
    assert diagnostics_text(minor, sources(), PLAIN).count("has no output") == 3


def test_states_never_go_back_and_what_waits_says_for_what() -> None:
    rows = Rows({"base": (), "app": ("base",)})
    base, app = rows.by_name["base"], rows.by_name["app"]
    assert (rows.waits_for(app), rows.waits_for(base)) == ("for base", "for its turn")
    seen = []
    for event in (
        TargetStarted(target="base", attempt=1),
        StepStarted(target="base", at="", step="exporting to image"),
        Pushing(target="base"),
        StepStarted(target="base", at="", step="exporting cache to registry"),
        StepStarted(target="base", at="linux/amd64 2/2", step="RUN a"),
        TargetDone(target="base", ran=True, seconds=1.0),
    ):
        rows.note(event)
        seen.append(base.state)
    assert seen == ["building", "exporting", "pushing", "pushing", "pushing", "built"]
    assert rows.waits_for(app) == "for its turn"
    rows.note(TargetStarted(target="app", attempt=1))
    rows.note(Shared(target="app", whose="other", at="linux/amd64 1/3", step="RUN a", runs=True))
    assert app.doing == "1/3 with other: RUN a"


def test_the_board_cuts_names_where_they_are_alike() -> None:
    names = [f"service-with-a-really-long-name-py{number}-alpine" for number in range(20)]
    board = Board(Rows(dict.fromkeys(names, ())), io.StringIO())
    for name in names:
        board(TargetStarted(target=name, attempt=1))
    screen = io.StringIO()
    Console(file=screen, width=80, height=24, color_system=None).print(board)
    rows = screen.getvalue().splitlines()[:-1]
    assert len({row[:34] for row in rows}) == 20
    assert "  service-wi…long-name-py19-alpine  building" in rows[-1]


def test_the_summary_for_machines_and_for_github() -> None:
    document = json.loads(run_json(outcome()))
    assert [target["status"] for target in document["targets"]] == ["cached", "built", "failed"]
    assert document["problems"] == ["bad failed"]
    row = "| `app` | built | linux/amd64 | `r/app:1`<br>`r/app:2` | `sha256:aaaaaaaaaaaa` | 12.4s |"
    assert row in outcome_markdown(outcome())


def events() -> list[Event]:
    good = BuildOutcome(
        name="base",
        target="base",
        declared="base",
        status="built",
        exported=True,
        platforms=(),
        tags=(),
        seconds=1.25,
        digest="sha256:" + "a" * 64,
        steps=(StepOutcome(at="2/2", text="RUN a", started=0, seconds=1),),
    )
    reason = 'process "/bin/sh -c c" did not\ncomplete ' + "x" * 100
    return [
        TargetStarted(target="app", attempt=1),
        StepStarted(target="app", at="linux/amd64 2/4", step="RUN a\nb"),
        LogLine(target="app", at="linux/amd64 2/4", text="hello"),
        Retrying(target="app", attempt=1, problem="429", seconds=2.2),
        TargetStarted(target="app", attempt=2),
        TargetEnded(outcome=good),
        TargetEnded(outcome=replace(good, name="app", status="failed", reason=reason, digest="")),
    ]


def test_lines_while_it_runs() -> None:
    written: list[str] = []
    lines = Lines(Rows({"app": (), "base": ()}), PLAIN, written.append)
    for event in events():
        lines(event)
    whole = 'process "/bin/sh -c c" did not complete ' + "x" * 100
    assert written == [
        "app   started\n",
        "app   attempt 1 failed: 429; again in 2s\n",
        "app   started (attempt 2)\n",
        "base  built 1.2s sha256:aaaaaaaaaaaa\n",
        f"app   failed 1.2s {whole}\n",
    ]


def test_github_gets_the_log_in_a_group() -> None:
    written: list[str] = []
    lines = Lines(Rows({"base": ()}), PLAIN, written.append, lambda name: [f"log of {name}\n", "::error::\x1b[31mno\n"])
    lines(events()[5])
    first, stop, *log, go_on, last = terminal("".join(written)).splitlines()
    assert first == "::group::base  built 1.2s sha256:aaaaaaaaaaaa"
    assert log == ["log of base", ":\\:error::no"]
    assert last == "::endgroup::"
    word = stop.removeprefix("::stop-commands::")
    assert len(word) == 32
    assert go_on == f"::{word}::"


def test_what_is_written_is_said_at_once_and_not_again() -> None:
    written: list[str] = []
    lines = Lines(Rows({"base": ()}, held={"base"}), PLAIN, written.append)
    lines(TargetStarted(target="base", attempt=1))
    lines(TargetDone(target="base", ran=True, seconds=1.25, digest="sha256:" + "a" * 64))
    lines(events()[5])
    assert written == ["base  started\n", "base  built 1.2s sha256:aaaaaaaaaaaa, tags wait\n"]


def test_what_runs_is_said_after_a_silence() -> None:
    now = 0.0
    written: list[str] = []
    rows = Rows(dict.fromkeys(["app", "base", *(f"t{number}" for number in range(5))], ()), clock=lambda: now)
    lines = Lines(rows, PLAIN, written.append, every=30)
    lines(TargetStarted(target="app", attempt=1))
    lines(StepStarted(target="app", at="linux/amd64 2/4", step="RUN make all"))
    lines(LogLine(target="app", at="linux/amd64 2/4", text="10 %\r20 % \x1b[32mgcc -c a.c\x1b[0m"))
    lines(LogLine(target="app", at="linux/amd64 2/4", text=""))
    now = 10.0
    lines.remind()
    assert written == ["app   started\n"]
    now = 75.0
    lines(TargetStarted(target="base", attempt=1))
    lines.remind()
    assert written[2:] == ["app   building 1:15, linux/amd64 2/4 RUN make all: 20 % gcc -c a.c\n"]
    now = 105.0
    for number in range(5):
        lines(TargetStarted(target=f"t{number}", attempt=1))
    now = 135.0
    written.clear()
    lines.remind()
    assert written[-2:] == ["t2    building 30.0s\n", "0 of 7 done, 7 at work\n"]


def test_a_run_is_never_silent_for_long() -> None:
    heard = threading.Event()
    written: list[str] = []

    def write(text: str) -> None:
        written.append(text)
        heard.set()

    with Lines(Rows({"app": ()}), PLAIN, write, every=0.01):
        assert heard.wait(60)
    assert written[0] == "0 of 1 done, 0 at work\n"


def test_the_board_shows_the_step_and_its_last_line() -> None:
    board = Board(Rows({"app": ("base",), "other": ("app",)}), io.StringIO())
    for event in events()[:3]:
        board(event)
    board(Warned(target="app", rule="R", message="m", line=1))
    board(Warned(target="other", rule="R", message="m", line=1, again=True))

    def drawn(width: int) -> list[str]:
        screen = io.StringIO()
        Console(file=screen, width=width, height=24, color_system=None).print(board)
        return [re.sub(r" +[0-9.]+s ", " ", line).rstrip() for line in screen.getvalue().splitlines()]

    assert drawn(80)[:2] == [
        "  app    building    2/4  hello",
        "  other  waiting                   for app",
    ]
    assert drawn(120)[0] == "  app    building    2/4  RUN a b  hello"
    assert "1 warning" in drawn(80)[-1]


def test_buildx_own_lines_are_passed_on_and_nothing_else() -> None:
    written: list[str] = []
    lines = Passed(written.append)
    for event in [*events(), Line(text="#1 DONE")]:
        lines(event)
    assert written == ["#1 DONE\n"]


@pytest.mark.parametrize(("height", "hidden"), [(24, ""), (7, "… and 1 built, 15 waiting")])
def test_the_board_shows_what_tells_most(height: int, hidden: str) -> None:
    names = ["app", "base", *(f"other-{number}" for number in range(18))]
    screen = io.StringIO()
    board = Board(Rows(dict.fromkeys(names, ())), screen)
    for event in events():
        board(event)
    console = Console(file=screen, width=80, height=height, color_system=None)
    console.print(board)
    lines = screen.getvalue().splitlines()
    assert "  app       failed       1.2s" in screen.getvalue()
    assert [line.strip() for line in lines if line.strip().startswith("…")] == ([hidden] if hidden else [])
    assert "2 of 20" in lines[-1]
    assert all(len(line) <= 80 for line in lines)
    assert len(lines) <= height


@given(st.lists(st.sampled_from(events()), max_size=20))
def test_the_board_takes_events_in_any_order(some: list[Event]) -> None:
    screen = io.StringIO()
    board = Board(Rows({"app": ("base",), "base": ()}), screen)
    for event in some:
        board(event)
    Console(file=screen, width=40, height=10).print(board)
    assert "of 2" in screen.getvalue()


def test_external_images_are_in_the_page_and_in_the_summary_for_github() -> None:
    digest = f"sha256:{'a' * 64}"
    pins = (
        Pin(name="debian:12", targets=("app",), digest=digest, origin="lock"),
        Pin(name="x|y:1", targets=("app",), reason="it <is> gone"),
    )
    found = replace(outcome(), pins=pins)
    markdown, page = outcome_markdown(found), run_html(found)
    assert f"<summary>2 external images</summary>\n\n- `debian:12` `{digest}`" in markdown
    assert "not pinned: it" in markdown
    assert "<is>" not in markdown
    assert digest in page
    assert "not pinned: it &lt;is&gt; gone" in page
    assert "external image" not in outcome_markdown(outcome())
    assert 'id="images"' not in run_html(outcome())


def test_the_plan_shows_some_of_many_external_images() -> None:
    pins = {f"image{number:02}:1": f"sha256:{'a' * 64}" for number in range(20)}
    plan = plans.plan(plans.target(), pins=pins)
    few, every = (plan_text(plan, Style(colour=False), all_cells=each) for each in (False, True))
    assert "  image07:1  sha256:aaaaaaaaaaaa\n  … 12 more external images (--all shows them)\n" in few
    assert "  image19:1  sha256:aaaaaaaaaaaa\n" in every
