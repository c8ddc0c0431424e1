"""How long is waited before something is tried again."""

import random

import pytest

from buildmatrix.retries import LONGEST_WAIT, wait_before


@pytest.mark.parametrize(("attempt", "least", "most"), [(1, 0.75, 1.25), (2, 1.5, 2.5), (4, 6.0, 10.0)])
def test_each_wait_is_twice_as_long(attempt: int, least: float, most: float) -> None:
    random.seed(0)
    waits = [wait_before(attempt, 0.0) for _ in range(100)]
    assert least <= min(waits) < (least + most) / 2 < max(waits) <= most


def test_no_wait_is_longer_than_the_longest() -> None:
    assert max(wait_before(attempt, 0.0) for attempt in range(1, 900)) <= LONGEST_WAIT * 1.25


def test_what_a_registry_asks_for_is_the_least() -> None:
    assert wait_before(1, 30.0) == 30.0
    assert wait_before(5, 0.5) >= 12.0
