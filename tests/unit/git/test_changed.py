"""What differs between a commit and the working tree: whatever is committed, added, or new."""

import hashlib
import os
from pathlib import Path

import pytest

from buildmatrix.git.changed import Changed, changed_since
from tests.repositories import asked, committed, git, write


def paths(folder: Path, commit: str = "HEAD") -> list[str]:
    return [one.path for one in changed_since(asked(folder), commit)]


def test_nothing_differs_from_itself(tmp_path: Path) -> None:
    committed(tmp_path, {"a": "1", ".gitignore": "*.log\n", "x.log": "1"})
    os.utime(tmp_path / "a", (1, 1))  # git's index does not know that it is the same
    assert paths(tmp_path) == []


def test_each_way_to_differ(tmp_path: Path) -> None:
    committed(tmp_path, dict.fromkeys(("kept", "edited", "added", "deleted", "moved", "back", "mode"), "1"))
    write(tmp_path, {"edited": "2", "added": "2", "new": "1", "d/new": "1", "back": "2"})
    git(tmp_path, "add", "added", "back")
    (tmp_path / "deleted").unlink()
    (tmp_path / "mode").chmod(0o755)
    git(tmp_path, "mv", "moved", "elsewhere")
    write(tmp_path, {"back": "1"})  # as it was, though the index says otherwise
    assert paths(tmp_path) == ["added", "d/new", "deleted", "edited", "elsewhere", "mode", "moved", "new"]


def test_between_commits(tmp_path: Path) -> None:
    first = committed(tmp_path, {"a": "1", "b": "1"})
    committed(tmp_path, {"b": "2"})
    assert paths(tmp_path, first) == ["b"]


def test_odd_names(tmp_path: Path) -> None:
    committed(tmp_path)
    odd = ["with space", "two\nlines", '"quoted"', "\ttab", os.fsdecode(b"\xff\xfe")]
    write(tmp_path, dict.fromkeys(odd, "1"))
    assert sorted(paths(tmp_path)) == sorted(odd)
    committed(tmp_path)
    write(tmp_path, dict.fromkeys(odd, "2"))
    assert sorted(paths(tmp_path)) == sorted(odd)


def test_links_stand_for_what_they_lead_to(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("a")
    committed(tmp_path, {"a": "1"})
    (tmp_path / "link").unlink()
    (tmp_path / "link").symlink_to("b")
    (tmp_path / "new").symlink_to("a")
    assert changed_since(asked(tmp_path), "HEAD") == (Changed("link", wide=True), Changed("new", wide=True))


def test_submodules(tmp_path: Path) -> None:
    committed(tmp_path / "inner", {"f": "1"})
    committed(tmp_path / "outer")
    git(tmp_path / "outer", "submodule", "--quiet", "add", f"{tmp_path}/inner", "sub/inner")
    committed(tmp_path / "outer")
    assert paths(tmp_path / "outer") == []
    write(tmp_path / "outer/sub/inner", {"f": "2", "new": "1"})
    assert paths(tmp_path / "outer") == ["sub/inner/f", "sub/inner/new"]
    committed(tmp_path / "outer/sub/inner")
    assert changed_since(asked(tmp_path / "outer"), "HEAD") == (Changed("sub/inner", wide=True),)


def test_no_filter_runs_and_files_of_lfs_are_compared_with_their_pointers(tmp_path: Path) -> None:
    content = b"large"
    pointer = (
        "version https://git-lfs.github.com/spec/v1\n"
        f"oid sha256:{hashlib.sha256(content).hexdigest()}\nsize {len(content)}\n"
    )
    committed(tmp_path, {"same": pointer, "other": pointer})
    committed(tmp_path, {".gitattributes": "same filter=lfs\nother filter=lfs\n"})
    (tmp_path / "same").write_bytes(content)
    (tmp_path / "other").write_bytes(b"otherwise")
    git(tmp_path, "config", "filter.lfs.clean", f"touch {tmp_path}/canary")
    assert paths(tmp_path) == ["other"]
    assert not (tmp_path / "canary").exists()


@pytest.mark.parametrize("setting", ["diff.external", "core.fsmonitor", "diff.noprefix", "core.quotePath"])
def test_the_repositorys_configuration_is_not_obeyed(setting: str, tmp_path: Path) -> None:
    commit = committed(tmp_path, {"a": "1"})
    git(tmp_path, "config", setting, f"touch {tmp_path}/canary")
    write(tmp_path, {"a": "2"})
    assert paths(tmp_path, commit) == ["a"]
    assert not (tmp_path / "canary").exists()


@pytest.mark.parametrize("flag", ["--assume-unchanged", "--skip-worktree"])
def test_what_git_was_told_to_overlook_is_looked_at(flag: str, tmp_path: Path) -> None:
    committed(tmp_path, {"edited": "1", "same": "1", "gone": "1"})
    git(tmp_path, "update-index", flag, "edited", "same", "gone")
    write(tmp_path, {"edited": "2"})
    (tmp_path / "gone").unlink()  # of a sparse checkout most are not there
    assert paths(tmp_path) == ["edited"]
