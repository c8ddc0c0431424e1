"""Where docker's plugins are looked for, and what programs get of our environment."""

import os
import signal
import sys
import threading
from pathlib import Path

import pytest

from buildmatrix.errors import EngineError
from buildmatrix.process import Programs

BINARY = "\x7fELF"


def program(path: Path, text: str = BINARY, mode: int = 0o755) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return str(path)


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only directory of the system's plugins; docker is in `bin`."""
    monkeypatch.setattr("buildmatrix.process.PLUGINS", (str(tmp_path / "system"),))
    program(tmp_path / "bin" / "docker")
    return tmp_path / "system"


def found(tmp_path: Path, **environment: str) -> str:
    known = {"PATH": str(tmp_path / "bin"), "HOME": str(tmp_path), **environment}
    return Programs(known).docker_plugin("buildx")


def test_a_plugin_is_the_users_before_the_systems(tmp_path: Path, system: Path) -> None:
    assert found(tmp_path) == ""
    everyones = program(system / "docker-buildx")
    assert found(tmp_path) == everyones
    users = program(tmp_path / ".docker" / "cli-plugins" / "docker-buildx")
    assert found(tmp_path) == users


@pytest.mark.usefixtures("system")
def test_a_plugin_is_where_the_configuration_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = program(tmp_path / "config" / "cli-plugins" / "docker-buildx")
    assert found(tmp_path, DOCKER_CONFIG=str(tmp_path / "config")) == expected
    monkeypatch.chdir(tmp_path)
    assert found(tmp_path, DOCKER_CONFIG="config") == expected


def test_buildx_alone_counts_where_there_is_no_docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def alone(**environment: str) -> str:
        return Programs({"PATH": str(tmp_path / "bin"), **environment}).standalone_buildx()

    assert alone() == ""
    buildx, other = program(tmp_path / "bin" / "buildx"), program(tmp_path / "more" / "bx")
    assert alone() == buildx
    assert alone(BUILDX_BIN=other) == other
    assert alone(BUILDX_BIN="nothing") == ""
    program(tmp_path / "bin" / "bx13")
    assert alone(BUILDX_BIN="bx13") == str(tmp_path / "bin" / "bx13")
    monkeypatch.chdir(tmp_path)
    assert alone(BUILDX_BIN="more/bx") == other
    program(tmp_path / "bin" / "docker")
    assert alone(BUILDX_BIN=other) == ""


@pytest.mark.parametrize(("text", "mode"), [(BINARY, 0o644), ("#!/bin/sh\n", 0o755)])
def test_what_cannot_be_executed_or_is_a_script_is_left_to_docker(
    tmp_path: Path, system: Path, text: str, mode: int
) -> None:
    program(system / "docker-buildx", text, mode)
    assert found(tmp_path) == ""


def test_a_docker_that_may_do_something_else_starts_its_plugin_itself(tmp_path: Path, system: Path) -> None:
    expected = program(system / "docker-buildx")
    docker = tmp_path / "bin" / "docker"
    docker.rename(tmp_path / "docker")
    docker.symlink_to(tmp_path / "docker")
    assert found(tmp_path) == expected
    docker.unlink()
    assert found(tmp_path) == ""
    docker.symlink_to(program(tmp_path / "snap"))
    assert found(tmp_path) == ""
    docker.unlink()
    program(docker, '#!/bin/sh\nexec sudo /usr/bin/docker "$@"\n')
    assert found(tmp_path) == ""


def test_programs_that_start_elsewhere_find_what_is_relative_to_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    known = {"DOCKER_CONFIG": "a/b", "BUILDX_CONFIG": "/c", "TMPDIR": "", "OTHER": "d"}
    assert Programs(known).environment == {**known, "DOCKER_CONFIG": str(tmp_path / "a" / "b")}
    monkeypatch.setattr(os, "getcwd", lambda: (_ for _ in ()).throw(FileNotFoundError()))
    assert Programs(known).environment == known


def test_what_cannot_be_started_is_told_as_what_it_is(tmp_path: Path) -> None:
    (script := tmp_path / "script").write_text("#!/nonexistent/sh\n")
    (plain := tmp_path / "plain").write_text("")
    script.chmod(0o755)
    programs = Programs({"PATH": f"bin:/nowhere:./more:{tmp_path}:"})
    passed_over = "relative entries of PATH are passed over: bin:./more"
    for program, words, hint in (
        ("docker", "docker is not installed, or not in PATH", passed_over),
        ("other", "other is not installed, or not in PATH", passed_over),
        ("plain", "plain cannot be started: Permission denied", "what is plain in PATH?"),
        (str(plain), f"{plain} cannot be started: Permission denied", ""),
        (str(script), f"{script} cannot be started: it, or the interpreter in its first line, is not there", ""),
    ):
        with pytest.raises(EngineError) as raised:
            programs.run([program])
        with pytest.raises(EngineError) as watched:
            programs.watch([program], cwd=tmp_path, on_line=None)
        for found in (raised.value.diagnostics[0], watched.value.diagnostics[0]):
            assert found.message == words
            assert found.hint.endswith(hint)
            assert hint or not found.hint
    with pytest.raises(EngineError) as raised:
        Programs({"PATH": "/nowhere"}).run(["docker"])
    assert "passed over" not in raised.value.diagnostics[0].hint


READING = "import os, sys; print(os.environ['MORE']); print(len(sys.stdin.read()), file=sys.stderr)"


def test_a_program_that_was_started_ahead_gets_what_it_waits_for(tmp_path: Path) -> None:
    programs, said, shown = Programs({**os.environ, "A": "1"}), list[str](), list[str]()
    with programs.ahead([sys.executable, "-c", READING], cwd=str(tmp_path), more={"MORE": "more"}) as waiting:
        assert programs.would_be(waiting, {"MORE": "more"})
        assert not programs.would_be(waiting, {})
        assert not programs.with_variable("A", "2").would_be(waiting, {"MORE": "more"})
        watched = waiting.take("a" * 1_000_000, said.append, shown.append)  # more than a pipe holds
        assert watched is not None
        assert waiting.take("", said.append, shown.append) is None
    assert watched.wait() == 0  # it was taken, and does not end with what it was started for
    assert (said, shown) == (["1000000"], ["more"])


def test_a_program_that_was_started_ahead_for_nothing_is_ended(tmp_path: Path) -> None:
    programs = Programs(os.environ)
    with programs.ahead([sys.executable, "-c", READING], cwd=str(tmp_path), more={"MORE": ""}) as waiting:
        process = waiting._process
        assert process is not None
        assert process.poll() is None
    assert process.returncode == -signal.SIGKILL


@pytest.mark.parametrize("program", [sys.executable, "/nonexistent"])
def test_a_program_that_has_ended_is_not_taken(program: str, tmp_path: Path) -> None:
    with Programs(os.environ).ahead([program, "-c", "raise SystemExit(3)"], cwd=str(tmp_path), more={}) as waiting:
        if waiting._process:
            waiting._process.wait()
        assert waiting.take("", lambda _: None, lambda _: None) is None


def test_a_program_that_does_not_read_what_it_gets_ends_as_it_likes(tmp_path: Path) -> None:
    code = "import os, sys, time; os.close(0); sys.stderr.write('no\\n'); sys.exit(4)"
    ended = threading.Event()
    with Programs(os.environ).ahead(
        [sys.executable, "-c", f"import time; time.sleep(0.2); {code}"], cwd=str(tmp_path), more={}
    ) as waiting:
        said: list[str] = []
        watched = waiting.take("a" * 1_000_000, said.append, lambda _: ended.set())
        assert watched is not None
    assert (watched.wait(), said) == (4, ["no"])
