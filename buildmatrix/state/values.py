"""The values that went into images, by fingerprint, on the user's own machine: so that `3.12 → 3.13` can be said.

A registry is told nothing of them. What may be a credential is not kept, nor what is long. The files may be lost, and
several processes may write them at once.
"""

from collections.abc import Mapping

from buildmatrix.cache import cache_directory, keep_small, note_use, read_table, write_table
from buildmatrix.files import kind_at

FOLDER, FORMAT = "values", 1
MOST_FILES = 4096
MOST_BYTES = 1 << 16
LONGEST = 200
"""Characters of a value that is kept."""


class Kept:
    """The files of the user's cache directory: one for each fingerprint."""

    def __init__(self, environment: Mapping[str, str], *, most: int = MOST_FILES) -> None:
        """Take the environment, which says where that directory is."""
        folder = cache_directory(environment)
        self._folder, self._most = folder / FOLDER if folder else None, most

    def read(self, fingerprint: str) -> dict[str, str]:
        """Return the values of an image by name; {} where nobody knows them."""
        if self._folder is None:
            return {}
        known = read_table(path := self._folder / fingerprint, MOST_BYTES)
        note_use(path)
        values = known.get("values") if known.get("format") == FORMAT else None
        found = values if isinstance(values, dict) else {}
        return {name: value for name, value in found.items() if isinstance(value, str)}

    def write(self, values: Mapping[str, Mapping[str, str]]) -> None:
        """Keep the values of images by fingerprint; the ones that were written longest ago go."""
        if self._folder is None or not values:
            return
        for fingerprint, some in values.items():
            short = {name: value for name, value in some.items() if len(value) <= LONGEST}
            path = self._folder / fingerprint
            if not kind_at(path):
                write_table(path, {"format": FORMAT, "values": short}, mode=0o600)
        keep_small(self._folder, files=self._most)
