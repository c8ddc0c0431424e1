"""The platforms of bases that no lock file has: read of their registry, once for each digest, and kept."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from buildmatrix.cache import cache_directory, read_table, write_table
from buildmatrix.engine.outcome import Pin
from buildmatrix.engine.registry import Registry
from buildmatrix.lock.named import Named
from buildmatrix.oci.answers import Absent, Found
from buildmatrix.oci.http.parallel import all_of
from buildmatrix.oci.image import Image, image_of
from buildmatrix.oci.index import INDEXES
from buildmatrix.oci.reference import parse

FILE = "indexes.json"
MOST_BYTES = 1 << 20
MOST_KEPT = 1_000
"""Digests whose platforms are kept, the last ones."""

COUNTS = "docker.io"
"""The registry that counts each reading of an index as a pull; of its images BuildKit says what they lack."""


def platforms_of(
    registry: Registry, named: Iterable[Named], pins: Iterable[Pin], environment: Mapping[str, str]
) -> dict[str, tuple[str, ...]]:
    """Return the platforms of the images that have to have some, by name; of those that are in an index, and known.

    What a registry does not tell is left out.
    """
    needed = {one.name for one in named if any(use.platforms for use in one.uses)}
    asked = {pin.name: pin for pin in pins if pin.name in needed and pin.digest and not pin.instead}
    kept = KeptPlatforms(environment)
    unknown = [
        (parse(name).repository, pin.digest)
        for name, pin in asked.items()
        if pin.digest not in kept.known and parse(name).host != COUNTS
    ]
    found = all_of(lambda one: _read(registry, *one), unknown)
    kept.keep({digest: platforms for (_, digest), platforms in found.items() if platforms is not None})
    return {name: kept.known[pin.digest] for name, pin in asked.items() if kept.known.get(pin.digest)}


def _read(registry: Registry, repository: str, digest: str) -> tuple[str, ...] | None:
    """Return the platforms of an index, () for what is in none, None where that is not known."""
    found = registry.get(repository, digest, tries=1)
    if not isinstance(found, Found):
        return None
    image = image_of(found, lambda _: Absent())
    if not isinstance(image, Image):
        return () if found.descriptor.media_type not in INDEXES else None
    return image.platforms if image.media_type in INDEXES else ()


class KeptPlatforms:
    """Platforms by digest, in a file that may be lost: what two write at once is what one of them has written."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        folder = cache_directory(environment)
        self._path = folder / FILE if folder else None
        self.known = _read_file(self._path) if self._path else {}

    def keep(self, found: Mapping[str, tuple[str, ...]]) -> None:
        """Keep what was found; where that cannot be written it is asked for again the next time."""
        if not found:
            return
        self.known |= found
        if self._path is not None:
            write_table(self._path, dict(list(self.known.items())[-MOST_KEPT:]))


def _read_file(path: Path) -> dict[str, tuple[str, ...]]:
    return {digest: tuple(each) for digest, each in read_table(path, MOST_BYTES).items() if _is_list(each)}


def _is_list(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)
