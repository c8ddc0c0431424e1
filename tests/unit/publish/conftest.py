"""What the tests of tags share: a registry in memory."""

from collections.abc import Iterator

import pytest

from tests.registry import Server, registry_in_memory


@pytest.fixture
def server() -> Iterator[Server]:
    with registry_in_memory() as made:
        yield made
