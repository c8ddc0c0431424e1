"""A run's reports in JSON, JUnit, markdown and HTML: what they say, and that no text breaks them."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema
import pytest

from buildmatrix.engine.outcome import Attempt, BuildOutcome, Finding, Outcome, StepOutcome
from buildmatrix.errors import BuildFailedError, Diagnostic, StoppedError, UsageError
from buildmatrix.report.diagnostics.places import Spot
from buildmatrix.report.run.about import About, link_from
from buildmatrix.report.run.files import KINDS, check_report_names, report_text
from buildmatrix.report.run.graph import MOST, Graph, graph_of
from buildmatrix.report.run.html import run_html
from buildmatrix.report.run.json import (
    AttemptOfRun,
    FindingOfRun,
    ReportDocument,
    StepOfRun,
    TargetOfRun,
    TotalsOfRun,
    run_json,
)
from buildmatrix.report.run.junit import run_junit
from buildmatrix.report.run.text import LONGEST, outcome_markdown, outcome_text
from buildmatrix.report.run.timeline import most_steps, picked, timeline_of
from buildmatrix.report.run.words import STATUSES, duration, last_lines, left_to_others, problems, size
from buildmatrix.report.style import Style
from buildmatrix.spec.rows.document import Of, document_schema
from buildmatrix.spec.rows.options import Flag, Options
from buildmatrix.spec.rows.shapes import row_of, rows
from buildmatrix.text import clean

GUIDE = Path(__file__).parents[4] / "docs/guide.md"
EMPTY = Outcome(targets=(), seconds=0)
MakeTarget = Callable[..., BuildOutcome]


def parsed(text: str) -> ET.Element:
    return ET.fromstring(text)  # noqa: S314 - our own


def suite(outcome: Outcome) -> ET.Element:
    found = parsed(run_junit(outcome)).find("testsuite")
    assert found is not None
    return found


# Whatever the kind


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_takes_any_outcome(kind: str, run: Outcome, odd: Outcome, many: Callable[[int], Outcome]) -> None:
    for outcome in (EMPTY, run, odd, many(200)):
        text = report_text(f"out/REPORT{kind.upper()}", outcome)
        text.encode()
        assert not re.search("[\0\x0b\x1b\ud800-\udfff]", text)


def test_a_problem_is_told_with_the_target_that_has_it(make_target: MakeTarget) -> None:
    """By what it is, not by what it says: that of the whole run is said also where its words are a target's."""
    own, other = (Diagnostic(message="a failed: no", code=code, hint="do") for code in ("failed", "registry"))
    failed = make_target("a", "failed", reason="no", problem=own)
    assert problems(Outcome(targets=(failed,), seconds=1, problem=BuildFailedError(own))) == []
    assert problems(Outcome(targets=(failed,), seconds=1, problem=BuildFailedError(own, other))) == ["a failed: no: do"]


def test_help_and_guide_name_each_kind() -> None:
    flag = row_of(Options, "report").marker(Flag)
    (told,) = re.findall(r"`--report` writes a report.*?\n\n", GUIDE.read_text(), flags=re.DOTALL)
    assert flag is not None
    assert re.findall(r"\.\w+", flag.help) == list(KINDS)
    assert sorted(re.findall(r"`(\.\w+)`", told)) == sorted(KINDS)


def test_other_endings_are_refused_all_at_once() -> None:
    check_report_names(["a.json", "b/c.HTML", "x.y.md", "j.xml"])
    with pytest.raises(UsageError, match=r'"a\.txt".*"b"') as caught:
        check_report_names(["a.txt", "ok.md", "b"])
    *first, last = KINDS
    hint = f"end it with {', '.join(first)} or {last}"
    assert {diagnostic.hint for diagnostic in caught.value.diagnostics} == {hint}
    with pytest.raises(UsageError):
        report_text("report.htm", EMPTY)


def test_tags_that_are_left_to_others_are_said(make_target: MakeTarget) -> None:
    def outcome(status: str) -> Outcome:
        left = {"docker.io/x:latest": "last"}
        first = make_target("first", "built", tags=("x:1",), tags_left_to=left)
        other = make_target("other", "failed", tags_left_to=left)
        return Outcome(targets=(first, other, make_target("last", status)), seconds=1)

    why = {"built": "", "unchanged": "", "failed": ", which failed", "stopped": ", which was stopped"}
    for status, more in why.items():
        run = outcome(status)
        said = f"docker.io/x:latest is left to last{more}"
        assert left_to_others(run.targets) == {"first": [said]} | ({"last": []} if not more else {})
        assert outcome_text(run, Style(colour=False)).count(said) == 1
        assert said in outcome_text(run, Style(colour=False), width=60)
        for kind in (".html", ".md"):
            assert said in report_text(f"x{kind}", run)
        assert json.loads(run_json(run))["targets"][0]["tags_left_to"] == {"docker.io/x:latest": "last"}


def test_words() -> None:
    assert [duration(seconds) for seconds in (0, 12.44, 59.96, 65, 3605)] == [
        "0.0s",
        "12.4s",
        "1:00",
        "1:05",
        "1:00:05",
    ]
    assert [size(number) for number in (0, 999, 1000, 999_960, 10**13)] == ["", "999 B", "1.0 kB", "1.0 MB", "10.0 TB"]
    assert clean("a\x1b[1;31mb\x1b[0m\x1b]0;title\x07c\0d\ud800\te\n") == r"ab\x1b]0;title\x07c\x00d\ud800" + "\te\n"
    assert last_lines("one\ntwo\nthree\n", 7) == "…\nthree"
    assert last_lines("x" * 10, 7) == "…\n" + "x" * 7


# JSON


def test_json_fits_its_schema(run: Outcome, odd: Outcome, many: Callable[[int], Outcome]) -> None:
    validator = jsonschema.Draft202012Validator(document_schema(ReportDocument))
    for outcome in (EMPTY, run, odd, many(100)):
        validator.validate(json.loads(run_json(outcome)))


def test_json_says_everything(run: Outcome) -> None:
    document: dict[str, Any] = json.loads(run_json(run))
    assert document["totals"] == {
        "targets": 7, "built": 4, "cached": 1, "unchanged": 0, "checked": 0, "failed": 1, "stopped": 0, "skipped": 1,
    }  # fmt: skip
    assert document["problems"] == ["worker failed"]
    base, _, retried, web, worker, beat, _ = document["targets"]
    assert (base["target"], base["exported"], base["digest"], base["size"]) == ("base", False, None, None)
    assert (web["depends_on"], web["needs"], web["size"]) == (["py-313"], ["base"], 130_500_000)
    assert retried["attempts"] == [
        {"number": 1, "started": 3, "seconds": 12, "problem": "connection reset", "kind": "network", "retried_in": 4},
        {"number": 2, "started": 19, "seconds": 42, "problem": None, "kind": None, "retried_in": None},
    ]
    assert worker["steps"][3] == {
        "at": "linux/arm64 2/2", "text": "RUN pip wheel", "started": 55, "seconds": 10, "cached": False,
        "error": "exit code: 1", "node": "farm1",
    }  # fmt: skip
    assert (beat["started"], beat["seconds"], beat["reason"]) == (None, 0, "worker | failed")


def test_json_names_every_field_of_the_data() -> None:
    """What is known of a run and no row takes was forgotten; `place` is told as file and line, `problem` as reason."""
    for kind, document, other in (
        (BuildOutcome, TargetOfRun, {"place", "problem"}),
        (Attempt, AttemptOfRun, set()),
        (StepOutcome, StepOfRun, set()),
        (Finding, FindingOfRun, {"place"}),
    ):
        taken = {of.way if (of := row.marker(Of)) else row.attribute for row in rows(document)} | {"started"}
        assert set(kind.__dataclass_fields__) - taken == other


def test_each_status_is_counted() -> None:
    assert [row.key for row in rows(TotalsOfRun)] == ["targets", *STATUSES]


# JUnit


def test_junit_counts_and_cases(run: Outcome) -> None:
    found = suite(run)
    assert found.attrib == {
        "name": "buildmatrix apply", "tests": "7", "failures": "1", "errors": "0", "skipped": "1", "time": "161.300",
        "timestamp": "2026-03-04T09:12:44",
    }  # fmt: skip
    cases = {case.get("name"): case for case in found.findall("testcase")}
    assert cases["py-312"].attrib == {"classname": "buildmatrix.py", "name": "py-312", "time": "22.000"}
    failure, skipped, tried = (
        cases["worker"].find("failure"),
        cases["beat"].find("skipped"),
        cases["py-313"].find("system-out"),
    )
    assert failure is not None
    assert failure.attrib == {"message": "linux/arm64 2/2 RUN pip wheel", "type": "build"}
    assert failure.text is not None
    assert "error: no Rust compiler\n" in failure.text
    assert failure.text.endswith("full log: build-logs/worker.log")
    assert skipped is not None
    assert skipped.get("message") == "worker | failed"
    assert tried is not None
    assert tried.text == ("attempt 1, 12.0s: connection reset (network); tried again in 4.0s\nattempt 2, 42.0s: worked")
    properties = [(one.get("name"), one.get("value")) for one in cases["web"].findall("properties/property")]
    assert ("tag", "r.example/web:latest") in properties
    assert ("platforms", "linux/amd64 linux/arm64") in properties


def test_junit_says_where_a_target_is_declared(run: Outcome) -> None:
    places = {"py-312": Spot(file="images/a.b/buildmatrix.toml", line=12), "web": Spot(file="buildmatrix.toml")}
    about = About(command="buildmatrix apply", commit="c0ffee", branch="x<y", declared=places)
    found = parsed(report_text("r.xml", run, about)).find("testsuite")
    assert found is not None
    cases = {case.get("name"): dict(case.attrib) for case in found.findall("testcase")}
    assert cases["py-312"] == {
        "classname": "buildmatrix.images.a_b.py", "name": "py-312", "time": "22.000",
        "file": "images/a.b/buildmatrix.toml", "line": "12",
    }  # fmt: skip
    assert cases["web"] == {
        "classname": "buildmatrix.web",
        "name": "web",
        "time": "22.000",
        "file": "buildmatrix.toml",
    }
    facts = {one.get("name"): one.get("value") for one in found.findall("properties/property")}
    assert (facts["command"], facts["commit"], facts["branch"]) == ("buildmatrix apply", "c0ffee", "x<y")


def test_junit_tells_errors_from_failures(make_target: MakeTarget) -> None:
    kinds = ("build", "engine", "registry", "timeout", "")
    targets = tuple(
        make_target(f"t{kind}", "failed", attempts=(Attempt(number=1, started=0, seconds=1, problem="no", kind=kind),))
        for kind in kinds
    )
    found = suite(Outcome(targets=targets, seconds=1))
    assert [case[-2].tag for case in found.findall("testcase")] == ["failure", "error", "error", "error", "failure"]
    assert (found.get("failures"), found.get("errors")) == ("2", "3")


def test_junit_shows_a_run_that_failed_without_a_failed_target(make_target: MakeTarget) -> None:
    problem = StoppedError(Diagnostic(message="stopped by ^C", code="stopped"))
    found = suite(Outcome(targets=(make_target("a", "stopped"),), seconds=1, problem=problem))
    assert (found.get("tests"), found.get("errors"), found.get("skipped")) == ("2", "1", "1")
    assert found.find("testcase[@name='apply']/error[@message='stopped by ^C']") is not None


# Markdown


def test_markdown(run: Outcome) -> None:
    text = outcome_markdown(run)
    assert text.startswith(
        "### buildmatrix apply: 4 built, 1 cached, 1 failed, 1 skipped in 2:41\n\n"
        "builder `farm` on `farm0`, `farm1`\n\n"
        "held back: no tag was moved\n\n"
        "> ⚠ left behind: r.example/web:buildmatrix-1f2e (a staging tag): r.example answered 403\n\n"
        "<details open><summary><b><code>worker</code></b> failed: "
        "<code>linux/arm64 2/2 RUN pip wheel</code></summary>\n\n"
        "````text\ncollecting\nerror: no Rust compiler\n```\nERROR: exit code: 1\n````\n\n"
        "full log: `build-logs/worker.log`\n\n</details>\n\n| target |"
    )
    assert "\n| `beat` | skipped: worker &#124; failed | linux/amd64 linux/arm64 |  |  |  |  |\n" in text
    assert "| target | status | platforms | tags | digest | size | time |" in text
    assert "| `r.example/web:1`<br>`r.example/web:latest` | `sha256:cccccccccccc` | 130.5 MB | 22.0s |" in text


def test_no_text_breaks_out_of_markdown(odd: Outcome) -> None:
    text = outcome_markdown(odd)
    assert "\n``````text\n```\n`````\n" in text
    outside = re.sub(r"``````text\n.*?\n``````\n", "", text, flags=re.DOTALL)
    assert not re.search("<(script|img)", outside)
    assert outside.count("</details>") == 1
    for row in (line for line in outside.splitlines() if line.startswith("| ")):
        assert len(re.findall(r"(?<!\\)\|", row)) == 7


def test_markdown_fits_a_comment(many: Callable[[int], Outcome]) -> None:
    text = outcome_markdown(many(2000))
    assert len(text) <= LONGEST
    assert "more failed" in text
    assert re.search(r"… and 1,\d{3} more targets", text)


# HTML: what it says without a browser; see test_run_page.py


def test_the_page_says_everything_without_scripts(run: Outcome) -> None:
    page = re.sub(r"<(script|style)>.*?</\1>", "", run_html(run), flags=re.DOTALL)
    for words in (
        "1 of 7 targets failed", "4 built, 1 cached, 1 failed, 1 skipped</b> in <b>2:41", "2026-03-04 09:12:44 UTC",
        "nodes farm0, farm1", "held back: no tag was moved", "r.example/web:buildmatrix-1f2e (a staging tag)",
        "linux/arm64 2/2 RUN pip wheel", "error: no Rust compiler", "build-logs/worker.log", "worker | failed",
        "130.5 MB", "sha256:" + "c" * 64, "connection reset (network); tried again in 4.0s", "farm1 arm64",
    ):  # fmt: skip
        assert words in page
    assert 'lang="en"' in page
    assert "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'" in page
    assert not re.search(r"""(src|href)=["'](?!#)|url\((?!#)|@import""", run_html(run))  # without a place, no link


def test_the_page_says_what_was_run(run: Outcome, odd: Outcome) -> None:
    evil = "<script>\u202e'\"&"
    spot = Spot(file=evil, line=3)
    about = About(command=evil, commit=evil, branch=evil, declared={"bad": spot})
    for text in (run_html(run, About(command="buildmatrix apply -k", commit="c0ffee", branch="main", page="r.html")),):
        assert "buildmatrix apply -k</code>" in text
        assert 'commit <code class="all">c0ffee</code>' in text
        assert "branch <b>main</b>" in text
    page = run_html(odd, replace(about, page="r.html"))
    assert page.count("&lt;script&gt;\\u202e&#39;&#34;&amp;") >= 4
    assert "<script>\\u202e" not in page


@pytest.mark.parametrize(
    ("page", "log", "link"),
    [
        ("r.html", "build-logs/worker.log", "build-logs/worker.log"),
        ("out/r.html", "out/logs/a b#?.log", "logs/a%20b%23%3F.log"),
        ("out/r.html", "logs/worker.log", ""),
        ("r.html", "javascript:x/../javascript:alert(1)/a.log", "javascript%3Aalert%281%29/a.log"),
        ("r.html", "/var/logs/worker.log", ""),
        ("r.html", "", ""),
        ("", "logs/worker.log", ""),
        ("r.html", 'logs/\udce9<".log', "logs/%E9%3C%22.log"),
    ],
)
def test_a_log_beside_the_page_is_a_link(page: str, log: str, link: str, run: Outcome) -> None:
    assert link_from(page, log) == link
    targets = tuple(replace(one, log=log if one.name == "worker" else "") for one in run.targets)
    links = set(re.findall(r'href="([^#"][^"]*)"', run_html(replace(run, targets=targets), About(page=page))))
    assert links == ({link} if link else set())


def test_verdicts(make_target: MakeTarget) -> None:
    stopped = StoppedError(Diagnostic(message="stopped by ^C", code="stopped", hint="run it again"))
    for outcome, words in (
        (EMPTY, "There was nothing to build"),
        (Outcome(targets=(make_target("a"),), seconds=1), "1 target is done"),
        (Outcome(targets=(make_target("a"), make_target("b", "unchanged")), seconds=1), "All 2 targets are done"),
        (Outcome(targets=(make_target("a"), make_target("b", "stopped")), seconds=1), "1 of 2 targets were not built"),
        (
            Outcome(targets=(make_target("a", "stopped"),), seconds=1, problem=stopped),
            "<p>stopped by ^C: run it again</p>",
        ),
    ):
        assert words in run_html(outcome)


def test_the_page_of_2000_targets_is_small(many: Callable[[int], Outcome]) -> None:
    outcome = many(2000)
    page = run_html(outcome)
    assert len(page.encode()) < 5_000_000
    assert "steps that are not drawn" in page
    assert "18 more are not shown" in page


def test_the_page_of_2000_failures_is_small_too(many: Callable[[int], Outcome]) -> None:
    outcome = many(2000)
    failed = [replace(target, status="failed", failed_step="RUN x", excerpt="x" * 9000) for target in outcome.targets]
    page = run_html(replace(outcome, targets=tuple(failed)))
    assert len(page.encode()) < 5_000_000
    assert "… and 1,950 more; the table below has them all." in page


def _contrast(one: str, other: str) -> float:
    def light(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    high, low = sorted((light(one), light(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_colours_can_be_read() -> None:
    """WCAG AA: 4.5 to 1 for text."""
    schemes = re.findall(r":root \{(.*?)\}", run_html(EMPTY), flags=re.DOTALL)
    assert len(schemes) == 2
    for scheme in schemes:
        found = dict(re.findall(r"--([\w-]+): (#\w+);", scheme))
        colours = {
            name: text if len(text) == 7 else "#" + "".join(2 * sign for sign in text[1:])
            for name, text in found.items()
        }
        for name in ("ink", "soft", "built", "cached", "failed", "halted"):
            for ground in ("page", "card", "sunk", f"{name}-wash"):
                if ground in colours:
                    assert _contrast(colours[name], colours[ground]) >= 4.5, (name, ground)


# The graph and the timeline


def _drawn(targets: tuple[BuildOutcome, ...]) -> Graph:
    found = graph_of(targets)
    assert found is not None
    return found


def test_the_graph_stands_in_layers(run: Outcome) -> None:
    graph = _drawn(run.targets)
    lefts = {box.name: box.x for box in graph.boxes}
    assert lefts["base"] < lefts["py-312"] == lefts["py-313"] < lefts["worker"] == lefts["web"] < lefts["beat"]
    assert [is_order for _, is_order in graph.edges].count(True) == 1
    assert len(graph.edges) == 6


def test_no_boxes_overlap(make_target: MakeTarget, run: Outcome) -> None:
    names = [f"t{number}" for number in range(MOST)]
    tangled = tuple(
        make_target(name, depends_on=tuple({names[index // 2], names[index // 3]} - {name}))
        for index, name in enumerate(names)
    )
    star = tuple(make_target(name, depends_on=("t0",) if name != "t0" else ()) for name in names)
    alone = tuple(make_target(name) for name in names)
    for targets in (tangled, star, alone, run.targets):
        graph = _drawn(targets)
        for index, one in enumerate(graph.boxes):
            assert 0 <= one.x <= graph.width - one.width
            assert 0 <= one.y <= graph.height - graph.box
            for other in graph.boxes[index + 1 :]:
                beside = one.x + one.width <= other.x or other.x + other.width <= one.x
                assert beside or abs(one.y - other.y) >= graph.box


def test_too_many_targets_are_listed_instead(many: Callable[[int], Outcome]) -> None:
    assert graph_of(many(MOST + 1).targets) is None
    page = run_html(many(65))
    assert "<svg" not in page
    assert '<b>app1</b> <span class="soft">13 targets, upon app0' in page


def test_a_cycle_is_listed(make_target: MakeTarget) -> None:
    assert graph_of((make_target("a", depends_on=("b",)), make_target("b", depends_on=("a",)))) is None


def test_the_timeline(run: Outcome) -> None:
    timeline = timeline_of(run)
    assert [row.target.name for row in timeline.rows] == ["base", "py-313", "docs", "py-312", "worker", "web"]
    assert timeline.idle == 1
    assert [text for text, _ in timeline.ticks] == ["0:00", "0:30", "1:00", "1:30", "2:00", "2:30"]
    worker = timeline.rows[4]
    assert [name for name, _ in worker.lanes] == ["farm0 amd64", "farm1 arm64", "shared"]
    assert [bar.state for _, bars in worker.lanes for bar in bars] == ["built", "built", "built", "failed", "built"]
    assert worker.lanes[1][1][1].title == "linux/arm64 2/2 RUN pip wheel: failed, from 0:55 on farm1"
    assert [bar.state for bar in timeline.rows[1].tries] == ["failed", "built"]
    for _, bars in worker.lanes:
        assert all(0 <= bar.left <= bar.left + bar.width <= 100 for bar in bars)


def test_steps_side_by_side_have_lanes_of_their_own(make_target: MakeTarget) -> None:
    steps = tuple(StepOutcome(at=f"{n}/3", text="RUN x", started=n / 10, seconds=5) for n in (1, 2, 3))
    (row,) = timeline_of(Outcome(targets=(make_target("a", platforms=(), steps=steps),), seconds=9)).rows
    assert [name for name, _ in row.lanes] == ["", "", ""]


def test_what_failed_and_what_took_long_is_drawn(many: Callable[[int], Outcome]) -> None:
    steps = [StepOutcome(at="", text=str(n), started=n, seconds=n % 5, error="no" * (n == 10)) for n in range(20)]
    assert [step.text for step in picked(steps, 4)] == ["4", "9", "10", "14"]
    assert (most_steps(EMPTY), most_steps(many(100)), most_steps(many(2000))) == (200, 40, 2)
