"""How to get a platform that no node of a builder has."""

from buildmatrix.engine.buildx import Builder
from buildmatrix.plan.model import PlannedTarget

EMULATED = frozenset({"386", "amd64", "arm", "arm64", "loong64", "mips64", "mips64le", "ppc64le", "riscv64", "s390x"})
"""The architectures of Linux that tonistiigi/binfmt has an emulator for, as it calls them."""


def platform_hint(platform: str, target: PlannedTarget, builder: Builder) -> str:
    """Return the ways: QEMU where there is one for it, a node, or leaving it out."""
    node = f"docker buildx create --append --name {builder.name} --platform {platform} ssh://…"
    if builder.driver == "docker":
        node = f"docker buildx create --name many --platform {platform} ssh://…, then --builder many"
    kept = [one for one in target.platforms if one in builder.platforms]
    less = f"--platform {','.join(kept)}" if kept else f"'!{target.name}'"
    ways = {
        "give it QEMU:": qemu(platform, builder),
        "add a node:": node,
        "leave it out:": f"buildmatrix apply {less}",
    }
    if not ways["give it QEMU:"]:
        del ways["give it QEMU:"]
    lines = [f"{'or ' if number else ''}{way}".ljust(18) + text for number, (way, text) in enumerate(ways.items())]
    return "\n".join(lines)


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
