"""The files of a spec at a revision mean there what they mean in a checkout, and nothing of the working tree counts."""

from pathlib import Path

import pytest

from buildmatrix.errors import Problems, SpecError
from buildmatrix.git.repository import UnansweredError
from buildmatrix.git.revision import Revision, revision_of
from buildmatrix.review import earlier as module
from buildmatrix.review.earlier import Earlier
from buildmatrix.spec.load import load
from tests.repositories import asked, committed, git, write

TARGET = 'version = 1\n[target.{}]\ndockerfile-inline = "FROM scratch"\n'


def at(folder: Path, name: str = "HEAD") -> Revision:
    found = revision_of(asked(folder), name)
    assert found is not None
    return found


def laid_out(folder: Path, way: str = ".", name: str = "HEAD") -> Earlier:
    top = folder.parent / f"{folder.name}-then"
    top.mkdir()
    return Earlier(at(folder, name), top, way)


def targets(earlier: Earlier) -> list[str]:
    problems = Problems()
    spec = load("buildmatrix.toml", earlier, problems)
    problems.raise_if_any()
    return sorted(spec.targets)


@pytest.mark.parametrize("include", ["img/one/x.toml", "img/*/x.toml", "**/x.toml", "img/one/*", "img/on[e]/x.*"])
def test_includes(include: str, tmp_path: Path) -> None:
    repo = tmp_path / "repo"
    committed(repo, {"buildmatrix.toml": f'include = ["{include}"]\n{TARGET.format("root")}', "other.toml": "["})
    committed(repo, {"img/one/x.toml": TARGET.format("then")})
    write(repo, {"img/one/x.toml": TARGET.format("now"), "img/two/x.toml": TARGET.format("new")})
    assert targets(laid_out(repo)) == ["root", "then"]


def test_links_of_then(tmp_path: Path) -> None:
    repo = tmp_path / "repo"
    committed(repo, {"sub/real.toml": f'include = ["way/*.toml"]\n{TARGET.format("root")}'})
    committed(repo, {"parts/a.toml": TARGET.format("a")})
    (repo / "sub/buildmatrix.toml").symlink_to("real.toml")
    (repo / "sub/way").symlink_to("../parts")
    committed(repo)
    (repo / "sub/way").unlink()
    assert targets(laid_out(repo, "sub")) == ["a", "root"]


@pytest.mark.parametrize(
    ("include", "message"),
    [
        ("gone.toml", "matches no file"),
        ("img", "is a directory"),
        ("out/*.toml", "leads out of the repository"),
        ("../x.toml", "leads out of the repository"),
    ],
)
def test_what_is_wrong_there_is_wrong_in_the_same_words(include: str, message: str, tmp_path: Path) -> None:
    repo = tmp_path / "repo"
    committed(repo, {"buildmatrix.toml": f'include = ["{include}"]\n{TARGET.format("a")}', "img/x.toml": "x"})
    (repo / "out").symlink_to(tmp_path)
    committed(repo)
    with pytest.raises(SpecError, match=message):
        targets(laid_out(repo))


def test_a_file_that_was_not_there(tmp_path: Path) -> None:
    repo = tmp_path / "repo"
    committed(repo, {"other": "x"})
    write(repo, {"buildmatrix.toml": TARGET.format("now")})
    earlier = laid_out(repo, "sub/deep")
    assert not earlier.has("buildmatrix.toml")
    assert (earlier.has("../../other"), earlier.path("other") is None) == (True, False)


def test_a_file_where_a_directory_is_now(tmp_path: Path) -> None:
    repo = tmp_path / "repo"
    committed(repo, {"sub": "a file"})
    assert not laid_out(repo, "sub").has("buildmatrix.toml")


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    repo = tmp_path / "repo"
    committed(repo, {"buildmatrix.toml": "#" * 5_000_000})
    with pytest.raises(SpecError, match="too large"):
        targets(laid_out(repo))


def test_a_tree_that_was_made_by_hand_writes_nothing_outside(tmp_path: Path) -> None:
    repo, outside = tmp_path / "repo", tmp_path / "outside"
    outside.mkdir()
    committed(repo, {"f": "x"})
    link = tmp_path / "link"
    link.write_text(str(outside))
    to = git(repo, "hash-object", "-w", str(link))
    earlier = laid_out(repo)
    earlier.revision.files = {
        "a": earlier.revision.files["f"]._replace(mode="120000", id=to),
        "a/f": earlier.revision.files["f"],
        "../up": earlier.revision.files["f"],
        ".git/config": earlier.revision.files["f"],
    }
    earlier._place_links()
    earlier.place(["a/f", "../up", ".git/config"])
    assert list(outside.iterdir()) == []
    assert not (tmp_path / "up").exists()
    assert list((tmp_path / "repo-then/.git").iterdir()) == []


def test_too_much_is_not_laid_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repo = tmp_path / "repo"
    committed(repo, {"buildmatrix.toml": 'version = 1\ninclude = ["*.toml"]\n', "a.toml": TARGET.format("a")})
    monkeypatch.setattr(module, "MOST_BYTES", 50)
    with pytest.raises(UnansweredError, match="the spec would be more than"):
        targets(laid_out(repo))
