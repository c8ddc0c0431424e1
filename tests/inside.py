"""The program in the process of a test: quicker than one of its own, and the signals stay pytest's."""

import sys
from contextlib import nullcontext
from unittest.mock import patch

import pytest

from buildmatrix.cli.main import run


def exit_code(*words: str) -> int:
    """Run a command line and return its exit code; what it writes goes to the streams that pytest captures."""
    signals = patch("buildmatrix.cli.main._signals_obeyed", nullcontext)
    with patch.object(sys, "argv", ["buildmatrix", *words]), signals, pytest.raises(SystemExit) as ended:
        run()
    return int(ended.value.code or 0)
