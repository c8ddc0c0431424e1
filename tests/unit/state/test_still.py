"""What changed on the way to what was read counts, also where it is as it was again."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from buildmatrix.inputs.known import Read
from buildmatrix.inputs.looks import look_at, passed
from buildmatrix.state.still import Still


def swap_link(at: Path) -> None:
    for to in ("bad", "good"):
        (at / "current").unlink()
        (at / "current").symlink_to(to)


def swap_directory(at: Path) -> None:
    (at / "releases").rename(at / "aside")
    (at / "aside").rename(at / "releases")


def nothing(_: Path) -> None:
    pass


def another(at: Path) -> None:
    (at / "beside").write_text("1")
    (at / "releases" / "beside").mkdir()


def back_again(at: Path) -> None:
    """Another content of the same size, and the old one again, with the time that the file had."""
    file = at / "releases" / "x" / "f"
    before = file.stat()
    for text in ("RELEASES", "releases"):
        file.write_text(text)
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def link_moved(at: Path) -> None:
    (at / "current").unlink()
    (at / "current").symlink_to("bad")


@pytest.mark.parametrize(
    ("change", "way", "said"),
    [
        (nothing, "current/x", ""),
        (nothing, "releases/x", ""),
        (another, "releases/x", ""),
        (another, "current/x", ""),
        (swap_link, "current/x", "current"),
        (swap_link, "current", "current"),
        (swap_link, "releases/x", ""),
        (link_moved, "current/x", "current/x"),
        (swap_directory, "releases/x", "releases"),
        (swap_directory, "releases", "releases"),
        (back_again, "releases/x", "releases/x/f"),
        (back_again, "current/x", ""),
    ],
)
@pytest.mark.parametrize("around", ["", "releases"])
@pytest.mark.parametrize("behind", [0, 3600])
def test_what_changed_and_what_is_on_the_way(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    behind: int,
    around: str,
    change: Callable[[Path], None],
    way: str,
    said: str,
) -> None:
    """Also where the file system's clock is behind this machine's by so many seconds: NFS."""
    for name in ("good", "bad", "releases"):
        (tmp_path / name / "x").mkdir(parents=True)
        (tmp_path / name / "x" / "f").write_text(name)
    (tmp_path / "current").symlink_to("good")
    time.sleep(0.05)
    real = (tmp_path / way).resolve()
    paths = ("x", "x/f") if real.name != "x" else ("f",)
    looks = tuple(look_at(str(real / one)) for one in ("", *paths))
    read = Read(str(real), paths, str(tmp_path / way), looks=looks, passed=tuple(passed(str(tmp_path / way))))
    now = time.time_ns() + behind * 10**9
    monkeypatch.setattr("buildmatrix.state.still.time.time_ns", lambda: now)
    still = Still((), str(tmp_path / around) if around else "")
    time.sleep(0.05)
    change(tmp_path)
    if around:  # somebody else sets the mode of a directory in which the project lies: it is still the same one
        tmp_path.chmod(0o700)
    found = still.changed([read])[read]
    assert found == (str(tmp_path / said) if said else "")
