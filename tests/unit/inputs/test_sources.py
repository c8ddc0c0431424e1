"""Which paths the sources of COPY reach; each line was tried with BuildKit 0.25."""

from pathlib import Path

import pytest

from buildmatrix.dockerfile.ignore import ignored_by
from buildmatrix.inputs.sources import MOST_LINKS, Reaching
from buildmatrix.inputs.tree import Tree

FILES = ("top.txt", "real/a.txt", "real/sub/b.txt", "other/z.txt", "[x]/s", "x/t")
LINKS = {
    "l1": "top.txt", "l2": "l1", "ld": "real", "labs": "/top.txt", "lup": "../../../top.txt", "lout": "/etc/passwd",
    "real/up": "../top.txt", "real/lsub": "sub", "real/lother": "../other", "dang": "nowhere", "loop": "loop",
    "lds": "ld/sub", "ldd": "ld/../top.txt", "more": "more/more", "deep": "lds/../a.txt",
}  # fmt: skip
REAL = "real real/a.txt real/lother real/lsub real/sub real/sub/b.txt real/up"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for path in FILES:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(path)
    for path, target in LINKS.items():
        (tmp_path / path).symlink_to(target)
    (tmp_path / "empty").mkdir()
    return tmp_path


def reached(folder: Path, *sources: str, ignore: str = "") -> list[str]:
    reaching = Reaching(Tree(str(folder), ignored_by(ignore)))
    for source in sources:
        reaching.source(source)
    return sorted({*reaching.leaves, *reaching.folders} - {""})


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("top.txt", "top.txt"),
        ("/top.txt", "top.txt"),
        ("./real/../top.txt", "top.txt"),
        ("../top.txt", "top.txt"),
        ("real", REAL),
        ("real/", REAL),
        ("empty", "empty"),
        ("gone", ""),
        ("top.txt/x", ""),
        ("l1", "l1 top.txt"),
        ("l2", "l1 l2 top.txt"),
        ("ld", f"ld {REAL}"),
        ("labs", "labs top.txt"),
        ("lup", "lup top.txt"),
        ("lout", "lout"),
        ("dang", "dang"),
        ("loop", "loop"),
        ("more", "more"),
        ("ld/a.txt", "ld real/a.txt"),
        ("ld/lsub", "ld real/lsub real/sub real/sub/b.txt"),
        ("real/lother", "other other/z.txt real/lother"),
        ("lds", "ld lds real/sub real/sub/b.txt"),
        ("ldd", "ld ldd top.txt"),
        ("deep", "deep ld lds real/a.txt"),
        ("real/l*", "other other/z.txt real/lother real/lsub real/sub real/sub/b.txt"),
        ("*/a.txt", "deep l1 l2 ld lds real/a.txt"),
        ("real/s*/*.txt", "real/sub/b.txt"),
        ("[x]/*", "[x]/s x/t"),
        ("x/?", "x/t"),
        ("[xy]/t", "x/t"),
        ("real[/]a.txt", f"other other/z.txt {REAL}"),
        ("real/[^x]", f"other other/z.txt {REAL} top.txt"),
        ("real/**/b.txt", f"other other/z.txt {REAL} top.txt"),
    ],
)
def test_what_a_source_reaches(folder: Path, source: str, expected: str) -> None:
    assert set(expected.split()) <= set(reached(folder, source))
    if "[/]" not in source and not source.startswith("*"):
        assert reached(folder, source) == sorted(expected.split())


def test_a_pattern_reaches_no_more_than_it_may_mean(folder: Path) -> None:
    found = reached(folder, "*/a.txt")
    assert "real/a.txt" in found
    assert not {"real", "real/sub", "other/z.txt", "x/t"} & set(found)


@pytest.mark.parametrize("source", [".", "/", "", "./", "./x/.."])
def test_the_root_is_everything(folder: Path, source: str) -> None:
    assert reached(folder, source) == sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.parametrize(
    ("source", "ignore", "expected"),
    [
        ("l1", "top.txt", "l1"),
        ("l2", "l1", "l2"),
        ("ld/a.txt", "ld", ""),
        ("real", "real/lsub\nreal/sub", "real real/a.txt real/lother real/up"),
        ("ld", "real/*\n!real/sub/b.txt", "ld real real/sub real/sub/b.txt"),
        ("real", "real\n!real/sub", "real real/sub real/sub/b.txt"),
        ("real", "**/*.txt", "real real/lother real/lsub real/sub real/up"),
    ],
)
def test_what_is_left_out_is_not_reached(folder: Path, source: str, ignore: str, expected: str) -> None:
    assert reached(folder, source, ignore=ignore) == expected.split()


def test_what_is_around_is_known(folder: Path) -> None:
    """COPY --parents makes the directories around what it copies."""
    reaching = Reaching(Tree(str(folder), ignored_by("")))
    reaching.source("ld/sub/b.txt")
    assert set(reaching.paths_around()) == {"real", "real/sub"}


def test_both_meanings_of_a_path_behind_a_link_count(folder: Path) -> None:
    """`ld/../sub` is cut to `sub` by BuildKit; a kernel goes to the directory around what the link leads to."""
    (folder / "far").symlink_to("lds/../a.txt")
    (folder / "a.txt").write_text("near")
    assert {"a.txt", "real/a.txt"} <= set(reached(folder, "far"))


def test_links_without_end(folder: Path) -> None:
    for number in range(MOST_LINKS + 5):
        (folder / f"n{number}").symlink_to(f"n{number + 1}")
    (folder / f"n{MOST_LINKS + 5}").write_text("end")
    assert f"n{MOST_LINKS + 5}" not in reached(folder, "n0")
    assert f"n{MOST_LINKS + 5}" in reached(folder, "n10")


def test_a_link_to_the_directory_around_it(folder: Path) -> None:
    (folder / "x/self").symlink_to(".")
    (folder / "x/root").symlink_to("/")
    assert "real/a.txt" in reached(folder, "*/*/*/*/*/*/*/*")
