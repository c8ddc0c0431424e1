"""A registry in memory for the tests of this directory."""

from collections.abc import Iterator

import pytest

from tests.registry import Server, registry_in_memory


@pytest.fixture
def server() -> Iterator[Server]:
    with registry_in_memory() as found:
        yield found
