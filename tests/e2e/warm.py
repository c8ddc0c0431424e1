"""buildmatrix in processes that are forked from one that has loaded it: whole runs, without what Python takes to start.

For tests that start it a hundred times, and are about something else than its start.
"""

import atexit
import importlib
import json
import os
import pkgutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

OTHERS = ("typer", "jinja2", "jinja2.sandbox", "jsonschema_rs", "packaging.version")


class Warm:
    """The process that has loaded it."""

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "tests.e2e.warm"]
        root = Path(__file__).parents[2]
        self._process = subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate("")

    def run(self, words: tuple[str, ...], folder: Path, environment: Mapping[str, str]) -> tuple[int, str, str]:
        """Return the exit code of a run, and what it wrote."""
        assert self._process.stdin
        assert self._process.stdout
        with TemporaryDirectory() as there:
            out, err = Path(there, "out"), Path(there, "err")
            asked = {"words": words, "folder": str(folder), "environment": dict(environment)}
            self._process.stdin.write(json.dumps({**asked, "out": str(out), "err": str(err)}) + "\n")
            self._process.stdin.flush()
            code = int(self._process.stdout.readline())
            return code, out.read_text(), err.read_text()


def _load() -> None:
    import buildmatrix

    for found in pkgutil.walk_packages(buildmatrix.__path__, "buildmatrix."):
        if not found.name.endswith("__main__"):
            importlib.import_module(found.name)
    for name in OTHERS:
        importlib.import_module(name)


def _serve() -> None:
    """Fork for each line, and tell the exit code."""
    for line in sys.stdin:
        if (child := os.fork()) == 0:
            os._exit(_ran(**json.loads(line)))
        sys.stdout.write(f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\n")
        sys.stdout.flush()


def _ran(words: list[str], folder: str, environment: dict[str, str], out: str, err: str) -> int:
    from buildmatrix.cli.main import run

    for number, (path, how) in enumerate(((os.devnull, os.O_RDONLY), (out, os.O_WRONLY), (err, os.O_WRONLY))):
        os.dup2(os.open(path, how | (os.O_CREAT if number else 0), 0o600), number)
    os.closerange(3, 64)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["buildmatrix", *words]
    try:
        run()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 0 if ended.code is None else 1
    finally:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


if __name__ == "__main__":
    _load()
    _serve()
