"""Which files of local contexts builds can read, and one digest of them: the same in every checkout.

In: path, kind, contents, what is written in a link, the executable bit, and that files are one (a hard link). Out:
times, owners, the name of the context, and the bits of a mode that a umask takes; BuildKit copies all twelve of them,
but no checkout keeps more than the executable one. A mode that no usual umask explains (0444, setuid) is in as it is.
Extended attributes do not reach an image. Tried with BuildKit 0.25.
"""

import hashlib
import os
import posixpath
import stat
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from threading import Lock
from types import TracebackType
from typing import Literal, NamedTuple, Self

from buildmatrix.cache import cache_directory
from buildmatrix.dockerfile.ignore import NOTHING, Ignored, ignored_by
from buildmatrix.files import read_regular
from buildmatrix.inputs.digests import Digests, UnknownError
from buildmatrix.inputs.looks import Look, look_of
from buildmatrix.inputs.sources import Reaching, target_of
from buildmatrix.inputs.tree import Leaf, Tree, encoded

MOST_FILES, MOST_BYTES = 500_000, 20_000_000_000
"""Of what the sources reach: half a minute's reading."""

IGNORE = ".dockerignore"
FORMAT = b"buildmatrix context 1\n"

_MASKS = (0o000, 0o002, 0o007, 0o022, 0o027, 0o077)
_OF_FILES = frozenset(0o666 & ~mask for mask in _MASKS)
_OF_PROGRAMS = frozenset(0o777 & ~mask for mask in _MASKS)
_INHERITED = stat.S_ISGID
"""A bit that directories take from the one around them."""

Kind = Literal["file", "directory", "symlink"]


class Entry(NamedTuple):
    """What there is at a path of a context, as far as an image may have it.

    `mode` is None where a umask explains it; `content` is the sha256 of a file, what is written in a link, None for a
    directory; `same_as` is the path before it that is the same file, None for most.
    """

    path: str
    kind: Kind
    is_executable: bool
    mode: int | None
    content: str | None
    same_as: str | None


class Reached(NamedTuple):
    """What sources reach: entries sorted by path, and their digest in hex, which is None where `doubt` says why.

    `looks` are how the entries looked before they were read, one for each.
    """

    digest: str | None
    entries: tuple[Entry, ...]
    doubt: str | None
    looks: tuple[Look, ...] = ()


Sources = tuple[str, ...] | None
Key = tuple[str, str | None, Sources]


class Contexts:
    """Looks at each local context once in a run. As a context manager it keeps at its end what was learned of files."""

    def __init__(
        self, environment: Mapping[str, str], *, most_files: int = MOST_FILES, most_bytes: int = MOST_BYTES
    ) -> None:
        """Take the environment, which says where the user's cache directory is, and what is too much to read."""
        self._cache = cache_directory(environment)
        self._most_files, self._most_bytes = most_files, most_bytes
        self._digests: dict[str, Digests] = {}
        self._trees: dict[tuple[str, str | None], Tree] = {}
        self._asked: dict[Key, Reached] = {}
        self._known: dict[Key, Reached] = {}
        self._lock = Lock()
        self.ignore_file = cache(ignore_file_of)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self.keep()

    def keep(self) -> None:
        """Keep the digests of files for the next run."""
        for one in self._digests.values():
            one.keep()

    def of(self, directory: str, ignore_file: str | None, sources: Sources) -> Reached:
        """Return what sources reach in a directory, None for all that is there.

        Sources are those of COPY, ADD and bind mounts: paths in the context, or patterns, with their variables
        replaced. The ignore file is what `ignore_file` returns, which is `ignore_file_of`, asked once.
        """
        asked = (directory, ignore_file, sources)
        if (answer := self._asked.get(asked)) is not None:
            return answer
        with self._lock:
            wanted = None if sources is None else tuple(sorted({_cleaned(one) for one in sources}))
            wanted = None if wanted is not None and "/" in wanted else wanted
            key = (os.path.realpath(directory), ignore_file, wanted)
            if key not in self._known:
                self._known[key] = self._of(*key)
            self._asked[asked] = answer = self._known[key]
            return answer

    def _of(self, root: str, ignore_file: str | None, sources: Sources) -> Reached:
        try:
            reaching = Reaching(self._tree(root, ignore_file))
            if sources is None:
                reaching.everything()
            for source in sources or ():
                reaching.source(source)
            pairs = list(self._entries(root, reaching))
        except UnknownError as doubt:
            return Reached(digest=None, entries=(), doubt=doubt.told(root))
        except OSError as error:
            return Reached(digest=None, entries=(), doubt=f"the context cannot be read: {error.strerror or error}")
        entries = tuple(entry for entry, _ in pairs)
        return Reached(digest=digest_of(entries), entries=entries, doubt=None, looks=tuple(look for _, look in pairs))

    def _tree(self, root: str, ignore_file: str | None) -> Tree:
        if (root, ignore_file) not in self._trees:
            self._trees[root, ignore_file] = Tree(root, _ignored(ignore_file))
        return self._trees[root, ignore_file]

    def _entries(self, root: str, reaching: Reaching) -> Iterator[tuple[Entry, Look]]:
        leaves = reaching.leaves
        self._limit(leaves)
        if root not in self._digests:
            self._digests[root] = Digests(self._cache, root)
        digests, first = self._digests[root], dict[tuple[int, int], str]()
        folders = {*reaching.folders, *reaching.paths_around()} - {""}
        for path in sorted([*leaves, *folders]):
            leaf = leaves.get(path)
            found = _at(root, path) if leaf is None else leaf.stat(follow_symlinks=False)
            if leaf is None:
                yield _directory(path, found), look_of(found)
            elif leaf.is_symlink():
                yield _entry(path, "symlink", content=target_of(leaf)), look_of(found)
            else:
                yield _file(path, leaf, found, digests, first), look_of(found)

    def _limit(self, leaves: Mapping[str, Leaf]) -> None:
        if len(leaves) > self._most_files:
            raise UnknownError(f"more than {self._most_files:,} files are read")
        if sum(leaf.stat(follow_symlinks=False).st_size for leaf in leaves.values()) > self._most_bytes:
            raise UnknownError(f"more than {self._most_bytes / 1e9:g} GB are read")


def _file(path: str, leaf: Leaf, found: os.stat_result, digests: Digests, first: dict[tuple[int, int], str]) -> Entry:
    mode = found.st_mode
    if not stat.S_ISREG(mode):
        raise UnknownError("is neither a file nor a directory nor a link", leaf.path)
    mode = stat.S_IMODE(mode)
    same_as = first.setdefault((found.st_dev, found.st_ino), path) if found.st_nlink > 1 else path
    return Entry(
        path,
        "file",
        mode & 0o111 != 0,
        None if mode in _OF_FILES or mode in _OF_PROGRAMS else mode,
        digests.of(leaf.path, found).hex(),
        None if same_as == path else same_as,
    )


def _entry(path: str, kind: Kind, mode: int | None = None, content: str | None = None) -> Entry:
    return Entry(path, kind, is_executable=False, mode=mode, content=content, same_as=None)


def _at(root: str, path: str) -> os.stat_result:
    return os.lstat(os.fsencode(root) + b"/" + encoded(path))


def _directory(path: str, found: os.stat_result) -> Entry:
    mode = stat.S_IMODE(found.st_mode) & ~_INHERITED
    return _entry(path, "directory", None if mode in _OF_PROGRAMS else mode)


def digest_of(entries: Iterable[Entry]) -> str:
    """Return the digest of entries in hex: of each what it is and how long its parts are, then the parts."""
    return hashlib.sha256(FORMAT + b"".join(map(_framed, entries))).hexdigest()


def _framed(entry: Entry) -> bytes:
    path, kind, is_executable, mode, content, same_as = entry
    parts = [None if part is None else encoded(part) for part in (path, content, same_as)]
    lengths = " ".join("-" if part is None else str(len(part)) for part in parts)
    return f"{kind} {int(is_executable)} {mode} {lengths}\n".encode() + b"".join(filter(None, parts))


def _cleaned(source: str) -> str:
    return posixpath.normpath("/" + source.lstrip("/"))


def ignore_file_of(directory: str, dockerfile: str | None) -> str | None:
    """Return the file that says what is left out of a context, None for none.

    The one beside a Dockerfile, even if it is empty, takes the place of the context's own; it is for the main context
    only. `dockerfile` is None for a named context, and for a Dockerfile that is no file.
    """
    own = None if dockerfile is None else _inside(*os.path.split(f"{dockerfile}{IGNORE}"))
    return own or _inside(directory, IGNORE)


def _inside(folder: str, name: str) -> str | None:
    """Return a regular file of a directory, behind links that stay in it, as BuildKit follows them."""
    path = os.path.join(folder, name)  # noqa: PTH118
    try:
        mode = os.lstat(path).st_mode
    except (OSError, ValueError):
        return None
    if stat.S_ISLNK(mode):
        return _behind(os.path.realpath(folder), name)
    return path if stat.S_ISREG(mode) else None


def _behind(root: str, name: str) -> str | None:
    try:
        found = next(iter(Reaching(Tree(root, NOTHING)).files(name)), None)
    except (UnknownError, OSError):
        return None
    return None if found is None else os.fsdecode(found)


def _ignored(path: str | None) -> Ignored:
    """Return what a file leaves out; nothing where it cannot be read: then more counts than has to."""
    try:
        return NOTHING if path is None else ignored_by(read_regular(path).decode())
    except (OSError, ValueError):
        return NOTHING
