"""Which file a command is about where none is named: the nearest one, and whose it is."""

import os
import pwd
import stat
from pathlib import Path

from buildmatrix.errors import Diagnostic, EngineError, UsageError
from buildmatrix.files import Repository
from buildmatrix.process import Programs

FILE = "buildmatrix.toml"

ROOT = 0


def discovered(programs: Programs) -> Path:
    """Return the file of this folder, or of the nearest parent that has one; UsageError if there is none.

    One of a stranger in a parent is not taken, nor here where everybody may write: it would say what is built.
    """
    here = Path.cwd()
    found = next((folder for folder in (here, *here.parents) if os.path.lexists(folder / FILE)), None)
    if found is None:
        message = f"there is no {FILE} here or in a parent directory"
        raise UsageError(Diagnostic(message=message, code="no-file", hint="write one, or name one with --file"))
    _refuse_stranger(found / FILE, here, programs)
    return found / FILE


def _refuse_stranger(file: Path, here: Path, programs: Programs) -> None:
    """Raise UsageError where a file that nobody named belongs to a stranger."""
    near = file.parent == here
    if near and not here.stat().st_mode & stat.S_IWOTH:
        return
    for path in (file,) if near else (file.parent, file):
        if not is_trusted(path, here, programs):
            where = "in a directory that everybody may write to" if near else "in a parent directory"
            message = f"{file} was found {where}, and {path} belongs to {named_user(path)}"
            hint = f"if you trust it, name it: --file {file}"
            raise UsageError(Diagnostic(message=message, code="owner", hint=hint))


def is_trusted(path: Path, here: Path, programs: Programs) -> bool:
    """Tell whether a path is ours, root's, sudo's caller's, or of the user whose folder we stand in.

    Who stands in another user's folder has gone there: in a container the checkout often is another user's. Anybody
    else is trusted where git's `safe.directory` names the folder.
    """
    us, owner = os.geteuid(), path.lstat().st_uid
    caller = os.environ.get("SUDO_UID") if us == ROOT else None
    return owner in {us, ROOT, here.stat().st_uid} or str(owner) == caller or _is_safe(path, programs)


def _is_safe(path: Path, programs: Programs) -> bool:
    """Tell whether the user's own git configuration trusts a folder, a file's folder, or the repository around it."""
    command = ["git", "config", "--includes", "--null", "--type=path", "--get-all", "safe.directory"]
    try:
        done = Programs({**programs.environment, "GIT_DIR": os.devnull}).run(command)
    except EngineError:
        return False
    folder = path if path.is_dir() else path.parent
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
