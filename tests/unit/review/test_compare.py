"""Two plans side by side: what became of each target, and of the tags."""

from typing import Any

import pytest

from buildmatrix.errors import Place
from buildmatrix.plan.model import Entitlement, PlannedTarget
from buildmatrix.review.compare import Beside, compare
from buildmatrix.review.model import Changes, LostTag, MovedTag, Need, Setting, Touched
from buildmatrix.review.sides import side_of
from buildmatrix.spec.rows.options import Apply
from buildmatrix.spec.rows.settings import Settings
from tests.plans import plan, target


def changes(before: list[PlannedTarget], after: list[PlannedTarget], beside: Beside | None = None) -> Changes:
    return compare(side_of(plan(*before)), side_of(plan(*after)), beside or Beside())


def statuses(found: Changes) -> dict[str, str]:
    return {one.name: one.status for one in found.targets}


def app(name: str = "app", *links: str, **settings: Any) -> PlannedTarget:
    contexts = {"contexts": {link: f"target:{link}" for link in links}} if links else {}
    return target(name, Settings(**{**contexts, **settings}), depends_on=links)


def test_a_plan_against_itself() -> None:
    every = [app("base"), app("web", "base", tags=("w:1",))]
    found = changes(every, every)
    assert statuses(found) == {"base": "unchanged", "web": "unchanged"}
    assert found.is_nothing


def test_each_status() -> None:
    before = [app("base", args={"A": "1"}), app("gone", tags=("g:1",)), app("was", target="s"), app("web", "base")]
    after = [app("base", args={"A": "2"}), app("new", tags=("n:1",)), app("now", target="s"), app("web", "base")]
    found = changes(before, after)
    assert statuses(found) == {
        "base": "changed",
        "new": "added",
        "now": "renamed",
        "web": "affected",
        "gone": "removed",
    }
    named = {one.name: one for one in found.targets}
    assert named["base"].settings == (Setting("args.A", "1", "2"),)
    assert named["new"].settings == (Setting("tags", None, "n:1"),)
    assert (named["now"].before, named["now"].settings) == ("was", ())
    assert named["web"].through == ("base",)
    assert not found.is_nothing


def test_those_that_depend_on_it_are_found_however_far() -> None:
    chain = [app("a"), app("b", "a"), app("c", "b"), target("d", Settings(needs=("c",)), needs=("c",)), app("e")]
    changed = [app("a", target="other"), *chain[1:]]
    found = changes(chain, changed)
    assert statuses(found) == {"a": "changed", "b": "affected", "c": "affected", "d": "affected", "e": "unchanged"}
    assert {one.through for one in found.of("affected")} == {("a",)}


def test_what_changes_no_image_affects_nobody() -> None:
    before, after = [app("a", tags=("a:1",)), app("b", "a")], [app("a", tags=("a:2",)), app("b", "a")]
    assert statuses(changes(before, after)) == {"a": "changed", "b": "unchanged"}


def test_a_chain_that_is_renamed_is_told_once() -> None:
    before = [app("a", target="x"), app("b", "a"), app("c", "b", args={"A": "1"})]
    after = [
        app("a2", target="x"),
        target("b2", Settings(contexts={"a": "target:a2"}), depends_on=("a2",)),
        target("c", Settings(contexts={"b": "target:b2"}, args={"A": "1"}), depends_on=("b2",)),
    ]
    found = changes(before, after)
    assert statuses(found) == {"a2": "renamed", "b2": "renamed", "c": "unchanged"}


def test_of_several_alike_the_same_cell_has_the_new_name() -> None:
    before = [target(f"a-{x}", cell={"x": x}, declared="a") for x in ("1", "2")]
    after = [target(f"b-{x}", cell={"x": x}, declared="b") for x in ("2", "1")]
    found = changes(before, after)
    assert {one.name: one.before for one in found.targets} == {"b-1": "a-1", "b-2": "a-2"}


def test_files_and_base_images() -> None:
    touched = (Touched.of("context", ["x"]),)
    beside = Beside(
        files=lambda name: touched if name == "a" else (), bases={"b": (Setting("base debian:12", "1", "2"),)}
    )
    every = [app("a"), app("b"), app("c", "a")]
    found = changes(every, every, beside)
    assert statuses(found) == {"a": "changed", "b": "changed", "c": "affected"}
    assert found.targets[0].files == touched


def test_tags_that_nothing_writes_and_tags_that_move() -> None:
    before = [app("a", tags=("t:1", "t:2")), app("b", tags=("t:3",)), app("c", target="c", tags=("t:4",))]
    after = [app("a", tags=("t:1",)), app("b", tags=("t:2",)), app("d", target="c", tags=("t:4",))]
    found = changes(before, after)
    assert found.lost_tags == (LostTag("t:3", "b"),)
    assert found.moved_tags == (MovedTag("t:2", "a", "b"),)


def test_a_tag_is_written_by_who_comes_last_and_is_exported() -> None:
    before = [app("a", tags=("t",)), app("b", tags=("t",))]
    left = target("a", Settings(tags=("t",)), tags_left_to={"docker.io/library/t": "b"})
    inner = target("c", Settings(tags=("u",)), exported=False)
    found = changes([left, app("b", tags=("t",)), inner], before)
    assert (found.lost_tags, found.moved_tags) == ((), ())
    assert changes([inner], []).lost_tags == ()


def test_what_changes_with_each_run_is_told_once_where_the_facts_differ() -> None:
    def one(revision: str, version: str) -> PlannedTarget:
        settings = Settings(labels={"rev": revision, "v": version}, tags=(revision,))
        return target("a", settings, volatile=frozenset({("labels", "rev"), ("tags", 0)}))

    differing = Beside(facts_differ=True)
    found = changes([one("1", "1")], [one("2", "1")], differing)
    assert statuses(found) == {"a": "unchanged"}
    assert found.expected == ("labels.rev", "tags")
    assert found.lost_tags == ()
    assert found.is_nothing
    assert [one.name for one in changes([one("1", "1")], [one("2", "2")], differing).targets[0].settings] == [
        "labels.v"
    ]
    same = changes([one("1", "1")], [one("2", "1")])  # the facts are the same: so the template is another one
    assert [one.name for one in same.targets[0].settings] == ["labels.rev", "tags"]
    assert same.expected == ()


def test_what_is_exported_and_the_run() -> None:
    before, after = plan(target("a")), plan(target("a", exported=False))
    found = compare(side_of(before), side_of(after))
    assert found.targets[0].settings == (Setting("exported", "true", "false"),)
    apply: Any = Apply
    found = compare(side_of(plan()), side_of(plan(apply=apply(jobs=2), requires_buildx=(">=0.17",))))
    assert found.run == (Setting("apply.jobs", None, "2"), Setting("requires-buildx", None, ">=0.17"))
    assert not found.is_nothing


@pytest.mark.parametrize(("automatic", "needs"), [(True, ()), (False, (Need("fs.read=/srv", "a"),))])
def test_what_has_to_be_allowed_anew(automatic: bool, needs: tuple[Need, ...]) -> None:
    asked = Entitlement(value="fs.read=/srv", target="a", place=Place(file="f"), automatic=automatic)
    with_it = side_of(plan(target("a"), entitlements=(asked,)))
    assert compare(side_of(plan(target("a"))), with_it).needs == needs
    assert compare(with_it, with_it).needs == ()
