"""What an index or manifest says: its platforms, what describes them; and how an index is assembled from others."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field
from types import MappingProxyType
from typing import Any

from buildmatrix.oci.answers import Absent, Answer, Found, Unknown
from buildmatrix.oci.index import (
    INDEXES,
    MANIFESTS,
    Index,
    Listed,
    OddError,
    described_in,
    digest_of,
    index_of,
    list_in,
    platform_in,
    table_in,
    text_in,
    texts_in,
)
from buildmatrix.oci.platform import Platform
from buildmatrix.records import dataclass

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
_CONFIGS = frozenset({"application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"})
_CACHE = "application/vnd.buildkit.cacheconfig.v0"


@dataclass(frozen=True, kw_only=True)
class Image:
    """What a tag or digest stands for.

    `index` is what it says; a lone manifest has one, made for it, with the platform that its configuration tells, and
    with the manifest's annotations.
    `kind` is "image", or what it is if it is none: then it has no platforms.
    """

    digest: str
    media_type: str
    body: bytes
    index: Index = field(default_factory=Index)
    kind: str = "image"

    @property
    def platforms(self) -> tuple[str, ...]:
        """The platforms that it can be run on, each once, by their names."""
        return tuple(dict.fromkeys(str(one.platform) for one in self.index.manifests if one.platform))


Held = Image | Absent | Unknown
"""What a registry holds under a name."""


def image_of(found: Found, config: Callable[[str], Answer]) -> Image | Unknown:
    """Return what content stands for; `config` returns the configuration of a lone manifest by its digest."""
    try:
        document = json.loads(found.body, parse_float=_refuse, parse_constant=_refuse)
        media_type = found.descriptor.media_type
        if media_type not in INDEXES | MANIFESTS:
            media_type = text_in(document, "mediaType") or media_type
        made = _Maker(found, media_type)
        if media_type in INDEXES or (media_type not in MANIFESTS and "manifests" in table_in(document)):
            return made.of_index(table_in(document))
        return made.of_manifest(table_in(document), config)
    except (ValueError, RecursionError):
        return Unknown(reason=f"what {found.digest[:19]}… names is not valid JSON", doubted=True)
    except OddError as error:
        return Unknown(reason=f"what {found.digest[:19]}… names is not an index or manifest: {error}", doubted=True)


@dataclass(frozen=True)
class _Maker:
    found: Found
    media_type: str

    def of_index(self, document: Mapping[str, Any]) -> Image:
        listed = [table_in(one) for one in list_in(document, "manifests")]
        if any(text_in(one, "mediaType") not in INDEXES | MANIFESTS | {""} for one in listed):
            return self._made(kind="a build cache" if "buildkit" in json.dumps(listed) else "an artifact")
        if document.get("artifactType") is not None:
            return self._made(kind="an artifact")
        return self._made(index=index_of(document))

    def of_manifest(self, document: Mapping[str, Any], config: Callable[[str], Answer]) -> Image | Unknown:
        described = table_in(document.get("config"))
        kind = text_in(described, "mediaType")
        if kind not in _CONFIGS or document.get("artifactType") is not None:
            return self._made(kind="a build cache" if kind == _CACHE else "an artifact")
        told = config(described_in(described).digest)
        if isinstance(told, Absent):
            return Unknown(reason=f"the configuration of {self.found.digest[:19]}… is not there")
        if isinstance(told, Unknown):
            return told
        return self._made(index=self._alone(platform_in(table_in(json.loads(told.body))), texts_in(document)))

    def _alone(self, platform: Platform, annotations: Mapping[str, str]) -> Index:
        digest, size = self.found.digest, len(self.found.body)
        plain = {"mediaType": self.media_type, "digest": digest, "size": size, "platform": platform.table}
        made = Listed(digest=digest, media_type=self.media_type, size=size, plain=plain, platform=platform)
        return Index(manifests=(made,), annotations=annotations)

    def _made(self, **more: Any) -> Image:
        return Image(digest=self.found.digest, media_type=self.media_type, body=self.found.body, **more)


def _refuse(number: str) -> None:
    """Nothing in an index or manifest is a number with a point."""
    raise OddError(f"{number[:20]!r} in it")


def carried(new: Image, old: Image) -> tuple[Listed, ...]:
    """Return what an old image lists and a new one lacks, by platform, with what describes it."""
    there = {one.platform for one in new.index.manifests}
    kept = [one for one in old.index.manifests if one.platform and one.platform not in there]
    digests = {one.digest for one in kept}
    return (*kept, *(one for one in old.index.manifests if not one.platform and one.about in digests))


def assemble(
    parts: Sequence[Image], carried_over: Sequence[Listed] = (), annotations: Mapping[str, str] = MappingProxyType({})
) -> Image:
    """Return the index of images that were built apart, with what is carried over from another index.

    A lone image to which nothing is added is returned as it is. `annotations` are those of a new index; Docker's own
    kind of index has none. Attestations stay with the images that they describe. OddError if two parts, or a part and
    what is carried over, have a platform in common; within one it may be there twice, as Windows' versions are.
    """
    if len(parts) == 1 and not carried_over:
        return parts[0]
    groups = (*(part.index.manifests for part in parts), carried_over)
    _refuse_common(*groups)
    index = Index(manifests=tuple(one for group in groups for one in group), annotations=dict(annotations))
    kinds = (*(part.media_type for part in parts), *(one.media_type for one in index.manifests))
    media_type = DOCKER_LIST if not annotations and all("docker" in kind for kind in kinds) else OCI_INDEX
    body = index.encoded(media_type)
    return Image(digest=digest_of(body), media_type=media_type, body=body, index=index)


def annotated(image: Image, annotations: Mapping[str, str]) -> Image:
    """Return an index of what an image has, with annotations beside its own; the image itself where there are none."""
    if not annotations:
        return image
    index = Index(manifests=image.index.manifests, annotations={**image.index.annotations, **annotations})
    body = index.encoded(OCI_INDEX)
    return Image(digest=digest_of(body), media_type=OCI_INDEX, body=body, index=index)


def _refuse_common(*groups: Iterable[Listed]) -> None:
    seen: set[Platform] = set()
    for group in groups:
        found = {one.platform for one in group if one.platform}
        if common := sorted(map(str, found & seen)):
            raise OddError(f"it would have {common[0]} from two images")
        seen |= found
