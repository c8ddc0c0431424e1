"""Where docker's plugins are looked for."""

from pathlib import Path

import pytest

from buildmatrix.process import Programs


def plugin(directory: Path, mode: int = 0o755) -> str:
    directory.mkdir(parents=True)
    path = directory / "docker-buildx"
    path.touch()
    path.chmod(mode)
    return str(path)


@pytest.fixture(autouse=True)
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only directory of the system's plugins."""
    monkeypatch.setattr("buildmatrix.process.PLUGINS", (str(tmp_path / "system"),))
    return tmp_path / "system"


def test_a_plugin_is_the_users_before_the_systems(tmp_path: Path, system: Path) -> None:
    programs = Programs({"HOME": str(tmp_path)})
    assert programs.docker_plugin("buildx") == ""
    everyones = plugin(system)
    assert programs.docker_plugin("buildx") == everyones
    users = plugin(tmp_path / ".docker" / "cli-plugins")
    assert programs.docker_plugin("buildx") == users


def test_a_plugin_is_where_the_configuration_is(tmp_path: Path) -> None:
    expected = plugin(tmp_path / "config" / "cli-plugins")
    assert Programs({"DOCKER_CONFIG": str(tmp_path / "config")}).docker_plugin("buildx") == expected


def test_what_cannot_be_executed_is_no_plugin(tmp_path: Path) -> None:
    plugin(tmp_path / "cli-plugins", 0o644)
    assert Programs({"DOCKER_CONFIG": str(tmp_path)}).docker_plugin("buildx") == ""
