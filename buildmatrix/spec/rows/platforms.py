"""Platforms as they are written in a file: which are known, and what was meant by one that is not."""

import re

from buildmatrix.errors import did_you_mean

ARCHITECTURES = "386|amd64|arm|arm64|loong64|mips|mipsle|mips64|mips64le|ppc64|ppc64le|riscv64|s390x|wasm32|wasm"
ALIASES = "x86_64|x86-64|aarch64|i386|armhf|armel"
"""Architectures by other names, which the engine takes too (containerd's platforms.Normalize)."""
SYSTEMS = (
    "linux|windows|darwin|freebsd|netbsd|openbsd|dragonfly|illumos|solaris|plan9|wasip1|wasi|js|aix|android|ios|macos"
)
PLATFORM = rf"^(local|({SYSTEMS})/({ARCHITECTURES}|{ALIASES})(/v[0-9]+)?|[a-z0-9]+/[a-z0-9_]+(/[a-z0-9.]+)?!)$"
AUTO = "auto"
"""What is written for the platforms that all bases have."""
PLATFORM_OR_AUTO = PLATFORM.replace("^(", f"^({AUTO}|", 1)
KNOWN_PLATFORMS = (
    "linux/amd64",
    "linux/amd64/v2",
    "linux/amd64/v3",
    "linux/arm64",
    "linux/arm/v5",
    "linux/arm/v6",
    "linux/arm/v7",
    "linux/386",
    "linux/ppc64le",
    "linux/s390x",
    "linux/riscv64",
    "linux/loong64",
    "linux/mips64le",
    "windows/amd64",
    "windows/arm64",
    "darwin/amd64",
    "darwin/arm64",
    "freebsd/amd64",
    "freebsd/arm64",
    "wasi/wasm32",
    "wasi/wasm",
    "wasip1/wasm",
)


def platform_hint(text: str) -> str:
    """Return what to write for a text that is not a valid platform."""
    several = [part for part in re.split(r"[\s,;]+", text) if part]
    if len(several) > 1 and all(re.fullmatch(PLATFORM, part) for part in several):
        return "write each for itself: " + ", ".join(f'"{part}"' for part in several)
    near = did_you_mean(text, KNOWN_PLATFORMS)
    guess = _guess(text)
    if guess and re.fullmatch(PLATFORM, guess):
        return f'write "{guess}"'
    if text.lower() in SYSTEMS.split("|"):
        return f'write OS/ARCHITECTURE, such as "{text.lower()}/amd64"'
    return near or 'write OS/ARCHITECTURE, such as "linux/amd64"'


def _guess(text: str) -> str:
    """Put a platform together from the words of a text: `arm64`, `linux-amd64`, `Linux/x64`, `arm64/linux`, `armv7`."""
    from buildmatrix.spec.hints import words as known

    plain = re.sub(r"x86[_-]64", "x86_64", text.lower())
    words = [
        known.ARCHITECTURES.get(word, known.SYSTEMS.get(word, word)) for word in re.split(r"[/:.-]+|_(?!64)", plain)
    ]
    parts = [part for word in words for part in word.split("/")]
    system = next((part for part in parts if part in SYSTEMS.split("|")), "linux")
    architecture = next((part for part in parts if part in f"{ARCHITECTURES}|{ALIASES}".split("|")), "")
    found = next((part for part in parts if re.fullmatch(r"v?[0-9]", part)), "")
    rest = [part for part in parts if part not in {system, architecture, found}]
    variant = found if not found or found.startswith("v") else f"v{found}"
    return "" if rest or not architecture else "/".join(part for part in (system, architecture, variant) if part)


PLATFORM_NAME = "platform"
"""What `select` and templates call the platform that settings are for, unless a variable or an axis is called so."""
