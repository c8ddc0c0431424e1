"""Whose turn it is."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest

from tests import turns
from tests.turns import EVERY, MANY, TESTS, asks_for_all, turn, waiting


@dataclass(eq=False)
class Item:
    """A test, as far as it is asked: its marks come with what they stand at."""

    nodeid: str
    folder: str = "unit"
    module: bool | None = None
    counts: bool = False
    every: int = 0

    @property
    def path(self) -> Path:
        return TESTS / self.folder / "test_it.py"

    def iter_markers_with_node(self, name: str) -> Iterator[tuple[Any, pytest.Mark]]:
        if self.module is not None:
            kwargs = {"counts": True} if self.counts else {"every": self.every} if self.every else {}
            module = Item(self.nodeid.partition("::")[0])
            yield (module if self.module else self), getattr(pytest.mark, name)(**kwargs).mark


def _left(items: list[Item], now: int) -> list[Item]:
    return cast("list[Item]", waiting(cast("list[pytest.Item]", items), now))


def _cases(function: str, count: int, **about: Any) -> list[Item]:
    return [Item(f"test_it.py::{function}[{number}]", **about) for number in range(count)]


@pytest.mark.parametrize(
    "items",
    [
        _cases("test_many", EVERY * 5),
        _cases("test_marked", EVERY * 5, folder="e2e", module=False),
        [Item(f"test_it.py::test_{number}", folder="e2e", module=True) for number in range(EVERY * 5)],
    ],
    ids=["many cases", "marked", "a marked module"],
)
def test_each_has_its_turn_once(items: list[Item]) -> None:
    tried = [item for now in range(EVERY) for item in items if item not in _left(items, now)]
    assert sorted(item.nodeid for item in tried) == sorted(item.nodeid for item in items)
    assert [len(_left(items, now)) for now in range(EVERY)] == [len(items) * (EVERY - 1) // EVERY] * EVERY


@pytest.mark.parametrize(
    "items",
    [
        _cases("test_few", MANY),
        _cases("test_case", 50, folder="golden"),
        [Item(f"test_it.py::test_{number}") for number in range(50)],
    ],
    ids=["few cases", "golden", "tests of their own"],
)
def test_these_are_always_tried(items: list[Item]) -> None:
    assert not any(_left(items, now) for now in range(EVERY))


def test_a_kind_may_have_more_turns() -> None:
    items = _cases("test_marked", 32, folder="e2e", module=False, every=16)
    assert [len(items) - len(_left(items, now)) for now in range(16)] == [2] * 16


def test_what_counts_over_all_has_no_turn() -> None:
    (item,) = items = [Item("test_it.py::test_count", module=False, counts=True)]
    assert all(_left(items, now) == [item] for now in range(EVERY))


@pytest.mark.parametrize(
    ("word", "every"),
    [
        ("tests", False),
        ("tests/unit", False),
        ("tests/unit/text", True),
        ("tests/project/test_turns.py", True),
        ("tests/project/test_turns.py::test_x", True),
        ("buildmatrix", False),
    ],
)
def test_who_names_a_part_gets_all_of_it(word: str, *, every: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(TESTS.parent)
    monkeypatch.delenv("WHOLE", raising=False)
    assert asks_for_all([word]) is every
    monkeypatch.setenv("WHOLE", "1")
    assert asks_for_all([word])


def test_it_is_the_same_for_one_commit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("TURN", raising=False)
    assert turn() == turn()
    monkeypatch.setattr(turns, "TESTS", tmp_path)
    assert turn() == 0, "without git"
    monkeypatch.setenv("TURN", "3")
    assert turn() == 3
