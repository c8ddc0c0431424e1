"""Which paths are inside, and what may be read and written."""

import errno
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from buildmatrix.files import (
    OutsideError,
    Repository,
    kept_from_us,
    kind_at,
    make_folder,
    read_regular,
    strays,
    write_more,
    write_new,
    write_whole,
)
from tests.examples import examples


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """A repository with a directory `sub`, beside a directory `away` with a file `secret` that is not in it."""
    (tmp_path / "away").mkdir()
    (tmp_path / "away" / "secret").write_text("canary\n")
    found = tmp_path / "repo"
    (found / ".git").mkdir(parents=True)
    (found / "sub").mkdir()
    return found


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# --- which paths are inside -------------------------------------------------------------------------------------------


def test_the_repository_is_the_nearest_that_holds_git(repo: Path) -> None:
    assert Repository.around(repo / "sub") == Repository(str(repo / "sub"), str(repo))
    (repo / "sub" / ".git").write_text("gitdir: elsewhere\n")  # as a worktree has it
    assert Repository.around(repo / "sub").root == str(repo / "sub")


def test_without_git_the_folder_is_all(tmp_path: Path) -> None:
    assert Repository.around(tmp_path) == Repository(str(tmp_path), str(tmp_path))


def test_git_at_the_root_of_the_disk_is_no_repository(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os.path, "lexists", lambda path: str(path) == "/.git")
    assert Repository.around(tmp_path).root == str(tmp_path)


@pytest.mark.parametrize(
    ("text", "leads_to"),
    [
        (".", ()),
        ("", ()),
        ("sub/../sub/x", ()),
        ("nothing/here", ()),
        ("../repo/sub", ()),
        ("..", ("",)),
        ("../away/secret", ("away/secret",)),
        ("sub/link", ("away",)),
        ("sub/link/secret", ("away/secret",)),
        ("sub/link/../repo/sub", ()),
        ("chain/secret", ("away/secret",)),
        ("dangling", ("nothing",)),
        ("inner/x", ()),
        ("../repository", ("repository",)),
    ],
)
def test_a_path_is_where_it_leads(repo: Path, text: str, leads_to: tuple[str, ...]) -> None:
    (repo / "sub" / "link").symlink_to("../../away")
    (repo / "chain").symlink_to("sub/link")
    (repo / "dangling").symlink_to("../nothing")
    (repo / "inner").symlink_to("sub")
    assert Repository.around(repo).outside(text) == tuple(
        str(repo.parent / path) if path else str(repo.parent) for path in leads_to
    )


def test_both_meanings_of_dots_behind_a_link_count(repo: Path) -> None:
    (repo / "link").symlink_to("../away/deep")
    assert Repository.around(repo).outside("link/../x") == (str(repo.parent / "away" / "x"),)
    (repo / "sub" / "up").symlink_to("..")
    assert Repository.around(repo).outside("sub/up/../y") == (str(repo.parent / "y"),)
    (repo / "deep" / "er").mkdir(parents=True)
    (repo / "down").symlink_to("deep/er")
    assert str(repo.parent / "away") in Repository.around(repo).outside("down/../../away")


def test_a_path_through_proc_is_never_inside(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`/proc/self/cwd` is our directory here and another one where buildx looks."""
    monkeypatch.chdir(repo)
    (repo / "link").symlink_to("/proc/self/cwd/sub")
    assert Repository.around(repo).outside("link")
    assert Repository.around(repo).outside("/proc/self/cwd/sub")


def test_links_in_a_cycle_are_not_inside(repo: Path) -> None:
    (repo / "a").symlink_to("b")
    (repo / "b").symlink_to("a")
    assert Repository.around(repo).outside("a/x")


NAMES = ("a", "b", "c", "..", ".", "up")
PARTS = st.lists(st.sampled_from(NAMES), min_size=1, max_size=6)
LINKS = st.lists(st.tuples(st.lists(st.sampled_from("abc"), min_size=1, max_size=3), PARTS, st.booleans()), max_size=6)


@contextmanager
def tree(links: list[tuple[list[str], list[str], bool]]) -> Iterator[Path]:
    """Make directories and links at random in `top/repo` and beside it."""
    with tempfile.TemporaryDirectory() as made:
        top = Path(made).resolve()
        (top / "repo" / ".git").mkdir(parents=True)
        for where, to, absolute in links:
            place = top.joinpath("repo", *where)
            with suppress(OSError):
                place.parent.mkdir(parents=True, exist_ok=True)
                place.symlink_to(top.joinpath(*to) if absolute else "/".join(to))
        for folder in ("repo/a", "repo/b/a", "a/b", "b/c", "c"):
            with suppress(OSError):
                (top / folder).mkdir(parents=True, exist_ok=True)
        yield top


@examples(300)
@given(links=LINKS, parts=PARTS)
@example(links=[(["a", "b"], ["..", ".."], False)], parts=["a", "b", "..", "a"])
def test_what_the_kernel_opens_is_what_was_judged(
    links: list[tuple[list[str], list[str], bool]], parts: list[str]
) -> None:
    """Whatever links there are: what opens by a path that is called inside lies inside, however `..` is read."""
    with tree(links) as top:
        repository = Repository.around(top / "repo")
        text = "/".join(parts)
        outside = repository.outside(text)
        for way in (f"{top}/repo/{text}", os.path.normpath(f"{top}/repo/{text}")):
            try:
                handle = os.open(way, os.O_RDONLY)
            except OSError:
                continue
            real = str(Path(f"/proc/self/fd/{handle}").readlink())
            os.close(handle)
            assert (real in outside) == (not repository.holds(real))
            assert real == os.path.realpath(way)


# --- reading ----------------------------------------------------------------------------------------------------------


def test_what_is_outside_is_not_read(repo: Path) -> None:
    (repo / "link").symlink_to("../away/secret")
    with pytest.raises(OutsideError, match="leads out of the repository"):
        Repository.around(repo).read("link")
    (repo / "link").unlink()
    (repo / "link").symlink_to("../away/nothing")
    with pytest.raises(OutsideError, match="leads out of the repository"):
        Repository.around(repo).read("link")


def test_what_is_no_regular_file_is_not_read(repo: Path) -> None:
    os.mkfifo(repo / "fifo")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(repo / "socket"))
        for name in ("fifo", "socket", "sub", "/dev/zero"):
            with pytest.raises(OSError, match=r"not a regular file|Is a directory|No such device"):
                read_regular(repo / name)
    assert Repository.around(repo).kind("fifo") == "other"


def test_a_shells_pipe_is_read_where_it_may_be() -> None:
    reading, writing = os.pipe()
    os.write(writing, b"x = 1\n")
    os.close(writing)
    assert read_regular(f"/dev/fd/{reading}", pipe=True) == b"x = 1\n"
    os.close(reading)


def test_a_file_that_is_too_large_is_not_read(repo: Path) -> None:
    (repo / "large").write_bytes(b"x" * 11)
    assert read_regular(repo / "large", 11) == b"x" * 11
    with pytest.raises(OSError, match="too large"):
        read_regular(repo / "large", 10)


# --- writing ----------------------------------------------------------------------------------------------------------


def test_a_link_is_not_written_through(repo: Path) -> None:
    (repo / "link").symlink_to("../away/secret")
    with pytest.raises(OSError, match="it is a link"):
        write_whole(repo / "link", "lost")
    assert (repo.parent / "away" / "secret").read_text() == "canary\n"
    assert sorted(path.name for path in repo.iterdir()) == [".git", "link", "sub"]


def test_a_folder_that_leads_outside_is_not_written_into(repo: Path) -> None:
    (repo / "link").symlink_to("../away")
    for write in (lambda path: write_whole(path, "lost"), write_new, lambda path: make_folder(path / "more")):
        with pytest.raises(OSError, match="leads out of the repository"):
            write(repo / "link" / "new")
    assert names(repo.parent / "away") == ["secret"]


def test_a_folder_that_leads_outside_of_what_is_no_repository(tmp_path: Path) -> None:
    (tmp_path / "away").mkdir()
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "link").symlink_to("../away")
    assert not strays(tmp_path / "project" / "link")
    with pytest.raises(OSError, match="leads out of the repository"):
        write_whole(tmp_path / "project" / "link" / "new", "lost", str(tmp_path / "project"))


def test_a_command_line_may_name_what_lies_elsewhere(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repo)
    write_whole(Path("../away/new"), "there")
    (repo.parent / "way").symlink_to("away")  # the user's own, in no repository
    write_whole(repo.parent / "way" / "newer", "there")
    assert names(Path("../away")) == ["new", "newer", "secret"]


def test_what_a_path_leads_to_is_known_or_nothing(tmp_path: Path) -> None:
    """A name may be too long, a link lead to itself, a directory be closed to us: a `Path` raises OSError."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "loop").symlink_to("loop")
    found = {name: kind_at(tmp_path / name) for name in ("", "pipe", "file", "link", "loop", "x" * 300, "a\0b", "no")}
    assert list(found.values()) == ["directory", "other", "file", "file", "", "", "", ""]
    assert {kept_from_us(tmp_path / name) for name in found} == {""}


def test_what_is_kept_from_us_is_not_absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may look everywhere: the system's answer is made up."""
    error = PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    monkeypatch.setattr(os, "stat", lambda *_, **__: (_ for _ in ()).throw(error))
    assert (kind_at(tmp_path), kept_from_us(tmp_path)) == ("", "Permission denied")


@pytest.mark.parametrize("kind", ["folder", "fifo"])
def test_only_a_regular_file_is_replaced(repo: Path, kind: str) -> None:
    (repo / "x").mkdir() if kind == "folder" else os.mkfifo(repo / "x")
    with pytest.raises(OSError, match="not a regular file"):
        write_whole(repo / "x", "lost")


def test_links_and_other_names_in_a_logs_place_stay_as_they_are(repo: Path) -> None:
    (repo / "a.log").symlink_to("../away/secret")
    os.link(repo.parent / "away" / "secret", repo / "b.log")
    for name in ("a.log", "b.log"):
        with write_new(repo / name) as file:
            file.write("log\n")
        assert (repo / name).read_text() == "log\n"
        with write_more(repo / name) as file:
            file.write("more\n")
        assert (repo / name).read_text() == "log\nmore\n"
    assert (repo.parent / "away" / "secret").read_text() == "canary\n"


def test_a_log_that_became_a_link_is_not_written_on(repo: Path) -> None:
    write_new(repo / "a.log").close()
    (repo / "a.log").unlink()
    (repo / "a.log").symlink_to("../away/secret")
    with pytest.raises(OSError, match=os.strerror(errno.ELOOP)):
        write_more(repo / "a.log")
    (repo / "a.log").unlink()
    os.link(repo.parent / "away" / "secret", repo / "a.log")
    with pytest.raises(OSError, match="another file took its place"):
        write_more(repo / "a.log")
