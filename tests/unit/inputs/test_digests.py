"""What is remembered of files is what they hold now, or is not believed."""

import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from buildmatrix.inputs import digests
from buildmatrix.inputs.digests import HEAD, Digests, UnknownError


@pytest.fixture
def _aged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file was changed long ago."""
    monkeypatch.setattr(digests, "MARGIN", -(10**12))


def ask(one: Digests, path: Path) -> str:
    return one.of(os.fsencode(path), path.lstat()).hex()


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def learned(cache: Path, path: Path) -> str:
    one = Digests(cache, "/context")
    found = ask(one, path)
    one.keep()
    return found


def is_read(cache: Path, path: Path, monkeypatch: pytest.MonkeyPatch) -> bool:
    with monkeypatch.context() as patch:
        patch.setattr(digests, "_hashed", lambda path: (path.missing, b""))
        try:
            ask(Digests(cache, "/context"), path)
        except AttributeError:
            return True
        return False


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "file").write_text("text")
    return tmp_path / "file"


@pytest.mark.usefixtures("_aged")
def test_a_file_is_read_once(tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert learned(tmp_path / "cache", file) == sha256("text")
    assert not is_read(tmp_path / "cache", file, monkeypatch)
    assert learned(tmp_path / "cache", file) == sha256("text")


@pytest.mark.usefixtures("_aged")
def test_a_file_of_the_same_size_and_time_is_read_again(tmp_path: Path, file: Path) -> None:
    """A program may set a file's time back, but not the one of its inode."""
    before = file.stat()
    learned(tmp_path / "cache", file)
    time.sleep(0.02)
    file.write_text("TEXT")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert learned(tmp_path / "cache", file) == sha256("TEXT")
    other = file.with_name("other")
    other.write_text("text")
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(file)
    assert learned(tmp_path / "cache", file) == sha256("text")


def test_what_was_changed_shortly_before_is_not_kept(
    tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second change may have the same times."""
    cache = tmp_path / "cache"
    assert learned(cache, file) == sha256("text")
    assert not cache.exists()
    now = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: now + digests.MARGIN + 10**9)
    learned(cache, file)
    assert not is_read(cache, file, monkeypatch)
    os.utime(file, ns=(0, now + 10**13))
    learned(cache, file)
    assert is_read(cache, file, monkeypatch)


def test_a_fresh_file_is_read_once_in_a_run(file: Path) -> None:
    one = Digests(None, "/context")
    found = file.lstat()
    assert one.of(os.fsencode(file), found).hex() == sha256("text")
    assert one.of(b"/nowhere", found).hex() == sha256("text")
    one.keep()


@pytest.mark.usefixtures("_aged")
@pytest.mark.parametrize("damage", ["cut", "bit", "empty", "more", "format", "link", "large"])
def test_a_damaged_file_is_thrown_away(
    tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    cache = tmp_path / "cache"
    learned(cache, file)
    (kept,) = (cache / "digests").iterdir()
    data = kept.read_bytes()
    changed = {
        "cut": data[:-1],
        "bit": data[:-1] + bytes([data[-1] ^ 1]),
        "empty": b"",
        "more": data + b"x" * 72,
        "format": data.replace(HEAD, b"buildmatrix-0\n"),
    }
    if damage == "link":
        kept.rename(tmp_path / "elsewhere")
        kept.symlink_to(tmp_path / "elsewhere")
    elif damage == "large":
        monkeypatch.setattr(digests, "MOST_RECORDS", 0)
    else:
        kept.write_bytes(changed[damage])
    assert is_read(cache, file, monkeypatch)
    assert learned(cache, file) == sha256("text")


@pytest.mark.usefixtures("_aged")
def test_a_directory_that_cannot_be_written_is_done_without(tmp_path: Path, file: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    assert learned(tmp_path / "cache", file) == sha256("text")
    assert (tmp_path / "cache").read_text() == "a file"


@pytest.mark.usefixtures("_aged")
def test_what_was_asked_for_last_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digests, "MOST_RECORDS", 2)
    cache, files = tmp_path / "cache", [tmp_path / name for name in "abc"]
    for path in files:
        path.write_text(path.name)
        learned(cache, path)
    assert [is_read(cache, path, monkeypatch) for path in files] == [True, False, False]
    learned(cache, files[1])
    learned(cache, files[0])
    assert [is_read(cache, path, monkeypatch) for path in files] == [False, True, False]


@pytest.mark.usefixtures("_aged")
def test_the_oldest_contexts_are_forgotten(tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "digests"
    for number in range(4):
        one = Digests(tmp_path, f"/{number}")
        ask(one, file)
        one.keep()
        newest = max(folder.iterdir(), key=lambda path: path.stat().st_ctime_ns)
        os.utime(newest, (number, number))
    monkeypatch.setattr(digests, "MOST_BYTES", 4 * max(path.stat().st_size for path in folder.iterdir()))
    monkeypatch.setattr("buildmatrix.cache.PAUSE", 0)
    one = Digests(tmp_path, "/new")
    ask(one, file)
    one.keep()
    assert sorted(path.stat().st_mtime for path in folder.iterdir())[:2] == [2, 3]
    assert len(list(folder.iterdir())) == 3


@pytest.mark.usefixtures("_aged")
def test_what_is_used_is_not_the_oldest(tmp_path: Path, file: Path) -> None:
    learned(tmp_path, file)
    (kept,) = (tmp_path / "digests").iterdir()
    os.utime(kept, (0, 0))
    learned(tmp_path, file)
    assert kept.stat().st_mtime > time.time() - 60


WRITER = """
import os, sys
from pathlib import Path
from buildmatrix.inputs import digests
digests.MARGIN = -10**12
for _ in range(50):
    one = digests.Digests(Path(sys.argv[1]), "/context")
    for path in Path(sys.argv[2]).iterdir():
        if int(path.name) % 3 == int(sys.argv[3]):
            one._is_new = True
            assert one.of(os.fsencode(path), path.lstat()) == __import__("hashlib").sha256(path.read_bytes()).digest()
    one.keep()
    kept = next(Path(sys.argv[1], "digests").glob("[!.]*"))
    assert digests._read(kept), "torn"
"""


def test_many_processes_at_once(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    for number in range(60):
        (tmp_path / "files" / str(number)).write_text(str(number) * number)
    command = [sys.executable, "-c", WRITER, str(tmp_path / "cache"), str(tmp_path / "files")]
    running = [subprocess.Popen([*command, str(number)]) for number in range(3)]
    assert [one.wait() for one in running] == [0, 0, 0]


def test_a_file_that_changes_meanwhile_is_not_known(file: Path) -> None:
    found = file.lstat()
    file.write_text("longer text")
    with pytest.raises(UnknownError) as raised:
        Digests(None, "/").of(os.fsencode(file), found)
    assert raised.value.told(str(file.parent)) == "file changed while it was read"


def test_a_file_that_changes_while_it_is_read_is_not_known(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reading = os.read

    def read(handle: int, size: int) -> bytes:
        file.write_text("longer text")
        return reading(handle, size)

    found = file.lstat()
    monkeypatch.setattr(os, "read", read)
    with pytest.raises(UnknownError):
        Digests(None, "/").of(os.fsencode(file), found)


@pytest.mark.parametrize("instead", ["nothing", "link", "directory", "pipe"])
def test_a_file_that_is_none_any_more_is_not_known(file: Path, instead: str) -> None:
    found = file.lstat()
    file.unlink()
    if instead == "link":
        file.symlink_to("/etc/hostname")
    elif instead == "directory":
        file.mkdir()
    elif instead == "pipe":
        os.mkfifo(file)
    with pytest.raises(UnknownError):
        Digests(None, "/").of(os.fsencode(file), found)


def test_a_large_file_is_read_to_its_end(tmp_path: Path) -> None:
    data = os.urandom(3_500_000)
    (tmp_path / "large").write_bytes(data)
    assert ask(Digests(None, "/"), tmp_path / "large") == hashlib.sha256(data).hexdigest()
