"""What a machine tells of a Build: a record, a JSON file, by which others take its image or know why there is none."""

import re
from collections.abc import Callable, Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any

from buildmatrix.engine.outcome import Status
from buildmatrix.files import make_folder, write_whole
from buildmatrix.spec.rows.document import FORMAT, Document, Version, document_schema, to_json, version_of
from buildmatrix.spec.rows.shapes import Doc, Keyword, build_table
from buildmatrix.text import redacted

GOOD = frozenset[Status]({"built", "cached", "checked", "unchanged"})
"""How a Build ends that others can go by."""

ENDING = ".json"
LONGEST_NAME = 100

_DIGEST = Keyword("pattern", r"^sha256:[0-9a-f]{64}$")
_TEXT = Keyword("minLength", 1)
_SIZE = Keyword("minimum", 0)
_YEAR = Keyword("maximum", 366 * 24 * 3600)


class PushedImage(Document):
    """An image in a repository, which no tag names yet."""

    repository: Annotated[str, _TEXT, Doc("The repository, with its registry.")]
    digest: Annotated[str, _DIGEST, Doc("That of the index or manifest.")]
    media_type: Annotated[str | None, Doc("What it is.")]
    size: Annotated[int | None, _SIZE, Doc("Bytes of the index or manifest.")]


class RecordDocument(Document):
    """What became of a Build of a saved plan: `apply PLAN.json --build KEY --record DIR`. null is what is not known."""

    format_version: Annotated[int, Version(1), FORMAT]
    plan: Annotated[str, _DIGEST, Doc("The digest of the saved plan.")]
    build: Annotated[str, _TEXT, Doc("The key of the Build: the target or cell, with @PLATFORM for a part of it.")]
    target: Annotated[str, _TEXT, Doc("The target or cell whose image it is, or is a part of.")]
    platforms: Annotated[tuple[str, ...], Doc("Those that it was built for; empty for the builder's own.")]
    status: Annotated[Status, Doc("How it ended, as in a report.")]
    pushed: Annotated[tuple[PushedImage, ...], Doc("What each repository got; empty for what failed or is not pushed.")]
    built_on: Annotated[
        Mapping[str, str], Doc("The digests of the images of other Builds that it was built on, by their keys.")
    ]
    annotations: Annotated[
        Mapping[str, str], Doc("Those of the index into which the parts of the image are joined; empty for one part.")
    ]
    metadata: Annotated[Mapping[str, str], Doc("Bake's metadata of it, as far as that is text.")]
    overtaken: Annotated[
        str | None, Doc("What is to be said where a file or an image that it was built from is not what it should be.")
    ]
    started: Annotated[str, Doc("When its job began, RFC 3339, UTC.")]
    ended: Annotated[str, Doc("When its job ended, RFC 3339, UTC.")]
    seconds: Annotated[float, _SIZE, _YEAR, Doc("From its first step to its last; 0 if it did not start.")]
    builder: Annotated[str | None, Doc("The builder.")]
    reason: Annotated[str | None, Doc("Why it failed, or was skipped or stopped.")]
    hint: Annotated[str | None, Doc("What to do about its failure.")]
    failed_step: Annotated[str | None, Doc("The step that failed.")]
    excerpt: Annotated[str | None, Doc("The last lines of the failed step's log.")]
    log: Annotated[str | None, Doc("The path of its full log, on the machine that built it.")]

    @property
    def is_good(self) -> bool:
        """Whether others can go by it."""
        return self.status in GOOD

    @property
    def digest(self) -> str:
        """The digest of the image, "" for what is not pushed."""
        return self.pushed[0].digest if self.pushed else ""

    @property
    def reference(self) -> str:
        """The image by its digest, in the first of its repositories; "" for what is not pushed."""
        return f"{self.pushed[0].repository}@{self.digest}" if self.pushed else ""


FORMAT_VERSION = version_of(RecordDocument)


def file_of(build: str) -> str:
    """Return what the file of a Build's record is called; artifacts of CI systems take few characters."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", build)[:LONGEST_NAME]
    return f"{plain}-{sha256(build.encode()).hexdigest()[:8]}{ENDING}"


def write_record(record: RecordDocument, folder: str, root: str = "") -> None:
    """Write a record whole or not at all, over an earlier one of its Build; OSError if that cannot be."""
    make_folder(Path(folder), root)
    write_whole(Path(folder, file_of(record.build)), redacted(to_json(RecordDocument, record)), root)


def record_of(document: Any) -> RecordDocument | None:
    """Return the record in plain data; None if it is none."""
    try:
        sound = _is_sound()(document)
    except ValueError:  # half a character in place of a word: no UTF-8 has it
        sound = False
    found: RecordDocument | None = build_table(RecordDocument, document) if sound else None
    return found


def is_of_other_format(document: Any) -> bool:
    """Tell whether plain data is a record of another version of buildmatrix."""
    version = document.get("format_version") if isinstance(document, dict) else None
    return isinstance(version, int) and "build" in document and version != FORMAT_VERSION


@cache
def _is_sound() -> Callable[[Any], bool]:
    from jsonschema_rs import Draft202012Validator

    return Draft202012Validator(document_schema(RecordDocument)).is_valid
