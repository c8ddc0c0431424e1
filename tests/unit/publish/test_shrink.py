"""A tag never loses a platform: what is refused before anything is built, in full, and what passes."""

from collections.abc import Mapping
from typing import Any, cast

import pytest

from buildmatrix.errors import Diagnostic, Place, RegistryError
from buildmatrix.oci.answers import Absent, Answer, Descriptor, Found, Unknown
from buildmatrix.oci.image import Held, Image
from buildmatrix.oci.index import Index, Listed
from buildmatrix.oci.platform import platform_of
from buildmatrix.plan.model import PlannedTarget
from buildmatrix.plan.policy import Policy
from buildmatrix.publish.shrink import refuse_shrunk_tags, replaced
from buildmatrix.spec.rows.caches import RegistryCacheTo
from buildmatrix.spec.rows.options import Options
from buildmatrix.spec.rows.outputs import RegistryOutput
from buildmatrix.spec.rows.settings import Settings
from tests import plans

ONE, TWO = "r.example/app:1", "r.example/app:2"
AMD, ARM, S390 = "linux/amd64", "linux/arm64", "linux/s390x"
ON_PURPOSE = "--platforms-may-shrink, or [apply] platforms-may-shrink = true"


GONE = {"r.example/app@sha256:gone"}


class Asked:
    """Stands for `Tags`."""

    def __init__(self, held: Mapping[str, Held]) -> None:
        self.of = held.get

    def below(self, reference: str) -> Answer:
        gone = reference in GONE
        return Absent() if gone else Found(descriptor=Descriptor(digest=reference, media_type=""))


def image(*platforms: str, kind: str = "image") -> Image:
    listed = tuple(
        Listed(digest=f"sha256:{one}", media_type="m", plain={}, platform=platform_of(*one.split("/")))
        for one in platforms
    )
    return Image(digest="sha256:1", media_type="m", body=b"", index=Index(manifests=listed), kind=kind)


def target(name: str = "app", tags: tuple[str, ...] = (ONE,), *platforms: str, **values: Any) -> PlannedTarget:
    cache = values.pop("cache", None)
    settings = Settings(
        tags=tags,
        output=(RegistryOutput(type="registry"),),
        platforms=platforms or None,
        cache_to=(RegistryCacheTo(type="registry", ref=cache),) if cache else None,
    )
    places = {(key,): Place(file="f", pointer=("target", name, key)) for key in ("platforms", "tags", "cache_to")}
    return plans.target(name, settings, origins=places, **values)


def refused(held: Mapping[str, Held], *targets: PlannedTarget, own: str = AMD, **options: Any) -> list[Diagnostic]:
    planned = plans.plan(*targets)
    policy = Policy(plan=planned, options=Options(**options))
    try:
        refuse_shrunk_tags(planned, policy, cast("Any", Asked(held)), own)
    except RegistryError as error:
        return list(error.diagnostics)
    return []


def test_a_platform_that_a_tag_has_and_the_run_does_not_write() -> None:
    (found,) = refused({ONE: image(AMD, ARM, S390)}, target("app", (ONE,), AMD))
    assert found.message == f"app would push {ONE} without {ARM} {S390}, which the tag has now"
    assert (found.code, found.place) == ("shrunk", Place(file="f", pointer=("target", "app", "platforms")))
    assert found.hint == (
        f'build them too: platforms = ["{AMD}", "{ARM}", "{S390}"]\n'
        f"or keep the tag's: declare them all, and add --platform {AMD}\n"
        f"or drop them: {ON_PURPOSE}"
    )
    assert not refused({ONE: image(AMD, ARM)}, target("app", (ONE,), AMD), platforms_may_shrink=True)
    assert not refused({ONE: image(AMD)}, target("app", (ONE,), AMD, ARM))
    assert not refused({ONE: Absent()}, target("app", (ONE,), AMD))
    assert not refused({}, target("app", (ONE,), AMD))


def test_a_target_that_declares_none_writes_the_builders_own() -> None:
    assert not refused({ONE: image(AMD)}, target())
    (found,) = refused({ONE: image(ARM)}, target())
    assert found.message == f"app would push {ONE} without {ARM}, which the tag has now"
    assert not refused({ONE: image(ARM)}, target(), own="")
    (found,) = refused({ONE: image(AMD, ARM)}, target(), own="")
    assert found.message == f"app would push {ONE} without {ARM}, which the tag has now"
    assert "add --platform PLATFORM\n" in found.hint
    (found,) = refused({ONE: image(AMD, ARM)}, target())
    assert found.hint.startswith(
        f'build them too: platforms = ["{AMD}", "{ARM}"]\n'
        f"or keep the tag's: declare them all, and add --platform {AMD}\n"
    )


def test_tags_and_targets_that_lose_alike_are_told_of_once() -> None:
    held = {ONE: image(AMD, ARM), TWO: image(AMD, ARM)}
    (found,) = refused(held, target("app", (ONE, TWO), AMD))
    assert found.message == f"app would push {ONE} (and 1 more tag) without {ARM}, which the tags have now"
    place = {("platforms",): Place(file="f", pointer=("target", "all", "platforms"))}
    cells = [
        plans.target(name, Settings(tags=(tag,), output=(RegistryOutput(type="registry"),)), origins=place)
        for name, tag in (("a", ONE), ("b", TWO))
    ]
    (found,) = refused(held, *cells)
    assert (
        found.message
        == f"a (and 1 more target) would push {ONE} (and 1 more tag) without {ARM}, which the tags have now"
    )
    assert len(refused(held, target("app", (ONE,), AMD), target("web", (TWO,), AMD))) == 2


def test_what_is_to_be_carried_over_has_to_be_there() -> None:
    one = target("app", (ONE,), AMD, carried_over=(ARM, S390))
    assert not refused({ONE: image(AMD, ARM, S390)}, one)
    for held, lost in ((image(ARM), S390), (Absent(), f"{ARM} {S390}")):
        (found,) = refused({ONE: held}, one)
        assert found.message == f"app would push {ONE} without {lost}, which the registry does not have either"
        assert found.hint == ("build all its platforms once, without --platform, or build without pushing: --no-output")


def test_what_is_carried_over_has_to_be_there_with_its_attestations() -> None:
    def held(own: str, attestation: str) -> Image:
        arm = Listed(digest=own, media_type="m", plain={}, platform=platform_of("linux", "arm64"))
        amd = Listed(digest="sha256:amd", media_type="m", plain={}, platform=platform_of("linux", "amd64"))
        about = Listed(digest=attestation, media_type="m", plain={}, about=own)
        other = Listed(digest="sha256:gone", media_type="m", plain={}, about="sha256:amd")
        return Image(digest="sha256:1", media_type="m", body=b"", index=Index(manifests=(arm, amd, about, other)))

    one = target("app", (ONE,), AMD, carried_over=(ARM,))
    assert not refused({ONE: held("sha256:arm", "sha256:att")}, one)
    assert not refused({ONE: held("sha256:arm", "sha256:gone")}, target("app", (ONE,), AMD, ARM))
    (found,) = refused({ONE: held("sha256:arm", "sha256:gone")}, one)
    assert found.message == (
        f"app would take over what {ONE} has, and the attestation of {ARM} is gone from the registry"
    )
    assert found.hint == "build all its platforms once, without --platform, or build without pushing: --no-output"
    (found,) = refused({ONE: held("sha256:gone", "sha256:att")}, one, platforms_may_shrink=True)
    assert found.message == f"app would take over what {ONE} has, and {ARM} is gone from the registry"


# --- doubts -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("held", "what"),
    [
        (Unknown(reason="it said 401", refused=True), "log in: docker login r.example"),
        (Unknown(reason="it said 503", passes=True), "wait until the registry answers, and run apply again"),
        (
            Unknown(reason="its certificate is not trusted"),
            "put its authority's certificate into /etc/docker/certs.d/r.example/ca.crt",
        ),
        (
            Unknown(reason="it requires a client certificate"),
            "put one that you may read, with its key, into /etc/docker/certs.d/r.example: client.cert and client.key",
        ),
        (
            Unknown(reason="it speaks no TLS"),
            '"registry.insecure" = true in the output allows a registry without TLS',
        ),
        (Unknown(reason="odd"), "see whether r.example is a registry that you may read (docker login r.example)"),
    ],
)
def test_a_tag_of_which_nobody_can_tell(held: Unknown, what: str) -> None:
    (found,) = refused({ONE: held, TWO: held}, target("app", (ONE, TWO), AMD))
    assert found.message == f"cannot tell which platforms {ONE} (and 1 more tag) has: {held.reason}"
    assert found.hint == f"{what}; no tag was touched\nor push without looking: {ON_PURPOSE}"
    assert (found.code, found.place) == ("unknown-tag", Place(file="f", pointer=("target", "app", "tags")))


def test_a_doubt_is_none_where_platforms_may_be_lost_unless_they_are_carried_over() -> None:
    held = Unknown(reason="odd")
    assert not refused({ONE: held}, target("app", (ONE,), AMD), platforms_may_shrink=True)
    (found,) = refused({ONE: held}, target("app", (ONE,), AMD, carried_over=(ARM,)), platforms_may_shrink=True)
    assert found.hint.endswith("; no tag was touched")


# --- caches, and what is no image -------------------------------------------------------------------------------------


def test_a_cache_does_not_take_an_images_tag() -> None:
    one = target("app", (ONE,), AMD, cache=TWO)
    (found,) = refused({ONE: Absent(), TWO: image(AMD, ARM)}, one)
    assert found.message == f"app would write its cache over {TWO}, an image for {AMD} {ARM}"
    assert found.hint == (f"give the cache a tag of its own: ref=r.example/app:cache\nor lose the image: {ON_PURPOSE}")
    assert (found.code, found.place) == ("shrunk", Place(file="f", pointer=("target", "app", "cache_to")))
    for passes in (image(kind="a build cache"), Absent(), Unknown(reason="odd")):
        assert not refused({TWO: passes}, one)
    assert not refused({TWO: image(AMD)}, one, platforms_may_shrink=True)


def test_cells_that_write_one_cache_are_told_of_once() -> None:
    place = {("cache_to",): Place(file="f", pointer=("target", "all", "cache_to"))}
    cached = Settings(cache_to=(RegistryCacheTo(type="registry", ref=TWO),))
    cells = [plans.target(name, cached, origins=place) for name in "ab"]
    assert len(refused({TWO: image(AMD)}, *cells)) == 1


def test_what_is_no_image_is_replaced_with_a_word() -> None:
    planned = plans.plan(target("app", (ONE, TWO)))
    held = {ONE: image(kind="a build cache"), TWO: image(AMD)}
    (found,) = replaced(planned, cast("Any", Asked(held)))
    assert found.message == f"{ONE} holds a build cache and no image: app takes its place"
    assert (found.code, found.severity) == ("replaced", "warning")
    assert found.place == Place(file="f", pointer=("target", "app", "tags"))
    assert not refused(held, *planned.targets)
