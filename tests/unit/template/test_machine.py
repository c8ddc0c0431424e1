"""The time of a run and the platform of its machine: taken once, from where it should be, and only if asked."""

import re
import time

import pytest

from buildmatrix.template.machine import EPOCH, Machine
from buildmatrix.template.scope import BadTemplateError


def test_the_clock_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter([1_700_000_000.9, 1_800_000_000.0])
    monkeypatch.setattr(time, "time", lambda: next(ticks))
    machine = Machine({}, {})
    assert machine.asked() == {}
    assert [machine.now, machine.now] == ["2023-11-14T22:13:20Z"] * 2
    assert machine.asked() == {"now": "2023-11-14T22:13:20Z"}


def test_what_goes_before_the_clock() -> None:
    assert Machine({}, {EPOCH: "0"}).now == "1970-01-01T00:00:00Z"
    assert Machine({"now": "2026-01-02T03:04:05Z"}, {EPOCH: "0"}).now == "2026-01-02T03:04:05Z"
    with pytest.raises(BadTemplateError, match=f'{EPOCH} is "soon"'):
        _ = Machine({}, {EPOCH: "soon"}).now


def test_the_platform_of_the_machine() -> None:
    assert re.fullmatch(r"(linux|windows)/[a-z0-9/]+", Machine({}, {}).platform)
    assert Machine({"platform": "linux/s390x"}, {}).platform == "linux/s390x"
