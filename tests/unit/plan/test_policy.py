"""How a plan is run: durations, and what follows from what was said."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from buildmatrix.plan.policy import Policy, refusals, seconds_of
from buildmatrix.spec.rows.options import Apply, Options


def policy(*targets: Any, table: Any = None, **chosen: Any) -> Policy:
    return Policy(plan=cast("Any", SimpleNamespace(targets=targets, apply=table or Apply())), options=Options(**chosen))


def target(**settings: Any) -> Any:
    return SimpleNamespace(
        settings=SimpleNamespace(**{**dict.fromkeys(["retries", "timeout", "publish", "max_age"]), **settings})
    )


@pytest.mark.parametrize(("given", "refused"), [("5x", True), ("", True), ("0s", True), ("1h", False), (None, False)])
def test_a_duration_has_a_form(given: str | None, refused: bool) -> None:
    found = list(refusals(Options(timeout=given)))
    assert [one.message for one in found] == ([f"--timeout {given} is not a valid duration"] if refused else [])
    assert all(one.hint == "write 90s, 20m or 1h30m" for one in found)


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("20m", 1200), ("1h30m", 5400), ("1h1m1s", 3661), ("1d12h", 129_600)]
)
def test_durations(text: str, seconds: int) -> None:
    assert seconds_of(text) == seconds


def test_a_target_has_the_time_that_is_nearest_to_it() -> None:
    table = Apply(timeout="1h", retries=3)
    one = target(timeout="90s", retries=0)
    assert (policy(table=table).timeout(one), policy(table=table).retries(one)) == (90, 0)
    assert (policy(table=table).timeout(target()), policy(table=table).retries(target())) == (3600, 3)
    assert policy(table=table, timeout="20m", retries=1).timeout(one) == 1200
    assert policy().timeout(target()) is None
    assert policy().retries(target()) == 0


def test_an_image_may_be_as_old_as_is_said_nearest_to_it() -> None:
    table = Apply(max_age="7d")
    assert policy(table=table).max_age(target(max_age="12h")) == 43_200
    assert policy(table=table).max_age(target()) == 604_800
    assert policy().max_age(target()) is None


def test_fail_fast_goes_before_what_the_file_keeps_going_with() -> None:
    table = Apply(keep_going=True)
    assert policy(table=table).keep_going
    assert not policy(table=table, fail_fast=True).keep_going
    assert not policy(table=table, keep_going=False).keep_going


@pytest.mark.parametrize(
    ("more", "split"), [({}, False), ({"jobs": 1}, True), ({"keep_going": True}, True), ({"timeout": "1m"}, True)]
)
def test_several_calls_share_no_terminal(more: dict[str, Any], split: bool) -> None:
    found = policy(target(), progress="tty", **more)
    assert (found.is_split, found.progress) == (split, "plain" if split else "tty")


def test_tags_wait_where_that_is_said() -> None:
    assert not policy().together(target())
    assert policy(table=Apply(publish="together")).together(target())
    assert not policy(table=Apply(publish="together")).together(target(publish="direct"))
    assert policy(publish="together").together(target(publish="direct"))
