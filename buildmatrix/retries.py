"""How long to wait before something is tried again: one rule for builds and for questions to registries."""

import random

FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0
"""Seconds before the second attempt, doubled for each one that follows, up to the longest."""


def wait_before(attempt: int, asked: float) -> float:
    """Return the seconds before the next attempt: doubled each time, with jitter; what a registry asks for wins."""
    wait = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** (attempt - 1))
    return max(asked, wait * random.uniform(0.75, 1.25))  # noqa: S311 jitter is no secret
