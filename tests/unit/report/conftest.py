"""Outcomes to report on."""

from collections.abc import Callable

import pytest

from buildmatrix.engine.outcome import BuildOutcome, Outcome
from tests import outcomes


@pytest.fixture
def make_target() -> Callable[..., BuildOutcome]:
    return outcomes.make_target


@pytest.fixture
def run() -> Outcome:
    return outcomes.run()


@pytest.fixture
def many() -> Callable[[int], Outcome]:
    return outcomes.many


@pytest.fixture
def odd() -> Outcome:
    return outcomes.odd()
