"""Texts that are cut still look different, and keep their column."""

from hypothesis import given
from hypothesis import strategies as st

from buildmatrix.report.layout import in_a_line
from buildmatrix.report.shorten import last_of, told_apart
from buildmatrix.text import columns


def test_the_end_of_long_names_is_seen() -> None:
    names = [f"service-with-a-really-long-name-py{number}-alpine" for number in range(28)]
    shown = told_apart(names, 32)
    assert len(set(shown)) == 28
    assert shown[0] == "service-wi…-long-name-py0-alpine"
    assert all(columns(one) <= 32 and "…" in one for one in shown)


def test_names_that_differ_in_their_middle_look_different() -> None:
    names = [f"service-with-a-really-long-name-{one}-and-an-end-that-is-just-as-long" for one in ("amd", "arm")]
    assert told_apart(names, 32) == ["service-…e-amd-and-an-end-that-…", "service-…e-arm-and-an-end-that-…"]


def test_what_has_room_stays_as_it_is() -> None:
    assert told_apart(["app", "base"], 4) == ["app", "base"]
    assert last_of("localhost:5000/library/nope:1: not found", 12) == "…: not found"


@given(st.lists(st.text(st.characters(categories=("L", "N"))), max_size=6), st.integers(8, 40))
def test_no_text_is_wider_than_its_column(texts: list[str], room: int) -> None:
    shown = told_apart(texts, room)
    assert len(shown) == len(texts)
    assert all(columns(one) <= room for one in shown)


def test_a_hint_of_several_lines_is_one_sentence_of_each() -> None:
    assert in_a_line("write A\nor B:\n  c\n") == "write A; or B: c"
    assert not in_a_line("")
