"""Reading the files: bytes to text, with one clear error for each way in which that can fail."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from buildmatrix.errors import Diagnostic, Place, SpecError
from buildmatrix.files import LIMIT, OutsideError, Repository, read_regular, strays
from buildmatrix.spec.includes import matches

STANDARD_INPUT = "<stdin>"
"""What is read there is called so."""


class Sources:
    r"""The texts that were read, by name: a path relative to the directory of the root file, with forward slashes.

    Line ends are `\n` and a byte order mark is gone. Reports look here for the lines that they show. `home` is the
    included file whose targets are meant where nothing is selected, "" for the root file's choice.
    """

    home = ""

    def __init__(self, directory: Path, given: Mapping[str, str] | None = None, *, named: str = "") -> None:
        """Read files relative to `directory`; `given` are texts that are no files (standard input), by name.

        Only files of the repository around the directory are read, and the one that the command line `named`.
        """
        self.directory, self.named = directory, named
        self.repository = Repository.around(directory)
        self.texts: dict[str, str] = dict(given or {})
        self.digests: dict[str, str] = {}

    def read(self, name: str) -> str:
        """Return the text of a file; SpecError if it cannot be read, is too large or no UTF-8 text."""
        if name not in self.texts:
            data = self._bytes(name)
            self.digests[name] = hashlib.sha256(data).hexdigest()
            self.texts[name] = text_from(name, data)
        return self.texts[name]

    def matches(self, pattern: str, folder: str) -> list[str]:
        """Return the files that a pattern of an `include` means, as `spec.includes.matches` does."""
        return matches(pattern, folder, self.repository)

    def _bytes(self, name: str) -> bytes:
        path = self.directory / name
        try:
            if name == self.named and not strays(path):
                return read_regular(path)
            return self.repository.read(name)
        except FileNotFoundError:
            raise _unreadable(name, "there is no such file") from None
        except IsADirectoryError:
            hint = "name the buildmatrix.toml in it; there is none of that name yet"
            raise _unreadable(name, "this is a directory, not a file", hint=hint) from None
        except OutsideError:
            hint = "name the file itself with --file"
            raise _unreadable(name, "this is a link that leads out of the repository", hint=hint) from None
        except OSError as error:
            raise _unreadable(name, f"the file cannot be read ({error.strerror})") from None


def _refuse_large(name: str, size: int) -> None:
    if size > LIMIT:
        raise _unreadable(name, f"the file is too large ({size / 1e6:.1f} MB, at most {LIMIT / 1e6:.1f} MB)")


def text_from(name: str, data: bytes) -> str:
    """Return the text that bytes hold; SpecError if they are no UTF-8 text of at most `LIMIT` bytes."""
    _refuse_large(name, len(data))
    try:
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        column = error.start - data.rfind(b"\n", 0, error.start)
        raise _unreadable(name, "the file is not UTF-8 text", line=line, column=column) from None
    if not text.strip():
        raise _unreadable(name, "the file is empty", hint="start it with `version = 1` and a [target.NAME]")
    return text


def _unreadable(name: str, message: str, *, line: int = 0, column: int = 0, hint: str = "") -> SpecError:
    place = Place(file=name, line=line, column=column)
    return SpecError(Diagnostic(message=message, code="unreadable", place=place, hint=hint))
