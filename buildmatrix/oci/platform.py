"""Platform names, normalized as containerd does (platforms.Normalize), so that two names of one thing are one."""

from functools import lru_cache
from typing import NamedTuple

_SYSTEMS = {"macos": "darwin"}
_ARCHITECTURES = {
    "x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64", "i386": "386", "armhf": "arm/v7", "armel": "arm/v6",
}  # fmt: skip
_MACHINES = {"armv7l": "arm/v7", "armv6l": "arm/v6", "i686": "386", "loongarch64": "loong64"}
_ALIASES = {
    ("arm64", "v8"): ("arm64", ""),
    ("amd64", "v1"): ("amd64", ""),
    ("arm", ""): ("arm", "v7"),
}


class Platform(NamedTuple):
    """A platform by its usual names; `local` and their like have no architecture."""

    os: str
    architecture: str = ""
    variant: str = ""

    def __str__(self) -> str:
        return "/".join(filter(None, self))

    @property
    def table(self) -> dict[str, str]:
        """As an index describes it."""
        parts = {"os": self.os, "architecture": self.architecture, "variant": self.variant}
        return {key: part for key, part in parts.items() if part}


def platform_of(system: str, name: str = "", given: str = "") -> Platform:
    """Return a platform by the usual names of its system, architecture and variant."""
    if not name:
        return Platform(system)
    architecture, _, variant = _ARCHITECTURES.get(name, name).partition("/")
    architecture, variant = _ALIASES.get((architecture, given or variant), (architecture, given or variant))
    return Platform(_SYSTEMS.get(system, system), architecture, variant)


@lru_cache(1024)
def normalized(platform: str) -> str:
    """Return the usual name: `linux/x86_64` is linux/amd64, `linux/arm` is linux/arm/v7; a trailing `!` goes."""
    system, _, rest = platform.removesuffix("!").partition("/")
    name, _, given = rest.partition("/")
    return str(platform_of(system, name, given))


def of_machine(system: str, machine: str) -> str:
    """Return the platform of a machine by its kernel's words (`uname`): linux and armv7l are linux/arm/v7."""
    return normalized(f"{system}/{_MACHINES.get(machine, machine)}".lower())
