"""What cells share is worked out once: every such work looks at no more than it names."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from buildmatrix.errors import BuildmatrixError, Problems
from buildmatrix.plan.access import reach
from buildmatrix.plan.checks import values
from buildmatrix.plan.merging import shared
from buildmatrix.spec.load import load
from buildmatrix.spec.rows.settings import Settings
from buildmatrix.spec.rows.shapes import given
from buildmatrix.spec.toml.source import Sources

GOLDEN = Path(__file__).parents[3] / "golden"
RICH = [
    *sorted(GOLDEN.glob("rejected/*outputs*")),
    *sorted(GOLDEN.glob("rejected/*paths*")),
    GOLDEN / "rejected" / "inner-grammars",
    GOLDEN / "rejected" / "privileges",
    GOLDEN / "accepted" / "entitlements",
    GOLDEN / "accepted" / "inner-grammars",
]


class Watched:
    """Settings that note which of their attributes are looked at."""

    def __init__(self, settings: Settings) -> None:
        self.looked: set[str] = set()
        self._settings = settings

    def __getattr__(self, name: str) -> Any:
        self.looked.add(name)
        return getattr(self._settings, name)


def settings() -> list[Settings]:
    """All that the richest of the golden cases say."""
    found: list[Settings] = []
    for case in RICH:
        problems = Problems()
        try:
            spec = load("buildmatrix.toml", Sources(case), problems)
        except BuildmatrixError:
            continue
        found += [target.table for target in spec.targets.values()]
    return found


def test_works_are_known() -> None:
    """What others import is the shared one, and all that is shared is looked at below."""
    for work in (reach.privileges, values.annotations):
        assert work.__module__ == shared.__name__
    assert {work.__module__ for _, work in shared.WORKS} == {reach.__name__, values.__name__}


def test_the_cases_say_all_that_the_works_name() -> None:
    said = {name for one in settings() for name in given(one)}
    assert frozenset().union(*(names for names, _ in shared.WORKS)) <= said


@pytest.mark.parametrize(("names", "work"), shared.WORKS, ids=lambda one: getattr(one, "__name__", ""))
def test_a_work_looks_only_at_what_it_names(names: frozenset[str], work: Callable[[Any], Iterable[Any]]) -> None:
    looked: set[str] = set()
    for one in settings():
        watched = Watched(one)
        list(work(watched))
        looked |= watched.looked
    assert looked <= names


def test_it_is_done_again_where_something_changed() -> None:
    seen: list[str | None] = []

    @shared.shared("context")
    def work(settings: Settings) -> Iterable[str | None]:
        seen.append(settings.context)
        return [settings.context]

    shared.WORKS.pop()
    same, other = Settings(context="a", tags=("x",)), Settings(context="b")
    assert [work(one) for one in (same, same.but({"tags": ("y",)}), other, same)] == [("a",), ("a",), ("b",), ("a",)]
    assert seen == ["a", "b", "a"]
