"""Build or skip, because: nothing stale is kept, and each decision says why."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from buildmatrix.oci.answers import Absent, Unknown
from buildmatrix.oci.image import Held, Image
from buildmatrix.oci.index import Index, Listed
from buildmatrix.oci.platform import platform_of
from buildmatrix.state.decisions.decision import Asked, Decision, decided
from buildmatrix.state.images.marks import ANNOTATION, mark_of

AMD, ARM = "linux/amd64", "linux/arm64"
NOW, OLD = {AMD: "a" * 32, ARM: "b" * 32}, {AMD: "0" * 32, ARM: "1" * 32}
SILENT = Unknown(reason="localhost:5000 answered 503")
TIME = datetime(2026, 1, 31, tzinfo=UTC)


def listed(platform: str, digest: str) -> Listed:
    return Listed(digest=digest, media_type="", size=1, plain={}, platform=platform_of(*platform.split("/")))


def attested(marks: dict[str, str], *platforms: str) -> Image:
    """An image with an attestation of each platform."""
    made = image(marks, *platforms)
    about = (
        Listed(digest=f"att:{one.platform}", media_type="", size=1, plain={}, about=one.digest)
        for one in made.index.manifests
    )
    return replace(made, index=replace(made.index, manifests=(*made.index.manifests, *about)))


def image(marks: dict[str, str] | str | None, *platforms: str, digest: str = "sha256:1", kind: str = "image") -> Image:
    notes = {} if marks is None else {ANNOTATION: marks if isinstance(marks, str) else mark_of(marks)}
    manifests = tuple(listed(one, f"{digest}:{one}") for one in platforms or (AMD, ARM))
    index = Index(manifests=manifests, annotations=notes)
    return Image(digest=digest, media_type="", body=b"", index=index, kind=kind)


def decision(*held: Held, **more: Any) -> Decision:
    tags = {f"r/app:{number}": one for number, one in enumerate(held, start=1)}
    return decided(Asked(**{"fingerprints": NOW, "held": tags, **more}))


def said(found: Decision) -> str:
    return "; ".join(found.because)


def test_what_is_there_under_all_tags_is_kept() -> None:
    found = decision(image(NOW), image(NOW))
    assert (found.action, said(found), found.moves) == ("skip", "up to date", ())
    assert found.image == image(NOW)


def test_an_index_of_which_a_manifest_was_exchanged_is_built() -> None:
    """By another program that keeps annotations: what is left of the attestations tells it."""
    whole = attested(NOW, AMD, ARM)
    amd, _, *about = whole.index.manifests
    altered = replace(whole, index=replace(whole.index, manifests=(amd, listed(ARM, "sha256:another"), *about)))
    assert decision(whole).action == "skip"
    found = decision(altered)
    why = "another program has exchanged images of its index, and kept the fingerprint"
    assert (found.action, found.platforms, said(found)) == ("build", (), why)
    alone = replace(whole, index=replace(whole.index, manifests=(amd, about[0])))
    assert decision(alone).because == (f"{ARM} missing",), "what is taken away with its attestation is missing"


@pytest.mark.parametrize(
    ("held", "because"),
    [
        ([Absent()], "its tag is not there"),
        ([Absent(), Absent()], "no tag of it is there"),
        ([SILENT], "cannot know what the registry holds: r/app:1: localhost:5000 answered 503"),
        ([image(NOW), SILENT], "cannot know what the registry holds: r/app:2: localhost:5000 answered 503"),
        (
            [image(None)],
            "the image has no fingerprint: another program, or a run without --incremental, built it",
        ),
        ([image("2 x")], "the format of fingerprints changed"),
        ([image(None, kind="a build cache")], "its tag holds a build cache"),
        ([image(OLD)], "what goes into it changed"),
    ],
)
def test_what_is_not_there_as_it_would_be_is_built_whole(held: list[Held], because: str) -> None:
    found = decision(*held)
    assert (found.action, said(found), found.platforms, found.image) == ("build", because, (), None)


@pytest.mark.parametrize(
    ("more", "because"),
    [
        ({"doubt": "its frontend is acme/frontend"}, "cannot know: its frontend is acme/frontend"),
        ({"forced": "--all"}, "--all"),
        ({"again": "base, which it depends on, is built again"}, "base, which it depends on, is built again"),
    ],
)
def test_a_doubt_builds_whatever_is_there(more: dict[str, str], because: str) -> None:
    found = decision(image(NOW), **more)
    assert (found.action, said(found), found.image) == ("build", because, None)


def test_one_platform_is_compared_as_the_whole() -> None:
    found = decision(image({AMD: OLD[AMD]}, AMD), fingerprints={AMD: NOW[AMD]})
    assert (found.action, said(found), found.changed) == ("build", "what goes into it changed", True)


def test_only_the_missing_platform_is_built() -> None:
    found = decision(image({AMD: NOW[AMD]}, AMD))
    assert (found.action, said(found), found.platforms) == ("build", "linux/arm64 missing", (ARM,))
    assert found.image is not None
    assert not found.changed


def test_only_the_changed_platform_is_built() -> None:
    found = decision(image({AMD: NOW[AMD], ARM: OLD[ARM]}))
    assert (found.action, said(found), found.platforms, found.changed) == ("build", "linux/arm64 changed", (ARM,), True)


def test_a_part_says_what_is_of_its_own_platforms() -> None:
    found = decision(image({AMD: OLD[AMD]}, AMD))
    assert said(found) == "linux/amd64 changed; linux/arm64 missing"
    assert found.because_of((AMD,)) == ("linux/amd64 changed",)
    assert found.because_of((ARM,)) == ("linux/arm64 missing",)
    assert found.because_of((AMD, ARM)) == found.because_of(()) == found.because
    one = decision(image({AMD: NOW[AMD]}, AMD))
    assert one.because_of((AMD,)) == one.because, "built for the other's sake"


def test_a_platform_of_an_index_that_its_mark_does_not_know_has_no_fingerprint() -> None:
    found = decision(image({AMD: NOW[AMD]}, AMD, ARM))
    assert (found.action, said(found), found.platforms) == ("build", "linux/arm64 has no fingerprint", (ARM,))


def test_a_mark_of_a_platform_that_the_index_lacks_says_nothing() -> None:
    found = decision(image(NOW, AMD))
    assert (found.action, said(found), found.platforms) == ("build", "linux/arm64 missing", (ARM,))


@pytest.mark.parametrize(
    ("answer", "because"),
    [
        (Absent(), "linux/arm64 is gone from the registry"),
        (SILENT, "cannot know whether linux/arm64 is there: localhost:5000 answered 503"),
    ],
)
def test_a_child_of_a_live_index_that_does_not_answer_is_built(answer: Absent | Unknown, because: str) -> None:
    found = decision(image(NOW), children={f"sha256:1:{ARM}": answer})
    assert (found.action, said(found), found.platforms) == ("build", because, (ARM,))


@pytest.mark.parametrize(
    ("answer", "because"),
    [
        (Absent(), "the attestation of linux/arm64 is gone from the registry"),
        (SILENT, "cannot know whether the attestation of linux/arm64 is there: localhost:5000 answered 503"),
    ],
)
def test_a_platform_whose_attestation_does_not_answer_is_not_carried_over(
    answer: Absent | Unknown, because: str
) -> None:
    held = attested({AMD: OLD[AMD], ARM: NOW[ARM]})
    assert decision(held).platforms == (AMD,)
    found = decision(held, children={f"att:{ARM}": answer})
    assert (found.action, said(found), found.platforms) == ("build", f"linux/amd64 changed; {because}", ())


@pytest.mark.parametrize("other", [Absent(), image(OLD, digest="sha256:2")])
def test_nothing_is_carried_over_where_tags_hold_different_images(other: Held) -> None:
    """Each tag would keep what it has itself: another platform's old image, or none."""
    held = image({AMD: OLD[AMD], ARM: NOW[ARM]})
    assert decision(held, held).platforms == (AMD,)
    found = decision(held, other)
    assert (found.action, said(found), found.platforms, found.image) == ("build", "linux/amd64 changed", (), None)


def test_a_platform_that_is_no_longer_declared_is_built_away() -> None:
    more = {**NOW, "linux/s390x": "c" * 32}
    whole = image(more, AMD, ARM, "linux/s390x")
    found = decision(whole)
    assert (found.action, said(found), found.image) == ("build", "linux/s390x is no longer declared", None)
    assert decision(whole, carried=["linux/s390x"]).action == "skip"
    found = decision(image({AMD: OLD[AMD], ARM: NOW[ARM]}, AMD, ARM, "linux/s390x"))
    assert (said(found), found.platforms) == ("linux/amd64 changed; linux/s390x is no longer declared", ())
    found = decision(whole, image(NOW, digest="sha256:2"))
    assert (found.action, found.moves) == ("skip", ("r/app:1",))


def test_a_tag_that_holds_something_else_is_moved_and_nothing_is_built() -> None:
    other = image(OLD, digest="sha256:2")
    found = decision(other, image(NOW), Absent())
    assert (found.action, found.moves) == ("skip", ("r/app:1", "r/app:3"))
    assert said(found) == "tag r/app:1 holds another image: it moves; tag r/app:3 holds nothing: it moves"
    assert found.image == image(NOW)


@pytest.mark.parametrize(
    ("created", "action", "because"),
    [
        (TIME - timedelta(days=6), "skip", "up to date"),
        (TIME - timedelta(days=8), "build", "older than max-age: built 2026-01-23 00:00 UTC"),
        (None, "build", "nobody knows how old it is, and max-age is set"),
        (TIME + timedelta(minutes=9), "skip", "up to date"),
        (
            TIME + timedelta(minutes=11),
            "build",
            "nobody knows how old it is: built 2026-01-31 00:11 UTC, ahead of this clock",
        ),
    ],
)
def test_an_image_may_be_too_old(created: datetime | None, action: str, because: str) -> None:
    found = decision(image(NOW), created=created, max_age=timedelta(days=7), now=TIME)
    assert (found.action, said(found), found.renewed) == (action, because, action == "build")


def test_with_an_age_nothing_is_kept_in_part() -> None:
    found = decision(image({AMD: NOW[AMD]}, AMD), created=TIME, max_age=timedelta(days=7), now=TIME)
    assert (found.action, found.platforms, found.image) == ("build", (), None)


def test_a_tag_in_a_repository_that_lacks_the_image_is_built() -> None:
    held: dict[str, Held] = {"one/app:1": image(NOW), "two/app:1": Absent()}
    found = decided(Asked(fingerprints=NOW, held=held))
    assert (found.action, found.moves) == ("build", ())
    assert said(found) == "tag two/app:1 holds nothing, and its repository does not have the image"


def test_what_is_another_is_said_where_somebody_can_tell() -> None:
    told = {AMD: ("arg A changed",), ARM: ("arg A changed",)}
    assert said(decision(image(OLD), told=lambda _, name: told[name])) == "arg A changed"


def test_what_is_another_for_some_platforms_is_said_of_them() -> None:
    told = {AMD: ("arg A changed", "rebuild changed"), ARM: ()}
    found = decision(image(OLD), told=lambda _, name: told[name])
    assert said(found) == "linux/amd64: arg A changed; linux/amd64: rebuild changed; linux/arm64 changed"
    alone = decision(image({AMD: OLD[AMD], ARM: NOW[ARM]}), told=lambda _, name: told[name])
    assert (said(alone), alone.platforms) == ("linux/amd64: arg A changed; linux/amd64: rebuild changed", (AMD,))


def test_nobody_is_asked_what_changed_where_nothing_did() -> None:
    def told(_: Image, __: str) -> tuple[str, ...]:
        raise AssertionError

    assert said(decision(image(NOW), told=told)) == "up to date"
    assert said(decision(image({AMD: NOW[AMD]}, AMD), told=told)) == "linux/arm64 missing"


CONTENT = "r/app:bm-1"


@pytest.mark.parametrize(
    "held", [[Absent()], [image(OLD, digest="sha256:2")], [Absent(), image(OLD, digest="sha256:3")]]
)
def test_what_a_content_tag_holds_need_not_be_built(held: list[Held]) -> None:
    found = decision(*held, elsewhere={CONTENT: image(NOW)})
    assert (found.action, found.image) == ("skip", image(NOW))
    assert found.moves == tuple(f"r/app:{number}" for number in range(1, len(held) + 1))
    assert found.because[-1] == f"it was built already: {CONTENT}"


@pytest.mark.parametrize(
    "there",
    [
        Absent(),
        SILENT,
        image(None),
        image(OLD),
        image("2 x"),
        image({AMD: NOW[AMD]}, AMD),
        image(NOW, AMD),
        image(NOW, kind="an artifact"),
    ],
)
def test_a_content_tag_is_believed_by_its_mark_alone(there: Held) -> None:
    found = decision(Absent(), elsewhere={CONTENT: there})
    assert (found.action, said(found)) == ("build", "its tag is not there")


def test_a_content_tag_whose_child_is_gone_is_not_believed() -> None:
    found = decision(Absent(), elsewhere={CONTENT: image(NOW)}, children={f"sha256:1:{ARM}": Absent()})
    assert (found.action, said(found)) == ("build", "its tag is not there")


def test_a_content_tag_of_another_repository_moves_nothing_here() -> None:
    held: dict[str, Held] = {"one/app:1": Absent(), "two/app:1": Absent()}
    one, both = {"one/app:bm-1": image(NOW)}, {"one/app:bm-1": image(NOW), "two/app:bm-1": image(NOW)}
    assert decided(Asked(fingerprints=NOW, held=held, elsewhere=one)).action == "build"
    found = decided(Asked(fingerprints=NOW, held=held, elsewhere=both))
    assert (found.action, found.moves) == ("skip", ("one/app:1", "two/app:1"))


def test_with_a_doubt_of_a_tag_no_content_tag_helps() -> None:
    assert decision(SILENT, elsewhere={CONTENT: image(NOW)}).action == "build"
    assert decision(Absent(), elsewhere={CONTENT: image(NOW)}, forced="--all").action == "build"


def test_what_is_built_upon_something_newer_is_built_whole() -> None:
    late = "base, which it depends on, was built again since"
    found = decision(image(NOW), overtaken=lambda _: late)
    assert (found.action, said(found), found.renewed) == ("build", late, True)
    found = decision(image({AMD: NOW[AMD]}, AMD), overtaken=lambda _: late)
    assert (found.action, found.platforms, found.renewed) == ("build", (), True)
    assert said(found) == f"linux/arm64 missing; {late}"
