"""Whatever two plans are: one against itself changes nothing, and each target of both has become one thing."""

from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from buildmatrix.plan.model import PlannedTarget
from buildmatrix.review.compare import compare
from buildmatrix.review.sides import side_of
from buildmatrix.spec.rows.settings import Settings
from tests.plans import plan, target

TEXTS = st.sampled_from(["", "1", "2", "a,b"])
SETTINGS: dict[str, st.SearchStrategy[Any]] = {
    "args": st.dictionaries(st.sampled_from(["A", "B"]), TEXTS, max_size=2),
    "labels": st.dictionaries(st.sampled_from(["a", "b.c"]), TEXTS, max_size=2),
    "tags": st.lists(st.sampled_from(["x:1", "x:2", "y:1"]), unique=True).map(tuple),
    "target": TEXTS,
    "pull": st.booleans(),
}


@st.composite
def plans(draw: st.DrawFn) -> tuple[PlannedTarget, ...]:
    names = draw(st.lists(st.sampled_from("abcdef"), unique=True, max_size=5))
    found: list[PlannedTarget] = []
    for number, name in enumerate(names):
        links = tuple(draw(st.lists(st.sampled_from(names[:number]), unique=True, max_size=2))) if number else ()
        given_ = draw(st.fixed_dictionaries({}, optional=SETTINGS))
        contexts: dict[str, Any] = {"contexts": {link: f"target:{link}" for link in links}} if links else {}
        found.append(target(name, Settings(**given_, **contexts), depends_on=links))
    return tuple(found)


@given(plans())
def test_a_plan_against_itself_changes_nothing(one: tuple[PlannedTarget, ...]) -> None:
    found = compare(side_of(plan(*one)), side_of(plan(*one)))
    assert found.is_nothing
    assert [target.name for target in found.of("unchanged")] == [target.name for target in one]


@given(plans(), plans())
def test_each_target_has_become_one_thing(before: tuple[PlannedTarget, ...], after: tuple[PlannedTarget, ...]) -> None:
    found = compare(side_of(plan(*before)), side_of(plan(*after)))
    now = [one.name for one in found.targets if one.status != "removed"]
    then = [one.before or one.name for one in found.targets if one.status != "added"]
    assert now == [one.name for one in after]
    assert Counter(then) == Counter(one.name for one in before)
    old, new = {one.name for one in before}, {one.name for one in after}
    assert {one.name for one in found.of("added", "renamed")} == new - old
    assert {one.name for one in found.of("removed")} | {one.before for one in found.of("renamed")} == old - new
    for one in found.targets:
        assert (one.status == "changed") <= bool(one.settings or one.files)
        assert (one.status == "affected") <= bool(one.through)
    written = {tag for one in after for tag in one.tags}
    assert {tag.name for tag in found.lost_tags} == {tag for one in before for tag in one.tags} - written


@given(plans(), plans())
def test_what_is_added_one_way_is_removed_the_other(
    before: tuple[PlannedTarget, ...], after: tuple[PlannedTarget, ...]
) -> None:
    there, back = (compare(side_of(plan(*a)), side_of(plan(*b))) for a, b in ((before, after), (after, before)))
    assert {one.name for one in there.of("added")} == {one.name for one in back.of("removed")}
    assert {(one.before, one.name) for one in there.of("renamed")} == {
        (one.name, one.before) for one in back.of("renamed")
    }
