"""What was meant by a directory or a Dockerfile that is not there."""

import os
import posixpath
from collections.abc import Collection
from pathlib import Path

from buildmatrix.errors import did_you_mean
from buildmatrix.files import Repository, kind_at
from buildmatrix.oci.reference import fault
from buildmatrix.plan.access.paths import is_local
from buildmatrix.spec.checks.foreign import foreign_hint


def folder_hint(repository: Repository, folder: str, variables: Collection[str]) -> str:
    """Return what to write for a context that is not a directory."""
    if found := foreign_hint(folder, variables):
        return found
    if "\\" in folder:
        return _with_slashes(folder)
    if repository.kind(folder) == "file":
        return "a context is the directory around it" + (
            ", and the file is dockerfile" if "dockerfile" in posixpath.basename(folder).lower() else ""
        )
    around = Path(repository.real(folder)).parent
    try:
        names = [entry.name for entry in os.scandir(around) if kind_at(entry.path) == "directory"]
    except OSError:
        return ""
    return did_you_mean(posixpath.basename(folder), names)


def dockerfile_hint(repository: Repository, folder: str, name: str, variables: Collection[str]) -> str:
    """Return what to write for a Dockerfile that is not in its context."""
    if found := foreign_hint(name, variables) or _slashes_or_place(repository, folder, name):
        return found
    try:
        entries = list(os.scandir(repository.real(folder)))
    except FileNotFoundError:
        return ""
    except OSError as error:
        return f"the directory cannot be read: {error.strerror}"
    names = sorted(entry.name for entry in entries if "ockerfile" in entry.name and kind_at(entry.path) == "file")
    near = did_you_mean(name, names) or (f"there is {', '.join(names[:5])}" if names else "")
    return near or ("" if name != "Dockerfile" else "write one, or name its directory: context = …")


def _slashes_or_place(repository: Repository, folder: str, name: str) -> str:
    if "\\" in name:
        return _with_slashes(name)
    if folder != "." and not posixpath.isabs(name) and is_local(name) and _is_file(repository, name):
        return f'it is relative to the context: write "{posixpath.relpath(name, folder)}"'
    if repository.kind(posixpath.join(folder, name)) == "directory":
        return f'this is a directory: write "{posixpath.join(name, "Dockerfile")}"'
    return ""


def named_context_hint(repository: Repository, value: str, variables: Collection[str], targets: Collection[str]) -> str:
    """Return what to write for a named context that is not a directory: a target, an image, or a directory nearby."""
    if value in targets:
        return f'to build on that target, write "target:{value}"'
    if found := folder_hint(repository, value, variables):
        return found
    if near := did_you_mean(value, targets):
        return f"{near} A target is written target:NAME"
    if not value.startswith((".", "/")) and (":" in value or "/" in value) and not fault(value.partition("@")[0]):
        return f'an image is written "docker-image://{value}"'
    return ""


def _is_file(repository: Repository, path: str) -> bool:
    return not repository.outside(path) and repository.kind(path) == "file"


def _with_slashes(path: str) -> str:
    return f'in paths write /: "{path.replace(chr(92), "/")}"'
