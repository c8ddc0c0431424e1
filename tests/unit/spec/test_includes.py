"""Which files an `include` means."""

import glob
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from buildmatrix.files import OutsideError, Repository
from buildmatrix.spec import includes
from buildmatrix.spec.includes import TooManyError, matches

FILES = ("a.toml", "b/a.toml", "b/c/a.toml", "b/c/d.txt", ".hidden/a.toml", "b/.x.toml", "[odd]/a.toml")


@pytest.fixture(scope="module")
def repo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("top") / "repo"
    (root / ".git").mkdir(parents=True)
    for name in FILES:
        (root / name).parent.mkdir(exist_ok=True, parents=True)
        (root / name).touch()
    return root


MAGIC = ["*", "**", "?", "[ab]", "*.toml", "b*", ".*", "[!b]*"]
PARTS = st.sampled_from([*MAGIC, "a.toml", "b", "c", "nothing"])


def normal(paths: list[str]) -> set[str]:
    return {os.path.normpath(path) for path in paths} - {"."}


@settings(deadline=None)
@given(before=st.sampled_from([[], ["."], [".."], ["..", ".."], ["c", ".."]]), parts=st.lists(PARTS, min_size=1))
def test_a_pattern_means_what_it_means_to_the_shell(repo: Path, before: list[str], parts: list[str]) -> None:
    pattern = "/".join([*before, *parts])
    try:
        found = matches(pattern, "b", Repository.around(repo))
    except OutsideError:
        assert before == ["..", ".."]
        return
    expected = glob.glob(pattern, root_dir=repo / "b", recursive=True)  # noqa: PTH207 it has the shell's meaning
    assert normal(found) == normal([path for path in expected if (repo / "b" / path).exists()])


def test_links_are_followed_by_name_and_never_out(tmp_path: Path) -> None:
    top = tmp_path / "repo"
    (top / ".git").mkdir(parents=True)
    (top / "real").mkdir()
    (top / "real" / "x.toml").touch()
    (top / "images").mkdir()
    (top / "images" / "here").symlink_to("../real")
    (top / "images" / "loop").symlink_to(".")
    inside = Repository.around(top)
    assert matches("images/*/x.toml", "", inside) == ["images/here/x.toml"]
    assert matches("**/x.toml", "", inside) == ["real/x.toml"]
    (top / "images" / "away").symlink_to(tmp_path)
    with pytest.raises(OutsideError):
        matches("images/*/x.toml", "", inside)
    assert matches("**/x.toml", "", inside) == ["real/x.toml"]


def test_a_walk_ends(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(includes, "MOST_ENTRIES", 5)
    with pytest.raises(TooManyError):
        matches("**/*.toml", "", Repository.around(repo))
