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
from buildmatrix.records import dataclass
from buildmatrix.spec.rows.document import FORMAT, Document, Of, Version, document_schema, version_of
from buildmatrix.spec.rows.shapes import Doc, JsonSchema, Keyword, build_table

MAKE = "run buildmatrix lock"
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


class LockDocument(Document):
    """The digests of external images: `buildmatrix.lock`, in TOML."""

    version: Annotated[int, Version(1), FORMAT]
    image: Annotated[
        Mapping[str, LockedImage],
        Of(lambda lock, _: lock.images),
        Doc("The images by their names, each with its tag, as in busybox:latest."),
    ]


@dataclass(frozen=True, kw_only=True)
class Lock:
    """What a lock file says; `is_there` tells whether there is one."""

    images: Mapping[str, LockedImage]
    is_there: bool = True

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
        raise _wrong(f"it is not valid TOML: {error.msg}", error.lineno) from None
    except RecursionError:
        raise _wrong("it is nested too deeply") from None
    version = found.get("version")
    if isinstance(version, int) and version != version_of(LockDocument):
        message = f"it has version {version}, and this buildmatrix reads {version_of(LockDocument)}"
        raise _wrong(message, hint="use the buildmatrix that made it, or a newer one")
    from buildmatrix.spec.checks.data import problems

    if wrong := problems(lock_schema(), found):
        raise _wrong(wrong[0].message)
    kind: Any = LockedImage
    return Lock(images={name: build_table(kind, table) for name, table in found["image"].items()})


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
    return "".join(parts)


def _listed(words: tuple[str, ...]) -> str:
    """Return a list of TOML, whose strings are those of JSON but for what JSON lets stand as it is."""
    return "[" + ", ".join(_DELETE.sub(r"\\u007f", json.dumps(word, ensure_ascii=False)) for word in words) + "]"


_DELETE = re.compile("\x7f")
