"""Markdown as a real parser reads it: of what people and logs say, nothing is active."""

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from buildmatrix.engine.outcome import BuildOutcome, Leftover, Outcome
from buildmatrix.report.markdown import code, escaped, fenced, folded, summary_code
from buildmatrix.report.run.text import outcome_markdown
from buildmatrix.text import clean, one_line
from tests.examples import examples

GITHUB = MarkdownIt("gfm-like", {"html": True})
assert GITHUB.linkify
GITHUB.linkify.set({"fuzzy_link": False})  # GitHub takes no bare domain for a link
LINKED = re.compile(r"@\w|#\d|://|www\.", re.IGNORECASE)
"""What GitHub makes a link of when the page is made, where it stands in a piece of text outside of code."""

ACTIVE = {"link_open", "image", "heading_open", "em_open", "strong_open", "s_open", "hr", "list_item_open"}
OURS = {"<!-- -->", "<br>", "<code>", "</code>"}

HOSTILE = [
    "`` ` ```", "[x](http://x)", "![x](http://x/y.png)", "<img src=x onerror=y>", "a|b\\|c\\\\|d",
    "http://x.example www.x.example", "me@x.example", "@someone @org/team", "#12", "a\n\n# b\n- c\n1. d",
    "</details></summary>", "**b** _i_ ~~s~~ $x$", "&lt;b&gt; &#60;", "\\", "\x1b[1m\r", "---", "    x", "<!-- -->",
    "```\n# x\n```", "- x", "1. x", "=", "<https://x.example>", "`", "``", " ` ", "\\`", "a`|b", "[x]: http://x",
    "mailto:a@b.example", "//x.example",
]  # fmt: skip
TEXT = st.sampled_from(HOSTILE) | st.text(max_size=40) | st.lists(st.sampled_from(HOSTILE), max_size=4).map("".join)


def tokens(text: str) -> Iterator[Token]:
    for token in GITHUB.parse(text):
        yield token
        yield from token.children or ()


def active(text: str) -> list[str]:
    html = {"html_inline", "html_block"}
    return [
        token.type + token.content
        for token in tokens(text)
        if token.type in ACTIVE
        or (token.type in html and token.content not in OURS)
        or (token.type == "text" and LINKED.search(token.content))
    ]


def shown(text: str) -> str:
    return "".join(token.content for token in tokens(text) if token.type in {"text", "code_inline", "text_special"})


@given(TEXT)
@example("www.x.example me@x.example")
@example("#")
@example("## a")
@example("#1")
def test_a_text_is_text(text: str) -> None:
    assert active(escaped(text)) == []
    assert shown(escaped(text)).split() == one_line(" ".join(text.split())).split()


@given(TEXT)
def test_code_is_code(text: str) -> None:
    assert active(code(text)) == []
    assert shown(code(text)).split() == one_line(text).split()


@given(st.lists(TEXT, min_size=3, max_size=3))
def test_a_cell_of_a_table_stays_one(cells: list[str]) -> None:
    row = f"| {code(cells[0])} | {escaped(cells[1])} | x {code(cells[2])} |"
    text = f"| a | b | c |\n| --- | --- | --- |\n{row}\n\nend"
    assert active(text) == []
    assert [token.type for token in tokens(text)].count("td_open") == 3
    assert [token.type for token in tokens(text)].count("tr_open") == 2


@given(TEXT)
def test_a_log_stays_in_its_block(text: str) -> None:
    (fence,) = GITHUB.parse(fenced(text))
    assert (fence.type, fence.content.rstrip("\n")) == ("fence", clean(text).rstrip("\n"))


@given(TEXT)
def test_a_title_is_one_block_of_html(text: str) -> None:
    first, *_ = GITHUB.parse(folded(summary_code(text), "x"))
    assert first.type == "html_block"
    assert first.content.startswith("<details><summary><code>")
    assert first.content.endswith("</code></summary>\n")
    assert first.content.count("<") == 5


@given(TEXT, st.sampled_from(["built", "failed", "skipped"]))
@examples(50)
def test_a_summary_obeys_nobody(text: str, status: str) -> None:
    target = BuildOutcome(
        name="app",
        target="app",
        declared="app",
        status=status,  # type: ignore[arg-type]
        exported=True,
        platforms=(text,),
        tags=(text, text),
        digest=text,
        reason=text,
        failed_step=text,
        excerpt=text,
        log=text,
    )
    left = (Leftover(tag=f"r/a:{text}", kind="staging", because=text),)
    whole = Outcome(targets=(target,), seconds=1, builder=text, nodes=(text,), publish=text, left_behind=left)
    found = [one for one in active(outcome_markdown(whole)) if one != "heading_open"]
    assert [one for one in found if not one.startswith("html_block")] == []
    assert len([one for one in found if "details" in one]) == (2 if status == "failed" else 0)


@pytest.mark.parametrize("name", ["app-3-12", "ghcr.io/acme/app:1", "sha256:abc"])
def test_ordinary_names_are_short_to_read(name: str) -> None:
    assert code(name) == f"`{name}`"
    assert escaped(f"{name}, failed") == f"{name}, failed"


def test_what_fails_is_told_alike(run: Outcome) -> None:
    assert active(outcome_markdown(replace(run, targets=run.targets[:1], problem=None))) == ["heading_open"]
