"""A plan as text, in short and as markdown: nothing that a review needs is missing, and every width is kept."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from buildmatrix.errors import Diagnostic, Place
from buildmatrix.plan.model import Entitlement, Plan, PlannedTarget, Reason
from buildmatrix.report.layout import cut, laid_out, plain
from buildmatrix.report.plan.details import details_of, quoted, setting_text, value_text
from buildmatrix.report.plan.graph import graph
from buildmatrix.report.plan.markdown import LONGEST, plan_markdown
from buildmatrix.report.plan.short import plan_short
from buildmatrix.report.plan.text import plan_text, stage_lines
from buildmatrix.report.style import Style
from buildmatrix.spec.rows.options import Apply
from buildmatrix.spec.rows.settings import Secret, Settings
from buildmatrix.spec.rows.shapes import (
    Row,
    arms,
    build_table,
    discriminator,
    is_list,
    is_map,
    is_table,
    item_of,
    rows,
    unwrap,
)
from buildmatrix.text import columns, terminal
from tests import plans

PLAIN, COLOURED = Style(colour=False), Style(colour=True)
BOTH = ["linux/amd64", "linux/arm64"]


def target(name: str = "app", settings: dict[str, Any] | None = None, **more: Any) -> PlannedTarget:
    return plans.target(name, build_table(Settings, settings or {}), **({"place": Place(file="f.toml")} | more))


def plan(*targets: PlannedTarget, **more: Any) -> Plan:
    return plans.plan(*targets, **({"file": "f.toml", "directory": "/x"} | more))


# --- what is to be done -----------------------------------------------------------------------------------------------


def test_a_tag_that_moves_is_something_to_do() -> None:
    kept = target(decision="skip", because=("up to date",))
    moving = replace(kept, name="b", moves=("r/b:1",), because=("tag r/b:1 holds nothing: it moves",))
    done, open_ = plan(kept), plan(kept, moving)
    assert (done.is_done, open_.is_done, plan(replace(kept, decision="build")).is_done) == (True, False, False)
    assert "0 to build, 1 up to date\nThere is nothing to build." in plan_text(done, PLAIN)
    text = plan_text(open_, PLAIN)
    assert "0 to build, 2 up to date, 1 tag to move\n" in text
    assert "There is nothing" not in text
    shown = plan_markdown(open_)
    assert "up to date: 1 target" in shown
    assert shown.index("r/b:1 holds nothing") < shown.index("up to date: 1 target"), "nobody has to unfold it"


# --- nothing is missing -----------------------------------------------------------------------------------------------


def value_of(shape: Any) -> Any:
    """A value of a shape; it need not be a valid one."""
    bare, _ = unwrap(shape)
    if is_list(bare):
        return [value_of(item_of(bare))]
    if is_map(bare):
        return {"KEY": value_of(item_of(bare))}
    kinds = {str: "some text", bool: True, int: 7, float: 7.5}
    one = next((arm for arm in arms(bare) if arm in kinds), None)
    return kinds[one] if one else bare.__args__[-1] if hasattr(bare, "__args__") else "x"


def samples(row: Row) -> Iterator[Any]:
    """Values of a setting; of its tables one for each key of each kind."""
    tables = [arm for arm in arms(item_of(row.shape)) if is_table(arm)] if is_list(row.shape) else []
    for table in tables:
        kind = {"type": discriminator(table)} if discriminator(table) else {}
        base = kind | {one.key: value_of(one.shape) for one in rows(table) if one.required and one.key != "type"}
        yield from ([base | {one.key: value_of(one.shape)}] for one in rows(table) if one.key != "type")
        yield [base]
    if not tables:
        yield value_of(row.shape)


EVERY = [(row.key, value) for row in rows(Settings) for value in samples(row)]
ELSEWHERE = {"needs"}
"""Its names are selectors; the targets that they select are shown."""


def test_every_setting_is_seen_in_the_markdown() -> None:
    before = plan_markdown(plan(target()))
    for key, value in EVERY:
        after = plan(target(settings={key: value}))
        assert before != plan_markdown(after) or key in ELSEWHERE, (key, value)
        shown = plan_markdown(after).splitlines()
        assert not [line for line in stage_lines(after.targets, after, PLAIN) if line not in shown], (key, value)


@pytest.mark.parametrize("row", rows(Apply), ids=lambda row: row.key)
def test_how_it_is_applied_is_seen_in_the_markdown(row: Row) -> None:
    applied = plan(target(), apply=build_table(Apply, {row.key: value_of(row.shape)}))
    assert plan_markdown(plan(target())) != plan_markdown(applied)


def test_what_is_beside_the_targets_is_seen_in_the_markdown() -> None:
    place = Place(file="f.toml")
    entitlements = [
        Entitlement(value=f"fs.read=/{word}", target="app", place=place, automatic=word == "own")
        for word in ("x", "own")
    ]
    warning = Diagnostic(message="look", code="x", hint="here", severity="warning")
    lacking = target(carried_over=("linux/s390x",), needs=("base",), reason=Reason(kind="needs", by="web"))
    whole = plan(lacking, entitlements=tuple(entitlements), warnings=(warning,))
    shown = plan_markdown(whole)
    for words in (
        "`--allow=fs.read=/x` (`app`",
        "apply gives `--allow=fs.read=/own`",
        "⚠ look; here",
        "linux/s390x as",
    ):
        assert words in shown
    assert re.search(r"needs +base\n", shown)
    assert "web needs it first" in shown


# --- values -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain", "plain"),
        ("it's", "it's"),
        (r"C:\new", r"C:\new"),
        ("", '""'),
        ("two words", '"two words"'),
        ('he said "hi"', r'"he said \"hi\""'),
        ("a\nb", r'"a\nb"'),
        (r"back\slash and", r'"back\\slash and"'),
        ("[a]", '"[a]"'),
        (True, "true"),
        (["k1", "k2"], "[k1, k2]"),
        (["a,b", "c d", "e]"], '["a,b", "c d", "e]"]'),
        ({"a": "b", "c": ["d"]}, "{a=b, c=[d]}"),
        ("\u202eevil", r'"\u202eevil"'),
    ],
)
def test_it_is_seen_where_a_value_ends(value: Any, text: str) -> None:
    assert value_text(value) == text


@given(st.lists(st.text(max_size=12), min_size=1, max_size=3), st.lists(st.text(max_size=12), min_size=1, max_size=3))
def test_two_values_are_not_shown_alike(one: list[str], other: list[str]) -> None:
    assert (value_text(one) == value_text(other)) == (one == other)
    assert (quoted(one[0]) == quoted(other[0])) == (one[0] == other[0])


def test_no_value_is_shown_as_python_has_it() -> None:
    for row in rows(Settings):
        for value in samples(row):
            settings = build_table(Settings, {row.key: value})
            assert not re.search(r"\['|\{'|None|True|False|\(\)", setting_text(getattr(settings, row.attribute)))


# --- how much room there is -------------------------------------------------------------------------------------------


def many(number: int, *, cells: bool = False, stages: int = 1, length: int = 40) -> Plan:
    def one(index: int) -> PlannedTarget:
        name = f"{'service' * length}"[:length] + f"-{index}"
        tags = [f"registry.example.com/team/{name}:{tag}" for tag in ("2026.11.26-1f2e3d4c", "latest")]
        settings = {"platforms": BOTH, "tags": tags, "args": {"INDEX": str(index)}, "output": [{"type": "registry"}]}
        more = {"declared": "service", "cell": {"i": index}} if cells else {}
        return target(name, settings, stage=1 + index * stages // number, **more)

    return plan(*map(one, range(number)))


@pytest.mark.parametrize("width", [24, 40, 80, 120, 200])
@pytest.mark.parametrize("cells", [False, True])
def test_no_line_is_wider_than_the_terminal(width: int, cells: bool) -> None:
    warning = Diagnostic(message="something is odd " * 9, code="x", severity="warning")
    whole = replace(many(3, cells=cells), warnings=(warning,))
    narrow = plan_text(whole, PLAIN, width=width)
    *lines, last = narrow.splitlines()
    assert not [line for line in lines if columns(line) > width]
    assert last == "Nothing was built. Run `buildmatrix apply` to build this."  # a command is not broken
    assert "".join(narrow.split()).count("registry.example.com/team/") == 6
    starts = {line.split(" ")[0] for line in narrow.splitlines() if line and not line.startswith(" ")}
    assert starts == {"buildmatrix", "stage", "warning:", "3", "Nothing"}
    assert re.sub("\033\\[[0-9;]*m", "", terminal(plan_text(whole, COLOURED, width=width))) == narrow


def test_the_graph_keeps_the_width_too() -> None:
    chain = [
        target(f"service-{number}", depends_on=(f"service-{number - 1}",) if number else ()) for number in range(40)
    ]
    whole = graph(plan(*chain), "text", width=60)
    assert not [line for line in whole.splitlines() if columns(line) > 60]
    assert "".join(whole.split()).count("service-") == 40
    assert len(graph(plan(*chain), "text").splitlines()) == 40


def test_what_is_piped_is_not_broken() -> None:
    lines = plan_text(many(3, cells=True, length=200), PLAIN).splitlines()
    assert len([line for line in lines if line.endswith(":2026.11.26-1f2e3d4c")]) == 3


def test_totals_stand_where_they_are_seen() -> None:
    assert plan_text(many(33), PLAIN).splitlines()[-2] == "33 targets, 66 platform builds, 1 stage"


def test_a_hint_of_several_lines_is_read_on_one() -> None:
    warning = Diagnostic(message="odd", code="x", severity="warning", hint="write a\nor all of:\n  b")
    whole = plan(target(), warnings=(warning,))
    assert "warning: odd; write a; or all of: b" in plan_text(whole, PLAIN)
    assert "odd; write a; or all of: b" in plan_markdown(whole)


def test_short_is_a_line_for_each_target() -> None:
    whole = plan(*many(300).targets, target("base", exported=False), target("none"))
    lines = plan_short(whole, PLAIN).splitlines()
    assert [line.split()[0] for line in lines] == [one.name for one in whole.targets]
    first = many(300).targets[0]
    assert lines[0].split() == [first.name, "linux/amd64,linux/arm64", "registry", *first.tags]
    assert lines[-2].split(maxsplit=2)[2] == "(dependency)"
    assert lines[-1].endswith("no output")
    narrow = plan_short(whole, COLOURED, width=80).splitlines()
    assert sum(not line.startswith(" ") for line in narrow) == 302
    assert len(set(narrow)) == len(narrow)
    assert all(columns(re.sub("\033\\[[0-9;]*m", "", terminal(line))) <= 80 for line in narrow)


@given(
    st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cf", "Zs", "Zl", "Zp"]))),
    st.integers(24, 90),
)
@example(["x" * 22, ""], 24)
@example(["", "0" * 9 + "\u2e5e", "0" * 9 + "\u2e5e", "0000", "", "0", "000", "0000\u2e5e", "00000\u0cc5", ""], 30)
def test_any_text_is_laid_out(words: list[str], width: int) -> None:
    text = "  " + " ".join(words)
    lines = laid_out([(text, plain)], width)
    assert not [line for line in lines if columns(line) > width]
    assert "".join("".join(lines).split()) == "".join(text.split())
    assert columns(cut(text, width)) <= width
    assert all(line.startswith("    ") for line in lines[1:])


@pytest.mark.parametrize(
    ("number", "more"), [(300, {}), (1000, {"cells": True}), (900, {"stages": 900}), (2, {"length": 70_000})]
)
def test_the_comment_fits_and_says_what_is_left_out(number: int, more: dict[str, Any]) -> None:
    whole = many(number, **more)
    warnings = tuple(Diagnostic(message=f"odd {n} " * 99, code="x", severity="warning") for n in range(900))
    text = plan_markdown(replace(whole, warnings=warnings))
    assert len(text) <= LONGEST
    assert re.search("… [0-9,]+ more", text)
    other = replace(whole.targets[-1], settings=build_table(Settings, {"args": {"INDEX": "other"}}))
    changed = plan_markdown(replace(whole, warnings=warnings, targets=(*whole.targets[:-1], other)))
    assert changed != text  # by the digest of all


def test_33_targets_have_room_in_a_comment() -> None:
    text = plan_markdown(many(33))
    assert "more" not in text
    assert text.count("registry.example.com/team/") == 4 * 33
    assert 10_000 < len(text) < LONGEST


def test_what_is_true_is_said_by_its_name() -> None:
    optional = Secret(id="x", env="X", optional=True)
    assert (
        setting_text((optional, Secret(id="y", src="true", optional=False)))
        == "x X (optional)  y true (optional=false)"
    )


@given(st.text(max_size=80) | st.sampled_from(["</details>", "```", "````\n# x", "<script>", "`x` @someone #12"]))
def test_no_text_breaks_out_of_the_comment(text: str) -> None:
    texts = {
        "description": text,
        "dockerfile-inline": text,
        "args": {text: text},
        "output": [{"type": "local", "dest": text}],
    }
    warning = Diagnostic(message=text, code="x", hint=text, severity="warning")
    entitlement = Entitlement(value=text, target="app", place=Place(file=text), automatic=False)
    shown = plan_markdown(plan(target(settings=texts), warnings=(warning,), entitlements=(entitlement,)))
    tokens = MarkdownIt("gfm-like", {"html": True}).parse(shown)
    html = [token.content for token in tokens if token.type == "html_block"]
    assert [one.split(">")[0] for one in html] == ["<details", "</details", "<details", "</details"]
    assert [token.type for token in tokens].count("fence") == 2
    assert [token.type for token in tokens].count("heading_open") == 1
    assert [token.type for token in tokens].count("blockquote_open") >= 2


def test_signs_that_are_not_seen_are_told_of() -> None:
    odd = plan(
        target(settings={"args": {"A": "x\u202ey"}, "description": "two\nlines"}), target("fine", {"args": {"B": "é"}})
    )
    for text in (plan_text(odd, PLAIN), plan_markdown(odd)):
        assert "shown as codes in app: args\n" in text
    assert details_of(odd.targets[0])["args", "A"] == r'A="x\u202ey"'


def test_what_is_up_to_date_is_folded_in_the_comment() -> None:
    skipped = [
        target(name, stage=stage, decision="skip", because=("up to date",)) for stage, name in ((1, "a"), (2, "b"))
    ]
    text = plan_markdown(plan(*skipped, target("c", stage=2, decision="build", because=("never built",))))
    assert "**stage 1: 1 target, 1 up to date**\n\n<details>" in text
    stage, _, folded = text.partition("**stage 2: 2 targets, 1 up to date**\n\n")[2].partition("<details>")
    assert [line[:6] for line in stage.splitlines()] == ["| targ", "| --- ", "| `c` ", ""]
    rows = folded.partition("<summary>up to date: 2 targets</summary>")[2].partition("</details>")[0]
    assert [line[:6] for line in rows.splitlines() if line.startswith("| `")] == ["| `a` ", "| `b` "]
    assert "up to date" not in plan_markdown(plan(target("a")))


def test_a_plan_of_nothing_is_one_sentence() -> None:
    assert plan_markdown(plan()) == "### buildmatrix plan\n\nThere is nothing to build.\n"
