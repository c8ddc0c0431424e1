"""Which emulator a platform needs: QEMU as tonistiigi/binfmt installs it, where there is one."""

import pytest

from buildmatrix.engine.buildx import Builder, Node
from buildmatrix.engine.emulation import platform_hint
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
