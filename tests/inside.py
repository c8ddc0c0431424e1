"""The program in the process of a test: quicker than one of its own, and the signals stay pytest's."""

import os
import sys
from contextlib import ExitStack, nullcontext
from functools import cache
from unittest.mock import patch

import pytest
import typer.main

from buildmatrix.cli.application import application
from buildmatrix.cli.main import run


def exit_code(*words: str) -> int:
    """Run a command line and return its exit code; what it writes goes to the streams that pytest captures."""
    with ExitStack() as stack:
        stack.enter_context(patch.object(sys, "argv", ["buildmatrix", *words]))
        stack.enter_context(patch("buildmatrix.cli.main._signals_obeyed", nullcontext))
        stack.enter_context(patch("buildmatrix.cli.application.application", _application))
        stack.enter_context(patch("typer.main.get_command", _command_of))
        ended = stack.enter_context(pytest.raises(SystemExit))
        run()
    return int(ended.value.code or 0)


def _application(words: list[str]) -> typer.Typer:
    """Return the application: made once for each command that is asked for, and not for each run."""
    asked = next((word for word in words if not word.startswith("-")), "")
    return _made(asked, completing=any(name.startswith("_BUILDMATRIX_COMPLETE") for name in os.environ))


@cache
def _made(asked: str, *, completing: bool) -> typer.Typer:  # noqa: ARG001 which applications are alike
    return application([asked] if asked else [])


_command_of = cache(typer.main.get_command)
