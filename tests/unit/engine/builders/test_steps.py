"""What makes a builder the declared one, by what buildx keeps of the one that there is."""

import json
import shlex
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from buildmatrix.engine.builders.compare import differences
from buildmatrix.engine.builders.declared import spoken
from buildmatrix.engine.builders.steps import change, typed
from buildmatrix.engine.builders.stored import stored
from buildmatrix.errors import EngineError, Problems
from buildmatrix.spec.load import load
from buildmatrix.spec.rows.builders import DeclaredBuilder
from buildmatrix.spec.toml.source import Sources

TWO = """
driver = "remote"
[[builder.b.node]]
name = "one"
endpoint = "tcp://one:1"
platforms = ["linux/amd64"]
[[builder.b.node]]
endpoint = "tcp://two:1"
platforms = ["linux/arm64", "linux/arm"]
"""
ONE = {"Name": "one", "Endpoint": "tcp://one:1", "Platforms": [{"os": "linux", "architecture": "amd64"}]}
ARM = [{"os": "linux", "architecture": "arm64"}, {"os": "linux", "architecture": "arm", "variant": "v7"}]
OTHER = {"Name": "b0", "Endpoint": "tcp://two:1", "Platforms": ARM}
THIRD = {"Name": "b1", "Endpoint": "tcp://three:1"}
BOTH = {"default-load": "true", "memory": "4"}
NETWORK = "--allow-insecure-entitlement=network.host"

Declare = Callable[[str], DeclaredBuilder]


@pytest.fixture
def declare(tmp_path: Path) -> Declare:
    """The builder `b` of a file."""

    def go(text: str) -> DeclaredBuilder:
        problems = Problems()
        spec = load("f", Sources(tmp_path, {"f": f"version = 1\n[builder.b]\n{text}"}), problems)
        assert [one.message for one in problems.errors if one.code != "no-target"] == []
        return spec.builders["b"]

    return go


def kept(folder: Path, *nodes: dict[str, Any], driver: str = "remote") -> dict[str, str]:
    """The environment in which buildx keeps a builder `b`."""
    (folder / "x" / "instances").mkdir(parents=True, exist_ok=True)
    text = json.dumps({"Name": "b", "Driver": driver, "Nodes": nodes, "Dynamic": False})
    (folder / "x" / "instances" / "b").write_text(text)
    return {"BUILDX_CONFIG": str(folder / "x")}


def steps(declared: DeclaredBuilder, environment: dict[str, str]) -> list[str]:
    found = change(declared, stored("b", environment), environment)
    return [typed((), step) for step in found.steps]


CREATED = [
    "create --name b --driver remote --node one --platform linux/amd64 tcp://one:1",
    "create --name b --append --driver remote --node b0 --platform linux/arm64,linux/arm/v7 tcp://two:1",
]


def test_one_that_is_missing_is_created_node_by_node(declare: Declare, tmp_path: Path) -> None:
    assert steps(declare(TWO), {"BUILDX_CONFIG": str(tmp_path)}) == CREATED


def test_one_that_is_as_declared_stays(declare: Declare, tmp_path: Path) -> None:
    assert steps(declare(TWO), kept(tmp_path, ONE, OTHER)) == []


def test_a_node_more_is_appended_and_one_less_leaves(declare: Declare, tmp_path: Path) -> None:
    assert steps(declare(TWO), kept(tmp_path, ONE)) == [CREATED[1]]
    assert steps(declare(TWO), kept(tmp_path, ONE, OTHER, THIRD)) == ["create --name b --leave --node b1"]


def test_what_differs_otherwise_is_created_anew(declare: Declare, tmp_path: Path) -> None:
    elsewhere = {**ONE, "Endpoint": "tcp://nowhere:1"}
    assert steps(declare(TWO), kept(tmp_path, elsewhere, OTHER)) == ["rm b", *CREATED]
    assert steps(declare(TWO), kept(tmp_path, ONE, THIRD)) == ["rm b", *CREATED]


def test_containers_keep_their_cache_and_leave_none_behind(declare: Declare, tmp_path: Path) -> None:
    node = {"Name": "b0", "Endpoint": "default", "Flags": [NETWORK]}
    create = "create --name b --driver docker-container --node b0"
    assert steps(declare(""), kept(tmp_path, node, driver="docker-container")) == []
    more = kept(tmp_path, node, {**node, "Name": "b1"}, driver="docker-container")
    assert steps(declare(""), more) == ["rm --keep-state b", create]
    assert steps(declare(""), kept(tmp_path, node, driver="kubernetes")) == ["rm b", create]


@pytest.mark.parametrize(
    ("text", "node", "found"),
    [
        ("driver-opts.image = 'x'", {"DriverOpts": {"image": "x"}}, []),
        ("driver-opts.image = 'x'", {}, ["driver-opts.image: none, declared: x"]),
        ("", {"DriverOpts": {"image": "x"}}, ["driver-opts.image: x, declared: none"]),
        ("driver-opts = { default-load = true, memory = 4 }", {"DriverOpts": BOTH}, []),
        ("driver-opts.'env.T' = 'a'", {"DriverOpts": {"env.T": "b"}}, ["driver-opts.env.T: it has another value"]),
        ("driver-opts.'env.T' = 'a'", {}, ["driver-opts.env.T: missing"]),
        ("", {"DriverOpts": {"env.T": "b"}}, ["driver-opts.env.T: not declared"]),
        ("buildkitd-flags = ['--debug']", {"Flags": ["--debug", NETWORK]}, []),
        ("buildkitd-flags = ['--debug --root \"/a b\"']", {"Flags": ["--debug", "--root", "/a b"]}, []),
        ("", {"Flags": ["--debug"]}, ["buildkitd-flags: --debug, declared: none"]),
        ("platforms = ['linux/arm64']", {}, ["platforms: none, declared: linux/arm64"]),
        ("platforms = ['linux/aarch64']", {"Platforms": [ARM[0]]}, []),
        ("endpoint = 'default'", {"Endpoint": "unix:///run/docker.sock"}, []),
        ("endpoint = 'tcp://h'", {"Endpoint": "tcp://h:2375"}, []),
        ("endpoint = 'far'", {"Endpoint": "near"}, ["endpoint: near, declared: far"]),
        ("", {"Endpoint": "near"}, []),
        ("", {"Files": {"buildkitd.toml": "YQ=="}}, ["buildkitd-config: it has another one"]),
        ("buildkitd-config = 'x'", {"Files": {"buildkitd.toml": "YQ=="}}, ["buildkitd-config: it has another one"]),
    ],
)  # fmt: skip
def test_in_what_a_node_differs(
    text: str, node: dict[str, Any], found: list[str], declare: Declare, tmp_path: Path
) -> None:
    environment = kept(tmp_path, {"Name": "b0", **node}, driver="docker-container")
    there = stored("b", environment)
    assert there is not None
    words = [spoken(one) for one in differences(declare(text), there, environment)]
    assert words == [f"node b0: {one}" for one in found]


def test_another_driver_is_all_that_is_said(declare: Declare, tmp_path: Path) -> None:
    environment = kept(tmp_path, ONE)
    there = stored("b", environment)
    assert there is not None
    assert [spoken(one) for one in differences(declare(""), there, environment)] == [
        "driver: remote, declared: docker-container"
    ]


def test_a_configuration_is_compared_by_what_it_says(declare: Declare, tmp_path: Path) -> None:
    """Buildx writes it anew, and certificates of registries go along under paths of the container."""
    (tmp_path / "ca.pem").write_text("A")
    (tmp_path / "c.toml").write_text(f'debug = true # loud\n[registry."h:1"]\nca = ["{tmp_path}/ca.pem"]\n')
    inner = b'debug = true\n\n[registry]\n[registry."h:1"]\nca = ["/etc/buildkit/certs/h_1/ca.pem"]\n'
    files = {"buildkitd.toml": b64encode(inner).decode(), "certs/h_1/ca.pem": b64encode(b"A").decode()}
    environment = kept(tmp_path, {"Name": "b0", "Files": files}, driver="docker-container")
    declared = declare('buildkitd-config = "c.toml"')
    assert steps(declared, environment) == []
    (tmp_path / "ca.pem").write_text("B")
    assert steps(declared, environment)[0] == "rm --keep-state b"
    (tmp_path / "ca.pem").write_text("A")
    (tmp_path / "c.toml").write_text("debug = false\n")
    assert steps(declared, environment)[0] == "rm --keep-state b"


def test_the_default_configuration_of_buildx_is_no_difference(declare: Declare, tmp_path: Path) -> None:
    files = {"buildkitd.toml": b64encode(b"debug = true\n").decode()}
    environment = kept(tmp_path, {"Name": "b0", "Files": files}, driver="docker-container")
    assert steps(declare(""), environment)[0] == "rm --keep-state b"
    (tmp_path / "x" / "buildkitd.default.toml").write_text("debug=true")
    assert steps(declare(""), environment) == []


def test_values_are_told_as_csv_and_flags_as_a_shell_takes_them(declare: Declare, tmp_path: Path) -> None:
    declared = declare("driver-opts = { 'env.X' = 'a,\"b\"' }\nbuildkitd-flags = ['--a=b c', '--d']")
    (step,) = change(declared, None, {"BUILDX_CONFIG": str(tmp_path)}).steps
    assert step.words[-4:] == ("--driver-opt", '"env.X=a,""b"""', "--buildkitd-flags", "--a=b c --d")
    assert shlex.split(typed(("docker", "buildx"), step))[2:] == list(step.words)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"Name": "b"}', '{"Name": "b", "Driver": "d", "Nodes": [1]}'])
def test_what_is_not_as_buildx_writes_it_is_said(text: str, tmp_path: Path) -> None:
    environment = kept(tmp_path)
    (tmp_path / "x" / "instances" / "b").write_text(text)
    with pytest.raises(EngineError, match='what buildx keeps of builder "b" cannot be read') as raised:
        stored("b", environment)
    assert "docker buildx rm b" in raised.value.diagnostics[0].hint
