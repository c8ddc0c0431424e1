"""The lock file `buildmatrix.lock`: the digest of each external image, and what is known of what it stands for.

It is TOML, sorted, with LF at the ends of its lines, and meant to be committed beside the root file.
"""

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any

from buildmatrix.errors import Diagnostic, Place, SpecError
from buildmatrix.files import Repository
from buildmatrix.lock import FILE
from buildmatrix.patterns import regex
from buildmatrix.records import dataclass
from buildmatrix.spec.rows.document import FORMAT, Document, Of, Version, document_schema, version_of
from buildmatrix.spec.rows.shapes import Doc, JsonSchema, Keyword, build_table

MAKE = "run buildmatrix lock"
RESOLVE = f"keep one side of each image, then {MAKE}: it adds what is missing, and leaves the other digests as they are"
HEAD = "# Made by buildmatrix lock: the digests by which external images are taken. Commit this file.\n"

DIGEST = Keyword("pattern", "^sha256:[0-9a-f]{64}$|^sha512:[0-9a-f]{128}$")


class LockedImage(Document):
    """An external image."""

    digest: Annotated[str, DIGEST, Doc("That of the index, or of the manifest where there is no index.")]
    single: Annotated[
        bool | None, Keyword("const", value=True), Doc("true: the digest is that of one image, and not of an index.")
    ] = None
    platforms: Annotated[tuple[str, ...], Doc("The platforms that it has.")]
    onbuild: Annotated[bool, Doc("Whether it has ONBUILD triggers, which are run in what is built on it.")]
    env: Annotated[tuple[str, ...], Doc("The names of the variables that it sets for what is built on it.")]


class LockedSource(Document):
    """What is fetched beside images: a file has a checksum, a git reference a commit."""

    checksum: Annotated[
        str | None, Keyword("pattern", "^sha256:[0-9a-f]{64}$"), Doc("That of the file that the URL gives.")
    ] = None
    commit: Annotated[
        str | None, Keyword("pattern", "^[0-9a-f]{40}([0-9a-f]{24})?$"), Doc("What the git reference stands for.")
    ] = None


class LockDocument(Document):
    """The digests of external images: `buildmatrix.lock`, in TOML."""

    version: Annotated[int, Version(1), FORMAT]
    image: Annotated[
        Mapping[str, LockedImage],
        Of(lambda lock, _: lock.images),
        Doc("The images by their names, each with its tag, as in busybox:latest."),
    ]
    source: Annotated[
        Mapping[str, LockedSource] | None,
        Of(lambda lock, _: lock.sources),
        Doc("Files and git references by their URLs; there where lock was told to take them, with --sources."),
    ] = None


@dataclass(frozen=True, kw_only=True)
class Lock:
    """What a lock file says; `is_there` tells whether there is one.

    `sources` are the checksums and commits of what is fetched beside images, by URL; None where nobody wants them.
    """

    images: Mapping[str, LockedImage]
    is_there: bool = True
    sources: Mapping[str, str] | None = None

    @property
    def digests(self) -> dict[str, str]:
        """The digests of the images, by their names."""
        return {name: one.digest for name, one in self.images.items()}


NO_LOCK = Lock(images={}, is_there=False)


@cache
def lock_schema() -> JsonSchema:
    """Return the JSON Schema of the lock file (draft 2020-12)."""
    return document_schema(LockDocument)


def read_lock(directory: str) -> Lock:
    """Return the lock file of a directory, `NO_LOCK` where there is none; SpecError for one that cannot be used."""
    try:
        data = Repository.around(directory).read(FILE)
    except FileNotFoundError:
        return NO_LOCK
    except OSError as error:
        raise _wrong(f"it cannot be read: {error.strerror}") from None
    try:
        return lock_of(data.decode())
    except UnicodeDecodeError:
        raise _wrong("it is not UTF-8 text") from None


def lock_of(text: str) -> Lock:
    """Return what the text of a lock file says; SpecError with the line for one that cannot be used."""
    from tomli import TOMLDecodeError, loads

    try:
        found = loads(text)
    except TOMLDecodeError as error:
        if conflict := _CONFLICT.search(text):
            line = text.count("\n", 0, conflict.start()) + 1
            raise _wrong("a merge left a conflict in it", line, RESOLVE) from None
        raise _wrong(f"it is not valid TOML: {error.msg}", error.lineno) from None
    except RecursionError:
        raise _wrong("it is nested too deeply") from None
    version = found.get("version")
    if isinstance(version, int) and version != version_of(LockDocument):
        message = f"it has version {version}, and this buildmatrix reads {version_of(LockDocument)}"
        raise _wrong(message, _line(text, "version"), "use the buildmatrix that made it, or a newer one")
    from buildmatrix.spec.checks.data import problems

    if wrong := problems(lock_schema(), found):
        raise _wrong(wrong[0].message, _line(text, *wrong[0].pointer))
    kind: Any = LockedImage
    images = {name: build_table(kind, table) for name, table in found["image"].items()}
    return Lock(images=images, sources=_sources(found["source"], text) if "source" in found else None)


def _line(text: str, *pointer: str | int) -> int:
    """Return the line of a value, or of the table that lacks it; 0 for the file."""
    from buildmatrix.spec.toml.positions import locate

    places = locate(text)
    ends = range(len(pointer), 0, -1)
    return next((places[pointer[:end]].key.line for end in ends if pointer[:end] in places), 0)


def _sources(tables: Mapping[str, Mapping[str, str]], text: str) -> dict[str, str]:
    for url, table in tables.items():
        if len(table) != 1:
            raise _wrong(f"{url} has to have either a checksum or a commit", _line(text, "source", url))
    return {url: next(iter(table.values())) for url, table in tables.items()}


def _wrong(why: str, line: int = 0, hint: str = f"mend it, or delete it and {MAKE}") -> SpecError:
    place = Place(file=FILE, line=line)
    return SpecError(Diagnostic(message=f"the lock file cannot be used: {why}", code="lock", place=place, hint=hint))


def text_of(lock: Lock) -> str:
    """Return the text of a lock file."""
    parts = [HEAD, f"version = {version_of(LockDocument)}\n"]
    if not lock.images:
        parts.append("image = {}\n")
    for name, one in sorted(lock.images.items()):
        single = "single = true\n" if one.single else ""
        parts.append(
            f'\n[image."{name}"]\ndigest = "{one.digest}"\n{single}platforms = {_listed(one.platforms)}\n'
            f"onbuild = {json.dumps(one.onbuild)}\nenv = {_listed(one.env)}\n"
        )
    if lock.sources is not None and not lock.sources:
        parts.insert(2, "source = {}\n")
    for url, pin in sorted((lock.sources or {}).items()):
        parts.append(f'\n[source.{_quoted(url)}]\n{"checksum" if ":" in pin else "commit"} = "{pin}"\n')
    return "".join(parts)


def _quoted(text: str) -> str:
    return _DELETE.sub(r"\\u007f", json.dumps(text, ensure_ascii=False))


def _listed(words: tuple[str, ...]) -> str:
    """Return a list of TOML, whose strings are those of JSON but for what JSON lets stand as it is."""
    return "[" + ", ".join(_DELETE.sub(r"\\u007f", json.dumps(word, ensure_ascii=False)) for word in words) + "]"


_CONFLICT = regex(r"^(<{7}|={7}|>{7}|\|{7})(?=\s|$)", re.MULTILINE)
_DELETE = regex("\x7f")
