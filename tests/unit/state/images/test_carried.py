"""What an image says of platforms that it takes over is what those came with, whoever wrote it meanwhile."""

from dataclasses import replace

import pytest

from buildmatrix.oci.image import Image
from buildmatrix.oci.index import Index, Listed
from buildmatrix.oci.platform import platform_of
from buildmatrix.state.images import ages, summary
from buildmatrix.state.images.carried import joined, notes_in, notes_of
from buildmatrix.state.images.contents import Contents
from buildmatrix.state.images.marks import ANNOTATION, marks_in
from buildmatrix.state.images.summary import read, written

AMD, ARM = "linux/amd64", "linux/arm64"
A, B, C = "a" * 32, "b" * 32, "c" * 32


def notes(told: bool = True, **prints: str) -> dict[str, str]:  # noqa: FBT002 one switch
    marks = {f"linux/{name}": mark for name, mark in prints.items()}
    contents = {name: Contents(fingerprint=mark, parts={"labels.x": mark[:3]}) for name, mark in marks.items()}
    return notes_of(marks, written(contents) if told else "")


def test_each_platform_is_told_by_the_image_that_it_comes_from() -> None:
    found = joined(notes(amd64=A, arm64=B), notes(amd64=C, arm64=C), [ARM])
    assert marks_in(found) == {AMD: A, ARM: C}
    assert {name: one.fingerprint for name, one in read(found).items()} == {AMD: A, ARM: C}


def test_of_what_nobody_marked_nothing_is_claimed() -> None:
    found = joined(notes(amd64=A, arm64=B), {"title": "x"}, [ARM])
    assert marks_in(found) == {AMD: A}
    assert read(found).keys() == {AMD}
    assert found["title"] == "x"


def test_what_was_exchanged_in_an_index_takes_no_mark_along() -> None:
    arm = Listed(digest="sha256:a", media_type="", size=1, plain={}, platform=platform_of("linux", "arm64"))
    about = Listed(digest="sha256:b", media_type="", size=1, plain={}, about="sha256:a")
    annotations = {**notes(amd64=A, arm64=B), "title": "x"}
    whole = Image(digest="d", media_type="", body=b"", index=Index(manifests=(arm, about), annotations=annotations))
    assert notes_in(whole) == annotations
    altered = replace(whole, index=replace(whole.index, manifests=(replace(arm, digest="sha256:other"), about)))
    assert notes_in(altered) == {"title": "x"}


def test_a_new_image_without_a_mark_takes_none_for_what_it_brings() -> None:
    """As plain `apply --platform` pushes it."""
    found = joined({}, notes(amd64=A, arm64=B), [ARM])
    assert marks_in(found) == {ARM: B}
    assert read(found).keys() == {ARM}


def test_a_summary_that_is_not_of_what_the_mark_says_is_dropped() -> None:
    old = {**notes(arm64=C), ANNOTATION: notes(arm64=B)[ANNOTATION]}
    assert read(joined(notes(amd64=A), old, [ARM])).keys() == {AMD}


def test_without_a_summary_the_mark_stands_alone() -> None:
    assert joined(notes(told=False, amd64=A), notes(told=False, arm64=B), [ARM]).keys() == {ANNOTATION}


@pytest.mark.parametrize("mark", ["2 x", "1 linux/arm64=zzz"])
def test_a_mark_of_another_format_is_not_taken_over(mark: str) -> None:
    assert marks_in(joined(notes(amd64=A), {ANNOTATION: mark}, [ARM])) == {AMD: A}


def test_an_image_without_any_mark_gets_none() -> None:
    old = {ANNOTATION: "2 x", summary.ANNOTATION: "abc", "title": "x"}
    assert joined({"title": "y"}, old, [ARM]) == {"title": "y"}


def test_an_image_of_two_is_as_old_as_the_older() -> None:
    young, old = (f"2026-11-2{day}T15:00:00Z base=2026-11-2{day}T14:00:00Z" for day in (7, 6))
    new = {**notes(amd64=A), ages.ANNOTATION: young}
    assert joined(new, {**notes(arm64=B), ages.ANNOTATION: old}, [ARM])[ages.ANNOTATION] == old
    assert ages.ANNOTATION not in joined(new, notes(arm64=B), [ARM])
    assert ages.ANNOTATION not in joined(notes(amd64=A), {**notes(arm64=B), ages.ANNOTATION: old}, [ARM])
