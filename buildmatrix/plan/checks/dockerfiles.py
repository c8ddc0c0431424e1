"""The Dockerfiles of targets, where they are at hand, and what checks of them say alike."""

import posixpath
from collections.abc import Collection, Iterable
from contextlib import suppress

from buildmatrix.dockerfile.directives import SYNTAX
from buildmatrix.files import Repository
from buildmatrix.plan.access.reach import dockerfile_of, is_written
from buildmatrix.plan.model import PlannedTarget

NEAR = 0.7
"""How like each other two names are of which one is taken for a misspelling of the other (difflib's ratio)."""


class Dockerfiles:
    """Reads Dockerfiles, each once."""

    def __init__(self, repository: Repository) -> None:
        """Take the repository that they are read from."""
        self._repository = repository
        self._read: dict[str, str | None] = {}

    def text(self, target: PlannedTarget, written: Iterable[str], *, files: bool) -> str | None:
        """Return the Dockerfile of a target; None where it is not at hand, or another frontend reads it.

        What others have `written` before is not at hand, nor is any file without `files`.
        """
        settings = target.settings
        if SYNTAX in (settings.args or {}):
            return None
        if settings.dockerfile_inline is not None:
            return settings.dockerfile_inline
        path = dockerfile_of(target.settings)
        if not files or path is None or is_written(path, written):
            return None
        if path not in self._read:
            other = "" if settings.dockerfile else f"{path[: -len('Dockerfile')]}dockerfile"
            self._read[path] = self._text_of(path, other)
        return self._read[path]

    def _text_of(self, *paths: str) -> str | None:
        for path in filter(None, paths):
            with suppress(OSError, ValueError):
                return self._repository.read(path).decode(errors="replace")
        return None


def nearest(word: str, known: Collection[str]) -> str:
    """Return the known word that another one is hardly anything else than a misspelling of, "" for none."""
    from difflib import get_close_matches

    return next(iter(get_close_matches(word, known, n=1, cutoff=NEAR)), "") if known else ""


def file_of(target: PlannedTarget) -> str:
    """Return the Dockerfile by its way from the root file's directory, as it is shown elsewhere too."""
    path = dockerfile_of(target.settings)
    return "its Dockerfile" if path is None else posixpath.normpath(path)
