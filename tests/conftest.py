"""What all tests share: markers by directory, and the two buildx programs.

    unit/, properties/, golden/   need nothing
    project/                      need nothing: what holds of the repository, its docs and its tools
    contract/                     marked `contract`: other programs agree: `buildx` and `old_buildx` without an engine,
                                  actionlint, taplo, and a browser (Debian's chromium)
    e2e/                          marked `e2e`: need the engine, see e2e/conftest.py

What cannot be had fails the test. Only where it cannot be had at all (no Docker, and not root on Debian), and not
under CI, the test is skipped.
"""

import gc
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn
from unittest.mock import patch

import pytest
from hypothesis import settings

from buildmatrix import ENDING
from buildmatrix.process import Programs
from buildmatrix.template.sandbox import worker
from buildmatrix.text import forget
from tests import turns
from tests.examples import examples
from tests.warm import Warm

# a machine under load is no fault of an example
settings.register_profile("untimed", deadline=None, max_examples=examples(100).max_examples)
settings.load_profile("untimed")

TESTS = Path(__file__).parent
ENGINE = TESTS.parent / "tools" / "engine" / "engine"
UNAVAILABLE = 3  # what `engine` exits with where no engine can be had


signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
"""A job in the background, or under nohup, is started deaf to these, and what its tests start would be deaf as well."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the tests by directory; of xdist's workers one starts with e2e, which takes longest, the others behind it.

    Those that need the engines for themselves come first: then another worker has tests that use no engine, and does
    not wait for them. Long ones are next, so that nobody waits for them at the end. All that holds with
    `--dist worksteal`, which gives each worker a piece of the whole to begin with.
    """
    for item in items:
        folder = item.path.relative_to(TESTS).parts[0]
        if folder in {"contract", "e2e"}:
            item.add_marker(folder)
    _take_turns(config, items)
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: [item.get_closest_marker(name) is None for name in ("alone", "long", "e2e")])


def _take_turns(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave those out whose turn it is not."""
    left = [] if turns.asks_for_all(config.args) else turns.waiting(items, turns.turn())
    config.hook.pytest_deselected(items=left)
    gone = set(left)
    items[:] = [item for item in items if item not in gone]


def pytest_collection_finish() -> None:
    """Let the garbage collector pass over what stays anyway, here and in forks: these would copy what it looks at."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def signals_stay() -> Iterator[None]:
    """Who ignores ^C when it ends, as the program does, must not leave that to the tests that follow."""
    before = {signum: signal.getsignal(signum) for signum in ENDING}
    yield
    after = {signum: signal.getsignal(signum) for signum in ENDING}
    for signum, handler in before.items():
        signal.signal(signum, handler)
    assert after == before


@pytest.fixture(scope="session", autouse=True)
def warm() -> Iterator[None]:
    """Templates are rendered as ever, in a process beside; that one is not forked from pytest's, which is large."""
    with patch.object(worker, "Beside", Warm):
        yield


@pytest.fixture(autouse=True)
def nothing_hidden() -> Iterator[None]:
    """What one test hides is shown in the next."""
    forget()
    yield
    forget()


@pytest.fixture(scope="session")
def unavailable() -> Callable[[str], NoReturn]:
    """Give up a test for want of something outside: a failure under CI, else a skip."""

    def give_up(reason: str) -> NoReturn:
        if os.environ.get("CI"):
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)

    return give_up


@pytest.fixture(scope="session")
def run_engine(unavailable: Callable[[str], NoReturn]) -> Callable[..., None]:
    """Run a command of tools/engine/engine, then take its environment over into this process.

    Xdist workers may call it at once: the script locks, and is done at once where there is nothing to do.
    """

    def run(*arguments: str) -> None:
        done = subprocess.run([ENGINE, *arguments], capture_output=True, text=True, check=False)
        if done.returncode == UNAVAILABLE:
            unavailable(done.stderr.strip())
        if done.returncode:
            pytest.fail(f"engine {' '.join(arguments)}: {done.stderr}", pytrace=False)
        shown = subprocess.run([ENGINE, "exec", "env", "-0"], capture_output=True, text=True, check=True)
        os.environ.update(dict(pair.split("=", 1) for pair in shown.stdout.rstrip("\0").split("\0")))

    return run


def is_buildx(*command: str) -> bool:
    """Whether this is a buildx that starts."""
    if not shutil.which(command[0]):
        return False
    return subprocess.run([*command, "version"], capture_output=True, check=False).returncode == 0


@pytest.fixture(scope="session")
def docker_buildx(run_engine: Callable[..., None]) -> tuple[str, ...]:
    """The command of a current buildx, to put arguments behind; it may have no engine to talk to."""
    if not is_buildx("docker", "buildx"):
        run_engine("install")
    return ("docker", "buildx")


@pytest.fixture(scope="session")
def buildx(docker_buildx: tuple[str, ...]) -> tuple[str, ...]:
    """The command of a current buildx: the plugin itself where it is known, as docker would only start it, later."""
    plugin = Programs(dict(os.environ)).docker_plugin("buildx")
    return (plugin,) if plugin else docker_buildx


@pytest.fixture(scope="session")
def old_buildx(run_engine: Callable[..., None], unavailable: Callable[[str], NoReturn]) -> tuple[str, ...]:
    """The command of buildx 0.13, the oldest that is supported: `$OLD_BUILDX`, else from the engine's packages."""
    if not is_buildx(os.environ.get("OLD_BUILDX", "")):
        run_engine("install")
    if "OLD_BUILDX" not in os.environ:
        unavailable("no buildx 0.13: set OLD_BUILDX to the program")
    return (os.environ["OLD_BUILDX"],)
