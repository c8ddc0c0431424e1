"""The projects of `make prove`: what changes them takes whatever the changes before have left."""

import random

import pytest

from tests.prove.mutations import mutated
from tests.prove.projects import project_of, spec_of


@pytest.mark.parametrize("seed", range(12))
def test_a_project_can_be_changed_for_ever(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 no secret
    made = project_of(chance, "localhost:5000/p", "localhost:5000/bases:p")
    for _ in range(40):
        before = made
        _, made = mutated(chance, before)
        assert made != before or spec_of(made) != spec_of(before)
