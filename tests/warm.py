"""buildmatrix in processes that are forked from one that has loaded it: whole runs, without what Python takes to start.

It is that process which forks, and not the tests' own: that one is large, and full of what tests have changed. Where
all that is tried is tried (WHOLE=1), each run is a program of its own, as users start it.
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
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

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
        code = _asked({"words": words, "folder": str(cwd), "environment": dict(env), "umask": _umask()}, out, err)
        return subprocess.CompletedProcess(words, code, _said(out), _said(err))


def _umask() -> int:
    os.umask(found := os.umask(0o077))
    return found


def _said(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode().replace("\r\n", "\n")


def _asked(question: dict[str, object], out: IO[bytes], err: IO[bytes]) -> int:
    """Have it run; several may at once. Its end is the end of a pipe, in which it has left its exit code."""
    source, sink = os.pipe()
    data = json.dumps(question).encode()
    assert len(data) < LONGEST
    try:
        socket.send_fds(_server(), [data], [out.fileno(), err.fileno(), sink])
    finally:
        os.close(sink)
    with os.fdopen(source, "rb") as file:
        code = file.read()
    assert code, "it was killed"
    return int(code)


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


def _load() -> None:
    import buildmatrix

    for found in pkgutil.walk_packages(buildmatrix.__path__, "buildmatrix."):
        if not found.name.endswith("__main__"):
            importlib.import_module(found.name)
    for name in OTHERS:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()


def _serve(asked: socket.socket) -> None:
    """Fork for each message."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # ^C is for the tests
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks for their ends
    while True:
        data, descriptors, _, _ = socket.recv_fds(asked, LONGEST, 3, socket.MSG_CMSG_CLOEXEC)
        if not data:
            return
        if os.fork() == 0:
            asked.close()
            for signum, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGCHLD, signal.SIG_DFL)):
                signal.signal(signum, handler)
            out, err, told = descriptors
            os.write(told, str(_run(out, err, **json.loads(data))).encode())
            os._exit(0)
        for one in descriptors:
            os.close(one)


def _run(out: int, err: int, words: list[str], folder: str, environment: dict[str, str], umask: int) -> int:
    """Be buildmatrix; returns its exit code."""
    from buildmatrix.cli.main import run

    for number, descriptor in ((1, out), (2, err)):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.chdir(folder)
    os.umask(umask)
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
    _serve(socket.socket(fileno=int(sys.argv[1])))
