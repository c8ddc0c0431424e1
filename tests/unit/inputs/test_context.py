"""One digest of what builds read of a context: equal where an image would be, whatever the checkout."""

import hashlib
import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buildmatrix.inputs import digests
from buildmatrix.inputs.context import Contexts, Entry, Reached, digest_of, ignore_file_of

NOWHERE: Mapping[str, str] = {}
PLAIN, PROGRAM = False, True
Changes = Mapping[str, tuple[Callable[[Path], object], ...]]


def of(folder: Path, *sources: str, ignore: str | None = None) -> Reached:
    """What is reached; how it looked is another in each checkout."""
    found = Contexts(NOWHERE).of(str(folder), ignore, sources or None)
    assert len(found.looks) == len(found.entries)
    return found._replace(looks=())


def known(reached: Reached) -> str:
    assert reached.doubt is None
    assert reached.digest is not None
    return reached.digest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "context"
    for path in ("a/1", "a/2", "b/3", "4"):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(path)
    (root / "a/link").symlink_to("1")
    (root / "b/empty").mkdir()
    return root


def test_the_entries(folder: Path) -> None:
    (folder / "4").chmod(0o755)
    (folder / "b/3").chmod(0o444)
    (folder / "a/hard").hardlink_to(folder / "a/1")
    contents = {path: hashlib.sha256(path.encode()).hexdigest() for path in ("a/1", "a/2", "b/3", "4")}
    assert of(folder).entries == (
        Entry("4", "file", PROGRAM, None, contents["4"], None),
        Entry("a", "directory", PLAIN, None, None, None),
        Entry("a/1", "file", PLAIN, None, contents["a/1"], None),
        Entry("a/2", "file", PLAIN, None, contents["a/2"], None),
        Entry("a/hard", "file", PLAIN, None, contents["a/1"], "a/1"),
        Entry("a/link", "symlink", PLAIN, None, "1", None),
        Entry("b", "directory", PLAIN, None, None, None),
        Entry("b/3", "file", PLAIN, 0o444, contents["b/3"], None),
        Entry("b/empty", "directory", PLAIN, None, None, None),
    )


CHANGES: Changes = {
    "contents": (lambda root: (root / "a/1").write_text("b"),),
    "contents of the same length": (lambda root: (root / "a/1").write_text("a/2"),),
    "executable": (lambda root: (root / "a/1").chmod(0o755),),
    "read-only": (lambda root: (root / "a/1").chmod(0o444),),
    "setuid": (lambda root: (root / "a/1").chmod(0o4644),),
    "mode of a directory": (lambda root: (root / "a").chmod(0o1777),),
    "new file": (lambda root: (root / "a/new").write_text(""),),
    "new directory": (lambda root: (root / "a/new").mkdir(),),
    "no file": (lambda root: (root / "a/1").unlink(),),
    "no directory": (lambda root: (root / "b/empty").rmdir(),),
    "other link": (lambda root: (root / "a/link").unlink(), lambda root: (root / "a/link").symlink_to("2")),
    "file for link": (lambda root: (root / "a/link").unlink(), lambda root: (root / "a/link").write_text("1")),
    "renamed": (lambda root: (root / "a/1").rename(root / "a/0"),),
    "moved": (lambda root: (root / "a/1").rename(root / "b/1"),),
    "hard link": (lambda root: (root / "a/2").unlink(), lambda root: (root / "a/2").hardlink_to(root / "a/1")),
    "exchanged": (lambda root: (root / "a/1").write_text("a/2"), lambda root: (root / "a/2").write_text("a/1")),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_changes_the_digest(folder: Path, change: str) -> None:
    before = of(folder)
    for step in CHANGES[change]:
        step(folder)
    assert known(of(folder)) != known(before)


STAYS: Changes = {
    "times": (lambda root: subprocess.run(["touch", "--date=@1", root / "a/1", root / "a", root], check=True),),
    "bits that a umask takes": (lambda root: (root / "a/1").chmod(0o600), lambda root: (root / "a").chmod(0o700)),
    "bits of the context": (lambda root: root.chmod(0o701),),
    "bits that a directory inherits": (lambda root: (root / "a").chmod(0o2755),),
    "a name outside": (lambda root: (root.parent / "more").hardlink_to(root / "a/1"),),
}


@pytest.mark.parametrize("change", STAYS)
def test_what_does_not_change_the_digest(folder: Path, change: str) -> None:
    before = of(folder)
    for step in STAYS[change]:
        step(folder)
    assert known(of(folder)) == known(before)


def test_the_digest_is_what_it_was() -> None:
    """An image carries it: another format would build everything again, and has to be meant."""
    entries = [Entry("a", "directory", PLAIN, None, None, None), Entry("a/é", "file", PROGRAM, 0o4755, "0" * 64, "a")]
    assert digest_of(entries) == "fca9d2a9a637e8e87905a629266422eac3f4a060d15e1e8899155ba436cb6b0d"


NAMES = st.text(alphabet="ab/ \n0-", min_size=1, max_size=4)
ENTRIES = st.lists(
    st.builds(
        Entry,
        NAMES,
        st.sampled_from(["file", "directory", "symlink"]),
        st.booleans(),
        st.none() | st.sampled_from([0o444, 0o4755]),
        st.none() | st.just("") | NAMES,
        st.none() | st.just("") | NAMES,
    ),
    max_size=3,
)


@given(ENTRIES, ENTRIES)
def test_digests_differ_as_entries_do(first: list[Entry], second: list[Entry]) -> None:
    assert (digest_of(first) == digest_of(second)) == (first == second)


@given(ENTRIES, st.integers(0, 40))
def test_nothing_moves_from_one_part_to_the_next(entries: list[Entry], cut: int) -> None:
    for index, one in enumerate(entries):
        joined = one.path + (one.content or "")
        moved = one._replace(path=joined[:cut], content=joined[cut:])
        if moved != one:
            assert digest_of([*entries[:index], moved, *entries[index + 1 :]]) != digest_of(entries)


PATHS = st.lists(st.sampled_from("abcd"), min_size=1, max_size=3).map("/".join)
TREES = st.dictionaries(PATHS, st.text(max_size=3) | st.booleans(), max_size=6)
MASKS = st.sampled_from([0o000, 0o002, 0o007, 0o022, 0o027, 0o077])


def made(root: Path, tree: Iterable[tuple[str, str | bool]], mask: int, when: int) -> None:
    """Make files (texts), programs (true) and directories (false) in this order; what is in the way stays."""
    before = os.umask(mask)
    try:
        root.mkdir()
        for path, content in tree:
            place = root / path
            try:
                place.parent.mkdir(parents=True, exist_ok=True)
                if content is False:
                    place.mkdir(exist_ok=True)
                    continue
                place.write_text("x" if content is True else content)
            except OSError:
                continue
            if content is True:
                place.chmod(0o777 & ~mask)
            os.utime(place, (when, when))
    finally:
        os.umask(before)


def sound(tree: Mapping[str, str | bool]) -> dict[str, str | bool]:
    """Leave out what lies below a file, so that the order does not matter."""
    files = {path for path, content in tree.items() if content is not False}
    inner = {path for path in tree if any(path.startswith(f"{file}/") for file in files)}
    outer = {file for file in files if any(path.startswith(f"{file}/") for path in tree)}
    return {path: content for path, content in tree.items() if path not in inner | outer}


@given(TREES, st.randoms(use_true_random=False), MASKS, MASKS)
def test_two_checkouts_are_equal(
    tmp_path_factory: pytest.TempPathFactory, tree: dict[str, str | bool], order: random.Random, one: int, two: int
) -> None:
    base = tmp_path_factory.mktemp("checkouts")
    items = list(sound(tree).items())
    made(base / "first", items, one, 10)
    order.shuffle(items)
    made(base / "second", items, two, 20)
    assert of(base / "first") == of(base / "second")


@given(TREES, TREES)
def test_trees_that_differ_have_other_digests(
    tmp_path_factory: pytest.TempPathFactory, one: dict[str, str | bool], two: dict[str, str | bool]
) -> None:
    base = tmp_path_factory.mktemp("trees")
    made(base / "one", one.items(), 0o022, 10)
    made(base / "two", two.items(), 0o022, 10)
    first, second = of(base / "one"), of(base / "two")
    assert (first.entries == second.entries) == (first.digest == second.digest)


# --- sources and ignore files -----------------------------------------------------------------------------------------


def test_only_what_is_reached_counts(folder: Path) -> None:
    before = of(folder, "a/1", "/b/")
    assert [entry.path for entry in before.entries] == ["a", "a/1", "b", "b/3", "b/empty"]
    (folder / "4").write_text("other")
    (folder / "a/2").unlink()
    assert of(folder, "b", "./a/1", "a/1") == before
    assert known(of(folder)) != known(before)


def test_the_bytes_behind_a_link_count(folder: Path) -> None:
    before = of(folder, "a/link")
    assert [entry.path for entry in before.entries] == ["a", "a/1", "a/link"]
    (folder / "a/1").write_text("other")
    assert known(of(folder, "a/link")) != known(before)


def test_no_sources_are_no_files_and_none_is_all(folder: Path) -> None:
    contexts = Contexts(NOWHERE)
    assert contexts.of(str(folder), None, ()).entries == ()
    assert contexts.of(str(folder), None, ()).digest == digest_of(())
    assert contexts.of(str(folder), None, ("a", ".")) is contexts.of(str(folder), None, None)


def test_an_ignore_file_counts_by_what_it_leaves(folder: Path) -> None:
    (folder / ".dockerignore").write_text("a\n.dockerignore")
    before = of(folder, ignore=ignore_file_of(str(folder), None))
    assert [entry.path for entry in before.entries] == ["4", "b", "b/3", "b/empty"]
    (folder / ".dockerignore").write_text("# less\n.docker*\na/\n")
    assert of(folder, ignore=ignore_file_of(str(folder), None)) == before


def test_which_ignore_file_counts(folder: Path) -> None:
    dockerfile = str(folder / "b/Dockerfile")
    assert ignore_file_of(str(folder), dockerfile) is None
    (folder / ".dockerignore").write_text("")
    assert ignore_file_of(str(folder), dockerfile) == str(folder / ".dockerignore")
    own = folder / "b/Dockerfile.dockerignore"
    own.mkdir()
    assert ignore_file_of(str(folder), dockerfile) == str(folder / ".dockerignore")
    own.rmdir()
    own.write_text("")
    assert ignore_file_of(str(folder), dockerfile) == str(own)
    assert ignore_file_of(str(folder), None) == str(folder / ".dockerignore")


@pytest.mark.parametrize(
    ("target", "found"), [("3", "b/3"), ("/3", "b/3"), ("../3", "b/3"), ("gone", None), ("empty", None), ("/4", None)]
)
def test_an_ignore_file_is_followed_within_its_directory(folder: Path, target: str, found: str | None) -> None:
    """As BuildKit does: `/` is the directory of the Dockerfile, and what is elsewhere is not there."""
    (folder / "b/Dockerfile.dockerignore").symlink_to(target)
    expected = None if found is None else str(folder / found)
    assert ignore_file_of(str(folder), str(folder / "b/Dockerfile")) == expected


@pytest.mark.parametrize("text", [b"a\xff", b"[z-a]\n4", None])
def test_an_ignore_file_that_is_not_understood_leaves_nothing_out(folder: Path, text: bytes | None) -> None:
    file = folder.parent / "ignore"
    if text is not None:
        file.write_bytes(text)
    assert of(folder, ignore=str(file)) == of(folder)


# --- what cannot be known ---------------------------------------------------------------------------------------------


def test_a_special_file_is_a_doubt_where_it_is_reached(folder: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(folder / "b/socket"))
    assert of(folder) == Reached(None, (), "b/socket is neither a file nor a directory nor a link")
    assert of(folder, "a").doubt is None


def test_a_file_that_cannot_be_read_is_a_doubt(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opening = os.open

    def opened(path: bytes, flags: int) -> int:
        if path.endswith(b"a/1"):
            raise PermissionError(13, "Permission denied")
        return opening(path, flags)

    monkeypatch.setattr(os, "open", opened)
    assert of(folder).doubt == "a/1 cannot be read: Permission denied"
    assert of(folder, "b").doubt is None


@pytest.mark.parametrize(("path", "reason"), [("gone", "No such file or directory"), ("4", "Not a directory")])
def test_a_context_that_is_none_is_a_doubt(folder: Path, path: str, reason: str) -> None:
    assert of(folder / path).doubt == f"the context cannot be read: {reason}"


def test_too_much_is_a_doubt(folder: Path) -> None:
    few, small = Contexts(NOWHERE, most_files=3), Contexts(NOWHERE, most_bytes=8)
    assert few.of(str(folder), None, None).doubt == "more than 3 files are read"
    assert few.of(str(folder), None, ("a/1",)).doubt is None
    assert small.of(str(folder), None, None).doubt == "more than 8e-09 GB are read"


def test_a_file_that_goes_meanwhile_is_a_doubt(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reading = os.readlink

    def readlink(path: bytes) -> bytes:
        (folder / "a/link").unlink()
        return reading(path)

    monkeypatch.setattr(os, "readlink", readlink)
    assert of(folder).doubt == "a/link cannot be read: No such file or directory"


# --- once in a run, and kept for the next -----------------------------------------------------------------------------


def test_a_context_is_looked_at_once(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "alias").symlink_to(folder)
    contexts = Contexts(NOWHERE)
    first = contexts.of(str(folder), None, ("a", "b"))
    (folder / "a/1").write_text("other")
    assert contexts.of(str(folder), None, ("a", "b")) is first
    assert contexts.of(str(tmp_path / "alias"), None, ("b/", "./a", "/b")) is first


def test_threads_see_the_same(folder: Path) -> None:
    for number in range(300):
        (folder / f"a/{number}").write_text("")
    contexts, found = Contexts(NOWHERE), []
    asked = [(f"{number:0{number + 1}}", "a") for number in range(4)]
    threads = [Thread(target=lambda one=one: found.append(contexts.of(str(folder), None, one))) for one in asked]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {one._replace(looks=()) for one in found} == {of(folder, "a")}


def test_what_was_read_is_kept(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digests, "MARGIN", -(10**12))
    environment = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    with Contexts(environment) as contexts:
        first = contexts.of(str(folder), None, None)
    monkeypatch.setattr(digests, "_hashed", None)
    assert Contexts(environment).of(str(folder), None, None) == first


def test_another_locale_gives_the_same(folder: Path) -> None:
    (folder / "é").write_text("é")
    code = "import sys; from tests.unit.inputs.test_context import *; print(of(Path(sys.argv[1]), 'é', '?').digest)"
    found = set()
    for more in ({"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, {"PYTHONUTF8": "1"}):
        command = [sys.executable, "-c", code.replace("'é'", r"'\u00e9'"), str(folder)]
        environment = {**os.environ, **more}
        found.add(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)
    assert len(found) == 1
    assert "None" not in found.pop()


def test_a_context_of_many_files_is_quick(folder: Path) -> None:
    """The whole measurement is in benchmarks/; this finds a power of the number of files."""
    for number in range(3_000):
        (folder / f"a/n{number}").write_text("")
    start = time.process_time()
    assert of(folder, "a/*", "*/n?").doubt is None
    assert time.process_time() - start < 2
