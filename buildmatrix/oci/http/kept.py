"""Indexes, manifests and configurations by their digests, kept under the user's cache directory.

A digest never changes its meaning: what it names is asked of a registry once on a machine, whose counting of pulls it
spares. Who reads checks the digest, so that nobody has to trust the file; many processes may read, write and drop.
"""

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from buildmatrix.cache import cache_directory, keep_small, note_use
from buildmatrix.files import read_regular, write_whole
from buildmatrix.oci.answers import Descriptor, Found

FOLDER = "manifests"
MOST_FILES, MOST_BYTES = 8192, 64 << 20
"""Of all that is kept; where there is more, what was used longest ago goes."""

LARGEST = 1 << 20
"""Bytes of one that is kept: the usual index has some hundred, a large one 100,000."""


class Kept:
    """What registries answered for digests. Every method may be called from any thread."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        folder = cache_directory(environment)
        self._folder = folder / FOLDER if folder else None

    def read(self, digest: str) -> Found | None:
        """Return what has a digest; None where it is not kept, or is not what it was."""
        if self._folder is None:
            return None
        path = self._path(digest)
        try:
            kind, _, body = read_regular(path, 2 * LARGEST, own=True).partition(b"\n")
            if hashlib.new(digest.partition(":")[0], body).hexdigest() != digest.partition(":")[2]:
                return None
            note_use(path)
            media_type = kind.decode("ascii")
        except (OSError, ValueError):
            return None
        return Found(descriptor=Descriptor(digest=digest, media_type=media_type, size=len(body)), body=body)

    def write(self, found: Found) -> None:
        """Keep what was verified; where it cannot be written it is asked for again."""
        media_type = found.descriptor.media_type
        if self._folder is None or len(found.body) > LARGEST or not media_type.isascii() or "\n" in media_type:
            return
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)  # what a private registry holds
            write_whole(self._path(found.digest), media_type.encode() + b"\n" + found.body)
            keep_small(self._folder, files=MOST_FILES, size=MOST_BYTES)

    def _path(self, digest: str) -> Path:
        return Path(self._folder or "", digest.replace(":", "-"))
