"""How to get a platform that no node of a builder has."""

from collections.abc import Sequence
from shlex import quote

from buildmatrix.engine.buildx import Builder
from buildmatrix.plan.model import PlannedTarget
from buildmatrix.plan.publishing import pushed_tags

EMULATED = frozenset({"386", "amd64", "arm", "arm64", "loong64", "mips64", "mips64le", "ppc64le", "riscv64", "s390x"})
"""The architectures of Linux that tonistiigi/binfmt has an emulator for, as it calls them."""


def platform_hint(platform: str, target: PlannedTarget, builder: Builder) -> str:
    """Return the ways: QEMU where there is one for it, a node, or leaving it out."""
    kept = [one for one in target.platforms if one in builder.platforms]
    less = f"buildmatrix apply --platform {','.join(kept)}"
    ways = {
        "give it QEMU:": qemu(platform, builder),
        "add a node:": _node(platform, builder),
        "leave it out:": _without(kept, target),
        "keep it:": f"{less}, where the tag has {platform}" if kept and pushed_tags(target) else "",
    }
    given = [(way, text) for way, text in ways.items() if text]
    lines = [f"{'or ' if number else ''}{way}".ljust(18) + text for number, (way, text) in enumerate(given)]
    return "\n".join(lines)


def _node(platform: str, builder: Builder) -> str:
    """Return the command that adds a node: the driver "docker" has one alone, so that another builder is made."""
    name, endpoint = builder.name, _ENDPOINTS.get(builder.driver, "ssh://…")
    if builder.driver == "docker":
        more = f"docker buildx create --append --name many --platform {platform} {endpoint}"
        return f"docker buildx create --name many && {more}, then --builder many"
    return f"docker buildx create --append --name {name} --platform {platform} {endpoint}".rstrip()


_ENDPOINTS = {"remote": "tcp://…", "kubernetes": "--driver-opt nodeselector=…", "cloud": ""}
"""What names the machine of a node, by driver; any other one takes a docker engine."""


def _without(kept: Sequence[str], target: PlannedTarget) -> str:
    """Return how a platform is left out: `--platform` alone would take it from the tag of what is pushed."""
    if not kept:
        return f"buildmatrix apply {quote(f'!{target.name}')}"
    if not pushed_tags(target):
        return f"buildmatrix apply --platform {','.join(kept)}"
    listed = ", ".join(f'"{one}"' for one in kept)
    return f"platforms = [{listed}] in target.{target.declared}"


def qemu(platform: str, builder: Builder) -> str:
    """Return the command that gives an engine QEMU for a platform, "" where there is none for it."""
    name = _emulated(platform, builder)
    return f"docker run --privileged --rm tonistiigi/binfmt --install {name}" if name else ""


def _emulated(platform: str, builder: Builder) -> str:
    """Return binfmt's name of a platform, "" where it has none, or where the machine itself is of that kind.

    QEMU is not used for the machine's own architecture: amd64 without v3 stays without it.
    """
    system, _, rest = platform.partition("/")
    name = rest.partition("/")[0]
    own = f"{system}/{name}" in builder.platforms
    return name if system == "linux" and name in EMULATED and not (own and name == "amd64") else ""
