"""Archives appear whole or not at all.

Bake empties the file of an archive when it reads its own file, and fills it at the very end: a build that fails, a full
disk or ^C would leave nothing, or half of it, in the place of the last good one. So bake is given a file that has no
name yet, in the directory where the archive is to be, and the name when the target has been built. Where a file system
has no such files (O_TMPFILE), bake writes the archive itself, as it always does.
"""

import os
import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from secrets import token_hex
from typing import Any

from buildmatrix.build.calls.batches import Call
from buildmatrix.files import kind_at
from buildmatrix.plan.model import Plan, PlannedTarget
from buildmatrix.plan.outputs import is_archive
from buildmatrix.records import dataclass

MODE = 0o644


@dataclass(frozen=True, kw_only=True)
class _Archive:
    number: int
    """The file descriptor of the file without a name."""
    path: Path

    @property
    def dest(self) -> str:
        return f"/proc/{os.getpid()}/fd/{self.number}"


class Archives:
    """The archives of one bake call."""

    def __init__(self) -> None:
        self._of: dict[str, list[_Archive]] = {}

    def redirected(self, plan: Plan, made: Call) -> Plan:
        """Return the plan with the archives of a call in files that have no name yet."""
        names = frozenset(made.names)
        targets = [self._target(plan, target) if target.name in names else target for target in plan.targets]
        return replace(plan, targets=tuple(targets)) if self._of else plan

    def _target(self, plan: Plan, target: PlannedTarget) -> PlannedTarget:
        outputs: tuple[Any, ...] = (target.settings.output or ()) if target.exported else ()
        found = []
        for output in outputs:
            archive = _opened(Path(plan.directory, output.dest)) if is_archive(output) else None
            if archive is not None:
                self._of.setdefault(target.name, []).append(archive)
            found.append(output.but({"dest": archive.dest}) if archive else output)
        return replace(target, settings=target.settings.but({"output": tuple(found)})) if found else target

    def keep(self, name: str) -> str:
        """Give the archives of a target that was built their names; return what went wrong, "" if nothing did."""
        trouble = ""
        for archive in self._of.pop(name, ()):
            try:
                _name(archive)
            except OSError as error:
                trouble = f"{archive.path} cannot be written: {error.strerror}"
            os.close(archive.number)
        return trouble

    def spoken(self, text: str) -> str:
        """Return what bake says with the archives called by their own names."""
        for archive in (archive for several in self._of.values() for archive in several):
            text = re.sub(rf"{archive.dest}\b", str(archive.path), text)
        return text

    def are_refused(self, words: Iterable[str]) -> bool:
        """Tell whether docker may not open such files, as one that is confined may not."""
        mine = [f"open {archive.dest}: " for several in self._of.values() for archive in several]
        return any(one in line for one in mine for line in words)

    def drop(self) -> None:
        """Forget what was not kept: what had a name before is as it was."""
        for archive in (archive for several in self._of.values() for archive in several):
            os.close(archive.number)
        self._of.clear()


def _opened(path: Path) -> _Archive | None:
    """Return a file without a name, for a path that is free or a regular file; None where that cannot be had."""
    real = Path(os.path.realpath(path))
    with suppress(OSError, AttributeError):
        if kind_at(real) in {"", "file"}:
            number = os.open(real.parent, os.O_TMPFILE | os.O_RDWR, MODE)
            return _Archive(number=number, path=real)
    return None


def _name(archive: _Archive) -> None:
    """Link the file in beside its place, then rename it there: at every moment the old or the new one is there."""
    here = os.open(archive.path.parent, os.O_RDONLY)
    beside = f".{archive.path.name[:200]}.{token_hex(4)}"
    try:
        if kind_at(archive.path):
            os.fchmod(archive.number, archive.path.stat().st_mode & 0o777)
        os.link(f"/proc/self/fd/{archive.number}", beside, src_dir_fd=here, dst_dir_fd=here, follow_symlinks=True)
        os.replace(beside, archive.path.name, src_dir_fd=here, dst_dir_fd=here)
    except OSError:
        with suppress(OSError):
            os.unlink(beside, dir_fd=here)
        raise
    finally:
        os.close(here)
