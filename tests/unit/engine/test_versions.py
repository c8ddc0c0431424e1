"""What differs between versions of buildx."""

import pytest
from packaging.version import Version

from buildmatrix.engine.versions import named_by, pushes_from_store


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


@pytest.mark.parametrize(
    ("ranges", "version"),
    [
        ([], "0.29.1"),
        ([">=0.20"], "0.29.1"),
        ([">=0.99"], "0.99.0"),
        ([">=0.30", ">=0.31.2"], "0.31.2"),
        (["~=0.30.1"], "0.30.1"),
        ([">=0.20,<0.25"], "0.20.0"),
        (["==0.30.*"], "0.30.0"),
        (["==0.20.1"], "0.20.1"),
        (["===0.20"], ""),
        ([">=0.30.0rc1"], "0.30.0"),
        (["==0.30.0rc1"], ""),
        ([">0.30"], ""),
        (["<0.20"], ""),
        (["!=0.29.1"], ""),
        (["==0.12.1"], ""),
        ([">=0.30", "<0.30"], ""),
    ],
)
def test_which_version_a_range_names(ranges: list[str], version: str) -> None:
    assert named_by(ranges, "0.29.1") == version
