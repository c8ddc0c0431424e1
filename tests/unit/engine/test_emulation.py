"""Which emulator a platform needs: QEMU as tonistiigi/binfmt installs it, where there is one."""

import pytest

from buildmatrix.engine.buildx import Builder, Node
from buildmatrix.engine.emulation import platform_hint
from buildmatrix.spec.rows.outputs import RegistryOutput
from buildmatrix.spec.rows.settings import Settings
from tests.plans import target


@pytest.mark.parametrize(
    ("platform", "name"),
    [
        ("linux/386", "386"),
        ("linux/amd64", "amd64"),
        ("linux/amd64/v3", "amd64"),
        ("linux/arm/v7", "arm"),
        ("linux/arm64", "arm64"),
        ("linux/loong64", "loong64"),
        ("linux/mips64", "mips64"),
        ("linux/mips64le", "mips64le"),
        ("linux/ppc64le", "ppc64le"),
        ("linux/riscv64", "riscv64"),
        ("linux/s390x", "s390x"),
        ("linux/sparc", ""),
        ("darwin/arm64", ""),
    ],
)
def test_each_architecture_of_linux_has_its_emulator(platform: str, name: str) -> None:
    machine = Builder(name="b", driver="remote", error="", nodes=(Node(name="n", error="", platforms=("linux/x",)),))
    first = platform_hint(platform, target(settings=Settings()), machine).splitlines()[0]
    if name:
        assert first == f"give it QEMU:     docker run --privileged --rm tonistiigi/binfmt --install {name}"
    else:
        assert first.startswith("add a node:       ")


def test_a_variant_of_the_machines_own_architecture() -> None:
    """QEMU does not run for amd64 what amd64 has not; arm's variants are emulated."""
    node = Node(name="n", error="", platforms=("linux/amd64", "linux/arm"))
    machine = Builder(name="b", driver="remote", error="", nodes=(node,))
    found = target(settings=Settings(platforms=("linux/amd64", "linux/arm", "linux/arm/v7")))
    assert platform_hint("linux/amd64/v3", found, machine).startswith("add a node:")
    lines = platform_hint("linux/arm/v7", found, machine).splitlines()
    assert lines[0].endswith("--install arm")
    assert lines[-1] == "or leave it out:  buildmatrix apply --platform linux/amd64,linux/arm"


def test_leaving_a_platform_out_of_what_is_pushed_is_a_matter_of_the_file() -> None:
    """`--platform` takes it from the tag, which need not have it."""
    machine = Builder(
        name="b", driver="remote", error="", nodes=(Node(name="n", error="", platforms=("linux/amd64",)),)
    )
    pushed = Settings(
        platforms=("linux/amd64", "linux/s390x"), tags=("r/app:1",), output=(RegistryOutput(type="registry"),)
    )
    assert platform_hint("linux/s390x", target(settings=pushed), machine).splitlines()[1:] == [
        "or add a node:    docker buildx create --append --name b --platform linux/s390x tcp://…",
        'or leave it out:  platforms = ["linux/amd64"] in target.app',
        "or keep it:       buildmatrix apply --platform linux/amd64, where the tag has linux/s390x",
    ]


@pytest.mark.parametrize(
    ("driver", "command"),
    [
        ("docker-container", "docker buildx create --append --name b --platform linux/s390x ssh://…"),
        ("kubernetes", "docker buildx create --append --name b --platform linux/s390x --driver-opt nodeselector=…"),
        ("cloud", "docker buildx create --append --name b --platform linux/s390x"),
        (
            "docker",
            (
                "docker buildx create --name many && "
                "docker buildx create --append --name many --platform linux/s390x ssh://…, then --builder many"
            ),
        ),
    ],
)
def test_a_node_is_added_to_the_builder_or_to_a_new_one_with_the_machine_here(driver: str, command: str) -> None:
    machine = Builder(name="b", driver=driver, error="", nodes=())
    lines = platform_hint("linux/s390x", target(settings=Settings()), machine).splitlines()
    assert lines[1] == f"or add a node:    {command}"
