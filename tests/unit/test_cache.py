"""Where what may be lost is kept."""

import os
import time
from pathlib import Path

import pytest

from buildmatrix.cache import PAUSE, RECENT, cache_directory, keep_small


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"XDG_CACHE_HOME": "/c", "HOME": "/h"}, "/c/buildmatrix"),
        ({"XDG_CACHE_HOME": "c", "HOME": "/h"}, "/h/.cache/buildmatrix"),
        ({"HOME": "/h"}, "/h/.cache/buildmatrix"),
        ({"HOME": "h"}, None),
        ({}, None),
    ],
)
def test_the_users_cache_directory(environment: dict[str, str], expected: str | None) -> None:
    assert cache_directory(environment) == (Path(expected) if expected else None)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A directory of eight files, of which 7 was used last, each of ten bytes."""
    found = tmp_path / "kept"
    found.mkdir()
    for number in range(8):
        (found / str(number)).write_bytes(b"0123456789")
        os.utime(found / str(number), (0, time.time() - RECENT - 1000 + number))
    return found


def names(folder: Path) -> str:
    return "".join(sorted(path.name for path in folder.iterdir()))


@pytest.mark.parametrize(
    ("limits", "left"),
    [
        ({"files": 8}, "01234567"),
        ({"files": 7}, "34567"),
        ({"files": 4}, "567"),
        ({"size": 80}, "01234567"),
        ({"size": 79}, "34567"),
        ({"size": 0}, ""),
        ({"files": 4, "size": 79}, "567"),
        ({"files": 8, "size": 40}, "567"),
        ({}, "01234567"),
    ],
)
def test_what_was_used_longest_ago_goes_and_three_quarters_stay(
    folder: Path, limits: dict[str, int], left: str
) -> None:
    keep_small(folder, **limits)
    assert names(folder) == left


def test_a_directory_is_looked_through_once_in_a_while(folder: Path) -> None:
    keep_small(folder, files=100)
    keep_small(folder, files=4)
    assert names(folder) == "01234567"
    (stamp,) = (path for path in folder.parent.iterdir() if path != folder)
    os.utime(stamp, (0, time.time() - PAUSE - 1))
    keep_small(folder, files=4)
    assert names(folder) == "567"


def test_a_clock_that_was_ahead_keeps_nobody_from_looking(folder: Path) -> None:
    keep_small(folder, files=100)
    (stamp,) = (path for path in folder.parent.iterdir() if path != folder)
    os.utime(stamp, (0, time.time() + 1e6))
    keep_small(folder, files=4)
    assert names(folder) == "567"


def test_what_is_of_today_stays_however_much_it_is(folder: Path) -> None:
    """Of a project with more images than files are kept, a run would drop what it has just written."""
    for number in range(2, 8):
        os.utime(folder / str(number))
    keep_small(folder, files=4)
    assert names(folder) == "234567"


def test_what_cannot_be_dropped_keeps_nothing_else(folder: Path) -> None:
    for name in ("35", "36"):
        (folder / name).mkdir()
        os.utime(folder / name, (0, time.time() - RECENT - 500))
    keep_small(folder, files=4)
    assert sorted(path.name for path in folder.iterdir()) == ["35", "36", "5", "6", "7"]


def test_a_directory_that_is_not_there_is_small(tmp_path: Path) -> None:
    keep_small(tmp_path / "nowhere" / "kept", files=0)
    keep_small(tmp_path / "none", files=0)
    assert not (tmp_path / "none").exists()
