"""Build arguments that no ARG of a Dockerfile takes, while it has one that is nearly called so: bake is silent."""

from collections.abc import Collection, Iterable
from dataclasses import replace

from buildmatrix.dockerfile.reader import argument_names, is_predefined, words
from buildmatrix.errors import Place, Problems
from buildmatrix.plan.access.across import TARGET
from buildmatrix.plan.checks.dockerfiles import Dockerfiles, file_of, nearest
from buildmatrix.plan.model import PlannedTarget


class Arguments:
    """Looks for the arguments that targets give; each place is told once, and only where no target uses it."""

    def __init__(self, problems: Problems, dockerfiles: Dockerfiles) -> None:
        """Take what reads the Dockerfiles."""
        self._problems, self._dockerfiles = problems, dockerfiles
        self._seen: dict[str, tuple[PlannedTarget, Iterable[str], bool]] = {}
        self._found: dict[tuple[Place, str], tuple[PlannedTarget, str] | None] = {}

    def check(self, target: PlannedTarget, written: Iterable[str], *, files: bool) -> None:
        """Look at one target, as `Dockerfiles.text` does."""
        self._seen[target.name] = target, written, files
        args = target.settings.args or {}
        text = self._dockerfiles.text(target, written, files=files) if args else None
        for name in args:
            key = target.place_of("args", name), name
            if text is None or name in words(text):  # most are there: no Dockerfile is taken apart for them
                self._found[key] = None
            elif near := _near(name, text, target):
                self._found.setdefault(key, (target, near))

    def end(self, complete: Collection[str], *, whole: bool) -> None:
        """Tell of them; `complete` are the targets of which each cell was looked at, `whole` whether all were.

        What stands in [defaults] or in a parent may be for targets that were not.
        """
        for (place, name), found in self._found.items():
            if found is None or not (whole or (found[0].declared in complete and _is_own(place, found[0]))):
                continue
            target, near = found
            if not self._is_triggered(name, target):
                message = f"target.{target.declared}: args.{name} is used by no ARG of {file_of(target)}"
                at = replace(place, part="key")
                self._problems.warn("argument", message, at, hint=f'did you mean "{near}"?')

    def _is_triggered(self, name: str, target: PlannedTarget) -> bool:
        """Tell whether a target that it depends on may have an ONBUILD that takes an argument."""
        upon = [value.removeprefix(TARGET) for value in (target.settings.contexts or {}).values()]
        texts = (self._text_of(one) for one in upon if one in self._seen)
        return any(text is None or name in words(text) for text in texts)

    def _text_of(self, name: str) -> str | None:
        target, written, files = self._seen[name]
        return self._dockerfiles.text(target, written, files=files)


def _near(name: str, text: str, target: PlannedTarget) -> str:
    """Return the argument that was meant: one of the Dockerfile's own that is not written; "" if there is none."""
    written = {path[1] for path in target.origins if path[:1] == ("args",) and path[1:]}  # also without a value
    free = {one.lower(): one for one in argument_names(text) - written if not is_predefined(one)}
    return "" if not free or is_predefined(name) else free.get(nearest(name.lower(), free), "")


def _is_own(place: Place, target: PlannedTarget) -> bool:
    """Tell whether a setting is that of a target alone; `--set` is for those that are built."""
    head = place.pointer[:1]
    return place.pointer[:2] == ("target", target.declared) or head not in {("target",), ("defaults",)}
