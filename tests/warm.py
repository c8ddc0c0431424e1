"""Processes that are forked from one that has loaded buildmatrix: without what Python takes to start, and to fork.

It is that process which forks, and not the tests' own: that one is large, and full of what tests have changed.

`ran` is a whole run; where all that is tried is tried (WHOLE=1), it is a program of its own, as users start it.
`Warm` stands for the process beside that renders templates, which the program forks from itself.
"""

import atexit
import gc
import importlib
import json
import os
import pkgutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from buildmatrix import child
from buildmatrix.child import Beside, ended
from buildmatrix.template.sandbox import serving
from buildmatrix.template.sandbox.serving import serve

Done = subprocess.CompletedProcess[str]
OTHERS = ("typer", "jinja2", "jinja2.sandbox", "jsonschema_rs", "packaging.version")
LONGEST = 1 << 20


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "buildmatrix", *words]


def ran(*words: str, cwd: Path, env: Mapping[str, str]) -> Done:
    """Run buildmatrix in a directory, with an environment, and return what became of it."""
    if os.environ.get("WHOLE"):
        return subprocess.run(command(*words), cwd=cwd, env=env, capture_output=True, text=True, check=False)
    with TemporaryFile() as out, TemporaryFile() as err:
        given = {"words": words, "folder": str(cwd), "environment": dict(env), "umask": _umask()}
        code = int(_asked("run", given, out.fileno(), err.fileno()))
        return subprocess.CompletedProcess(words, code, _said(out), _said(err))


def _umask() -> int:
    os.umask(found := os.umask(0o077))
    return found


def _said(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode().replace("\r\n", "\n")


class Warm(Beside):
    """A process beside that renders; what else it is asked to serve, it forks from the tests themselves."""

    def _child(self, source: int, sink: int) -> int:
        if self._serve is not serve:
            return super()._child(source, sink)
        limits = {"SECONDS": serving.SECONDS, "AT_ONCE": child.AT_ONCE, "TOTAL": child.TOTAL}
        return int(_asked("beside", {"taken": self._taken, "limits": limits}, source, sink))

    def _ended(self) -> float:
        if self._serve is not serve:
            return super()._ended()
        try:
            return float(_asked("end", {"pid": self._pid}))
        except OSError:  # the tests are over
            return 0.0


def _asked(what: str, given: Mapping[str, Any], *descriptors: int) -> bytes:
    """Ask for something, and return what is answered; several may at once. The end of a pipe is that of the answer."""
    source, sink = os.pipe()
    data = json.dumps([what, given]).encode()
    assert len(data) < LONGEST
    try:
        socket.send_fds(_server(), [data], [sink, *descriptors])
    finally:
        os.close(sink)
    with os.fdopen(source, "rb") as file:
        answer = file.read()
    assert answer, "it was killed"
    return answer


@cache
def _server() -> socket.socket:
    """Start it; it ends when nobody is there any more who could ask."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for one in (ours, theirs):
        one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, LONGEST)
    with theirs:
        words = [sys.executable, "-m", "tests.warm", str(theirs.fileno())]
        process = subprocess.Popen(words, cwd=Path(__file__).parents[1], pass_fds=[theirs.fileno()])
    atexit.register(process.wait, 60)
    atexit.register(ours.close)
    return ours


# --- the process that forks ------------------------------------------------------------------------------------------


def _load() -> None:
    import buildmatrix
    from buildmatrix.template.sandbox.environment import Engine

    for found in pkgutil.walk_packages(buildmatrix.__path__, "buildmatrix."):
        if not found.name.endswith("__main__"):
            importlib.import_module(found.name)
    for name in OTHERS:
        importlib.import_module(name)
    Engine().compile("{{ a }}")  # what reads templates is made with the first one
    gc.collect()
    gc.freeze()


def _listen(asked: socket.socket) -> None:
    """Answer each message, until nobody can ask."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # ^C is for the tests
    runs: set[int] = set()
    while True:
        data, descriptors, _, _ = socket.recv_fds(asked, LONGEST, 3, socket.MSG_CMSG_CLOEXEC)
        if not data:
            return
        runs -= {pid for pid in runs if os.waitpid(pid, os.WNOHANG)[0]}
        what, given = json.loads(data)
        if what == "end":
            os.write(descriptors[0], str(ended(given["pid"])).encode())
        elif (pid := os.fork()) == 0:
            asked.close()
            signal.signal(signal.SIGINT, signal.default_int_handler)
            DOES[what](*descriptors, **given)
        elif what == "run":
            runs.add(pid)
        for one in descriptors:
            os.close(one)


def _beside(told: int, source: int, sink: int, taken: float, limits: Mapping[str, float]) -> None:
    """Be the process beside, under the limits of the test that asks, and tell who it is."""
    os.write(told, str(os.getpid()).encode())
    for name, value in limits.items():
        setattr(serving if name == "SECONDS" else child, name, value)
    beside = Beside(serve)
    beside._taken = taken
    beside._become(source, sink)


def _run(told: int, out: int, err: int, **given: Any) -> None:
    """Be buildmatrix, and tell the exit code."""
    for number, descriptor in ((1, out), (2, err)):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.write(told, str(_exit_code(**given)).encode())
    os._exit(0)


def _exit_code(words: list[str], folder: str, environment: dict[str, str], umask: int) -> int:
    from buildmatrix.cli.main import run

    os.chdir(folder)
    os.umask(umask)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["buildmatrix", *words]
    try:
        run()
    except SystemExit as given:
        return given.code if isinstance(given.code, int) else 0 if given.code is None else 1
    finally:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


DOES: Mapping[str, Callable[..., None]] = {"run": _run, "beside": _beside}


if __name__ == "__main__":
    _load()
    _listen(socket.socket(fileno=int(sys.argv[1])))
