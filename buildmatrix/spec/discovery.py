"""Which file a command is about where none is named: the nearest one, and whose it is."""

import errno
import os
import posixpath
import pwd
import shlex
import stat
from collections.abc import Iterator
from pathlib import Path

from buildmatrix.errors import Diagnostic, EngineError, SpecError, UsageError
from buildmatrix.files import Repository, kind_at
from buildmatrix.process import Programs
from buildmatrix.spec.includes import TooManyError, matches
from buildmatrix.spec.load import FILE, parse
from buildmatrix.spec.toml.source import Sources

ROOT = 0


def discovered(programs: Programs) -> tuple[Path, Path]:
    """Return the nearest file here or in a parent, and the root that it is part of: itself where nothing includes it.

    UsageError if there is none. One of a stranger in a parent is not taken, nor here where everybody may write: it
    would say what is built.
    """
    here = Path.cwd()
    found = next((folder for folder in (here, *here.parents) if os.path.lexists(folder / FILE)), None)
    if found is None:
        message = f"there is no {FILE} here or in a parent directory"
        raise UsageError(Diagnostic(message=message, code="no-file", hint="write one, or name one with --file"))
    _refuse_stranger(found / FILE, here, programs)
    root = found / FILE
    while (outer := _outer(root, here, programs)) is not None:
        root = outer
    return found / FILE, root


def including(file: Path) -> Path | None:
    """Return the nearest file further up that includes this one for certain; None if there is none."""
    return next((one for one in _further_up(file) if includes(one, file)), None)


def _outer(file: Path, here: Path, programs: Programs) -> Path | None:
    """Return the nearest file further up that includes this one, or that does not tell: its errors are shown then."""
    for one in _further_up(file):
        if not os.path.lexists(Repository.around(one.parent).root + "/.git") and not all(
            is_trusted(path, here, programs) for path in (one.parent, one)
        ):
            return None  # no repository: there is no more than what is ours
        _refuse_stranger(one, here, programs)
        if includes(one, file) is not False:
            return one
    return None


def _further_up(file: Path) -> Iterator[Path]:
    """Yield the files in the parents of a file's directory, up to the top of its repository, if it is in one."""
    top = Repository.around(file.parent).root
    for folder in () if os.path.lexists(f"{file.parent}/.git") else file.parent.parents:
        if os.path.lexists(folder / FILE):
            yield folder / FILE
        if str(folder) == top:
            return


def includes(outer: Path, file: Path) -> bool | None:
    """Tell whether a file includes another, be it through others; None where that cannot be told.

    Only the lists of includes are looked at.
    """
    sources, wanted = Sources(outer.parent), os.path.realpath(file)
    pending, seen = [outer.name], {os.path.realpath(outer)}
    while pending:
        name = pending.pop(0)
        try:
            found = _included(name, sources)
        except (SpecError, OSError, TooManyError):
            return None
        real = {os.path.realpath(outer.parent / one): one for one in found}
        if wanted in real:
            return True
        pending += [one for path, one in real.items() if path not in seen]
        seen.update(real)
    return False


def _included(name: str, sources: Sources) -> list[str]:
    patterns, folder = parse(name, sources.read(name)).get("include", []), posixpath.dirname(name)
    if not isinstance(patterns, list) or not all(isinstance(pattern, str) for pattern in patterns):
        raise OSError(errno.EINVAL, "its includes are not a list")
    return [
        posixpath.normpath(posixpath.join(folder, path))
        for pattern in patterns
        for path in matches(pattern, folder, sources.repository)
    ]


def _refuse_stranger(file: Path, here: Path, programs: Programs) -> None:
    """Raise UsageError where a file that nobody named belongs to a stranger."""
    near = file.parent == here
    if near and not here.stat().st_mode & stat.S_IWOTH:
        return
    for path in (file,) if near else (file.parent, file):
        if not is_trusted(path, here, programs):
            where = "in a directory that everybody may write to" if near else "in a parent directory"
            whose = "it" if path == file else path
            message = f"{file} was found {where}, and {whose} belongs to {named_user(path)}"
            hint = f"if you trust it, name it: --file {shlex.quote(str(file))}"
            root = Repository.around(file.parent).root
            if os.path.lexists(f"{root}/.git"):
                hint += f"\nor all of its repository: git config --global --add safe.directory {shlex.quote(root)}"
            raise UsageError(Diagnostic(message=message, code="owner", hint=hint))


def is_trusted(path: Path, here: Path, programs: Programs) -> bool:
    """Tell whether a path is ours, root's, sudo's caller's, or of the user whose directory we stand in.

    Who stands in another user's directory has gone there: in a container the checkout often is another user's. Anybody
    else is trusted where git's `safe.directory` names the directory.
    """
    us, owner = os.geteuid(), path.lstat().st_uid
    caller = os.environ.get("SUDO_UID") if us == ROOT else None
    return owner in {us, ROOT, here.stat().st_uid} or str(owner) == caller or _is_safe(path, programs)


def _is_safe(path: Path, programs: Programs) -> bool:
    """Tell whether the user's own git configuration trusts a directory, or the repository around it."""
    command = ["git", "config", "--includes", "--null", "--type=path", "--get-all", "safe.directory"]
    try:
        done = Programs({**programs.environment, "GIT_DIR": os.devnull}).run(command)
    except EngineError:
        return False
    folder = path if kind_at(path) == "directory" else path.parent
    folders = {str(folder.resolve()), Repository.around(folder).root}
    trusted = False
    for text in done.stdout.split("\0")[:-1]:
        under = text.removesuffix("*") if text.endswith("/*") else ""
        named = text == "*" or text in folders or (under and any(one.startswith(under) for one in folders))
        trusted = bool(text) and (trusted or bool(named))  # an empty one takes back those before it
    return trusted


def named_user(path: Path) -> str:
    """Return whose a path is, for a message."""
    number = path.lstat().st_uid
    try:
        return f"user {pwd.getpwuid(number).pw_name} ({number})"
    except KeyError:
        return f"user {number}"
