"""What is refused at plan time, because bake is silent about it."""

import posixpath
from collections.abc import Collection, Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from buildmatrix.dockerfile.images import OWN
from buildmatrix.errors import Place, Problems, and_more
from buildmatrix.files import Repository
from buildmatrix.plan.access.across import only_across
from buildmatrix.plan.access.paths import is_local
from buildmatrix.plan.access.reach import is_written
from buildmatrix.plan.checks.arguments import Arguments
from buildmatrix.plan.checks.dockerfiles import Dockerfiles
from buildmatrix.plan.checks.exports import failing
from buildmatrix.plan.checks.stages import Stages
from buildmatrix.plan.checks.values import faults
from buildmatrix.plan.model import PlannedTarget
from buildmatrix.plan.outputs import is_archive, pushes
from buildmatrix.soundness import ANY_SETTING, Subject
from buildmatrix.spec.checks.cellnames import label
from buildmatrix.spec.checks.data import shown, spoken
from buildmatrix.spec.rows.platforms import AUTO


class Checker:
    """Checks planned targets. What many cells share is said once, for the first of them.

    What is there is checked also where other settings are unsound. What is said to be missing, or not to fit, rests on
    the settings that it needs, and on `ANY_SETTING`.
    """

    def __init__(
        self, directory: str, problems: Problems, variables: Collection[str] = (), targets: Collection[str] = ()
    ) -> None:
        """Take the directory that paths are relative to, and the names of the variables and of the targets."""
        self._variables, self._targets = variables, targets
        self._repository, self.problems = Repository.around(directory), problems
        self._dockerfiles = Dockerfiles(self._repository)
        self._stages = Stages(self._repository, problems, self._dockerfiles, targets)
        self._arguments = Arguments(problems, self._dockerfiles)
        self._without_output: dict[str, PlannedTarget] = {}
        self._contexts: dict[tuple[Any, ...], tuple[str, str, str] | None] = {}

    def values(self, target: PlannedTarget) -> None:
        """Check what one target says, without a look at any file."""
        if (target.settings.context or "").startswith("target:"):
            self._say(
                "context",
                f"{target.spoken('context')} cannot be a target",
                'write contexts.NAME = "target:…"',
                target,
                "context",
            )
        given = {"context": target.settings.context, "dockerfile": target.settings.dockerfile}
        hints = {
            "context": "a context is a directory, a URL or a Git address",
            "dockerfile": "name a file, or write its text as dockerfile-inline",
        }
        for attribute in (attribute for attribute, value in given.items() if value == "-"):
            message = f"{target.spoken(attribute)} cannot be standard input"
            self._say("context", message, hints[attribute], target, attribute)
        for found in (*faults(target.settings), *(failing(target.settings) if target.exported else ())):
            message = f"{target.spoken(str(found.path[0]))}: {found.message}"
            hint = self._in_other_words(found.message, target) if found.code == "reference" else ""
            if found.path[0] == "tags":
                whose = f"target.{target.declared}"
                self._say("tag", f"tag {found.message}", hint or found.hint, target, *found.path, of=whose)
            else:
                self._say(found.code, message, hint or found.hint, target, *found.path)
        self._ignored(target)
        if target.exported:
            self._outputs(target)

    def _in_other_words(self, text: str, target: PlannedTarget) -> str:
        """Return what to write for a variable of another tool that a refused text holds."""
        if "$" not in text:
            return ""
        from buildmatrix.spec.checks.foreign import foreign_hint

        for one in self.problems.found:
            pointer = one.place.pointer if one.place and one.code == "foreign-variable" else ()
            if pointer[:1] == ("variable",) and one.about in text:
                return f"it comes from variable {pointer[1]}, which is warned of"
        return foreign_hint(text, [*self._variables, *target.cell])

    def _ignored(self, target: PlannedTarget) -> None:
        place = target.place_of("dockerfile")
        inline = target.settings.dockerfile_inline is not None
        if inline and target.settings.dockerfile is not None:
            message = f"{target.spoken('dockerfile')} is not read: dockerfile-inline takes its place"
            hint = _cleared(target, place) or "leave one of them out"
            self.problems.warn("ignored", message, place, hint=hint, once=("ignored", place))

    def _say(
        self,
        code: str,
        message: str,
        hint: str,
        target: PlannedTarget,
        *path: str | int,
        of: str = "",
        rests_on: Iterable[Subject] = (),
    ) -> None:
        """Add an error, once for each place; `of` says whose it is where the message does not."""
        place = target.place_of(*path)
        whose = ", ".join(part for part in (of, f"cell {target.name}" if target.cell else "") if part)
        message += f" ({whose})" if whose else ""
        hint, once = _with_cell(hint, target), (code, place)
        self.problems.error(code, message, place, hint=hint, rests_on=rests_on, once=once)

    def _outputs(self, target: PlannedTarget) -> None:
        settings = target.settings
        outputs: tuple[Any, ...] = settings.output or ()
        for index, output in enumerate(outputs):
            if pushes(output) and not target.tags and not output.name:
                self._say(
                    "no-tag",
                    f"target.{target.declared} pushes to a registry, but has no tags",
                    "add tags, or push-by-digest and a name",
                    target,
                    "tags",
                    rests_on=[target.basis("tags", ANY_SETTING)],
                )
            if getattr(output, "dest", None) == "-":
                self._say(
                    "output",
                    f"{target.spoken('output')} cannot be standard output",
                    "write a file's name",
                    target,
                    "output",
                    index,
                )
        if target.leaves_nothing:
            self._without_output.setdefault(target.declared, target)

    def files(self, target: PlannedTarget, written: AbstractSet[str]) -> None:
        """Check that the context, the named contexts and the Dockerfile are there, or are `written` before.

        Nobody looks for what is outside of the repository: whether it is there is not said before it is allowed.
        """
        settings = target.settings
        key = (settings.context, settings.dockerfile, settings.dockerfile_inline is None, written)
        if key not in self._contexts:
            self._contexts[key] = self._missing(key[0], key[1], needs_file=key[2], written=written)
        if (missing := self._contexts[key]) is not None:
            attribute, message, hint = missing
            message, rests_on = f"target.{target.declared}: {message}", [target.basis(*_FILES, ANY_SETTING)]
            self._say("missing", message, hint, target, attribute, rests_on=rests_on)
        for name, value in (settings.contexts or {}).items():
            if is_local(value) and not self._is_there(value, written):
                message = f"{target.spoken('contexts')}.{name}: there is no directory {value}"
                hint = "" if self._repository.outside(value) else self._meant(value)
                self._say("missing", message, hint, target, "contexts", name)

    def _meant(self, value: str) -> str:
        return str(self._hints.named_context_hint(self._repository, value, self._variables, self._targets))

    @property
    def _hints(self) -> Any:
        """What knows what was meant; needed only where something is missing."""
        from buildmatrix.plan.checks import missing

        return missing

    def dests(self, target: PlannedTarget) -> None:
        """Check that no directory is where a file is to be written, and no file where a directory is."""
        outputs: tuple[Any, ...] = (target.settings.output or ()) if target.exported else ()
        for index, output in enumerate(outputs):
            dest = getattr(output, "dest", None)
            if not dest or dest == "-" or self._repository.outside(dest):
                continue
            kind, wanted = self._repository.kind(dest), "file" if is_archive(output) else "directory"
            if {kind, wanted} == {"file", "directory"}:
                message = f"{target.spoken('output')}: {dest} is a {kind}, and is to be written as a {wanted}"
                self._say("output", message, "write another path, or take it away", target, "output", index)

    def stages(self, target: PlannedTarget, written: AbstractSet[str], *, files: bool) -> None:
        """Check that the stages that a target names are there, and the arguments that it gives."""
        if self.problems.is_sound(target.basis(*_FILES, "args", "target", ANY_SETTING)):
            self._stages.check(target, written, files=files)
            self._arguments.check(target, written, files=files)

    def end(self, complete: Collection[str], *, whole: bool) -> None:
        """Tell what only all targets together show: `complete` are those with each cell there, `whole` if all are."""
        self._stages.end()
        self._arguments.end(complete, whole=whole)
        bases = [(one, one.basis("output", "call", ANY_SETTING)) for one in self._without_output.values()]
        found = [one for one, basis in bases if self.problems.is_sound(basis)]
        if found:
            who = f"target.{found[0].declared}{and_more(len(found), 'target')}"
            message = f"{who} has no output: it stays in the build cache, except with the docker driver, which loads it"
            self.problems.warn("no-output", message, found[0].place, hint=_LEFT)

    def _is_there(self, path: str, written: AbstractSet[str]) -> bool:
        return bool(self._repository.outside(path) or self._repository.kind(path)) or is_written(path, written)

    def _missing(
        self, context: str | None, dockerfile: str | None, *, needs_file: bool, written: AbstractSet[str]
    ) -> tuple[str, str, str] | None:
        folder = context or "."
        if not is_local(folder) or self._repository.outside(folder):
            return None
        if not is_written(folder, written) and (kind := self._repository.kind(folder)) != "directory":
            near = self._hints.folder_hint(self._repository, folder, self._variables)
            return "context", f"the context {context} {'is not a directory' if kind else 'does not exist'}", near
        if not needs_file or (dockerfile is not None and not is_local(dockerfile)):
            return None
        names = [dockerfile] if dockerfile else ["Dockerfile", "dockerfile"]
        if any(self._is_file(posixpath.join(folder, name), written) for name in names):
            return None
        where = f"the context {context}" if context else "this directory"
        near = self._hints.dockerfile_hint(self._repository, folder, names[0], self._variables)
        return ("dockerfile" if dockerfile else "context", f"there is no {names[0]} in {where}", near)

    def _is_file(self, path: str, written: AbstractSet[str]) -> bool:
        kind = "file" if self._repository.outside(path) else self._repository.kind(path)
        return kind == "file" or is_written(path, written)

    def platforms(
        self, target: PlannedTarget, by_name: Mapping[str, PlannedTarget], written: AbstractSet[str], *, files: bool
    ) -> None:
        """Check that what a target depends on is built for the platforms for which it is taken.

        Which ones those are its Dockerfile says: without `files` nothing is refused that it might allow.
        """
        text = None if not target.settings.contexts else self._dockerfiles.text(target, written, files=files)
        if text is None and not files:
            return
        for key, value in (target.settings.contexts or {}).items():
            provider = by_name.get(value.removeprefix("target:")) if value.startswith("target:") else None
            if provider is None or not provider.platforms or not target.platforms:
                continue
            if AUTO in {*provider.platforms, *target.platforms}:
                continue  # they are not known here
            if why := _not_built_for(target, text, key, provider):
                hint = f"{provider.name} is built for {' '.join(provider.platforms)}"
                rests_on = [target.basis("platforms", ANY_SETTING), provider.basis("platforms")]
                self._say("platforms", why, hint, target, "contexts", key, rests_on=rests_on)


_FILES = ("context", "dockerfile", "dockerfile_inline")
_LEFT = "add output, --push or --load"


def _not_built_for(target: PlannedTarget, text: str | None, key: str, provider: PlannedTarget) -> str:
    """Return why a target cannot be given another one for all the platforms for which it takes it; "" if it can.

    `text` is its Dockerfile, None where that is not at hand. Where both have several platforms, bake wants all of the
    target's to be the provider's, whatever the Dockerfile takes (0.29; 0.13 wants the same ones).
    """
    own = [platform for platform in target.platforms if platform not in provider.platforms]
    asked = only_across(target.settings, text, key) if own and text else None
    if asked is None:
        upon = f"{provider.name}, which it depends on, is not"
        return f"target.{target.declared} is built for {' '.join(own)}, but {upon}" if own else ""
    others = " ".join(sorted(asked.difference({OWN}, provider.platforms)))
    if others:
        takes = f"takes {provider.name} for {others}, by a FROM with --platform, but that is not built for it"
        return f"target.{target.declared} {takes}"
    parts = provider.parts or (provider.platforms,)
    if len(target.platforms) > 1 and any(len(part) > 1 for part in parts):
        several = (
            f"is built for several platforms without {' '.join(own)}, and bake hands on one, or all that are asked for"
        )
        return f"target.{target.declared} takes {provider.name}, which {several}"
    return ""


def _with_cell(hint: str, target: PlannedTarget) -> str:
    cell = ", ".join(f"{axis} = {shown(label(value))}" for axis, value in target.cell.items())
    return f"{hint} (with {cell})" if hint and cell else hint


def _cleared(target: PlannedTarget, dockerfile: Place) -> str:
    """Say how the Dockerfile of a parent is cleared where its heir has one inline; "" where it is the other way round.

    An override lies over its target, and both over all that they inherit.
    """
    own = target.place.pointer
    inline, file = (place.pointer[:-1] for place in (target.place_of("dockerfile_inline"), dockerfile))
    depths = [len(table) if table[: len(own)] == own else 0 for table in (inline, file)]
    if inline == file or depths[0] < depths[1]:
        return ""
    return f'write dockerfile = "" in {spoken(inline)}: it clears what lies below'
