"""Contract tests ask buildx itself, old and new, what a bake file means; `--print` needs no engine."""

import pytest


@pytest.fixture(params=["buildx", "old_buildx"])
def each_buildx(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """The command of the current buildx and that of the oldest supported one, in turn."""
    command: tuple[str, ...] = request.getfixturevalue(request.param)
    return command
