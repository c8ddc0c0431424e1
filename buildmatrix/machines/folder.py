"""The records in a directory, wherever in it: what a file is called, and where it lies, says nothing."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from buildmatrix.errors import Diagnostic, UsageError
from buildmatrix.files import read_regular
from buildmatrix.machines.record import ENDING, RecordDocument, is_of_other_format, record_of
from buildmatrix.records import dataclass
from buildmatrix.spec.toml.plain import table_of


class Read(NamedTuple):
    """A record, and the path of its file from the directory."""

    path: str
    record: RecordDocument


class Odd(NamedTuple):
    """A file that is of no use, by its path from the directory, and why."""

    path: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Folder:
    """What a directory of records holds, in the order of the paths."""

    records: tuple[Read, ...] = ()
    odd: tuple[Odd, ...] = ()


def read_folder(folder: str) -> Folder:
    """Return the records in a directory; one that is not there holds none. UsageError where it cannot be read."""
    found = [_read(folder, path) for path in sorted(_paths(folder))]
    return Folder(
        records=tuple(one for one in found if isinstance(one, Read)),
        odd=tuple(one for one in found if isinstance(one, Odd)),
    )


def _paths(folder: str) -> Iterator[str]:
    for where, _, names in os.walk(folder, onerror=_refuse):
        yield from (os.path.relpath(Path(where, name), folder) for name in names if name.endswith(ENDING))


def _refuse(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        message = f"{error.filename} cannot be read: {error.strerror}"
        raise UsageError(Diagnostic(message=message, code="read"))


def _read(folder: str, path: str) -> Read | Odd:
    try:
        document = table_of(read_regular(Path(folder, path), own=True).decode())
    except OSError as error:
        is_link = error.errno == errno.ELOOP
        return Odd(path, "it is a link" if is_link else error.strerror or "it cannot be read")
    except ValueError:
        document = {}
    if found := record_of(document):
        return Read(path, found)
    is_other = is_of_other_format(document)
    return Odd(path, "another version of buildmatrix has written it" if is_other else "it is not a record")
