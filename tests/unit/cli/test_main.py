"""The program's outermost shell as a process of its own: its exit codes, and what it has written when it ends."""

import os
import subprocess
import sys

import pytest

PROGRAM = """
import sys, typer
import buildmatrix.cli.application as of
from buildmatrix.cli.main import program

def application(_):
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

    @app.command()
    def command():
        {body}

    return app

of.application = application
sys.argv = ["buildmatrix"]
program()
"""


BUG = """error: this is a bug in buildmatrix: ValueError: x\\ny
  please report it with your file; BUILDMATRIX_TRACEBACK=1 shows where it happened
"""


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("print('a', end=''); sys.stderr.write('b')", (0, "a", "b")),  # nothing of it is left in a buffer
        ("sys.exit(7)", (7, "", "")),
        ("sys.exit(True)", (1, "", "")),
        ("sys.exit('words')", (1, "", "words\n")),
        ("raise KeyboardInterrupt", (130, "", "")),
        ("raise ValueError('x\\ny')", (70, "", BUG)),
    ],
)
def test_a_process_ends_with_the_code_of_the_table_and_has_said_all(body: str, expected: tuple[int, str, str]) -> None:
    done = run(body, traced=False)
    assert (done.returncode, done.stdout, done.stderr) == expected


def test_where_a_bug_happened_is_shown_to_whoever_asks() -> None:
    done = run("raise ValueError('x')", traced=True)
    assert (done.returncode, done.stdout) == (70, "")
    assert done.stderr.startswith("Traceback (most recent call last):\n")
    assert done.stderr.endswith("ValueError: x\n")


def run(body: str, *, traced: bool) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "BUILDMATRIX_TRACEBACK": "1" if traced else ""}
    command = [sys.executable, "-c", PROGRAM.format(body=body)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
