"""A bounded sample of the fuzzer's specs, the same every time; `make fuzz` runs as many as one likes."""

import os
from pathlib import Path

import pytest

from tests.fuzz.mutations import cases
from tests.fuzz.running import failing, run_case

SEED = int(os.environ.get("FUZZ_SEED", "1"))
COUNT = int(os.environ.get("FUZZ_COUNT", "24"))
PARTS = 4


@pytest.mark.parametrize("part", range(PARTS))
def test_no_spec_ends_the_program(part: int) -> None:
    """No traceback, no hang, no exit code outside the table; JSON by its schema, nothing that a terminal obeys."""
    found = {}
    for number, one in enumerate(cases(SEED, COUNT, 3)):
        if number % PARTS == part and (wrong := run_case(one)):
            found[str(failing(one, wrong, Path(".fuzz")))] = wrong
    assert not found


def test_a_case_is_its_seed() -> None:
    assert list(cases(3, 2, 2)) == list(cases(3, 2, 2))
