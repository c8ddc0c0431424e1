"""Where what may be lost is kept."""

from pathlib import Path

import pytest

from buildmatrix.cache import cache_directory


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"XDG_CACHE_HOME": "/c", "HOME": "/h"}, "/c/buildmatrix"),
        ({"XDG_CACHE_HOME": "c", "HOME": "/h"}, "/h/.cache/buildmatrix"),
        ({"HOME": "/h"}, "/h/.cache/buildmatrix"),
        ({"HOME": "h"}, None),
        ({}, None),
    ],
)
def test_the_users_cache_directory(environment: dict[str, str], expected: str | None) -> None:
    assert cache_directory(environment) == (Path(expected) if expected else None)
