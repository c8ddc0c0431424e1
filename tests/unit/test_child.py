"""The process beside: it is ended whatever it does, has nothing of ours, and can do nothing to us."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from buildmatrix import child
from buildmatrix.child import Beside, EndedError, Pipe, SpentError
from buildmatrix.errors import SpecError
from buildmatrix.limits import planning


def serve(pipe: Pipe) -> None:
    while True:
        pipe.give((True, WORK[pipe.take()](pipe)))


def back(pipe: Pipe) -> Any:
    pipe.give((False, "a question"))
    return pipe.take()


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("kill -9 $PPID",)


WORK: dict[str, Callable[[Pipe], Any]] = {
    "descriptors": lambda _: sorted(path.name for path in Path("/proc/self/fd").iterdir()),
    "back": back,
    "data": lambda _: {"a": [1, Decimal("3.10"), None]},
    "endless": lambda _: int(Decimal("1e999999999")),
    "ends": lambda _: os._exit(3),
    "fails": lambda _: 1 // 0,
    "evil": lambda _: Evil(),
    "interrupted": lambda _: os.kill(os.getpid(), signal.SIGINT),
    "long": lambda _: "x" * (100 << 20),
    "pid": lambda _: os.getpid(),
    "sleeps": lambda _: time.sleep(600),
}


@pytest.fixture
def made() -> Iterator[Beside]:
    found = Beside(serve)
    yield found
    found.close()


def ask(made: Beside, question: str) -> Any:
    return made.ask(question, lambda said: f"an answer to {said}")


def test_it_answers_and_asks_back(made: Beside) -> None:
    assert ask(made, "data") == {"a": [1, Decimal("3.10"), None]}
    assert ask(made, "back") == "an answer to a question"
    assert made.start() == 1


def test_it_has_no_descriptor_of_ours_and_passes_over_interrupts(made: Beside, tmp_path: Path) -> None:
    with (tmp_path / "f").open("w"):
        assert ask(made, "descriptors") == ["0", "1", "2", "3"]  # the last is that of the listing
    assert ask(made, "interrupted") is None


@pytest.mark.parametrize(
    ("work", "word"), [("ends", "memory"), ("fails", "memory"), ("evil", "memory"), ("long", "memory")]
)
def test_it_may_end_or_say_anything(made: Beside, work: str, word: str) -> None:
    with pytest.raises(EndedError, match=word):
        ask(made, work)
    assert ask(made, "data")
    assert made.start() == 2


def test_the_system_ends_what_takes_for_ever(made: Beside, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "TOTAL", 1)
    monkeypatch.setattr(child, "AT_ONCE", 1)
    with pytest.raises(EndedError, match="time"):
        ask(made, "endless")
    assert 0.5 < made._taken < 3
    with pytest.raises(SpentError):
        ask(made, "data")


def test_we_end_what_is_silent(made: Beside, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "SILENCE", 0.2)
    with pytest.raises(EndedError, match="time"):
        ask(made, "sleeps")


def test_an_error_of_ours_leaves_nothing_half_said(made: Beside) -> None:
    def wrong(_: Any) -> Any:
        raise KeyError

    with pytest.raises(KeyError):
        made.ask("back", wrong)
    assert ask(made, "data")


def test_it_is_gone_when_nobody_holds_it() -> None:
    made = Beside(serve)
    pid = ask(made, "pid")
    del made
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_it_ends_with_us() -> None:
    """Where we are killed it sees the end of its input."""
    code = "import sys; sys.path.insert(0, sys.argv[1]); import test_child as t, os, signal; b = t.Beside(t.serve); "
    code += "print(t.ask(b, 'pid'), flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    done = subprocess.run(
        [sys.executable, "-c", code, str(Path(__file__).parent)], capture_output=True, text=True, check=False
    )
    pid = int(done.stdout)
    deadline = time.monotonic() + 30
    while runs(pid):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def runs(pid: int) -> bool:
    """Whether there is such a process, and somebody has only to take note of its end if it has none."""
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2][:3]
    except OSError:
        return False


def test_our_own_planning_has_an_end() -> None:
    with pytest.raises(SpecError, match=r"more than 0 s of processor time"):
        within(0.1, lambda: sum(iter(lambda: 1, 0)))
    with pytest.raises(SpecError, match="more memory"):
        within(60, lambda: bytearray(1 << 62))
    within(60, lambda: None)


def within(seconds: float, work: Callable[[], object]) -> None:
    with planning(seconds):
        work()
