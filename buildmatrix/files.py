"""Which paths lie inside of the repository, and the only ways to read files of others and to write any.

A path is judged by where it leads, through every link of every part. What is written goes through no link at the end
of its path, and through none on its way that leads out of the repository.
"""

import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Literal, Self

from buildmatrix.records import dataclass

LIMIT = 4 * 1024 * 1024
"""The largest file that is read, in bytes; the largest public bake file has 0.1 MiB."""

MOST_LINKS = 40
"""Links on the way of one path, as the kernel counts them; a path with more leads nowhere, and is never inside."""

OWN = "/proc"
"""What lies there is another thing for each program that looks: our judgement of it would not be buildx's."""


Kind = Literal["directory", "file", "other", ""]
"""What there is; "" for nothing, and where nobody may look."""


class OutsideError(OSError):
    """A path leads out of the repository; nothing was read, and whether anything is there is not said."""

    def __init__(self, path: str) -> None:
        super().__init__(errno.EPERM, "it leads out of the repository", path)


@dataclass(frozen=True)
class Repository:
    """The directory whose files a spec may name: `root` around `folder`, where the root file is; both real paths."""

    folder: str
    root: str

    @classmethod
    def around(cls, folder: str | Path) -> Self:
        """Return the repository of a directory: the nearest one around it with a `.git`, else itself."""
        here = Path(folder).resolve()
        return cls(str(here), str(_holder(here) or here))

    def holds(self, real: str) -> bool:
        """Tell whether a real path lies inside."""
        return is_within(real, self.root)

    def outside(self, text: str, folder: str = "") -> tuple[str, ...]:
        """Return the real paths outside that a path may mean; () if it is inside however it is read.

        A relative one starts at `folder`, else at the root file's. Programs differ in what `link/..` means: some
        follow the link, some cut both away; each meaning counts. A path through /proc is never inside.
        """
        return self.leads(text, folder)[1]

    def leads(self, text: str, folder: str = "") -> tuple[str, tuple[str, ...]]:
        """Return where a path leads, as the kernel reads it, and what `outside` returns."""
        meanings = dict(_meanings(self._joined(text, folder), self.folder))
        return next(iter(meanings)), tuple(real for real, own in meanings.items() if own or not self.holds(real))

    def real(self, text: str, folder: str = "") -> str:
        """Return the real path of what lies inside; OutsideError else."""
        real, outside = self.leads(text, folder)
        if outside:
            raise OutsideError(text)
        return real

    def links(self, text: str, folder: str = "") -> tuple[str, ...]:
        """Return the links on the way of a path, each by its own real path."""
        return tuple(_followed(self._joined(text, folder), self.folder)[2])

    def read(self, text: str, folder: str = "", limit: int = LIMIT) -> bytes:
        """Return the bytes of a regular file inside, as `read_regular` does; OutsideError for one outside."""
        return read_regular(self.real(text, folder), limit)

    def kind(self, text: str, folder: str = "") -> Kind:
        """Return what lies at a path inside, "" for nothing; nobody looks at what is outside, which is "" too."""
        try:
            return kind_at(self.real(text, folder))
        except (OSError, ValueError):
            return ""

    def _joined(self, text: str, folder: str) -> str:
        return os.path.join(self.folder, folder, text)  # noqa: PTH118 a Path drops what is no `..` for the kernel


def kind_at(path: str | Path) -> Kind:
    """Return what a path leads to; where a name is too long or a directory is kept from us, a `Path` raises OSError."""
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116 a text need not be a path
    except (OSError, ValueError):
        return ""
    return "directory" if stat.S_ISDIR(mode) else "file" if stat.S_ISREG(mode) else "other"


def kept_from_us(path: str | Path) -> str:
    """Return why nobody may look what is at a path, "" where that can be seen: nothing, too."""
    try:
        os.stat(path)  # noqa: PTH116
    except PermissionError as error:
        return error.strerror or str(error)
    except (OSError, ValueError):
        return ""
    return ""


def is_within(real: str, folder: str) -> bool:
    """Tell whether a real path is a directory's own or below it."""
    return real == folder or real.startswith(folder.rstrip("/") + "/")


def strays(path: str | Path, root: str = "") -> bool:
    """Tell whether a path that somebody typed is led out of a repository by a link that lies in it.

    A command line may name any file of the machine: what lies elsewhere from the start does not stray, nor do links of
    directories that are no repository. `root` is one that holds no `.git`.
    """
    named = os.fspath(path)
    if not os.path.isabs(named):  # noqa: PTH117 the working directory may be gone: an absolute path needs none
        named = os.path.join(os.getcwd(), named)  # noqa: PTH109, PTH118 a Path drops what is no `..` for the kernel
    for meaning in (named, os.path.normpath(named)):
        for link in _followed(meaning)[2]:
            holder = str(_holder(Path(link).parent) or root)
            if holder and is_within(link, holder) and not is_within(_followed(link)[0], holder):
                return True
    return False


def _holder(folder: Path) -> Path | None:
    """Return the nearest directory with `.git` in it. The root of the disk is none: it would hold everything."""
    return next((one for one in (folder, *folder.parents) if one.name and os.path.lexists(one / ".git")), None)


def _meanings(path: str, real: str) -> Iterator[tuple[str, bool]]:
    """Yield what a path may mean, `real` being a real path that it may begin with."""
    found, own, _ = _followed(path, real)
    yield found, own
    if ".." in path.split("/"):
        cut, own, _ = _followed(os.path.normpath(path))
        yield cut, own


def _followed(path: str, real: str = "") -> tuple[str, bool, list[str]]:
    """Return an absolute path with every link followed, as the kernel does; whether /proc was on the way; the links.

    At /proc it stops, and after too many links: what follows is left as it is written. Nobody looks again at a `real`
    path that it begins with.
    """
    at = real if real and path.startswith(real + "/") else ""
    pending = path[len(at) :].split("/")[::-1]
    links: list[str] = []
    while pending:
        part = pending.pop()
        if part in {"", "."}:
            continue
        if part == "..":
            at = at[: at.rindex("/")] if at else ""
            continue
        at += "/" + part
        if at == OWN or len(links) > MOST_LINKS:
            return "/".join([at, *reversed(pending)]), True, links
        if way := _link(at):
            links.append(at)
            at = "" if way.startswith("/") else at[: at.rindex("/")]
            pending += way.split("/")[::-1]
    return at or "/", False, links


def _link(path: str) -> str:
    """Return where a link leads; "" for what is none, or cannot be looked at."""
    try:
        return os.readlink(path)  # noqa: PTH115 a Path for each part of each path is slow
    except (OSError, ValueError):
        return ""


def read_regular(path: str | Path, limit: int = LIMIT, *, pipe: bool = False, own: bool = False) -> bytes:
    """Return a file's bytes, at most `limit`; OSError, too, for what is not a regular file and for what is too large.

    With `pipe` a pipe will do: a shell's `<(…)` is one. `own` is for files that we write ourselves: no link is read.
    """
    follow = os.O_NOFOLLOW if own else 0
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC | follow)
    with os.fdopen(handle, "rb") as file:
        found = os.fstat(handle)
        if stat.S_ISDIR(found.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not stat.S_ISREG(found.st_mode) and not (pipe and stat.S_ISFIFO(found.st_mode)):
            raise OSError(errno.EINVAL, "it is not a regular file", str(path))
        os.set_blocking(handle, True)
        data = file.read(limit + 1)
    if len(data) > limit:
        size = f"{found.st_size / 1e6:.1f} MB, " if found.st_size > limit else ""
        raise OSError(errno.EFBIG, f"it is too large: {size}at most {limit / 1e6:.1f} MB", str(path))
    return data


def write_whole(path: Path, content: str | bytes, root: str = "", *, mode: int = 0o644) -> None:
    """Write a file: a temporary one beside it, then a rename. OSError leaves what was there, and nothing else.

    A link, a device or a directory in its place is refused, and so is a directory on the way that a link leads out of
    the repository (`root`, where it holds no `.git`).
    """
    refuse_other(path, root)
    written: Path | None = None
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            written = Path(file.name)
            file.write(content.encode() if isinstance(content, str) else content)
        written.chmod(mode)
        written.replace(path)
    except OSError:
        if written is not None:
            written.unlink(missing_ok=True)
        raise


def refuse_other(path: Path, root: str = "") -> None:
    """Raise OSError if a file is not to be written here: see `write_whole`. That nothing is there is fine."""
    if strays(path.parent, root):
        raise OutsideError(str(path))
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    if stat.S_ISLNK(mode):
        raise OSError(errno.ELOOP, "it is a link, which is not followed: name the file itself", str(path))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EEXIST, "it is not a regular file", str(path))


def make_folder(path: Path, root: str = "") -> None:
    """Make a directory and those around it; OSError where a link leads it out of the repository."""
    if strays(path, root):
        raise OutsideError(str(path))
    path.mkdir(parents=True, exist_ok=True)


def own_folder(path: Path) -> None:
    """Make a directory that is ours alone; OSError for a link in its place."""
    try:
        path.mkdir()
    except FileExistsError:
        if not stat.S_ISDIR(path.lstat().st_mode):
            raise OSError(errno.ENOTDIR, f"{path.name} is not a directory of its own", str(path)) from None


def write_new(path: Path, root: str = "") -> IO[str]:
    """Open a file to be written bit by bit, in place of whatever file or link was there: that stays as it is.

    Another name of the same file (a hard link) keeps its contents. OSError for a directory that a link leads outside.
    """
    if strays(path.parent, root):
        raise OutsideError(str(path))
    path.unlink(missing_ok=True)
    return _opened(path, os.O_CREAT | os.O_EXCL)


def write_more(path: Path) -> IO[str]:
    """Open a file of `write_new` again, to write what follows; OSError if it is no longer that."""
    return _opened(path, os.O_APPEND)


def _opened(path: Path, flags: int) -> IO[str]:
    handle = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | flags, 0o644)
    found = os.fstat(handle)
    if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
        os.close(handle)
        raise OSError(errno.EEXIST, "another file took its place", str(path))
    return os.fdopen(handle, "a", encoding="utf-8", errors="replace", buffering=1 << 16)
