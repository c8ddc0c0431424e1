"""What changed since an image was built is told by its own record, of its own mark; nothing else is believed."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from buildmatrix.dockerfile.links import Config
from buildmatrix.inputs.fingerprint import Fingerprints
from buildmatrix.oci.image import Image
from buildmatrix.oci.index import Index
from buildmatrix.plan.model import PlannedTarget
from buildmatrix.spec.rows.outputs import RegistryOutput
from buildmatrix.spec.rows.settings import Secret, Settings, Ssh
from buildmatrix.state.images import marks, summary
from buildmatrix.state.images.carried import notes_of
from buildmatrix.state.images.contents import Contents
from buildmatrix.state.images.telling import Telling
from buildmatrix.state.values import Kept
from tests import plans

AMD = "linux/amd64"
TEXT = "FROM busybox\nARG A\nARG TOKEN\nCOPY src /src\n"


def target(name: str = "app", *, upon: str = "", exported: bool = True, **settings: Any) -> PlannedTarget:
    contexts = {"base": f"target:{upon}"} if upon else None
    given = {"platforms": (AMD,), "dockerfile_inline": TEXT, "contexts": contexts, **settings}
    given.setdefault("tags", (f"r:5/{name}:1",))
    given.setdefault("output", (RegistryOutput(type="registry"),))
    return plans.target(name, Settings(**given), depends_on=(upon,) if upon else (), exported=exported)


class Folder:
    """A directory with a context; `cache` is where values are kept."""

    def __init__(self, path: Path) -> None:
        self.path, self.cache = path / "work", {"XDG_CACHE_HOME": str(path / "cache")}
        self.write("src/a", "1")

    def write(self, name: str, text: str) -> None:
        (self.path / name).parent.mkdir(parents=True, exist_ok=True)
        (self.path / name).write_text(text)

    def telling(self, *targets: PlannedTarget, digest: str = "a", earlier: Image | None = None) -> Telling:
        plan = plans.plan(*targets, directory=str(self.path))
        digests = {one.name: {"busybox:latest": f"sha256:{digest * 64}"} for one in targets}
        self.made = Fingerprints(plan, digests, {"docker.io/library/busybox:latest": Config()}, {}, AMD)
        known = [summary.read(earlier.index.annotations)] if earlier else []
        return Telling(plan, self.made.of, self.made.within, Kept(self.cache), lambda _: known)

    def built(self, *targets: PlannedTarget, keep: bool = False) -> Image:
        """Return the image of the last target as a run would push it."""
        telling, name = self.telling(*targets), targets[-1].name
        notes = notes_of(self.made.of(name).fingerprints, telling.summary(name))
        if keep:
            telling.keep([one.name for one in targets])
        return Image(
            digest=f"sha256:{notes[summary.ANNOTATION]}", media_type="", body=b"", index=Index(annotations=notes)
        )

    def told(self, image: Image, *targets: PlannedTarget, rebuilt: tuple[str, ...] = (), **more: Any) -> list[str]:
        return list(self.telling(*targets, **more).told(targets[-1].name, AMD, image, rebuilt))


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_a_file_an_argument_a_base_and_a_label_are_told(folder: Folder) -> None:
    image = folder.built(target(args={"A": "1"}))
    folder.write("src/b", "1")
    assert folder.told(image, target(args={"A": "2"}, labels={"x": "1"}), digest="b") == [
        "base busybox:latest moved aaaaaaaaaaaa → bbbbbbbbbbbb",
        "arg A changed",
        "context: src/b added",
        "label x added",
    ]


def test_values_are_told_on_the_machine_that_keeps_them(folder: Folder) -> None:
    image = folder.built(target(args={"A": "1"}, rebuild="x"), keep=True)
    assert folder.told(image, target(args={"A": "2"}, rebuild="y")) == ["arg A changed 1 → 2", "rebuild changed x → y"]


def test_what_may_be_a_credential_is_told_nowhere(folder: Folder, tmp_path: Path) -> None:
    image = folder.built(target(args={"TOKEN": "hunter2"}), keep=True)
    assert folder.told(image, target(args={"TOKEN": "hunter3"})) == []
    kept = [path.read_text() for path in tmp_path.rglob("*") if path.is_file()]
    assert not any("hunter" in text for text in kept)
    found = summary.read(image.index.annotations)[AMD]
    assert "TOKEN" not in found.args


def test_of_what_is_pushed_it_is_told_by_name_and_of_what_is_not_what_changed(folder: Folder) -> None:
    app = target(upon="lib", dockerfile_inline="FROM base\n")
    pushed, only = target("lib"), target("lib", tags=(), output=())
    images = folder.built(pushed, app), folder.built(only, app)
    folder.write("src/a", "2")
    assert folder.told(images[0], pushed, app) == ["depends on lib, which changed"]
    assert folder.told(images[0], pushed, app, rebuilt=("lib",)) == ["depends on lib, which is rebuilt"]
    assert folder.told(images[1], only, app) == ["lib: context: src/a changed"]


def test_of_what_was_pushed_and_is_not_now_its_own_record_tells_if_it_is_the_right_one(folder: Folder) -> None:
    app, pushed, only = (
        target(upon="lib", dockerfile_inline="FROM base\n"),
        target("lib"),
        target("lib", exported=False),
    )
    image, lib = folder.built(pushed, app), folder.built(pushed)
    folder.write("src/a", "2")
    later = folder.built(pushed)
    folder.write("src/b", "2")
    assert folder.told(image, only, app, earlier=lib) == ["lib: context: src/a changed, src/b added"]
    assert folder.told(image, only, app, earlier=later) == ["depends on lib, which changed"]


@pytest.mark.parametrize("text", [None, "", "abc", summary.written({AMD: Contents(fingerprint="0" * 32)})])
def test_without_a_record_of_this_very_mark_nothing_is_told(folder: Folder, text: str | None) -> None:
    image = folder.built(target(args={"A": "1"}))
    notes = {marks.ANNOTATION: image.index.annotations[marks.ANNOTATION]}
    notes |= {} if text is None else {summary.ANNOTATION: text}
    other = Image(digest="sha256:x", media_type="", body=b"", index=Index(annotations=notes))
    assert folder.told(other, target(args={"A": "2"})) == []
    assert folder.told(image, target(args={"A": "2"})) == ["arg A changed"]


def afresh(folder: Folder, image: Image | None, *targets: PlannedTarget) -> list[str]:
    return folder.telling(*targets).afresh(targets[-1].name, (), [image] if image else [])


def secrets(*names: str) -> tuple[Secret, ...]:
    return tuple(Secret(id=name, env="S") for name in names)


@pytest.mark.parametrize(
    ("then", "now", "is_afresh"),
    [
        ({}, {"labels": {"a": "1"}}, False),
        ({"rebuild": "1"}, {"rebuild": "1", "labels": {"a": "1"}}, False),
        ({"rebuild": "1"}, {"rebuild": "2"}, True),
        ({}, {"rebuild": "1"}, True),
        ({"rebuild": "1"}, {}, True),
        ({}, {"secret": secrets("a")}, True),
        ({"secret": secrets("a")}, {}, True),
        ({"secret": secrets("a")}, {"secret": secrets("a", "b")}, True),
        ({"secret": secrets("a")}, {"secret": secrets("a"), "labels": {"a": "1"}}, False),
        ({}, {"ssh": (Ssh(id="default", paths=()),)}, True),
    ],
)
def test_what_is_in_no_key_of_the_cache_is_not_taken_from_it(
    folder: Folder, then: dict[str, Any], now: dict[str, Any], is_afresh: bool
) -> None:
    image = folder.built(target(**then))
    assert afresh(folder, image, target(**now)) == (["app"] if is_afresh else [])


def test_what_is_pushed_nowhere_is_looked_at_too(folder: Folder) -> None:
    below: dict[str, Any] = {"output": None, "tags": None}
    image = folder.built(target("base", rebuild="1", **below), target(upon="base"))
    assert afresh(folder, image, target("base", rebuild="1", **below), target(upon="base")) == []
    assert afresh(folder, image, target("base", rebuild="2", **below), target(upon="base")) == ["base"]


def test_without_a_record_a_rebuild_may_be_another(folder: Folder) -> None:
    image = folder.built(target(rebuild="1"))
    bare = replace(image, digest="sha256:bare", index=Index(annotations={}))
    assert afresh(folder, None, target(rebuild="1")) == ["app"]
    assert afresh(folder, bare, target(rebuild="1")) == ["app"]
    assert afresh(folder, bare, target(secret=secrets("a"))) == []
