"""Lists that know where their items were written."""

from buildmatrix.spec.toml.placed import (
    Dropped,
    DroppedTable,
    Placed,
    first_of_each,
    placed,
    source_of,
    sources_of,
    without_dropped,
)


def test_a_list_whose_items_are_where_they_were_is_a_plain_one() -> None:
    assert type(placed("ab", [0, 1])) is tuple
    assert list(sources_of(("a", "b"))) == [0, 1]


def test_one_whose_items_moved_equals_it_and_knows() -> None:
    moved = placed("ab", [1, 3])
    assert isinstance(moved, Placed)
    assert moved == ("a", "b")
    assert hash(moved) == hash(("a", "b"))
    assert [source_of(moved, index) for index in (0, 1, 2)] == [1, 3, 2]


def test_repeats_and_what_was_dropped() -> None:
    assert sources_of(first_of_each(placed("aba", [0, 2, 3]))) == (0, 2)
    kept = without_dropped([Dropped("x"), "a", DroppedTable(), "b"])
    assert (kept, sources_of(kept)) == (("a", "b"), (1, 3))
