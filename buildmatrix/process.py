"""The one seam to other programs: docker and git, and how they are started, watched and stopped."""

import os
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from copy import copy
from pathlib import Path
from types import FrameType
from typing import IO, Self

from buildmatrix import ENDING
from buildmatrix.errors import Diagnostic, EngineError
from buildmatrix.records import dataclass

CHANGES_MEANING = (
    "BUILDX_BAKE_FILE",
    "BUILDX_BAKE_FILE_SEPARATOR",
    "BUILDX_BAKE_FILE_RELATIVE_PATHS",
    "BUILDX_BAKE_GIT_AUTH_TOKEN",
)
"""Variables that would make bake read something else than the file that it is given."""

RUNS_MORE = ("BUILDX_GIT_CHECK_DIRTY",)
"""Variables that would have buildx run what a repository sets up: for it git goes through filters and monitors."""

GIT_SETTINGS = {
    "core.fsmonitor": "false",
    "core.hooksPath": os.devnull,
    "safe.bareRepository": "explicit",
}
"""What git is told wherever a program that we start asks it: buildx does, in the directory of each context."""

PLUGINS = tuple(f"/usr/{place}/docker/cli-plugins" for place in ("local/lib", "local/libexec", "lib", "libexec"))
"""Where docker looks for its plugins, after the directory of the user's configuration (found with 28.5)."""

BINARY = "BUILDX_BIN"
"""A variable that names buildx as a program of its own: a path, or a name that is looked up in PATH."""

RELATIVE = (BINARY, "DOCKER_CONFIG", "DOCKER_CERT_PATH", "BUILDX_CONFIG", "SSL_CERT_FILE", "TMPDIR")
"""Variables with a path that may be relative, to where we were started: programs are started elsewhere."""

STANDARD_ERROR = 2

GRACE = 20.0
"""Seconds that a program has to end after ^C, before it is killed."""


def docker_directory(environment: Mapping[str, str]) -> Path:
    """Return where docker's configuration of the user is."""
    return Path(environment.get("DOCKER_CONFIG") or Path(environment.get("HOME") or Path.home(), ".docker"))


@contextmanager
def written_in(folder: Path) -> Iterator[None]:
    """Make EngineError of what cannot be written for a program, in a directory of ours."""
    try:
        yield
    except OSError as error:
        message = f"{error.filename or folder} cannot be written: {error.strerror}"
        raise EngineError(Diagnostic(message=message, code="write")) from None


def _is_script(path: str) -> bool:
    """Tell whether a program is run by another one, or cannot be looked into."""
    try:
        with Path(path).open("rb") as file:
            return file.read(2) == b"#!"
    except OSError:
        return True


@dataclass(frozen=True, kw_only=True)
class Completed:
    """A program that has ended: its exit code (negative: the signal that ended it) and what it wrote.

    `data` is its standard output as it is, which need not be text.
    """

    code: int
    stdout: str
    stderr: str
    data: bytes = b""


class Programs:
    """Starts programs in an environment that does not change what bake means."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        left_out = {*CHANGES_MEANING, *RUNS_MORE}
        self.environment = {key: value for key, value in environment.items() if key not in left_out}
        self._passed_over = _relative(environment.get("PATH", ""))
        if "PATH" in environment:
            self.environment["PATH"] = _absolute(environment["PATH"])
        for name in RELATIVE:
            if (path := environment.get(name)) and not Path(path).is_absolute() and (name != BINARY or "/" in path):
                with suppress(FileNotFoundError):  # a working directory that is gone
                    self.environment[name] = str(Path.cwd() / path)

    def with_variable(self, name: str, value: str) -> Self:
        """Return the same with a variable in the environment of what it starts."""
        other = copy(self)
        other.environment = {**self.environment, name: value}
        return other

    def docker_plugin(self, name: str) -> str:
        """Return the path of the plugin that docker is likely to start, "" if there is none where it usually is.

        Nor where docker or the plugin is a script, or docker is something else by its true name: it may set variables,
        become somebody else, or go to another machine, and what is started without it would not.
        """
        places = (f"{one}/docker-{name}" for one in self.plugin_directories())
        found = next((path for path in places if os.access(path, os.X_OK)), "")
        docker = self.docker()
        return found if Path(docker).name == "docker" and not (_is_script(docker) or _is_script(found)) else ""

    def plugin_directories(self) -> tuple[str, ...]:
        """Return where docker usually looks for plugins, the first before the others."""
        return (str(docker_directory(self.environment) / "cli-plugins"), *PLUGINS)

    def docker(self) -> str:
        """Return the true path of the program `docker`, "" if there is none."""
        found = self.which("docker")
        return os.path.realpath(found) if found else ""

    def which(self, program: str) -> str:
        """Return the path of a program that may be started, "" if there is none."""
        return shutil.which(program, path=self.environment.get("PATH", "")) or ""

    def standalone_buildx(self) -> str:
        """Return the path of buildx as a program of its own; "" where there is docker, whose plugin counts, or neither.

        BUILDX_BIN names it, else it is `buildx` in PATH.
        """
        return "" if self.docker() else self.which(self.environment.get(BINARY) or "buildx")

    def run(self, command: Sequence[str], *, given: str = "", timeout: float = 60.0) -> Completed:
        """Run a program to its end; EngineError if it is not there or takes longer than `timeout` seconds.

        `given` is what it reads from its standard input.
        """
        with self.begin(command, reads=bool(given)) as answer:
            return answer.result(timeout, given)

    def begin(self, command: Sequence[str], *, reads: bool = False) -> "Answer":
        """Start a program and return at once; that it is not there is said by `result`."""
        try:
            process = subprocess.Popen(
                command,
                env=_guarded(self.environment),
                stdin=subprocess.PIPE if reads else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        except OSError as error:
            return Answer(command, None, _unstarted(command[0], error, self._passed_over))
        return Answer(command, process)

    def watch(
        self,
        command: Sequence[str],
        *,
        cwd: str | Path,
        on_line: Callable[[str], None] | None,
        on_output: Callable[[str], None] | None = None,
        more: Mapping[str, str] | None = None,
    ) -> "Watched":
        """Start a program in a process group of its own; each line of its standard error goes to `on_line`.

        Each of its standard output goes to `on_output`, or nowhere without it. Without `on_line` it writes all to our
        own terminal. `more` is added to the environment. EngineError if the program is not there.
        """
        output = subprocess.DEVNULL if on_output is None else subprocess.PIPE
        try:
            process = subprocess.Popen(
                command,
                cwd=cwd,
                env=self._environment_of(more),
                stdin=subprocess.DEVNULL,
                stdout=STANDARD_ERROR if on_line is None else output,
                stderr=None if on_line is None else subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            raise _unstarted(command[0], error, self._passed_over) from None
        return Watched(process, on_line, on_output)

    def ahead(self, command: Sequence[str], *, cwd: str, more: Mapping[str, str]) -> "Waiting":
        """Start a program as `watch` does, before it is known what it will read from its standard input.

        A program that cannot be started is one that has ended.
        """
        environment = self._environment_of(more)
        try:
            process = subprocess.Popen(
                command,
                cwd=cwd,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError:
            return Waiting(None, environment)
        return Waiting(process, environment)

    def would_be(self, waiting: "Waiting", more: Mapping[str, str]) -> bool:
        """Tell whether a program that waits has the environment that it would be started with now."""
        return waiting.environment == self._environment_of(more)

    def _environment_of(self, more: Mapping[str, str] | None) -> dict[str, str]:
        return _guarded({**(more or {}), **self.environment})


class _Begun:
    """A program that was started, None where it could not be; leaving the context ends it if it still runs."""

    _process: "subprocess.Popen[bytes] | None"

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the program if it still runs."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._kill(self._process)
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()

    def _kill(self, process: "subprocess.Popen[bytes]") -> None:
        process.kill()


class Answer(_Begun):
    """What a program that was started will have said; leaving the context ends it if nobody waited."""

    def __init__(
        self, command: Sequence[str], process: "subprocess.Popen[bytes] | None", trouble: EngineError | None = None
    ) -> None:
        self._command, self._process, self._trouble = command, process, trouble

    def result(self, timeout: float = 60.0, given: str = "") -> Completed:
        """Wait; EngineError if the program is not there or takes longer than `timeout` seconds."""
        if self._process is None:
            raise self._trouble or EngineError()
        try:
            out, err = self._process.communicate(given.encode() or None, timeout=timeout)
        except subprocess.TimeoutExpired:
            message = f"`{' '.join(self._command[:3])}` did not answer within {timeout:.0f} s"
            raise EngineError(Diagnostic(message=message, code="timeout", hint="is the engine well?")) from None
        return Completed(code=self._process.returncode, stdout=_text(out), stderr=_text(err), data=out)


class Waiting(_Begun):
    """A program that was started ahead, in a process group of its own, and waits for its standard input.

    Leaving the context ends it if nobody took it.
    """

    def __init__(self, process: "subprocess.Popen[bytes] | None", environment: Mapping[str, str]) -> None:
        """Take the process, None where it could not be started, and its environment."""
        self._process, self.environment = process, environment

    def take(self, given: str, on_line: Callable[[str], None], on_output: Callable[[str], None]) -> "Watched | None":
        """Give the program what it waits for, and return it to be watched; None if it has ended, or was taken."""
        if self._process is None or self._process.poll() is not None:
            return None
        process, self._process = self._process, None
        stream, process.stdin = process.stdin, None
        threading.Thread(target=_give, args=[stream, given.encode()], daemon=True).start()
        return Watched(process, on_line, on_output)

    def _kill(self, process: "subprocess.Popen[bytes]") -> None:
        os.killpg(process.pid, signal.SIGKILL)


def _give(stream: IO[bytes] | None, data: bytes) -> None:
    """Write to a program; one that ends without having read it says why itself."""
    if stream is not None:
        with suppress(OSError), stream:
            stream.write(data)


def _unstarted(program: str, error: OSError, passed_over: str) -> EngineError:
    """Return what to say of a program that is not there; `passed_over` are entries of PATH that nobody looked into."""
    is_path, is_missing = "/" in program, isinstance(error, FileNotFoundError)
    why = "it, or the interpreter in its first line, is not there" if is_missing else error.strerror
    message, hint = f"{program} cannot be started: {why}", "" if is_path else f"what is {program} in PATH?"
    if is_missing and not is_path:
        message = f"{program} is not installed, or not in PATH"
        hints = {
            "docker": "install the Docker CLI with the buildx plugin (docs.docker.com/engine/install),\n"
            "or buildx alone, as `buildx` in PATH or as BUILDX_BIN names it (github.com/docker/buildx/releases)",
            "git": "install git",
        }
        looked = f"relative entries of PATH are passed over: {passed_over}" if passed_over else ""
        hint = "\n".join(filter(None, (hints.get(program, ""), looked)))
    return EngineError(Diagnostic(message=message, code="missing", hint=hint))


def _guarded(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which git runs nothing of a repository: no monitor, no hook, no fetching of what lacks.

    A directory of a context may itself be a bare repository, whose configuration git would obey.
    """
    before = environment.get("GIT_CONFIG_COUNT", "")
    first = int(before) if re.fullmatch("[0-9]{1,4}", before) else 0
    added = {"GIT_ALLOW_PROTOCOL": "none", "GIT_NO_LAZY_FETCH": "1", "GIT_TERMINAL_PROMPT": "0"}
    for number, (key, value) in enumerate(GIT_SETTINGS.items(), start=first):
        added |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return {**environment, **added, "GIT_CONFIG_COUNT": str(first + len(GIT_SETTINGS))}


def _absolute(path: str) -> str:
    """Return a PATH without what is relative to the working directory: a repository's `git` is not the user's."""
    return os.pathsep.join(part for part in path.split(os.pathsep) if Path(part).is_absolute())


def _relative(path: str) -> str:
    """Return what `_absolute` leaves out of a PATH, as PATH has it."""
    return os.pathsep.join(part for part in path.split(os.pathsep) if part and not Path(part).is_absolute())


def _text(data: bytes) -> str:
    return data.decode(errors="replace")


class Watched:
    """A program that runs in a process group of its own. Every method may be called from any thread."""

    def __init__(
        self,
        process: "subprocess.Popen[bytes]",
        on_line: Callable[[str], None] | None,
        on_output: Callable[[str], None] | None = None,
    ) -> None:
        """Take the process, and who is given the lines of its standard error and of its standard output."""
        self._process, self._on_line, self._on_output = process, on_line, on_output
        self._timer: threading.Timer | None = None

    def wait(self) -> int:
        """Read to the end and return the exit code; nothing of the group is left then."""
        try:
            with self._process:
                output = threading.Thread(target=_read, args=[self._process.stdout, self._on_output], daemon=True)
                output.start()
                _read(self._process.stderr, self._on_line)
                output.join()
                return self._process.wait()
        finally:
            self.kill()
            if self._timer is not None:
                self._timer.cancel()

    def stop(self) -> None:
        """Ask the group to end, as ^C does; after `GRACE` seconds it is killed."""
        if self._timer is None:
            self._timer = threading.Timer(GRACE, self.kill)
            self._timer.daemon = True
            self._timer.start()
        self._signal(signal.SIGINT)

    def kill(self) -> None:
        """End the group at once."""
        self._signal(signal.SIGKILL)

    def _signal(self, signum: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signum)


def _read(stream: IO[bytes] | None, tell: Callable[[str], None] | None) -> None:
    if stream is not None and tell is not None:
        for line in stream:
            tell(_text(line).rstrip("\r\n"))


@contextmanager
def signals(tell: Callable[[int], None]) -> Iterator[None]:
    """Call `tell` for every signal that asks to end instead of ending; it must not wait for anything.

    If one came, all that come later are passed over: what follows only says how it ended.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    came = False

    def handle(signum: int, _frame: FrameType | None) -> None:
        nonlocal came
        came = True
        tell(signum)

    heard = [signum for signum in ENDING if signal.getsignal(signum) is not signal.SIG_IGN]
    before = {signum: signal.signal(signum, handle) for signum in heard}
    try:
        yield
    finally:
        for signum, handler in before.items():
            signal.signal(signum, signal.SIG_IGN if came else handler)
