"""Platform names, normalized as containerd does (platforms.Normalize), so that two names of one thing are one."""

_ALIASES = {
    ("arm64", "v8"): ("arm64", ""),
    ("amd64", "v1"): ("amd64", ""),
    ("arm", ""): ("arm", "v7"),
}


def normalized(platform: str) -> str:
    """Return the usual name: `linux/arm64/v8` is linux/arm64, `linux/arm` is linux/arm/v7; a trailing `!` goes."""
    system, _, rest = platform.removesuffix("!").partition("/")
    architecture, _, variant = rest.partition("/")
    if not architecture:
        return system
    architecture, variant = _ALIASES.get((architecture, variant), (architecture, variant))
    return "/".join(part for part in (system, architecture, variant) if part)
