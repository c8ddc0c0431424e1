"""Many questions at once: what nobody waits for begins nothing more, and has a moment to end."""

import threading
import time

import pytest

from buildmatrix.oci.http import parallel
from buildmatrix.oci.http.parallel import Begun


def test_what_is_left_begins_nothing_more_and_is_waited_for() -> None:
    begun, done = list[int](), list[int]()
    started = threading.Event()

    def work(number: int) -> None:
        begun.append(number)
        started.set()
        time.sleep(0.2)
        done.append(number)

    asked = Begun(work, range(5), at_once=1)
    started.wait()
    asked.leave()
    assert begun == done == [0]


def test_what_does_not_end_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "LEAVING", 0.05)
    release = threading.Event()
    asked = Begun(lambda _: release.wait(), ["one"])
    asked.leave()
    release.set()
    assert asked.result() == {"one": True}
