"""A revision's files come from git's objects alone."""

import os
from pathlib import Path

import pytest

from buildmatrix.git.repository import UnansweredError
from buildmatrix.git.revision import fork_point, is_shallow, revision_of
from tests.repositories import asked, committed, git


def test_the_files_of_a_revision(tmp_path: Path) -> None:
    first = committed(tmp_path, {"a": "1\n", "d d/b\nc": "2\n"})
    (tmp_path / "link").symlink_to("a")
    second = committed(tmp_path, {"a": "changed\n"})
    then = revision_of(asked(tmp_path), "HEAD~1")
    assert then is not None
    assert then.commit == first
    assert [(path, blob.mode) for path, blob in then.files.items()] == [("a", "100644"), ("d d/b\nc", "100644")]
    ids = [blob.id for blob in then.files.values()]
    assert then.sizes(ids) == dict(zip(ids, (2, 2), strict=True))
    assert then.contents(ids) == dict(zip(ids, (b"1\n", b"2\n"), strict=True))
    now = revision_of(asked(tmp_path), "main")
    assert now is not None
    assert now.files["link"].mode == "120000"
    assert (now.spoken, then.spoken) == (f"main ({second[:12]})", f"HEAD~1 ({first[:12]})")


def test_a_name_that_is_not_utf_8(tmp_path: Path) -> None:
    committed(tmp_path)
    (tmp_path / os.fsdecode(b"\xff")).write_bytes(b"\x00\xff")
    committed(tmp_path)
    then = revision_of(asked(tmp_path), "HEAD")
    assert then is not None
    ((path, blob),) = then.files.items()
    assert os.fsencode(path) == b"\xff"
    assert then.contents([blob.id]) == {blob.id: b"\x00\xff"}


def test_the_hash_alone_is_shown_where_that_was_written(tmp_path: Path) -> None:
    commit = committed(tmp_path)
    then = revision_of(asked(tmp_path), commit[:7])
    assert then is not None
    assert then.spoken == commit[:12]


@pytest.mark.parametrize("name", ["nope", "HEAD~1", "HEAD:a", "main..main"])
def test_what_is_not_a_revision(name: str, tmp_path: Path) -> None:
    committed(tmp_path, {"a": "1"})
    assert revision_of(asked(tmp_path), name) is None


def test_without_a_repository_there_is_no_answer(tmp_path: Path) -> None:
    with pytest.raises(UnansweredError, match="there is no git repository"):
        revision_of(asked(tmp_path), "HEAD")


def test_where_a_branch_and_head_part(tmp_path: Path) -> None:
    base = committed(tmp_path, message="base")
    git(tmp_path, "checkout", "--quiet", "-b", "other")
    committed(tmp_path, message="other")
    git(tmp_path, "checkout", "--quiet", "main")
    committed(tmp_path, message="ours")
    other = revision_of(asked(tmp_path), "other")
    assert other is not None
    found = fork_point(other)
    assert found is not None
    assert found.commit == base
    git(tmp_path, "checkout", "--quiet", "--orphan", "lonely")
    committed(tmp_path, message="lonely")
    assert fork_point(other) is None


def test_a_shallow_clone_knows_its_end(tmp_path: Path) -> None:
    committed(tmp_path / "whole", message="1")
    last = committed(tmp_path / "whole", message="2")
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{tmp_path}/whole", "part")
    part = asked(tmp_path / "part")
    assert is_shallow(part)
    assert not is_shallow(asked(tmp_path / "whole"))
    now = revision_of(part, "HEAD")
    assert now is not None
    found = fork_point(now)  # which walks the history: without its end known git fails
    assert found is not None
    assert found.commit == last
    assert revision_of(part, "HEAD~1") is None


def test_an_object_that_is_missing_is_told(tmp_path: Path) -> None:
    committed(tmp_path, {"a": "1\n"})
    then = revision_of(asked(tmp_path), "HEAD")
    assert then is not None
    name = then.files["a"].id
    (tmp_path / ".git/objects" / name[:2] / name[2:]).unlink()
    with pytest.raises(UnansweredError, match="is missing"):
        then.sizes([name])
