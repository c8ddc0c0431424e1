"""A registry in memory for the tests of this directory."""

import time
from collections.abc import Iterator

import pytest

from tests.registry import Server, registry_in_memory


@pytest.fixture
def server() -> Iterator[Server]:
    with registry_in_memory() as found:
        yield found


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits before it asks again waits a hundredth of that."""
    sleep = time.sleep
    monkeypatch.setattr(time, "sleep", lambda seconds: sleep(seconds / 100))
