"""Signals that ask to end: exit 130 with a word, from the first moment on, and nothing is left behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from buildmatrix import ENDING

COMMAND = [sys.executable, "-m", "buildmatrix", "plan", "--file", "-"]


def reading(folder: Path, ignored: tuple[signal.Signals, ...] = ()) -> "subprocess.Popen[bytes]":
    """Start a plan that waits for the rest of its file; what ran us may ignore signals: there only these are."""

    def prepare() -> None:
        for signum in ENDING:
            signal.signal(signum, signal.SIG_IGN if signum in ignored else signal.SIG_DFL)

    process = subprocess.Popen(
        COMMAND,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(folder)},
        preexec_fn=prepare,  # noqa: PLW1509 no threads here
    )
    assert process.stdin is not None
    process.stdin.write(b"#" * 200_000)  # more than a pipe holds: when it is written, somebody reads
    process.stdin.flush()
    return process


@pytest.mark.parametrize("signum", ENDING)
def test_every_signal_that_asks_to_end_is_answered_alike(signum: signal.Signals, tmp_path: Path) -> None:
    process = reading(tmp_path)
    process.send_signal(signum)
    out, err = process.communicate()
    assert (process.returncode, out, err) == (130, b"", b"error: stopped\n")
    assert list(tmp_path.iterdir()) == []


def test_what_nohup_ignores_stays_ignored(tmp_path: Path) -> None:
    process = reading(tmp_path, (signal.SIGHUP,))
    process.send_signal(signal.SIGHUP)
    _, err = process.communicate(b"\nversion = 1\n")
    assert process.returncode == 2
    assert b"stopped" not in err


def test_signals_are_answered_while_the_rest_is_still_loading() -> None:
    check = "import buildmatrix.cli.main, sys; print({'typer', 'jinja2', 'subprocess', 'tomli'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", check], text=True) == "set()\n"


def test_what_has_been_said_is_not_undone_at_the_very_end() -> None:
    """The interpreter gives signals back to the system while it ends; the exit code is that of what was said."""
    check = (
        "import os, signal\nfrom buildmatrix.cli.main import _signals_obeyed\n"
        "with _signals_obeyed():\n    pass\n"
        "[os.kill(os.getpid(), signum) for signum in (signal.SIGTERM, signal.SIGHUP)]\nprint('said')"
    )
    assert subprocess.check_output([sys.executable, "-c", check], text=True) == "said\n"
