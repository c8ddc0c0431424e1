"""Build or skip, because: nothing stale is kept, and each decision says why."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from buildmatrix.oci.answers import Absent, Unknown
from buildmatrix.oci.image import Held, Image
from buildmatrix.oci.index import Index, Listed
from buildmatrix.oci.platform import platform_of
from buildmatrix.state.decision import Asked, Decision, decided
from buildmatrix.state.marks import ANNOTATION, mark_of

AMD, ARM = "linux/amd64", "linux/arm64"
NOW, OLD = {AMD: "a" * 32, ARM: "b" * 32}, {AMD: "0" * 32, ARM: "1" * 32}
SILENT = Unknown(reason="localhost:5000 answered 503")
TIME = datetime(2026, 1, 31, tzinfo=UTC)


def listed(platform: str, digest: str) -> Listed:
    return Listed(digest=digest, media_type="", size=1, plain={}, platform=platform_of(*platform.split("/")))


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


@pytest.mark.parametrize(
    ("held", "because"),
    [
        ([Absent()], "never built"),
        ([Absent(), Absent()], "no tag of it is there"),
        ([SILENT], "cannot know what the registry holds: r/app:1: localhost:5000 answered 503"),
        ([image(NOW), SILENT], "cannot know what the registry holds: r/app:2: localhost:5000 answered 503"),
        (
            [image(None)],
            "the image has no fingerprint: another program, or a run without --incremental, built it",
        ),
        ([image("2 x")], "the format of fingerprints changed"),
        ([image(None, kind="a build cache")], "its tag holds a build cache"),
        ([image(OLD)], "linux/amd64 changed; linux/arm64 changed"),
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


def test_an_index_that_lists_a_platform_that_its_mark_does_not_know_does_not_have_it() -> None:
    found = decision(image({AMD: NOW[AMD]}, AMD, ARM))
    assert (found.action, said(found), found.platforms) == ("build", "linux/arm64 missing", (ARM,))


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
        (TIME - timedelta(days=8), "build", "older than max-age: built 2026-01-23"),
        (None, "build", "nobody knows how old it is, and max-age is set"),
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
