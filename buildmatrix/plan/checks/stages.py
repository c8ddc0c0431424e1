"""Stages that settings name and Dockerfiles do not have, where the Dockerfile is at hand."""

import posixpath
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import replace

from buildmatrix.dockerfile.directives import SYNTAX
from buildmatrix.dockerfile.reader import base_names, foreign_names, stage_names
from buildmatrix.errors import Place, Problems, did_you_mean
from buildmatrix.files import Repository
from buildmatrix.plan.access.paths import folder_of
from buildmatrix.plan.access.reach import dockerfile_of, is_written
from buildmatrix.plan.model import PlannedTarget
from buildmatrix.spec.checks.data import shown

NEAR = 0.7
"""How like each other two names are of which one is taken for a misspelling of the other (difflib's ratio)."""


class Stages:
    """Looks for the stages that targets name; each place is told once, each Dockerfile read once."""

    def __init__(self, repository: Repository, problems: Problems, targets: Collection[str] = ()) -> None:
        """Take the repository that Dockerfiles are read from, and the names of the targets."""
        self._repository, self._problems, self._targets = repository, problems, targets
        self._read: dict[str, str | None] = {}
        self._filters: dict[tuple[Place, str], PlannedTarget | None] = {}

    def check(self, target: PlannedTarget, written: Iterable[str], *, files: bool) -> None:
        """Check one target; what others have `written` before is not at hand, nor is any file without `files`."""
        settings = target.settings
        if not any((settings.target, settings.no_cache_filter, settings.contexts, settings.needs)):
            return
        text = self._text(target, written, files=files)
        names = None if text is None else stage_names(text)
        if text is None or names is None:
            return
        self._contexts(target, text)
        self._needs(target, text)
        self._folders(target, text)
        place, file = target.place_of("target"), _file(target)
        if settings.target and settings.target.lower() not in names:
            message = f"{target.spoken('target')}: {shown(settings.target)} is not a stage of {file}"
            self._problems.error("stage", message, place, hint=_hint(settings.target, names), once=("stages", place))
        for index, name in enumerate(settings.no_cache_filter or ()):
            key = (target.place_of("no_cache_filter", index), name)
            self._filters[key] = None if name.lower() in names else self._filters.get(key, target)

    def _contexts(self, target: PlannedTarget, text: str) -> None:
        """Warn of a named context that nothing uses, while something is used that is nearly called so."""
        contexts = {key.lower(): key for key in target.settings.contexts or {}}
        free = [name for name in foreign_names(text) - set(contexts) if not set(name) & set("/:@")]
        for key in contexts.keys() - foreign_names(text):
            near = _nearest(key, free)
            place = replace(target.place_of("contexts", contexts[key]), part="key")
            if near:
                message = f"{target.spoken('contexts')}.{contexts[key]}: {_file(target)} uses no context of that name"
                hint = f'it uses "{near}": did you mean that?'
                self._problems.warn("context", message, place, hint=hint, once=("stages", place))

    def _needs(self, target: PlannedTarget, text: str) -> None:
        """Warn of an image in the Dockerfile that is called like a target which is needed, but is not that target."""
        images = foreign_names(text) - {key.lower() for key in target.settings.contexts or {}}
        for index, needed in enumerate(target.settings.needs or ()):
            place = target.place_of("needs", index)
            if needed.lower() in images:
                meant = f'"{needed}" in {_file(target)} is an image'
                message = f"{target.spoken('needs')} only has {needed} built first: {meant}"
                hint = f'to build on the target, write contexts.{needed} = "target:{needed}"'
                self._problems.warn("context", message, place, hint=hint, once=("stages", place))

    def _folders(self, target: PlannedTarget, text: str) -> None:
        """Warn of a directory that is called like a target, where the Dockerfile rather means that."""
        for key, value in (target.settings.contexts or {}).items():
            place = target.place_of("contexts", key)
            if value not in self._targets or folder_of(place) or self._repository.kind(value) != "directory":
                continue
            if key == value or key.lower() in base_names(text):
                message = f'{target.spoken("contexts")}.{key}: "{value}" is taken for the directory of that name'
                hint = f'write "target:{value}", or "./{value}" for the directory'
                self._problems.warn("context", message, place, hint=hint, once=("stages", place))

    def end(self) -> None:
        """Tell of filters that match nothing in any target: the engine passes them over without a word."""
        for (place, name), target in self._filters.items():
            if target is not None:
                message = f"{target.spoken('no_cache_filter')}: {shown(name)} is not a stage of {_file(target)}"
                self._problems.warn("stage", message, place, hint="no stage is built without the cache for it")

    def _text(self, target: PlannedTarget, written: Iterable[str], *, files: bool) -> str | None:
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


def _nearest(word: str, known: Collection[str]) -> str:
    from difflib import get_close_matches

    return next(iter(get_close_matches(word, known, n=1, cutoff=NEAR)), "") if known else ""


def _file(target: PlannedTarget) -> str:
    """Return the Dockerfile by its way from the root file's directory, as it is shown elsewhere too."""
    path = dockerfile_of(target.settings)
    return "its Dockerfile" if path is None else posixpath.normpath(path)


def _hint(name: str, names: tuple[str, ...]) -> str:
    if name.isdigit():
        return "a number is not a name: give the stage one with AS"
    return did_you_mean(name, names) or (f"its stages are {', '.join(names)}" if names else "its stages have no names")
