"""The entitlements that bake asks for: privileges of the build, and paths outside of its working directory.

The rules are those of buildx (bake/entitlements.go): what lies within the working directory is free.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from buildmatrix.errors import Pointer
from buildmatrix.plan.model import Grant, PlannedTarget
from buildmatrix.plan.paths import is_local


def grants_of(targets: Iterable[PlannedTarget], directory: str) -> tuple[Grant, ...]:
    """Return each entitlement that the targets need, once, with the first target that asks for it.

    `directory` is where bake will run. A path outside of it but within the repository around it is granted by
    ourselves; everything else is for `apply --allow`.
    """
    here = Path(directory).resolve()
    repository = _repository(here)
    found: dict[str, Grant] = {}
    for target in targets:
        for value, path in _wanted(target):
            if value in found:
                continue
            kind, _, name = value.partition("=")
            outside = _outside(here, name) if kind in {"fs.read", "fs.write"} else None
            if kind in {"fs.read", "fs.write"} and outside is None:
                continue
            automatic = outside is not None and outside.is_relative_to(repository)
            found[value] = Grant(value=value, target=target.name, place=target.place_of(*path), automatic=automatic)
    return tuple(found.values())


def _repository(here: Path) -> Path:
    return next((folder for folder in (here, *here.parents) if (folder / ".git").exists()), here)


def _outside(here: Path, name: str) -> Path | None:
    try:
        if not name.startswith("/") and ".." not in name and not (here / name).is_symlink():
            return None
        path = (here / name).resolve()
    except OSError:  # too long to be a path: bake will say so
        return None
    return None if path.is_relative_to(here) else path


def _wanted(target: PlannedTarget) -> Iterator[tuple[str, Pointer]]:
    settings = target.settings
    for index, value in enumerate(settings.entitlements or ()):
        yield value, ("entitlements", index)
    if settings.context is not None and is_local(settings.context):
        yield f"fs.read={settings.context}", ("context",)
    for key, value in (settings.contexts or {}).items():
        if is_local(value):
            yield f"fs.read={value}", ("contexts", key)
    for attribute in ("output", "cache_to", "cache_from", "secret", "ssh"):
        for index, table in enumerate(getattr(settings, attribute) or ()):
            for value in _of_table(attribute, table):
                yield value, (attribute, index)


def _of_table(attribute: str, table: Any) -> Iterator[str]:
    if dest := getattr(table, "dest", None):
        yield f"fs.write={dest}"
    if src := getattr(table, "src", None):
        yield f"fs.read={src}"
    for path in getattr(table, "paths", None) or ():
        yield f"fs.read={path}"
    if attribute == "ssh" and not table.paths:
        yield "ssh"
