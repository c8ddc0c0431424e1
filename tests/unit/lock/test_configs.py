"""What the configurations of external images say for the platforms that are wanted, and that each is read once."""

import json
from pathlib import Path
from typing import Any

import pytest

from buildmatrix.dockerfile.links import Config
from buildmatrix.engine.outcome import Pin
from buildmatrix.lock.configs import configs
from buildmatrix.lock.pins import Pins
from tests.registry import Server
from tests.unit.lock.images import asking, image, index

AMD, ARM = "linux/amd64", "linux/arm64"


def told(server: Server, digest: str, cache: Path, *platforms: str) -> Config | None:
    name = f"{server.host}/app:1"
    pins = Pins(pins=(Pin(name=name, targets=("app",), digest=digest),))
    found = configs(pins, asking(), {"XDG_CACHE_HOME": str(cache)}, platforms)
    assert found.keys() <= {name}
    return found.get(name)


def test_a_registry_that_is_spared_is_not_asked(server: Server, tmp_path: Path) -> None:
    digest, name = index(server, linux_amd64=image(server, AMD, Env=["A=1"])), f"{server.host}/app:1"
    pins = Pins(pins=(Pin(name=name, targets=("app",), digest=digest),))
    cache = {"XDG_CACHE_HOME": str(tmp_path)}
    assert configs(pins, asking(), cache, [AMD], [server.host]) == {}
    known = configs(pins, asking(), cache, [AMD])
    assert configs(pins, asking(), cache, [AMD], [server.host]) == known != {}


def both(server: Server, amd: dict[str, Any], arm: dict[str, Any]) -> str:
    return index(server, linux_amd64=image(server, AMD, **amd), linux_arm64=image(server, ARM, **arm))


def test_what_holds_for_each_platform(server: Server, tmp_path: Path) -> None:
    triggers = {"OnBuild": ["COPY . /"]}
    digest = both(server, {"Env": ["A=1", "B=2=3"], **triggers}, {"Env": ["A=9", "B=2=3", "C=1"], **triggers})
    assert told(server, digest, tmp_path, AMD) == Config(("COPY . /",), {"A": "1", "B": "2=3"})
    expected = Config(("COPY . /",), {"A": None, "B": "2=3", "C": None})
    assert told(server, digest, tmp_path, AMD, ARM) == expected


def test_what_is_taken_in_place_of_an_image_is_known_by_the_name_that_it_stands_for(
    server: Server, tmp_path: Path
) -> None:
    """A Dockerfile names the image, and the user's source policy takes another."""
    digest = index(server, linux_amd64=image(server, AMD, Env=["A=1"]))
    pin = Pin(name="elsewhere/app:2", targets=("app",), digest=digest, instead=f"{server.host}/app:1")
    found = configs(Pins(pins=(pin,)), asking(), {"XDG_CACHE_HOME": str(tmp_path)}, [AMD])
    assert found == {"docker.io/elsewhere/app:2": Config((), {"A": "1"})}


def test_triggers_that_differ_are_not_known(server: Server, tmp_path: Path) -> None:
    digest = both(server, {"OnBuild": ["RUN a"]}, {})
    assert told(server, digest, tmp_path, AMD, ARM) is None
    assert told(server, digest, tmp_path, ARM) == Config()


def test_a_platform_that_it_lacks_says_nothing(server: Server, tmp_path: Path) -> None:
    digest = index(server, linux_amd64=image(server, AMD, Env=["A=1"]))
    assert told(server, digest, tmp_path, AMD, "linux/s390x") == Config((), {"A": "1"})


@pytest.mark.parametrize("spoilt", ["[", "{}", '{"format": 1, "platforms": {"linux/amd64": 1}}'])
def test_a_digest_is_read_once_and_again_where_what_was_kept_is_damaged(
    server: Server, tmp_path: Path, spoilt: str
) -> None:
    digest = index(server, linux_amd64=image(server, AMD, Env=["A=1"]))
    expected = Config((), {"A": "1"})
    assert told(server, digest, tmp_path, AMD) == expected
    (file,) = (tmp_path / "buildmatrix" / "configs").iterdir()
    kept = json.loads(file.read_text())
    server.before = lambda *_: 500
    assert told(server, digest, tmp_path, AMD) == expected
    file.write_text(spoilt)
    assert told(server, digest, tmp_path, AMD) is None
    server.before = lambda *_: None
    assert told(server, digest, tmp_path, AMD) == expected
    assert json.loads(file.read_text()) == kept


def test_odd_configurations_are_not_known(server: Server, tmp_path: Path) -> None:
    assert told(server, index(server, linux_amd64=image(server, AMD, Env=[1])), tmp_path, AMD) is None
