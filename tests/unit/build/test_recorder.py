"""Who hears of a run: in order, by a thread of its own, and to the end whatever becomes of the terminal."""

import threading
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from buildmatrix.build.logs import Logs
from buildmatrix.build.recorder import Recorder, Records
from buildmatrix.engine.outcome import BuildOutcome
from buildmatrix.engine.progress.events import Event, LogLine, TargetEnded


def ended(name: str, **more: Any) -> TargetEnded:
    return TargetEnded(
        outcome=BuildOutcome(
            name=name, target=name, declared=name, status="built", exported=True, platforms=(), tags=(), **more
        )
    )


def records(found: list[str], logs: Logs | None = None) -> Records:
    result = SimpleNamespace(record=lambda outcome: found.append(outcome.name), make=lambda: None)
    return Records(result=cast("Any", result), logs=logs)


def test_events_are_heard_in_order_and_keep_nobody() -> None:
    may_go_on, heard, threads = threading.Event(), list[Event](), set[int]()

    def slow(event: Event) -> None:
        may_go_on.wait(10)
        heard.append(event)
        threads.add(threading.get_ident())

    events = [LogLine(target="a", at="", text=str(number)) for number in range(100)]
    with Recorder(records([]), slow) as recorder:
        for event in events:
            recorder.tell(event)
        assert heard == []  # nobody has waited for it
        may_go_on.set()
    assert heard == events
    assert len(threads) == 1
    assert threading.get_ident() not in threads


@pytest.mark.parametrize("error", [BrokenPipeError(), ValueError("a bug")])
def test_what_shows_the_run_may_go_away_and_all_is_recorded(error: Exception) -> None:
    found: list[str] = []
    shown: list[Event] = []

    def gone(event: Event) -> None:
        shown.append(event)
        raise error

    recorder = Recorder(records(found), gone)
    with nullcontext() if isinstance(error, OSError) else pytest.raises(ValueError, match="a bug"), recorder:
        recorder.tell(ended("a"))
        recorder.tell(ended("b"))
    assert found == ["a", "b"]
    assert len(shown) == 1
    assert set(recorder.ended) == {"a", "b"}


def test_all_is_recorded_after_an_interruption() -> None:
    found: list[str] = []

    def interrupted() -> None:
        with Recorder(records(found), lambda _: None) as recorder:
            recorder.tell(ended("a"))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert found == ["a"]


def test_only_a_log_that_was_written_is_told(tmp_path: Path) -> None:
    unchanged = records([], Logs(tmp_path / "logs"))
    shown: list[Event] = []
    with Recorder(unchanged, shown.append) as recorder:
        recorder.tell(LogLine(target="a", at="", text="said"))
        for name in ("a", "b"):
            recorder.tell(ended(name, log=unchanged.log_of(name)))
    unchanged.logs.close()  # type: ignore[union-attr]
    assert {name: outcome.log for name, outcome in recorder.ended.items()} == {
        "a": str(tmp_path / "logs/a.log"),
        "b": "",
    }
    assert shown[1:] == [TargetEnded(outcome=one) for one in recorder.ended.values()]
    assert records([]).log_of("a") == ""
    assert records([], Logs(tmp_path, lasting=False)).log_of("a") == ""
