"""The sha256 of files, kept in the user's cache directory while nothing says that a file changed.

A file is known by its device, inode, size and both times, as git's index does. What was changed shortly before it was
read is not kept: the next change may have the same times. One file for each context holds what was read of it, as bare
records: 10,000 of them are read in 3 ms, as JSON in 60. What is damaged, or cannot be written, is done without.
"""

import hashlib
import os
import stat
import struct
import time
from itertools import chain, islice
from pathlib import Path

from buildmatrix.cache import keep_small, note_use
from buildmatrix.files import read_regular, write_whole

FOLDER = "digests"
HEAD = b"buildmatrix-1\n"

MARGIN = 2_000_000_000
"""Nanoseconds: a file system's times may be no finer than 2 s."""

MOST_RECORDS = 200_000
"""Files of one context that are remembered, those that were asked for last before others: 14 MB."""

MOST_BYTES = 256 * 1024 * 1024
"""Bytes of all contexts together; the ones that were written longest ago go."""

_KEY = struct.Struct("=QQQqq")
_RECORD = struct.Struct(f"{_KEY.size}s{hashlib.sha256().digest_size}s")
_CHUNK = 1 << 20

Key = bytes
"""What tells a file's state: device, inode, size and both times."""


class UnknownError(Exception):
    """Why nobody can say what a context holds: a short text for people, and the path that it is about."""

    def __init__(self, reason: str, path: bytes | None = None) -> None:
        super().__init__(reason, path)
        self._reason, self._path = reason, path

    def told(self, root: str) -> str:
        """Return the text, with the path relative to the context."""
        if self._path is None:
            return self._reason
        inside = self._path.decode("utf-8", "surrogateescape").removeprefix(root).lstrip("/")
        return f"{inside or 'the context'} {self._reason}"


class Digests:
    """The digests of files of one context; `folder` is where they are kept, None for nowhere."""

    def __init__(self, folder: Path | None, context: str) -> None:
        """Take the real path of the context, by which its records are found again."""
        name = hashlib.sha256(os.fsencode(context)).hexdigest()[:32]
        self._path = None if folder is None else folder / FOLDER / name
        self._kept = _read(self._path)
        self._used: dict[Key, bytes] = {}
        self._passing: dict[Key, bytes] = {}
        self._is_new = False

    def of(self, path: bytes, found: os.stat_result) -> bytes:
        """Return the digest of a regular file of which `found` was just said; UnknownError where it cannot be known."""
        key = _key(found)
        digest = self._kept.get(key) or self._passing.get(key)
        if digest is None:
            digest = self._read(path, key)
        elif key not in self._passing:
            self._used[key] = digest
        return digest

    def _read(self, path: bytes, key: Key) -> bytes:
        before = time.time_ns()
        found, digest = _hashed(path)
        if (read := _key(found)) != key:
            raise _changed(path)
        if max(found.st_mtime_ns, found.st_ctime_ns) < before - MARGIN:
            self._kept[read] = self._used[read] = digest
            self._is_new = True
        else:
            self._passing[read] = digest
        return digest

    def keep(self) -> None:
        """Write what was learned, if anything was."""
        if self._path is None:
            return
        try:
            if self._is_new:
                self._write(self._path)
            elif self._used:
                note_use(self._path)
        except OSError:
            return
        self._is_new = False

    def _write(self, path: Path) -> None:
        rest = (item for item in self._kept.items() if item[0] not in self._used)
        records = islice(chain(self._used.items(), rest), MOST_RECORDS)
        body = b"".join(key + digest for key, digest in records)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, HEAD + hashlib.sha256(body).digest() + body)
        keep_small(path.parent, size=MOST_BYTES)


def _key(found: os.stat_result) -> Key:
    return _KEY.pack(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def _read(path: Path | None) -> dict[Key, bytes]:
    """Return the records of a file; none where it is not there, or not what was written."""
    try:
        data = b"" if path is None else read_regular(path, _RECORD.size * MOST_RECORDS + 64, own=True)
    except OSError:
        return {}
    size = len(HEAD) + hashlib.sha256().digest_size
    head, body = data[:size], memoryview(data)[size:]
    if head != HEAD + hashlib.sha256(body).digest() or len(body) % _RECORD.size:
        return {}
    return dict(_RECORD.iter_unpack(body))


def _hashed(path: bytes) -> tuple[os.stat_result, bytes]:
    """Return the digest of a regular file, and its state, which was the same before and after."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError as error:
        raise unreadable(path, error) from None
    try:
        before = os.fstat(handle)
        if not stat.S_ISREG(before.st_mode):
            raise _changed(path)
        digest = hashlib.sha256()
        while data := os.read(handle, min(before.st_size + 1, _CHUNK)):
            digest.update(data)
        if _key(os.fstat(handle)) != _key(before):
            raise _changed(path)
    except OSError as error:
        raise unreadable(path, error) from None
    finally:
        os.close(handle)
    return before, digest.digest()


def unreadable(path: bytes, error: OSError) -> UnknownError:
    """Return what is said of a file or a directory that cannot be read."""
    return UnknownError(f"cannot be read: {error.strerror or error}", path)


def _changed(path: bytes) -> UnknownError:
    return UnknownError("changed while it was read", path)
