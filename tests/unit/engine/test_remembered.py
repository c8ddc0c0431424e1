"""What docker told of its plugin is not asked again, as long as all that it rests on is what it was."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from buildmatrix.engine.buildx import BUILDX, Probe
from tests.programs import Scripted, said

if TYPE_CHECKING:
    from buildmatrix.process import Completed

NODE = "Name: b\nDriver: {driver}\n\nNodes:\nName: b0\nPlatforms: linux/amd64\n"


class Machine:
    """A machine with a docker, its configuration, a plugin, and a user."""

    def __init__(self, folder: Path) -> None:
        self.docker, self.config = folder / "bin" / "docker", folder / "config" / "config.json"
        self.plugin = folder / "config" / "cli-plugins" / "docker-buildx"
        self.cache = folder / "cache" / "buildmatrix" / "docker.json"
        for path in (self.docker, self.config, self.plugin):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("{}")
            path.chmod(0o755)
        self.environment = {
            "PATH": str(self.docker.parent),
            "DOCKER_CONFIG": str(self.config.parent),
            "XDG_CACHE_HOME": str(folder / "cache"),
        }

    def asked(self, *, path: str = "", version: str = "v0.29.1", driver: str = "remote") -> list[str]:
        """Look for the builder once, and return what docker was asked."""
        plugin = {"Name": "buildx", "Path": path or str(self.plugin), "Version": version}
        told = said(json.dumps({"ClientInfo": {"Plugins": [plugin]}}))
        inspected = said(NODE.format(driver=driver))
        answers: dict[str, Completed | Exception] = {
            f"{self.plugin} inspect": inspected,
            "docker buildx inspect": inspected,
            "docker buildx version": said("github.com/docker/buildx v0.13.1 abc\n"),
            "docker info": told,
        }
        programs = Scripted(answers, self.environment, plugin=str(self.plugin))  # type: ignore[arg-type]
        with Probe(programs, None) as probe:
            probe.look()
            self.program = probe.program()
        return programs.asked


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.mark.parametrize("driver", ["docker", "remote"])
def test_docker_is_asked_once(machine: Machine, driver: str) -> None:
    assert any("docker info" in one for one in machine.asked(driver=driver))
    assert machine.asked(driver=driver) == [f"{machine.plugin} inspect"]
    assert machine.program == (str(machine.plugin),)


def upgrade(machine: Machine) -> None:
    machine.docker.write_text("{} ")


def upgrade_plugin(machine: Machine) -> None:
    machine.plugin.write_text("{} ")


def put_a_plugin(machine: Machine) -> None:
    (machine.plugin.parent / "docker-other").touch()


def configure(machine: Machine) -> None:
    machine.config.write_text('{"a": 1}')


def spoil(machine: Machine) -> None:
    machine.cache.write_text("[")


def spoil_within(machine: Machine) -> None:
    known = json.loads(machine.cache.read_text())
    machine.cache.write_text(json.dumps(known | {"plugin": {"Name": "buildx"}}))


@pytest.mark.parametrize("change", [upgrade, upgrade_plugin, put_a_plugin, configure, spoil, spoil_within])
def test_what_changed_is_asked_again(machine: Machine, change: Callable[[Machine], None]) -> None:
    machine.asked()
    change(machine)
    assert any("docker info" in one for one in machine.asked())
    assert machine.asked() == [f"{machine.plugin} inspect"]


def test_nothing_is_kept_of_another_plugin_than_the_one_that_was_found(machine: Machine) -> None:
    machine.asked(path="/elsewhere/docker-buildx")
    assert machine.program == BUILDX
    assert not machine.cache.exists()


def test_nothing_is_kept_where_docker_looks_for_plugins_elsewhere_too(machine: Machine) -> None:
    machine.config.write_text('{"cliPluginsExtraDirs": ["/opt/plugins"]}')
    machine.asked()
    assert not machine.cache.exists()


def test_a_cache_that_cannot_be_written_is_done_without(machine: Machine) -> None:
    machine.cache.parent.parent.write_text("a file")
    assert any("docker info" in one for one in machine.asked())
    assert any("docker info" in one for one in machine.asked())
