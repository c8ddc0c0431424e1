"""What differs between versions of buildx."""

import pytest
from packaging.version import Version

from buildmatrix.engine.versions import pushes_from_store


@pytest.mark.parametrize(
    ("version", "driver", "stored"),
    [
        ("0.13.1+ds1", "docker", True),
        ("0.21.3", "docker", True),
        ("0.22.0rc1", "docker", False),
        ("0.29.1", "docker", False),
        ("0.13.1", "docker-container", False),
    ],
)
def test_before_0_22_docker_pushes_what_the_engine_keeps(version: str, driver: str, stored: bool) -> None:
    assert pushes_from_store(Version(version), driver) is stored
