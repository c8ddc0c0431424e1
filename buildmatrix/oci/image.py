"""What an index or manifest says: its platforms, what describes them; and how an index is assembled from others."""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from buildmatrix.oci.answers import Absent, Answer, Found, Unknown
from buildmatrix.oci.client import INDEXES, MANIFESTS, digest_of
from buildmatrix.oci.platform import normalized

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
_CONFIGS = frozenset({"application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"})
_CACHE = "application/vnd.buildkit.cacheconfig.v0"
_PART = re.compile(r"[A-Za-z0-9._-]{1,64}")
_DIGEST = re.compile(r"[a-z0-9]+:[0-9a-f]{32,128}")
_ABOUT, _TYPE = "vnd.docker.reference.digest", "vnd.docker.reference.type"


@dataclass(frozen=True, kw_only=True)
class Row:
    """A line of an index, as it is written; an attestation has no platform, and says which digest it is `about`."""

    plain: Mapping[str, Any]
    digest: str
    platform: str = ""
    about: str = ""


@dataclass(frozen=True, kw_only=True)
class Image:
    """What a tag or digest stands for.

    `rows` are the lines of its index; a lone manifest has one, made for it, with the platform that its configuration
    tells. `kind` is "image", or what it is if it is none: then it has no platforms.
    """

    digest: str
    media_type: str
    body: bytes
    rows: tuple[Row, ...] = ()
    annotations: Mapping[str, str] = field(default_factory=dict)
    kind: str = "image"

    @property
    def platforms(self) -> tuple[str, ...]:
        """The platforms that it can be run on, each once."""
        return tuple(dict.fromkeys(row.platform for row in self.rows if row.platform))


Held = Image | Absent | Unknown
"""What a registry holds under a name."""


class OddError(Exception):
    """A document that is no index or manifest; the message says what is odd."""


def image_of(found: Found, config: Callable[[str], Answer]) -> Image | Unknown:
    """Return what content stands for; `config` returns the configuration of a lone manifest by its digest."""
    try:
        document = json.loads(found.body, parse_float=_refuse, parse_constant=_refuse)
        media_type = found.descriptor.media_type
        if media_type not in INDEXES | MANIFESTS:
            media_type = _text(document, "mediaType") or media_type
        made = _Maker(found, media_type)
        if media_type in INDEXES or (media_type not in MANIFESTS and "manifests" in _table(document)):
            return made.of_index(_table(document))
        return made.of_manifest(_table(document), config)
    except (ValueError, RecursionError):
        return Unknown(reason=f"what {found.digest[:19]}… names is no JSON")
    except OddError as error:
        return Unknown(reason=f"what {found.digest[:19]}… names is no index or manifest: {error}")


@dataclass(frozen=True)
class _Maker:
    found: Found
    media_type: str

    def of_index(self, document: Mapping[str, Any]) -> Image:
        rows = [_table(row) for row in _list(document, "manifests")]
        if any(_text(row, "mediaType") not in INDEXES | MANIFESTS | {""} for row in rows):
            return self._made(kind="a build cache" if "buildkit" in json.dumps(rows) else "an artifact")
        if document.get("artifactType") is not None:
            return self._made(kind="an artifact")
        read = tuple(map(_row, rows))
        return self._made(rows=read, annotations=_texts(document, "annotations"))

    def of_manifest(self, document: Mapping[str, Any], config: Callable[[str], Answer]) -> Image | Unknown:
        described = _table(document.get("config"))
        kind = _text(described, "mediaType")
        if kind not in _CONFIGS or document.get("artifactType") is not None:
            return self._made(kind="a build cache" if kind == _CACHE else "an artifact")
        told = config(_digest(described))
        if isinstance(told, Absent):
            return Unknown(reason=f"the configuration of {self.found.digest[:19]}… is not there")
        if isinstance(told, Unknown):
            return told
        platform = _platform(_table(json.loads(told.body)))
        plain = {
            "mediaType": self.media_type,
            "digest": self.found.digest,
            "size": len(self.found.body),
            "platform": dict(zip(("os", "architecture", "variant"), platform.split("/"), strict=False)),
        }
        return self._made(rows=(Row(plain=plain, digest=self.found.digest, platform=platform),))

    def _made(self, **more: Any) -> Image:
        return Image(digest=self.found.digest, media_type=self.media_type, body=self.found.body, **more)


def _row(row: Mapping[str, Any]) -> Row:
    notes, digest = _texts(row, "annotations"), _digest(row)
    platform = _optional(row, "platform")
    if _TYPE in notes or platform.get("os") == "unknown":
        return Row(plain=row, digest=digest, about=notes.get(_ABOUT, ""))
    if not platform:
        raise OddError("it does not say of which platform one of its manifests is")
    return Row(plain=row, digest=digest, platform=_platform(platform))


def _platform(table: Mapping[str, Any]) -> str:
    parts = [_text(table, key) for key in ("os", "architecture", "variant")]
    if not all(parts[:2]) or not all(_PART.fullmatch(part) for part in parts if part):
        raise OddError("a platform that is none")
    return normalized("/".join(part for part in parts if part))


def _refuse(number: str) -> None:
    """Nothing in an index or manifest is a number with a point."""
    raise OddError(f"{number[:20]!r} in it")


def _table(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise OddError("a table is missing")
    return value


def _optional(table: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = table.get(key)
    return {} if value is None else _table(value)


def _list(table: Mapping[str, Any], key: str) -> list[Any]:
    value = table.get(key)
    if not isinstance(value, list):
        raise OddError(f"it has no list of {key}")
    return value


def _text(table: Mapping[str, Any], key: str) -> str:
    value = _table(table).get(key, "")
    if not isinstance(value, str):
        raise OddError(f"{key} is no text")
    return value


def _texts(table: Mapping[str, Any], key: str) -> Mapping[str, str]:
    value = _optional(table, key)
    if not all(isinstance(item, str) for item in value.values()):
        raise OddError(f"{key} hold something else than texts")
    return value


def _digest(table: Mapping[str, Any]) -> str:
    digest, size = _text(table, "digest"), table.get("size")
    if not _DIGEST.fullmatch(digest) or not isinstance(size, int):
        raise OddError("a digest or a size is missing")
    return digest


def carried(new: Image, old: Image) -> tuple[Row, ...]:
    """Return the rows of an old image that a new one lacks, by platform, with what describes them."""
    kept = [row for row in old.rows if row.platform and row.platform not in new.platforms]
    digests = {row.digest for row in kept}
    return (*kept, *(row for row in old.rows if not row.platform and row.about in digests))


def assemble(
    parts: Sequence[Image], carried_over: Sequence[Row] = (), annotations: Mapping[str, str] = MappingProxyType({})
) -> Image:
    """Return the index of images that were built apart, with rows that are carried over from another index.

    A lone image to which nothing is added is returned as it is. `annotations` are those of a new index; Docker's own
    kind of index has none. Attestations stay with the images that they describe. OddError if two parts, or a part and
    what is carried over, have a platform in common; within one it may be there twice, as Windows' versions are.
    """
    if len(parts) == 1 and not carried_over:
        return parts[0]
    _refuse_common(*(part.rows for part in parts), carried_over)
    rows = (*(row for part in parts for row in part.rows), *carried_over)
    kinds = (*(part.media_type for part in parts), *(str(row.plain.get("mediaType", "")) for row in rows))
    media_type = DOCKER_LIST if not annotations and all("docker" in kind for kind in kinds) else OCI_INDEX
    document = {
        "schemaVersion": 2,
        "mediaType": media_type,
        "manifests": [dict(row.plain) for row in rows],
        **({"annotations": dict(annotations)} if annotations else {}),
    }
    body = json.dumps(document, indent=2).encode()
    return Image(digest=digest_of(body), media_type=media_type, body=body, rows=rows, annotations=dict(annotations))


def _refuse_common(*groups: Iterable[Row]) -> None:
    seen: set[str] = set()
    for group in groups:
        found = {row.platform for row in group if row.platform}
        if common := sorted(found & seen):
            raise OddError(f"it would have {common[0]} from two images")
        seen |= found
