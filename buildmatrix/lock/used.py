"""Which images a build took, as its provenance tells (SLSA 0.2 and 1): to be compared with what was meant to go in."""

import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from buildmatrix.engine.registry import Registry
from buildmatrix.oci.answers import Found
from buildmatrix.oci.image import Image

TOLD = "buildx.build.provenance"
"""How the keys of bake's metadata begin that hold provenance; before buildx 0.31 only for one platform."""

_IMAGES = "pkg:docker/"
_PREDICATE = "in-toto.io/predicate-type"
_DEEP = 8


def images_in(document: Any, depth: int = 0) -> dict[str, str]:
    """Return the images of all provenance that a document holds, `NAME@DIGEST` to the name as it was asked for."""
    if not isinstance(document, dict) or depth > _DEEP:
        return {}
    found: dict[str, str] = {}
    for key, value in document.items():
        if key in {"materials", "resolvedDependencies"} and isinstance(value, list):
            found |= dict(filter(None, map(_image, value)))
        else:
            found |= images_in(value, depth + 1)
    return found


def _image(material: Any) -> tuple[str, str] | None:
    """Return an image of a list of materials by its digest; None for what is no image, or has no digest."""
    uri, digests = (material.get("uri"), material.get("digest")) if isinstance(material, dict) else (None, None)
    if not isinstance(uri, str) or not uri.startswith(_IMAGES) or not isinstance(digests, dict):
        return None
    digest = digests.get("sha256")
    name = unquote(uri.removeprefix(_IMAGES).partition("?")[0]).replace("@", ":", 1)
    return (f"sha256:{digest}", name) if isinstance(digest, str) and digest else None


def images_of_attestations(
    registry: Registry, repository: str, image: Image, platforms: Collection[str]
) -> dict[str, str]:
    """Return the images by digest that the provenance of an index tells for some platforms, as far as it is there.

    All platforms are meant where none is named.
    """
    built = {one.digest for one in image.index.manifests if not platforms or str(one.platform) in platforms}
    found: dict[str, str] = {}
    for one in image.index.manifests:
        if one.about in built:
            for blob in _provenance(registry, repository, one.digest):
                found |= images_in(blob)
    return found


def _provenance(registry: Registry, repository: str, digest: str) -> Iterator[Any]:
    manifest = _json(registry.get(repository, digest, tries=1))
    layers = manifest.get("layers") if isinstance(manifest, dict) else None
    for layer in layers if isinstance(layers, list) else ():
        notes = layer.get("annotations") if isinstance(layer, dict) else None
        kind = notes.get(_PREDICATE) if isinstance(notes, dict) else None
        if isinstance(kind, str) and kind.startswith("https://slsa.dev/provenance/"):
            yield _json(registry.blob(repository, str(layer.get("digest"))))


def _json(answer: object) -> Any:
    if not isinstance(answer, Found):
        return None
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError):
        return None


def known_of(metadata: Any) -> Mapping[str, Any]:
    """Return what bake's metadata of a build hold of provenance."""
    entries = metadata.items() if isinstance(metadata, Mapping) else ()
    return {key: value for key, value in entries if isinstance(key, str) and key.startswith(TOLD)}
