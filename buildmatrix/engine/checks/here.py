"""What is looked at on this machine, whatever its docker is: room on disks, and clocks."""

import os
import shlex
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from buildmatrix.cache import cache_directory
from buildmatrix.engine.checks.model import Scene, Verdict, verdict
from buildmatrix.errors import Diagnostic, EngineError
from buildmatrix.files import kind_at

FULL, SCARCE = 64 << 20, 2 << 30
"""Bytes that have to be free: below the first nearly nothing can be written, below the second a build is at risk."""

SKEW, WRONG = timedelta(seconds=5), timedelta(minutes=5)
"""How far clocks may be apart: from there it is told, and from there registries refuse tokens and certificates."""


def tmpdir(scene: Scene) -> Verdict:
    """Tell whether TMPDIR can be written to: buildx has no other directory for what it writes meanwhile."""
    folder = scene.programs.environment.get("TMPDIR")
    return verdict(_temporary(folder), words=folder) if folder else Verdict(words="not set")


def _temporary(folder: str) -> Iterator[Diagnostic]:
    try:
        with tempfile.TemporaryFile(dir=folder):
            return
    except (FileNotFoundError, NotADirectoryError):
        why = "is not a directory"
    except OSError as error:
        why = f"cannot be written: {error.strerror}"
    hint = "set the variable to a directory that can be written, or unset it"
    message = f"TMPDIR is {folder}, which {why}"
    yield Diagnostic(message=message, code="disk", hint=hint, command="unset TMPDIR")


class _Room(NamedTuple):
    """A directory that is there, its disk, the bytes that are free on it, and whether nothing can be written to it."""

    path: str
    disk: int
    free: int
    is_read_only: bool


# --- disks ------------------------------------------------------------------------------------------------------------


def disk(scene: Scene) -> Verdict:
    """Tell how much room there is where something is written: here, and for the engine if it is on this machine."""
    places = _places(scene)
    found = {what: room for what, (path, _) in places.items() if (room := _room(path)) is not None}
    problems = (_problem(what, room, places[what][1]) for what, room in found.items())
    disks: dict[int, list[str]] = {}
    for what, room in found.items():
        disks.setdefault(room.disk, []).append(what)
    told = (f"{_size(found[whats[0]].free)} free for {' and '.join(whats)}" for whats in disks.values())
    return verdict(filter(None, problems), words=", ".join(told))


def _places(scene: Scene) -> dict[str, tuple[str, str]]:
    """Return where something is written, by what it is for, and the command that makes room there."""
    environment = scene.programs.environment
    prune = f"{scene.probe.command} prune --force"
    temporary = environment.get("TMPDIR") or "/tmp"  # noqa: S108 where buildx writes then
    found = {
        "temporary files": (temporary, "unset TMPDIR" if environment.get("TMPDIR") else ""),
        "the project": (scene.directory, ""),
    }
    if cache := cache_directory(environment):
        found["the user's cache"] = (str(cache), "")
    if _is_here(environment) and (root := scene.probe.told.get("DockerRootDir")):
        found["the engine"] = (str(root), prune)
    return found


def _is_here(environment: Mapping[str, str]) -> bool:
    """Tell whether the engine is on this machine for certain."""
    return environment.get("DOCKER_HOST", "unix://").startswith("unix://") and not environment.get("DOCKER_CONTEXT")


def _room(path: str) -> _Room | None:
    """Return the room at a path, or at what there is above it; None where nobody knows."""
    there = next((one for one in (Path(path), *Path(path).absolute().parents) if kind_at(one)), None)
    try:
        return _room_of(there) if there else None
    except OSError:
        return None


def _room_of(there: Path) -> _Room:
    is_read_only = bool(os.statvfs(there).f_flag & os.ST_RDONLY)
    return _Room(str(there), there.stat().st_dev, shutil.disk_usage(there).free, is_read_only)


def _problem(what: str, room: _Room, command: str) -> Diagnostic | None:
    """Return what is wrong with a disk, None if nothing."""
    if room.is_read_only:
        message, hint = f"the disk for {what} ({room.path}) is read-only", "mount it so that it can be written to"
        return Diagnostic(message=message, code="disk", hint=hint, severity="warning")
    return _full(what, room.free, room.path, command) if room.free < SCARCE else None


def _full(what: str, free: int, path: str, command: str) -> Diagnostic:
    return Diagnostic(
        message=f"only {_size(free)} free for {what} ({path})",
        code="disk",
        hint="" if command else f"delete what is not needed there: du -xh -d 1 {shlex.quote(path)} tells what is large",
        command=command,
        severity="error" if free < FULL else "warning",
    )


def _size(number: float) -> str:
    for unit in ("B", "KiB", "MiB"):
        if number < 1024:  # noqa: PLR2004
            return f"{number:.0f} {unit}"
        number /= 1024
    return f"{number:.1f} GiB"


# --- clocks -----------------------------------------------------------------------------------------------------------


def clock(scene: Scene) -> Verdict:
    """Tell whether the engine's clock and the one here agree."""
    if scene.probe.alone or not scene.probe.told.get("ServerVersion"):
        return Verdict(unknown="no Docker Engine tells its time")
    before = datetime.now(UTC)
    try:
        said = scene.programs.run(["docker", "info", "--format", "{{.SystemTime}}"]).stdout.strip()
        there = datetime.fromisoformat(said)
    except (EngineError, ValueError):
        return Verdict(unknown="the Docker Engine does not tell its time")
    if there.tzinfo is None:
        return Verdict(unknown="the Docker Engine does not tell its time zone")
    apart = max(before - there, there - datetime.now(UTC), timedelta())
    words = (
        f"the engine's is {_apart(apart)} from the one here" if apart > SKEW else "the engine's and the one here agree"
    )
    return verdict([_skewed(apart)] if apart > SKEW else (), words=words)


def _apart(apart: timedelta) -> str:
    return f"{apart.total_seconds():.0f}s"


def _skewed(apart: timedelta) -> Diagnostic:
    return Diagnostic(
        message=f"the clock of the Docker Engine and the one here are {_apart(apart)} apart",
        code="engine",
        hint="one of them is wrong: tokens and certificates of registries fail, and times in images are not true",
        command="sudo timedatectl set-ntp true",
        severity="error" if apart >= WRONG else "warning",
    )
