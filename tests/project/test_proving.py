"""The projects of `make prove`: what changes them takes whatever the changes before have left; and what images are."""

import hashlib
import io
import json
import random
import tarfile

import pytest

from tests.prove.images import Image, Store
from tests.prove.mutations import mutated
from tests.prove.projects import project_of, spec_of


@pytest.mark.parametrize("seed", range(12))
def test_a_project_can_be_changed_for_ever(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 no secret
    made = project_of(chance, "localhost:5000/p", "localhost:5000/bases:p")
    for _ in range(40):
        before = made
        _, made = mutated(chance, before)
        assert made != before or spec_of(made) != spec_of(before)


def layer(*entries: tuple[str, str | None]) -> bytes:
    """An archive of files with their texts, and of directories, which have none."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, text in entries:
            one = tarfile.TarInfo(name)
            one.type, one.size = (tarfile.DIRTYPE, 0) if text is None else (tarfile.REGTYPE, len(text))
            archive.addfile(one, io.BytesIO((text or "").encode()))
    return stream.getvalue()


def image(*layers: bytes) -> Image:
    blobs = {f"sha256:{hashlib.sha256(one).hexdigest()}": one for one in layers}
    config = json.dumps({"os": "linux", "architecture": "amd64"}).encode()
    told = [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": digest} for digest in blobs]
    top = json.dumps({"config": {"digest": "config"}, "layers": told}).encode()
    blobs |= {"config": config, "top": top}
    return Store().images("top", blobs.__getitem__, frozenset(), timed=False)["linux/amd64"]


LOWER = layer(("out", None), ("out/made", "1"), ("out/other", "1"))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ([("out", None), ("out/made", "1"), ("out/p", "2")], [("out/p", "2")], True),
        ([("out/made", "2")], [("out/made", "1")], False),
        ([("out/.wh.made", "")], [], False),
        ([("out/.wh.made", ""), ("out/.wh.other", "")], [("out/.wh..wh..opq", "")], False),
        ([("out", "a file")], [("out", None)], False),
    ],
)
def test_images_are_the_same_where_one_writes_what_is_there(
    one: list[tuple[str, str | None]], other: list[tuple[str, str | None]], *, same: bool
) -> None:
    assert (image(LOWER, layer(*one)) == image(LOWER, layer(*other))) == same


def test_what_was_taken_away_is_written_again() -> None:
    again = layer(("out", None), ("out/made", "1"))
    for gone in ([("out/.wh.made", "")], [("out/.wh..wh..opq", "")], [(".wh.out", "")], [("out", "a file")]):
        assert image(LOWER, layer(*gone), again) != image(LOWER, layer(*gone))
