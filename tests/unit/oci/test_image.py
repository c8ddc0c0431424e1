"""What is read from indexes and manifests, and how an index is completed; odd documents are Unknown."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buildmatrix.oci.answers import Absent, Answer, Descriptor, Found, Unknown
from buildmatrix.oci.image import DOCKER_LIST, OCI_INDEX, Image, annotated, assemble, carried, image_of
from buildmatrix.oci.index import OddError, digest_of

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
ABOUT = "vnd.docker.reference.digest"


def sha(number: int) -> str:
    return f"sha256:{number:064x}"


def found(document: Any, media_type: str = OCI_INDEX) -> Found:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return Found(descriptor=Descriptor(digest=digest_of(body), media_type=media_type), body=body)


def config_of(document: Any) -> Answer:
    return found(document, CONFIG)


def row(number: int, platform: str, about: int = 0, media_type: str = MANIFEST) -> dict[str, Any]:
    system, architecture = platform.split("/")
    notes = {"vnd.docker.reference.type": "attestation-manifest", ABOUT: sha(about)} if about else {}
    told = {"os": system, "architecture": architecture}
    return {"mediaType": media_type, "digest": sha(number), "size": 1, "platform": told, "annotations": notes}


def index(*rows: dict[str, Any], media_type: str = OCI_INDEX, **more: Any) -> Image:
    made = image_of(found({"mediaType": media_type, "manifests": rows, **more}, media_type), lambda _: Absent())
    assert isinstance(made, Image)
    return made


def test_platforms_and_what_describes_them() -> None:
    made = index(row(1, "linux/amd64"), row(2, "linux/arm64"), row(3, "unknown/unknown", about=1))
    assert made.platforms == ("linux/amd64", "linux/arm64")
    assert [one.about for one in made.index.manifests] == ["", "", sha(1)]


def test_a_lone_manifest_is_of_the_platform_of_its_configuration() -> None:
    document = {"config": {"mediaType": CONFIG, "digest": sha(9), "size": 1}, "layers": []}
    told = {"os": "linux", "architecture": "arm", "variant": "v7"}
    made = image_of(found(document, MANIFEST), lambda _: config_of(told))
    assert isinstance(made, Image)
    assert made.platforms == ("linux/arm/v7",)
    assert made.index.manifests[0].plain["platform"] == {"os": "linux", "architecture": "arm", "variant": "v7"}
    assert isinstance(image_of(found(document, MANIFEST), lambda _: Absent()), Unknown)
    assert isinstance(image_of(found(document, MANIFEST), lambda _: Unknown(reason="x")), Unknown)


@pytest.mark.parametrize(
    ("document", "media_type", "kind"),
    [
        ({"config": {"mediaType": "application/vnd.buildkit.cacheconfig.v0"}}, MANIFEST, "a build cache"),
        ({"config": {"mediaType": "application/vnd.cncf.helm.config.v1+json"}}, MANIFEST, "an artifact"),
        ({"config": {"mediaType": CONFIG}, "artifactType": "x"}, MANIFEST, "an artifact"),
        (
            {"manifests": [{"mediaType": "layer", "annotations": {"buildkit/createdat": ""}}]},
            OCI_INDEX,
            "a build cache",
        ),
        ({"manifests": [], "artifactType": "x"}, OCI_INDEX, "an artifact"),
    ],
)
def test_what_is_no_image(document: Any, media_type: str, kind: str) -> None:
    made = image_of(found(document, media_type), lambda _: Absent())
    assert isinstance(made, Image)
    assert (made.kind, made.platforms) == (kind, ())


@pytest.mark.parametrize(
    "document",
    [
        b"", b"{", b"[]", b"null", b"1e999", b'"x"', b"[" * 100_000, b'{"manifests": NaN}', b"\xff\xfe",
        {}, {"manifests": {}}, {"manifests": [1]}, {"manifests": [[]]}, {"manifests": ["x"]}, {"manifests": [{}]},
        {"manifests": [row(1, "linux/amd64") | {"digest": 1}]},
        {"manifests": [row(1, "linux/amd64") | {"digest": "sha256:../../x"}]},
        {"manifests": [row(1, "linux/amd64") | {"size": "1"}]},
        {"manifests": [row(1, "linux/amd64") | {"size": 1.5}]},
        {"manifests": [row(1, "linux/amd64") | {"platform": "linux/amd64"}]},
        {"manifests": [row(1, "linux/amd64") | {"platform": {"os": "linux"}}]},
        {"manifests": [row(1, "linux/amd64") | {"platform": {"os": ["linux"], "architecture": "amd64"}}]},
        {"manifests": [row(1, "linux/amd64") | {"platform": {"os": "\x1b[2J", "architecture": "amd64"}}]},
        {"manifests": [row(1, "linux/amd64") | {"platform": None}]},
        {"manifests": [row(1, "linux/amd64") | {"annotations": []}]},
        {"manifests": [row(1, "linux/amd64") | {"annotations": {"a": 1}}]},
        {"manifests": [row(1, "linux/amd64") | {"mediaType": 1}]},
        {"manifests": [row(1, "linux/amd64")], "annotations": "x"},
    ],
)  # fmt: skip
def test_an_odd_index_is_unknown(document: Any) -> None:
    assert isinstance(image_of(found(document), lambda _: Absent()), Unknown)


@pytest.mark.parametrize(
    ("document", "config"),
    [
        ({"config": []}, {}),
        ({"config": {"mediaType": CONFIG}}, {}),
        ({"config": {"mediaType": CONFIG, "digest": sha(1), "size": 1}}, []),
        ({"config": {"mediaType": CONFIG, "digest": sha(1), "size": 1}}, {"os": "linux"}),
        ({"config": {"mediaType": CONFIG, "digest": sha(1), "size": 1}}, {"os": 1, "architecture": {}}),
        ({"config": {"mediaType": CONFIG, "digest": sha(1), "size": 1}}, b"{"),
    ],
)
def test_an_odd_manifest_is_unknown(document: Any, config: Any) -> None:
    assert isinstance(image_of(found(document, MANIFEST), lambda _: config_of(config)), Unknown)


def completed(new: Image, old: Image) -> Image:
    return assemble([new], carried(new, old), {**old.index.annotations, **new.index.annotations})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(JSON, st.sampled_from(["mediaType", "digest", "size", "platform", "annotations"]))
def test_no_document_raises(value: Any, key: str) -> None:
    for document in (value, {"manifests": value}, {"manifests": [row(1, "linux/amd64") | {key: value}]}):
        made = image_of(found(document), lambda _: Absent())
        if isinstance(made, Image):
            json.loads(completed(made, index(row(7, "linux/s390x"))).body)


def test_an_index_is_completed_with_what_it_lacks_and_nothing_else() -> None:
    old = index(
        row(1, "linux/amd64"), row(2, "linux/arm64"), row(3, "linux/s390x"),
        row(4, "unknown/unknown", about=1), row(5, "unknown/unknown", about=2), row(6, "unknown/unknown", about=3),
        annotations={"a": "old", "b": "old"},
    )  # fmt: skip
    new = index(row(11, "linux/amd64"), row(14, "unknown/unknown", about=11), annotations={"a": "new"})
    made = completed(new, old)
    assert [one.digest for one in made.index.manifests] == [sha(number) for number in (11, 14, 2, 3, 5, 6)]
    document = json.loads(made.body)
    assert [one["digest"] for one in document["manifests"]] == [one.digest for one in made.index.manifests]
    assert document["annotations"] == {"a": "new", "b": "old"}
    assert (document["mediaType"], made.digest) == (OCI_INDEX, digest_of(made.body))
    again = image_of(
        Found(descriptor=Descriptor(digest=made.digest, media_type=OCI_INDEX), body=made.body), lambda _: Absent()
    )
    assert isinstance(again, Image)
    assert again.platforms == ("linux/amd64", "linux/arm64", "linux/s390x")
    assert completed(old, new) is old


def test_lists_of_docker_stay_lists_of_docker() -> None:
    kind = "application/vnd.docker.distribution.manifest.v2+json"
    new = index(row(1, "linux/amd64", media_type=kind), media_type=DOCKER_LIST)
    old = index(row(2, "linux/arm64", media_type=kind), media_type=DOCKER_LIST)
    assert json.loads(completed(new, old).body)["mediaType"] == DOCKER_LIST
    mixed = index(row(3, "linux/arm64"), media_type=OCI_INDEX)
    assert json.loads(completed(new, mixed).body)["mediaType"] == OCI_INDEX


def test_images_that_were_built_apart_are_one_index_with_their_attestations() -> None:
    amd = index(row(1, "linux/amd64"), row(4, "unknown/unknown", about=1), annotations={"of": "a part"})
    arm = index(row(2, "linux/arm64"), row(5, "unknown/unknown", about=2))
    old = index(row(3, "linux/s390x"), row(6, "unknown/unknown", about=3))
    made = assemble([amd, arm], carried(assemble([amd, arm]), old), {"a": "b"})
    assert [one.digest for one in made.index.manifests] == [sha(number) for number in (1, 4, 2, 5, 3, 6)]
    assert json.loads(made.body)["annotations"] == {"a": "b"}
    assert made.media_type == OCI_INDEX


def test_no_platform_is_taken_from_two_images() -> None:
    amd, windows = index(row(1, "linux/amd64")), index(row(2, "windows/amd64"), row(3, "windows/amd64"))
    assert len(assemble([amd, windows]).index.manifests) == 3
    for parts, more in (([amd, amd], ()), ([amd], amd.index.manifests)):
        with pytest.raises(OddError, match="linux/amd64 from two images"):
            assemble(parts, more)


@given(st.lists(st.sampled_from(["amd64", "arm64", "s390x", "riscv64"]), unique=True, min_size=1), st.integers(0, 3))
def test_the_order_of_parts_is_the_order_of_rows(names: list[str], cut: int) -> None:
    parts = [index(row(number, f"linux/{name}")) for number, name in enumerate(names)]
    whole = assemble(parts)
    assert whole.platforms == tuple(f"linux/{name}" for name in names)
    groups = [group for group in (parts[:cut], parts[cut:]) if group]
    assert assemble([assemble(group) for group in groups]).index.manifests == whole.index.manifests


def test_an_image_gets_annotations_beside_its_own() -> None:
    one = index(row(1, "linux/amd64"), annotations={"c": "d"})
    found = annotated(one, {"a": "b"})
    assert found.index.annotations == {**one.index.annotations, "a": "b"}
    assert found.index.manifests == one.index.manifests
    assert found.digest == digest_of(found.body) != one.digest
    assert annotated(one, {}) is one
