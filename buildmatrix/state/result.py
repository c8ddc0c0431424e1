"""The last result as a document: what `.buildmatrix/result.json` holds."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Annotated, Any

from buildmatrix.engine.outcome import Status
from buildmatrix.spec.rows.document import FORMAT, Document, Of, Version, document_schema, version_of
from buildmatrix.spec.rows.shapes import Doc, JsonSchema, Keyword, build_table

_MOST = Keyword("exclusiveMaximum", 10**18)
"""Bytes, or seconds, beyond which a number means nothing."""


class Entry(Document):
    """What is remembered of a target, or of a part of it that was built apart; the rest only of what was built."""

    status: Annotated[Status, Doc("How it ended.")]
    fingerprints: Annotated[
        Mapping[str, str] | None, Doc("The fingerprints of its platforms: what it was built from.")
    ] = None
    record: Annotated[
        str | None, Doc("What went into it, in short, as `dev.buildmatrix.record` of an image: for reasons alone.")
    ] = None
    doubt: Annotated[str | None, Doc("Why nobody can know what it was built from.")] = None
    rebuild: Annotated[str | None, Doc("A digest of its `rebuild`.")] = None
    outputs: Annotated[str | None, Doc("A digest of its outputs, and of the names that are written into them.")] = None
    made: Annotated[int | None, Keyword("minimum", 0), _MOST, Doc("When it was built: seconds since 1970.")] = None
    builder: Annotated[str | None, Doc("Where it was built.")] = None
    digest: Annotated[str | None, Doc("That of the image or index.")] = None
    index: Annotated[str | None, Doc("That of the index into which the image's parts were joined.")] = None
    size: Annotated[int | None, _MOST, Doc("Bytes.")] = None
    seconds: Annotated[float | None, _MOST, Doc("From its first step to its last.")] = None
    tags: Annotated[tuple[str, ...] | None, Doc("Those that point at it.")] = None
    pins: Annotated[
        Mapping[str, str] | None, Doc("The digests of the external images that it was built from, by their names.")
    ] = None
    log: Annotated[str | None, Doc("The path of its full log.")] = None
    files: Annotated[Mapping[str, str] | None, Doc("How what it wrote to the disk looked then.")] = None
    wrote: Annotated[
        Mapping[str, Mapping[str, str]] | None,
        Doc(
            "The files that it put into directories from which targets are built, and how they looked: as long as they "
            "look so they are none of those' sources."
        ),
    ] = None


class ResultDocument(Document):
    """What `apply` need not build again with `--resume` or `--incremental`: `.buildmatrix/result.json`."""

    format_version: Annotated[int, Version(2), FORMAT]
    targets: Annotated[Mapping[str, Entry], Of(lambda entries, _: entries), Doc("Targets and parts by their names.")]


FORMAT_VERSION = version_of(ResultDocument)


def result_schema() -> JsonSchema:
    """Return the JSON Schema of the document (draft 2020-12)."""
    return document_schema(ResultDocument)


def entries_of(document: Any) -> dict[str, Entry] | None:
    """Return the entries of a document by target; None if it is none."""
    try:
        sound = _is_sound()(document)
    except ValueError:  # half a character in place of a word: no UTF-8 has it
        sound = False
    return {name: build_table(Entry, entry) for name, entry in document["targets"].items()} if sound else None


@cache
def _is_sound() -> Callable[[Any], bool]:
    from jsonschema_rs import Draft202012Validator

    return Draft202012Validator(result_schema()).is_valid
