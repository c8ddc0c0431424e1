"""Stages that settings name and Dockerfiles do not have, where the Dockerfile is at hand."""

from collections.abc import Iterable
from contextlib import suppress

from buildmatrix.errors import Place, Problems, did_you_mean
from buildmatrix.files import Repository
from buildmatrix.plan.dockerfile import stage_names
from buildmatrix.plan.model import PlannedTarget
from buildmatrix.plan.reach import dockerfile_of, is_written
from buildmatrix.spec.check import shown

DOCKERFILE = "Dockerfile"


class Stages:
    """Looks for the stages that targets name; each place is told once, each Dockerfile read once."""

    def __init__(self, repository: Repository, problems: Problems) -> None:
        """Take the repository that Dockerfiles are read from."""
        self._repository, self._problems = repository, problems
        self._read: dict[str, tuple[str, ...] | None] = {}
        self._said: set[Place] = set()
        self._filters: dict[tuple[Place, str], PlannedTarget | None] = {}

    def check(self, target: PlannedTarget, written: Iterable[str], *, files: bool) -> None:
        """Check one target; what others have `written` before is not at hand, nor is any file without `files`."""
        settings = target.settings
        if not settings.target and not settings.no_cache_filter:
            return
        names = self._names(target, written, files=files)
        if names is None:
            return
        place = target.place_of("target")
        if settings.target and settings.target.lower() not in names and place not in self._said:
            self._said.add(place)
            message = f"{target.spoken('target')}: {shown(settings.target)} is no stage of {_file(target)}"
            self._problems.error("stage", message, place, hint=_hint(settings.target, names))
        for index, name in enumerate(settings.no_cache_filter or ()):
            key = (target.place_of("no_cache_filter", index), name)
            self._filters[key] = None if name.lower() in names else self._filters.get(key, target)

    def end(self) -> None:
        """Tell of filters that match nothing in any target: the engine passes them over without a word."""
        for (place, name), target in self._filters.items():
            if target is not None:
                message = f"{target.spoken('no_cache_filter')}: {shown(name)} is no stage of {_file(target)}"
                self._problems.warn("stage", message, place, hint="no stage is built without the cache for it")

    def _names(self, target: PlannedTarget, written: Iterable[str], *, files: bool) -> tuple[str, ...] | None:
        settings = target.settings
        if "BUILDKIT_SYNTAX" in (settings.args or {}):
            return None
        if settings.dockerfile_inline is not None:
            return stage_names(settings.dockerfile_inline)
        path = dockerfile_of(target.settings)
        if not files or path is None or is_written(path, written):
            return None
        if path not in self._read:
            self._read[path] = self._stages_of(
                path, "" if settings.dockerfile else f"{path[: -len('Dockerfile')]}dockerfile"
            )
        return self._read[path]

    def _stages_of(self, *paths: str) -> tuple[str, ...] | None:
        for path in filter(None, paths):
            with suppress(OSError, ValueError):
                return stage_names(self._repository.read(path).decode(errors="replace"))
        return None


def _file(target: PlannedTarget) -> str:
    return (
        "its Dockerfile"
        if target.settings.dockerfile_inline is not None
        else target.settings.dockerfile or "Dockerfile"
    )


def _hint(name: str, names: tuple[str, ...]) -> str:
    if name.isdigit():
        return "a number is no name: give the stage one with AS"
    return did_you_mean(name, names) or (f"its stages are {', '.join(names)}" if names else "its stages have no names")
