"""The time of a run and the platform of its machine: taken once, from where it should be, and only if asked."""

import re
import time
from pathlib import Path

import pytest

from buildmatrix.errors import UsageError
from buildmatrix.git.facts import Git
from buildmatrix.pipeline import plan
from buildmatrix.spec.toml.source import Sources
from buildmatrix.template.machine import EPOCH, Machine, bad_epoch
from buildmatrix.template.request import Request
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


@pytest.mark.parametrize("epoch", ["abc", "9" * 20, "9" * 5000, "1_000", " 1", "1.5", "-"])
def test_a_bad_epoch_is_found_without_a_template(epoch: str) -> None:
    assert bad_epoch({EPOCH: epoch}).startswith(f'{EPOCH} is "{epoch}", which is not a valid number')
    with pytest.raises(UsageError, match="not a valid number of seconds"):
        plan("f.toml", Sources(Path("/")), Request(environment={EPOCH: epoch}), Git(lambda _: None))


@pytest.mark.parametrize("environment", [{}, {EPOCH: ""}, {EPOCH: "0"}, {EPOCH: "1700000000"}])
def test_a_good_epoch_or_none_is_fine(environment: dict[str, str]) -> None:
    assert not bad_epoch(environment)
