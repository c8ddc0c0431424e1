"""Platform names, normalized as containerd does (platforms.Normalize), so that two names of one thing are one."""

_SYSTEMS = {"macos": "darwin"}
_ARCHITECTURES = {
    "x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64", "i386": "386", "armhf": "arm/v7", "armel": "arm/v6",
}  # fmt: skip
_ALIASES = {
    ("arm64", "v8"): ("arm64", ""),
    ("amd64", "v1"): ("amd64", ""),
    ("arm", ""): ("arm", "v7"),
}


def normalized(platform: str) -> str:
    """Return the usual name: `linux/x86_64` is linux/amd64, `linux/arm` is linux/arm/v7; a trailing `!` goes."""
    system, _, rest = platform.removesuffix("!").partition("/")
    name, _, given = rest.partition("/")
    if not name:
        return system
    architecture, _, variant = _ARCHITECTURES.get(name, name).partition("/")
    architecture, variant = _ALIASES.get((architecture, given or variant), (architecture, given or variant))
    return "/".join(part for part in (_SYSTEMS.get(system, system), architecture, variant) if part)
