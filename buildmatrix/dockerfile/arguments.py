"""The arguments that a FROM sees: those of the platforms, then what ARG declares before the first FROM.

The builder's own platform is unknown before it is asked, unless the build gives it.
"""

from collections.abc import Iterator, Mapping

from buildmatrix.dockerfile.library import expanded
from buildmatrix.dockerfile.model import Dockerfile
from buildmatrix.records import dataclass

PREDEFINED = frozenset(
    {f"{side}{part}" for side in ("BUILD", "TARGET") for part in ("PLATFORM", "OS", "OSVERSION", "ARCH", "VARIANT")}
    | {"TARGETSTAGE"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Values by name, those of which nobody knows the value, and the platform that is built for, "" for any."""

    values: Mapping[str, str]
    unknown: frozenset[str]
    escape: str
    platform: str

    def expanded(self, word: str) -> str | None:
        """Return a word with its variables replaced; None where that cannot be known, or is refused."""
        return expanded(word, self.escape, self.values, self.unknown)


def scope_of(file: Dockerfile, given: Mapping[str, str], platform: str) -> Scope:
    """Return what the FROMs of a Dockerfile see: of what the build gives only what is predefined, or declared there."""
    values = dict(_of_platform(platform))
    values |= {name: given[name] for name in PREDEFINED & given.keys()}
    unknown = set(PREDEFINED - values.keys())
    for arg in file.args:
        if arg.name in given:
            found: str | None = given[arg.name]
        elif arg.default is None:
            continue  # `ARG TARGETARCH`: it stays what it is
        else:
            found = expanded(arg.default, file.escape, values, unknown)
        if found is None:
            unknown.add(arg.name)
        else:
            values[arg.name] = found
            unknown.discard(arg.name)
    return Scope(values=values, unknown=frozenset(unknown), escape=file.escape, platform=platform)


def _of_platform(platform: str) -> Iterator[tuple[str, str]]:
    if platform:
        system, architecture, variant = (*platform.split("/", 2), "", "")[:3]
        yield from (("TARGETPLATFORM", platform), ("TARGETOS", system), ("TARGETOSVERSION", ""))
        yield from (("TARGETARCH", architecture), ("TARGETVARIANT", variant))
