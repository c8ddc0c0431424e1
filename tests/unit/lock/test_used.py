"""The images that provenance tells of: in bake's metadata, and beside an image in a registry."""

import json
from typing import Any

import pytest

from buildmatrix.lock.used import images_in, images_of_attestations, known_of
from buildmatrix.oci.image import Image
from tests.registry import Server
from tests.unit.lock.images import MANIFEST, asking, image, put
from tests.unit.lock.test_policy import A, B

INDEX = "application/vnd.oci.image.index.v1+json"


def material(digest: str, name: str = "localhost:5000/x@1") -> dict[str, Any]:
    return {"uri": f"pkg:docker/{name}?platform=linux%2Famd64", "digest": {"sha256": digest.removeprefix("sha256:")}}


@pytest.mark.parametrize(
    ("document", "found"),
    [
        ({"materials": [material(A)]}, {A: "localhost:5000/x:1"}),  # SLSA 0.2
        ({"buildDefinition": {"resolvedDependencies": [material(A)]}}, {A: "localhost:5000/x:1"}),  # SLSA 1
        ({"linux/amd64": {"materials": [material(A)]}, "linux/arm64": {"materials": [material(B)]}}, {A: 0, B: 0}),
        ({"materials": [{"uri": "https://x/y", "digest": {"sha256": "1"}}]}, {}),
        ({"materials": [{"uri": "pkg:docker/x@1"}, None, 1, {"uri": 1}, {"uri": "pkg:docker/x", "digest": 1}]}, {}),
        ({"materials": "x"}, {}),
        (None, {}),
    ],
)
def test_images_of_provenance(document: Any, found: dict[str, Any]) -> None:
    assert images_in(document).keys() == found.keys()
    assert all(name in {0, images_in(document)[digest]} for digest, name in found.items())


def test_what_bake_tells_is_of_each_platform() -> None:
    metadata = {"buildx.build.provenance": {}, "buildx.build.provenance/linux/arm64": {}, "image.name": "x"}
    assert known_of(metadata).keys() == {"buildx.build.provenance", "buildx.build.provenance/linux/arm64"}
    assert known_of(None) == {}


def attested(server: Server, digest: str, *materials: str, predicate: str = "https://slsa.dev/provenance/v0.2") -> Any:
    """Put what attests that a manifest was made of images, and return how an index lists it."""
    blob, size = put(server, {"predicate": {"materials": [material(one) for one in materials]}})
    layer = {"mediaType": "x", "digest": blob, "size": size, "annotations": {"in-toto.io/predicate-type": predicate}}
    body = {"schemaVersion": 2, "mediaType": MANIFEST, "config": layer, "layers": [layer]}
    made, size = put(server, body)
    notes = {"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": digest}
    unknown = {"os": "unknown", "architecture": "unknown"}
    return {"mediaType": MANIFEST, "digest": made, "size": size, "platform": unknown, "annotations": notes}


def index(server: Server, **more: Any) -> Image:
    """An image for two platforms, made of A and of B; `more` are its annotations."""
    rows = []
    for name, base in {"amd64": A, "arm64": B}.items():
        digest = image(server, f"linux/{name}")
        platform = {"os": "linux", "architecture": name}
        rows.append({"mediaType": MANIFEST, "digest": digest, "size": 1, "platform": platform})
        rows.append(attested(server, digest, base))
    notes = {"annotations": more} if more else {}
    digest, _ = put(server, {"schemaVersion": 2, "mediaType": INDEX, "manifests": rows, **notes})
    held = asking().content(f"{server.host}/app", digest)
    assert isinstance(held, Image)
    return held


def test_attestations_tell_of_the_platforms_that_were_built(server: Server) -> None:
    found, registry, repository = index(server), asking(), f"{server.host}/app"
    assert images_of_attestations(registry, repository, found, ["linux/arm64"]).keys() == {B}
    assert images_of_attestations(registry, repository, found, []).keys() == {A, B}


def test_what_cannot_be_read_tells_nothing(server: Server) -> None:
    found = index(server)
    for digest in [one.digest for one in found.index.manifests if one.about]:
        server.content[digest] = json.dumps({"layers": [{"annotations": 1}, 1]}).encode()
    assert images_of_attestations(asking(), f"{server.host}/app", found, []) == {}
