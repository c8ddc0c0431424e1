"""The lock file: what is written is read again, and what cannot be used is said with its line."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buildmatrix.errors import SpecError
from buildmatrix.lock import FILE
from buildmatrix.lock.file import NO_LOCK, Lock, LockedImage, lock_of, read_lock, text_of
from tests.unit.lock.test_policy import A, B

ENTRY = LockedImage(digest=A, platforms=("linux/amd64", "linux/arm64"), onbuild=False, env=("PATH",))
LONE = LockedImage(digest=B, single=True, platforms=("linux/amd64",), onbuild=True, env=())

WRITTEN = f"""# Made by buildmatrix lock: the digests by which external images are taken. Commit this file.
version = 1

[image."acme/app:1"]
digest = "{B}"
single = true
platforms = ["linux/amd64"]
onbuild = true
env = []

[image."busybox:latest"]
digest = "{A}"
platforms = ["linux/amd64", "linux/arm64"]
onbuild = false
env = ["PATH"]
"""


def test_it_is_sorted_and_written_in_one_way() -> None:
    lock = Lock(images={"busybox:latest": ENTRY, "acme/app:1": LONE})
    assert text_of(lock) == WRITTEN
    assert lock_of(WRITTEN) == lock
    assert lock.digests == {"busybox:latest": A, "acme/app:1": B}


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=4))
def test_any_names_of_variables_are_read_again(names: list[str]) -> None:
    lock = Lock(images={"a:1": LockedImage(digest=A, platforms=(), onbuild=False, env=tuple(names))})
    assert lock_of(text_of(lock)) == lock


def test_no_image_at_all() -> None:
    assert lock_of(text_of(NO_LOCK)) == Lock(images={})


def test_crlf_is_read_too() -> None:
    """Whatever git makes of the ends of lines."""
    assert lock_of(WRITTEN.replace("\n", "\r\n")).digests == {"busybox:latest": A, "acme/app:1": B}


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        ("", 0, "version is missing"),
        ("version = 2\n", 1, "it has version 2, and this buildmatrix reads 1"),
        ("version = true\nimage = {}\n", 1, "version must be an integer, not a boolean (true)"),
        ("version = 1\n<<<<<<< HEAD\n", 2, "a merge left a conflict in it"),
        ("version = 1\n<<<<<< HEAD\n", 2, "it is not valid TOML: Invalid statement"),
        ("version = 1\nimage = 1\n", 2, "image must be a table, not an integer (1)"),
        ("version = 1\nmore = 1\nimage = {}\n", 2, 'unknown key "more" in the file'),
        (WRITTEN.replace("sha256:bbbb", "sha256:bbb"), 5, 'image."acme/app:1".digest: '),
        (WRITTEN.replace("onbuild = true\n", ""), 4, 'image."acme/app:1" lacks "onbuild"'),
        ("a = " + "[" * 5000, 0, "it is nested too deeply"),
    ],
)
def test_what_cannot_be_used_is_said(text: str, line: int, why: str) -> None:
    with pytest.raises(SpecError, match=rf"^the lock file cannot be used: {re.escape(why)}") as error:
        lock_of(text)
    place = error.value.diagnostics[0].place
    assert place is not None
    assert (place.file, place.line) == (FILE, line)


def test_it_is_read_beside_the_root_file(tmp_path: Path) -> None:
    assert read_lock(str(tmp_path)) is NO_LOCK
    (tmp_path / FILE).write_text(WRITTEN)
    assert read_lock(str(tmp_path)) == lock_of(WRITTEN)
    (tmp_path / FILE).write_bytes(b"\xff")
    with pytest.raises(SpecError, match="it is not UTF-8 text"):
        read_lock(str(tmp_path))


def test_a_link_out_of_the_repository_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "out").write_text(WRITTEN)
    (tmp_path / "in" / FILE).symlink_to("../out")
    with pytest.raises(SpecError, match="it leads out of the repository"):
        read_lock(str(tmp_path / "in"))


def test_json_and_toml_strings_are_alike() -> None:
    assert json.dumps('"\\\n') in text_of(
        Lock(images={"a": LockedImage(digest=A, platforms=(), onbuild=False, env=('"\\\n',))})
    )


def test_sources_are_read_again_and_none_is_not_no_sources() -> None:
    sources = {'https://x/"y"': A, "https://x/z.git#main": "c" * 40}
    for lock in (Lock(images={"a:1": LONE}, sources=sources), Lock(images={}, sources={})):
        assert lock_of(text_of(lock)) == lock
    assert text_of(Lock(images={}, sources=sources)).endswith(
        f'[source."https://x/\\"y\\""]\nchecksum = "{A}"\n\n[source."https://x/z.git#main"]\ncommit = "{"c" * 40}"\n'
    )
    assert lock_of(text_of(Lock(images={}))).sources is None


def test_a_source_has_one_pin() -> None:
    with pytest.raises(SpecError) as caught:
        lock_of('version = 1\nimage = {}\n[source."https://x/y"]\n')
    assert "https://x/y has to have either a checksum or a commit" in caught.value.diagnostics[0].message
