"""Stages that settings name and Dockerfiles do not have, where the Dockerfile is at hand."""

from collections.abc import Collection, Iterable
from dataclasses import replace

from buildmatrix.dockerfile.reader import base_names, foreign_names, stage_names
from buildmatrix.errors import Place, Problems, did_you_mean
from buildmatrix.files import Repository
from buildmatrix.patterns import regex
from buildmatrix.plan.access.paths import folder_of
from buildmatrix.plan.checks.dockerfiles import Dockerfiles, file_of, nearest
from buildmatrix.plan.model import PlannedTarget
from buildmatrix.spec.checks.data import shown

_NAMES = regex(
    r"(?im)^[ \t]*FROM[ \t]+(?:--platform=\S+[ \t]+)?([\w-]+)(?!\S)|--(?:mount=\S*)?from=([\w-]+)(?![\w./:@-])"
)
"""What may name an image without a tag, or a context."""


class Stages:
    """Looks for the stages that targets name; each place is told once."""

    def __init__(
        self, repository: Repository, problems: Problems, dockerfiles: Dockerfiles, targets: Collection[str] = ()
    ) -> None:
        """Take the repository, what reads its Dockerfiles, and the names of the targets."""
        self._repository, self._problems, self._targets = repository, problems, targets
        self._dockerfiles = dockerfiles
        self._lower = {name.lower(): name for name in targets}
        self._seeming: dict[str, frozenset[str]] = {}
        self._filters: dict[tuple[Place, str], PlannedTarget | None] = {}

    def check(self, target: PlannedTarget, written: Iterable[str], *, files: bool) -> None:
        """Check one target; what others have `written` before is not at hand, nor is any file without `files`."""
        settings = target.settings
        text = self._dockerfiles.text(target, written, files=files)
        unlinked = self._named_in(text) if text else set[str]()
        if not any((unlinked, settings.target, settings.no_cache_filter, settings.contexts, settings.needs)):
            return
        names = None if text is None else stage_names(text)
        if text is None or names is None:
            return
        unlinked -= {name.lower() for name in settings.needs or ()} | self._contexts(target, text)
        self._needs(target, text)
        self._unlinked(target, text, unlinked)
        self._folders(target, text)
        place, file = target.place_of("target"), file_of(target)
        if settings.target and settings.target.lower() not in names:
            message = f"{target.spoken('target')}: {shown(settings.target)} is not a stage of {file}"
            self._problems.error("stage", message, place, hint=_hint(settings.target, names), once=("stages", place))
        for index, name in enumerate(settings.no_cache_filter or ()):
            key = (target.place_of("no_cache_filter", index), name)
            self._filters[key] = None if name.lower() in names else self._filters.get(key, target)

    def _named_in(self, text: str) -> set[str]:
        """Return the targets, in lower case, that a Dockerfile seems to name: only for those it is read closely."""
        if text not in self._seeming:
            self._seeming[text] = frozenset(name.lower() for pair in _NAMES.findall(text) for name in pair)
        return set(self._lower.keys() & self._seeming[text])

    def _contexts(self, target: PlannedTarget, text: str) -> set[str]:
        """Warn of a named context that nothing uses, while something is used that is nearly called so; return that."""
        contexts = {key.lower(): key for key in target.settings.contexts or {}}
        free = [name for name in foreign_names(text) - set(contexts) if not set(name) & set("/:@")]
        meant = set[str]()
        for key in contexts.keys() - foreign_names(text):
            near = nearest(key, free)
            place = replace(target.place_of("contexts", contexts[key]), part="key")
            if near:
                message = f"{target.spoken('contexts')}.{contexts[key]}: {file_of(target)} uses no context of that name"
                hint = f'it uses "{near}": did you mean that?'
                self._problems.warn("context", message, place, hint=hint, once=("stages", place))
                meant.add(near)
        return meant

    def _needs(self, target: PlannedTarget, text: str) -> None:
        """Warn of an image in the Dockerfile that is called like a target which is needed, but is not that target."""
        images = foreign_names(text) - {key.lower() for key in target.settings.contexts or {}}
        for index, needed in enumerate(target.settings.needs or ()):
            place = target.place_of("needs", index)
            if needed.lower() in images:
                meant = f'"{needed}" in {file_of(target)} is an image'
                message = f"{target.spoken('needs')} only has {needed} built first: {meant}"
                hint = f'to build on the target, write contexts.{needed} = "target:{needed}"'
                self._problems.warn("context", message, place, hint=hint, once=("stages", place))

    def _unlinked(self, target: PlannedTarget, text: str, names: Iterable[str]) -> None:
        """Warn of an image that is called like another target, and that nothing links to it: a registry is asked."""
        own = {target.name.lower(), target.declared.lower(), *(key.lower() for key in target.settings.contexts or {})}
        for name in sorted(foreign_names(text).intersection(names) - own):
            message = f'"{name}" in {file_of(target)} is an image of a registry, and not target {self._lower[name]}'
            hint = f'to build on the target, write contexts.{name} = "target:{self._lower[name]}"'
            self._problems.warn("context", message, target.place, hint=hint, once=("stages", target.place, name))

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
                message = f"{target.spoken('no_cache_filter')}: {shown(name)} is not a stage of {file_of(target)}"
                self._problems.warn("stage", message, place, hint="no stage is built without the cache for it")


def _hint(name: str, names: tuple[str, ...]) -> str:
    if name.isdigit():
        return "a number is not a name: give the stage one with AS"
    return did_you_mean(name, names) or (f"its stages are {', '.join(names)}" if names else "its stages have no names")
