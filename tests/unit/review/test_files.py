"""Which targets read what changed: by paths, links and Dockerfiles; in doubt they do."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from buildmatrix.git.changed import Changed
from buildmatrix.review.files import Files, bases_of
from buildmatrix.spec.rows.settings import Settings
from tests.plans import plan, target
from tests.repositories import write

SRC = "FROM scratch\nCOPY src /src\n"


def read(
    folder: Path,
    *changed: str | Changed,
    files: Mapping[str, str] | None = None,
    old: str | None = None,
    **settings: Any,
) -> dict[str, tuple[str, ...]]:
    """What changed of the files of a target, by part."""
    return reader(folder, changed, files or {"Dockerfile": SRC}, old, Settings(**settings))


def reader(
    folder: Path, changed: Iterable[str | Changed], files: Mapping[str, str], old: str | None, settings: Settings
) -> dict[str, tuple[str, ...]]:
    (folder / ".git").mkdir(exist_ok=True)
    write(folder, files)
    paths = [one if isinstance(one, Changed) else Changed(one) for one in changed]
    made = Files(plan(target("a", settings), directory=str(folder)), paths, {}, lambda _: old)
    return {one.part: one.paths for one in made.of("a")}


@pytest.mark.parametrize(
    ("source", "changed", "reads"),
    [
        ("src", "src/a/b", True),
        ("src", "src", True),
        ("src", "srcs/a", False),
        ("src/", "src/a", True),
        ("./src/../src", "src/a", True),
        ("/src", "src/a", True),
        ("src/*.py", "src/a.py", True),
        ("src/*.py", "src/a.js", False),
        ("*/a", "src/a/deep", True),
        ("src/a", "src", False),
        ("[^x]", "src/a", True),
        (".", "anything", True),
        ("--from=scratch src", "src/a", False),
        ("$UNKNOWN/src", "src/a", True),
    ],
)
def test_what_a_copy_reads(source: str, changed: str, reads: bool, tmp_path: Path) -> None:
    dockerfile = f"FROM scratch\nCOPY {source} /\n"
    assert ("context" in read(tmp_path, changed, files={"Dockerfile": dockerfile})) is reads


def test_a_directory_that_is_left_out(tmp_path: Path) -> None:
    files = {"Dockerfile": "FROM scratch\nCOPY . /\n", ".dockerignore": "docs\n!docs/kept\n*.md\n"}
    found = read(tmp_path, "docs/a", "docs/kept/b", "x.md", "deep/x.md", "gone", files=files)
    assert found == {"context": ("deep/x.md", "docs/kept/b", "gone")}
    assert read(tmp_path, ".dockerignore", files=files) == {"context": (".dockerignore",)}


def test_the_ignore_file_of_a_dockerfile_goes_before(tmp_path: Path) -> None:
    files = {"Dockerfile": "FROM scratch\nCOPY . /\n", ".dockerignore": "a\n", "Dockerfile.dockerignore": "b\n"}
    assert read(tmp_path, "a", "b", files=files) == {"context": ("a",)}
    found = read(tmp_path, "Dockerfile.dockerignore", files={**files, "Dockerfile": SRC})
    assert found == {"Dockerfile": ("Dockerfile.dockerignore",)}


def test_only_the_stages_that_are_needed(tmp_path: Path) -> None:
    dockerfile = "FROM scratch AS one\nCOPY a /\nFROM scratch AS two\nCOPY b /\n"
    assert read(tmp_path, "a", "b", files={"Dockerfile": dockerfile}, target="one") == {"context": ("a",)}


def test_a_base_of_which_nobody_knows_its_onbuilds(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    write(tmp_path, {"Dockerfile": "FROM debian:12\nCOPY src /\n"})
    one = plan(target("a"), directory=str(tmp_path))
    unknown = Files(one, [Changed("other")], {})
    assert [part.part for part in unknown.of("a")] == ["context"]
    assert list(unknown.wide) == ["debian:12"]
    locked = Files(one, [Changed("other")], bases_of([("debian:12", ["PATH"])]))
    assert (locked.of("a"), list(locked.wide)) == ((), [])


def test_a_target_that_it_is_built_on_is_known(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    write(tmp_path, {"Dockerfile": "FROM base\nCOPY src /\n"})
    base = target("base", Settings(dockerfile_inline="FROM scratch\nONBUILD COPY more /\n"))
    app = target("app", Settings(contexts={"base": "target:base"}), depends_on=("base",))
    files = Files(plan(base, app, directory=str(tmp_path)), [Changed("more"), Changed("other")], {})
    assert [files.of("base"), [one.paths for one in files.of("app")]] == [(), [("more",)]]


@pytest.mark.parametrize(
    ("old", "is_changed"),
    [
        ("# a comment\nFROM scratch\n\nCOPY src /src\n", False),
        ("FROM busybox AS other\nFROM scratch\nCOPY src /src\n", False),
        ("FROM scratch\nCOPY src /other\n", True),
        ("FROM busybox\nCOPY src /src\n", True),
        ("# syntax=example.com/other\nFROM scratch\nCOPY src /src\n", True),
        ("", True),
        (None, True),
    ],
)
def test_a_dockerfile_that_does_the_same(old: str | None, is_changed: bool, tmp_path: Path) -> None:
    assert ("Dockerfile" in read(tmp_path, "Dockerfile", old=old)) is is_changed


def test_where_the_dockerfile_is(tmp_path: Path) -> None:
    files = {"docker/x.Dockerfile": SRC, "ctx/src/a": "1"}
    found = read(tmp_path, "docker/x.Dockerfile", files=files, context="ctx", dockerfile="../docker/x.Dockerfile")
    assert found == {"Dockerfile": ("docker/x.Dockerfile",)}
    inline = read(tmp_path, "ctx/Dockerfile", "ctx/src/a", context="ctx", dockerfile_inline=SRC)
    assert inline == {"context": ("ctx/src/a",)}


def test_named_contexts(tmp_path: Path) -> None:
    files = {"Dockerfile": "FROM scratch\nCOPY --from=lib a /\n", "lib/a": "1", "lib/b": "1", "unused/a": "1"}
    contexts = {"lib": "lib", "unused": "unused"}
    found = read(tmp_path, "lib/a", "lib/b", "unused/a", "a", files=files, contexts=contexts)
    assert found == {"context lib": ("lib/a",)}


def test_links_on_the_way_of_a_context(tmp_path: Path) -> None:
    write(tmp_path, {"real/Dockerfile": SRC, "real/src/a": "1"})
    (tmp_path / "link").symlink_to("real")
    found = read(tmp_path, "real/src/a", files={}, context="link")
    assert found["context"] == ("real/src/a",)
    assert read(tmp_path, Changed("link", wide=True), files={}, context="link")["context"] == ("link",)
    gone = read(tmp_path, Changed("was", wide=True), files={"was/Dockerfile": SRC}, context="was")
    assert gone == {"Dockerfile": ("was",), "context": ("was",)}


def test_links_within_a_context(tmp_path: Path) -> None:
    write(tmp_path, {"Dockerfile": SRC, "shared/a": "1", "apart/b": "1"})
    (tmp_path / "src").symlink_to("shared")
    assert read(tmp_path, "shared/a", "shared/gone", "apart/b") == {"context": ("shared/a", "shared/gone")}
    deep = {"Dockerfile": "FROM scratch\nCOPY way/to/a /\n"}
    assert read(tmp_path, Changed("way", wide=True), files=deep) == {"context": ("way",)}
    assert read(tmp_path, "way", files=deep) == {}


def test_a_submodule_around_and_within(tmp_path: Path) -> None:
    files = {"sub/inner/Dockerfile": SRC, "Dockerfile": "FROM scratch\nCOPY sub/x /\n"}
    assert set(read(tmp_path, Changed("sub", wide=True), files=files, context="sub/inner")) == {"Dockerfile", "context"}
    assert read(tmp_path, Changed("sub", wide=True), files=files) == {"context": ("sub",)}


def test_what_is_not_seen_is_told(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    inline = Settings(dockerfile_inline="FROM scratch\nCOPY . /\nCOPY --from=c . /\n")
    url = target("a", inline.but({"contexts": {"c": "https://example.com/c.git"}}))
    out = target("b", Settings(context="../..", dockerfile_inline="FROM scratch\nCOPY . /\n"))
    remote = target("c", Settings(context="https://example.com/x.git"))
    files = Files(plan(url, out, remote, directory=str(tmp_path)), [Changed("x")], {})
    assert [one.part for one in files.of("a")] == ["context"]
    assert (files.of("b"), files.of("c")) == ((), ())
    assert list(files.unseen) == ["a: https://example.com/c.git", "b: ../..", "c: https://example.com/x.git"]


def test_cells_that_differ_in_arguments(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    write(tmp_path, {"Dockerfile": "FROM scratch\nARG V\nCOPY $V /\nRUN x $V\n"})
    cells = [target(f"a-{v}", Settings(args={"V": v})) for v in ("1", "2")]
    files = Files(plan(*cells, directory=str(tmp_path)), [Changed("1")], {})
    assert [bool(files.of(cell.name)) for cell in cells] == [True, False]
    write(tmp_path, {"Dockerfile": "FROM scratch\nARG V\nCOPY 1 /\nRUN x $V\n"})
    old = "FROM scratch\nARG V=1\nCOPY 1 /\nRUN x $V\n"  # which counts only where nothing is given
    cells = [target("given", Settings(args={"V": "1"})), target("open")]
    files = Files(plan(*cells, directory=str(tmp_path)), [Changed("Dockerfile")], {}, lambda _: old)
    assert [bool(files.of(cell.name)) for cell in cells] == [False, True]
