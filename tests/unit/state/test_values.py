"""Values of images are kept on this machine: for the user alone, few and short, and what is damaged is not there."""

import json
import os
import stat
import time
from pathlib import Path

import pytest

from buildmatrix.state.values import FOLDER, Kept

ONE, TWO = "a" * 32, "b" * 32


def kept(path: Path, **more: int) -> Kept:
    return Kept({"XDG_CACHE_HOME": str(path)}, **more)


def test_what_is_kept_is_read(tmp_path: Path) -> None:
    kept(tmp_path).write({ONE: {"arg A": "1", "arg B": "x" * 1000}, TWO: {}})
    assert kept(tmp_path).read(ONE) == {"arg A": "1"}
    assert kept(tmp_path).read(TWO) == {}
    assert kept(tmp_path).read("c" * 32) == {}


def test_nobody_else_may_read_it(tmp_path: Path) -> None:
    kept(tmp_path).write({ONE: {"arg A": "1"}})
    assert stat.S_IMODE((tmp_path / "buildmatrix" / FOLDER / ONE).stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"format": 2, "values": {"arg A": "1"}}', '{"format": 1, "values": 1}']
)
def test_what_is_damaged_is_not_there(tmp_path: Path, text: str) -> None:
    kept(tmp_path).write({ONE: {"arg A": "1"}})
    (tmp_path / "buildmatrix" / FOLDER / ONE).write_text(text)
    assert kept(tmp_path).read(ONE) == {}


def test_values_that_are_no_texts_are_not_there(tmp_path: Path) -> None:
    kept(tmp_path).write({ONE: {}})
    document = {"format": 1, "values": {"arg A": 1, "arg B": "2"}}
    (tmp_path / "buildmatrix" / FOLDER / ONE).write_text(json.dumps(document))
    assert kept(tmp_path).read(ONE) == {"arg B": "2"}


def test_only_so_many_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("buildmatrix.cache.RECENT", -1)
    kept(tmp_path, most=4).write({f"{number:032}": {"arg A": str(number)} for number in range(9)})
    left = sorted(path.name[-1] for path in (tmp_path / "buildmatrix" / FOLDER).iterdir())
    assert len(left) == 3


def test_all_images_of_a_run_are_kept(tmp_path: Path) -> None:
    many = {f"{number:032}": {"arg A": str(number)} for number in range(9)}
    kept(tmp_path, most=4).write(many)
    assert {one: kept(tmp_path).read(one) for one in many} == many


def test_what_is_used_is_not_old(tmp_path: Path) -> None:
    kept(tmp_path).write({ONE: {"arg A": "1"}})
    path = tmp_path / "buildmatrix" / FOLDER / ONE
    os.utime(path, (0, 0))
    assert kept(tmp_path).read(ONE) == {"arg A": "1"}
    assert path.stat().st_mtime > time.time() - 100


@pytest.mark.parametrize("environment", [{}, {"XDG_CACHE_HOME": "/proc/nowhere"}])
def test_where_nothing_can_be_kept_nothing_is(environment: dict[str, str]) -> None:
    Kept(environment).write({ONE: {"arg A": "1"}})
    assert Kept(environment).read(ONE) == {}
