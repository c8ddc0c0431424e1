"""What a failed call means, decided without an engine, a process or a clock."""

from typing import Any

import pytest

from buildmatrix.build.decision import Case, Decision, Retry, decide, lost_upon
from buildmatrix.plan.model import Plan, PlannedTarget
from buildmatrix.spec.rows.settings import Settings
from tests import plans
from tests.plans import plan


def target(name: str, *links: str, needs: tuple[str, ...] = (), **settings: Any) -> PlannedTarget:
    contexts = {link: f"target:{link}" for link in links}
    return plans.target(name, Settings(contexts=contexts, **settings), depends_on=links, needs=needs)


THREE = plan(target("base"), target("app", "base"), target("other"))
EVERY = ("base", "app", "other")


def decided(plan: Plan = THREE, names: tuple[str, ...] = EVERY, **more: Any) -> Decision:
    return decide(Case(plan=plan, names=names, **more))


def test_one_failure_ends_what_is_upon_it_and_what_is_not_begun() -> None:
    assert decided(target="base", begun=frozenset({"other"})) == Decision(
        blamed=("base",), retries=(), others={"app": "lost", "other": "again"}, culprits={"app": "base"}
    )
    assert decided(target="base").others == {"app": "lost"}  # nothing new is started


def test_with_keep_going_the_rest_is_built_again() -> None:
    found = decided(target="base", keep_going=True)
    assert found.others == {"app": "lost", "other": "again"}
    assert found.again == ("other",)


def test_with_fail_fast_what_runs_is_ended() -> None:
    found = decided(target="base", fail_fast=True, begun=frozenset(EVERY))
    assert found.others == {"app": "lost", "other": "stopped"}


@pytest.mark.parametrize(
    ("more", "tried"),
    [
        ({"may_pass": True, "retries": {"base": 1}}, True),
        ({"may_pass": False, "retries": {"base": 1}}, False),
        ({"may_pass": True, "retries": {"base": 1}, "attempt": 2}, False),
        ({"may_pass": True, "retries": {"base": 1}, "interrupted": True}, False),
        ({"may_pass": True, "retries": {"base": 0}}, False),
        ({"may_pass": True, "retries": {"app": 5, "other": 5}}, False),
        ({"may_pass": True, "is_hiccup": True}, True),
        ({"may_pass": True, "is_hiccup": True, "attempt": 2}, False),
    ],
)
def test_what_may_pass_is_tried_as_often_as_its_target_may_be(more: dict[str, Any], tried: bool) -> None:
    found = decided(target="base", keep_going=True, **more)
    assert found.retries == ((Retry(names=("base",), alone=True),) if tried else ())
    assert found.others == {"app": "again" if tried else "lost", "other": "again"}


def test_a_call_whose_every_target_failed_is_tried_as_it_was() -> None:
    for alone in (True, False):
        found = decided(names=("app",), target="app", may_pass=True, retries={"app": 1}, alone=alone)
        assert found == Decision(blamed=("app",), retries=(Retry(names=("app",), alone=alone),), others={}, culprits={})


def test_what_nobody_is_blamed_for_all_failed_that_is_left() -> None:
    found = decided(ended={"other": "built"})
    assert found.blamed == ("base", "app")
    assert found.others == {}


def test_what_only_others_build_upon_fails_and_they_are_tried_again() -> None:
    found = decided(names=("app", "other"), target="base", may_pass=True, retries={"base": 1})
    assert found.blamed == ("base",)
    assert found.retries == (Retry(names=("app", "other"), alone=False),)


def test_a_question_that_failed_for_those_upon_it_is_their_failure() -> None:
    """What is only asked something (`call`) and built for others did not fail itself."""
    asked = plan(target("base", call="check"), target("app", "base"), target("other"))
    found = decided(asked, ("app", "other"), target="base", keep_going=True)
    assert (found.blamed, found.others) == (("app",), {"other": "again"})


def test_who_has_ended_is_neither_blamed_nor_built_again() -> None:
    found = decided(target="base", ended={"base": "built", "other": "cached"}, keep_going=True)
    assert found == Decision(blamed=(), retries=(), others={"app": "again"}, culprits={})


def test_what_is_lost_names_the_nearest() -> None:
    chain = plan(target("a"), target("b", "a"), target("c", needs=("b",)), target("d", "a", call="check"))
    assert lost_upon(chain, {"a"}) == {"b": "a", "c": "b", "d": "a"}
    assert lost_upon(chain, {"d"}) == {}
