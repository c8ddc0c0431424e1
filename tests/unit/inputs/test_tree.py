"""What is left of a directory without what its ignore file names: what BuildKit is sent."""

import os
import subprocess
from pathlib import Path

import pytest

from buildmatrix.dockerfile.ignore import ignored_by
from buildmatrix.inputs import tree
from buildmatrix.inputs.digests import UnknownError
from buildmatrix.inputs.tree import Folder, Tree


def left(folder: Path, ignore: str = "") -> list[str]:
    one, found = Tree(str(folder), ignored_by(ignore)), []
    pending = [one.root]
    while pending:
        around = pending.pop()
        for name, node in one.children(around).items():
            path = around.below(name)
            if isinstance(node, Folder):
                pending.append(node)
                path += "/"
            found.append(path)
    return sorted(found)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for path in ("a/b/c/1", "a/b/2", "a/3", "d/4"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "a/link").symlink_to("b")
    return tmp_path


@pytest.mark.parametrize(
    ("ignore", "expected"),
    [
        ("", "a/ a/3 a/b/ a/b/2 a/b/c/ a/b/c/1 a/link d/ d/4 empty/"),
        ("a", "d/ d/4 empty/"),
        ("a\n!a/b/c/1", "a/ a/b/ a/b/c/ a/b/c/1 d/ d/4 empty/"),
        ("a\n!a/b/c", "a/ a/b/ a/b/c/ a/b/c/1 d/ d/4 empty/"),
        ("a\n!a/link", "a/ a/link d/ d/4 empty/"),
        ("a\n!a/x", "d/ d/4 empty/"),
        ("*\n!d", "d/ d/4"),
        ("**/[0-9]", "a/ a/b/ a/b/c/ a/link d/ empty/"),
        ("a/*\n!a/3", "a/ a/3 d/ d/4 empty/"),
        ("*", ""),
    ],
)
def test_what_is_left(folder: Path, ignore: str, expected: str) -> None:
    assert left(folder, ignore) == expected.split()


def test_a_directory_is_listed_when_it_is_asked_for(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed: list[bytes] = []
    listing = os.scandir

    def scandir(path: bytes) -> object:
        listed.append(path)
        return listing(path)

    monkeypatch.setattr(os, "scandir", scandir)
    one = Tree(str(folder), ignored_by("d\n!d/4"))
    one.children(one.root)
    one.children(one.root)
    assert listed == [os.fsencode(folder), os.fsencode(folder / "d")]


def test_a_deep_context(tmp_path: Path) -> None:
    """Deeper than Python's calls may be."""
    handle = os.open(tmp_path, os.O_RDONLY)
    for _ in range(1_500):
        os.mkdir("d", dir_fd=handle)
        below = os.open("d", os.O_RDONLY, dir_fd=handle)
        os.close(handle)
        handle = below
    os.close(handle)
    try:
        assert len(left(tmp_path, "d\n!**/x")) == 0
        assert len(left(tmp_path)) == 1_500
    finally:
        subprocess.run(["rm", "-r", tmp_path / "d"], check=True)  # pytest's own way is too deep for Python


def test_names_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"bad\xff")).write_text("")
    assert [path.encode("utf-8", "surrogateescape") for path in left(tmp_path)] == [b"bad\xff"]


def test_what_cannot_be_listed_is_not_known(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is left out is: the engine looks into it only for what is taken back."""
    listing = os.scandir

    def scandir(path: bytes) -> object:
        if path.endswith(b"/d"):
            raise PermissionError(13, "Permission denied")
        return listing(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(UnknownError) as raised:
        left(folder)
    assert raised.value.told(str(folder)) == "d cannot be read: Permission denied"
    assert left(folder, "d\n!x") == left(folder, "d")


def test_after_an_error_nothing_is_half_known(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree, "MOST_LISTED", 6)
    one = Tree(str(folder), ignored_by("a\n!a/b/c/1"))
    for _ in range(2):
        with pytest.raises(UnknownError):
            one.children(one.root)


def test_too_many_files(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree, "MOST_LISTED", 8)
    with pytest.raises(UnknownError) as raised:
        left(folder)
    assert raised.value.told(str(folder)) == "the context has more than 8 files"
    assert left(folder, "a")
