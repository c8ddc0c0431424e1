"""The summary of what went into an image, beside its mark: an annotation, as long as a registry surely takes.

Base64 of compressed JSON, by platform. It comes from a registry, and anybody may have written it: what is not as we
write it is no summary, and none decides anything.
"""

import base64
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, get_args

from buildmatrix.state.images.contents import DEPTHS, Contents, Depth, Files
from buildmatrix.text import redacted

ANNOTATION = "dev.buildmatrix.record"
FORMAT = 1

LARGEST = 16_000
"""Characters of it that are written; also a lone manifest stays far below what registries take (4 MiB)."""

_MOST_READ, _MOST_UNPACKED = 64_000, 4_000_000

_PIECES = ("parts", "args")


def written(contents: Mapping[str, Contents], largest: int = LARGEST) -> str:
    """Return the annotation for an image with these contents by platform; "" where nothing has room.

    The files are told as closely as there is room, then nothing but settings, images and arguments.
    """
    for some in _shorter(contents, largest):
        if some and len(text := _packed(some)) <= largest and text:
            return text
    return ""


def read(annotations: Mapping[str, str]) -> dict[str, Contents]:
    """Return the contents by platform that annotations tell; {} where there is nothing that can be read."""
    try:
        document = json.loads(_unpacked(annotations.get(ANNOTATION, "")))
        if _table(document).get("format") != FORMAT:
            return {}
        trees = [_files(one) for one in _list(document["trees"])]
        return {name: _contents(_table(one), trees) for name, one in _table(document["platforms"]).items()}
    except (ValueError, KeyError, IndexError, TypeError, RecursionError, zlib.error):
        return {}


def _shorter(contents: Mapping[str, Contents], largest: int) -> Iterator[dict[str, Contents]]:
    for depth in DEPTHS:
        some = {name: _as_far_as(one, depth) for name, one in contents.items()}
        if _heaviest(some.values()) <= largest:
            yield some
    bare = {name: replace(one, files={}, steps=(), below={}) for name, one in contents.items()}
    yield bare
    yield dict(list(bare.items())[:1])


def _heaviest(contents: Iterable[Contents]) -> int:
    every = [each for one in contents for each in (one, *one.below.values())]
    return max((files.weight for one in every for files in one.files.values()), default=0)


def _as_far_as(one: Contents, depth: Depth) -> Contents:
    files = {name: each.as_far_as(depth) for name, each in one.files.items()}
    return replace(one, files=files, below={name: _as_far_as(each, depth) for name, each in one.below.items()})


# --- as text ----------------------------------------------------------------------------------------------------------


def _packed(contents: Mapping[str, Contents]) -> str:
    """Return contents as text; "" where a credential is in them."""
    trees: list[Any] = []
    platforms = {name: _plain(contents[name], trees) for name in sorted(contents)}
    document = {"format": FORMAT, "platforms": platforms, "trees": trees}
    plain = json.dumps(document, sort_keys=True, separators=(",", ":"))
    if redacted(plain) != plain:
        return ""  # a path, or a name, that holds what is never shown
    return base64.urlsafe_b64encode(zlib.compress(plain.encode())).decode()


def _plain(one: Contents, trees: list[Any]) -> dict[str, Any]:
    """Return contents as JSON; `trees` gets what several platforms have in common."""
    files = {}
    for name in sorted(one.files):
        tree = {"depth": one.files[name].depth, "digests": dict(one.files[name].digests)}
        if tree not in trees:
            trees.append(tree)
        files[name] = trees.index(tree)
    return {
        "fingerprint": one.fingerprint,
        "parts": dict(one.parts),
        "args": dict(one.args),
        "steps": " ".join(one.steps),
        "files": files,
        **({"below": {name: _plain(one.below[name], trees) for name in sorted(one.below)}} if one.below else {}),
    }


def _unpacked(text: str) -> bytes:
    if len(text) > _MOST_READ:
        raise ValueError(text[:80])
    unpacking = zlib.decompressobj()
    plain = unpacking.decompress(base64.urlsafe_b64decode(text), _MOST_UNPACKED)
    if not unpacking.eof:
        raise ValueError(text[:80])
    return plain


def _contents(table: Mapping[str, Any], trees: list[Files], *, below: bool = True) -> Contents:
    parts, args = (_texts(table[piece]) for piece in _PIECES)
    files = {name: trees[_index(number)] for name, number in _table(table["files"]).items()}
    others = _table(table.get("below", {})) if below else {}
    return Contents(
        fingerprint=_text(table["fingerprint"]),
        parts=parts,
        args=args,
        steps=tuple(_text(table["steps"]).split()),
        files=files,
        below={name: _contents(_table(one), trees, below=False) for name, one in others.items()},
    )


def _files(value: Any) -> Files:
    depth = _table(value)["depth"]
    if depth not in get_args(Depth):
        raise ValueError(depth)
    return Files(depth=depth, digests=_texts(value["digests"]))


def _index(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise TypeError
    return value


def _table(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError
    return value


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError
    return value


def _texts(value: Any) -> dict[str, str]:
    return {name: _text(one) for name, one in _table(value).items()}


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value
