"""What every command starts with: where it stands, and which file it takes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from buildmatrix.cli.options import Adjustments
from buildmatrix.cli.session import request
from buildmatrix.errors import UsageError
from tests.inside import exit_code

SPEC = 'version = 1\n[target.a]\ndockerfile-inline = "FROM scratch"\noutput = ["type=cacheonly"]\n'
NOWHERE = "error: the working directory is not there any more, or cannot be read\n"


@pytest.fixture
def gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory that is deleted under our feet, beside `f.toml`."""
    (tmp_path / "f.toml").write_text(SPEC)
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    return tmp_path


def from_nowhere(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the program in a directory that is deleted before it starts."""
    (folder / "f.toml").write_text(SPEC)
    (folder / "gone").mkdir(exist_ok=True)
    start = f'rmdir "{folder}/gone"; exec "$0" "$@"'
    return subprocess.run(
        ["sh", "-c", start, sys.executable, "-P", "-m", "buildmatrix", *arguments],
        cwd=folder / "gone",
        capture_output=True,
        text=True,
        check=False,
        input=SPEC,
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ["plan"], ["validate"], ["list"], ["apply"], ["graph"], ["render"],
        ["plan", "-f", "f.toml"], ["plan", "-f", "FILE", "--var-file", "x.toml"],
    ],
)  # fmt: skip
def test_a_working_directory_that_is_gone_is_an_error(
    gone: Path, capfd: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert exit_code(*(str(gone / "f.toml") if one == "FILE" else one for one in arguments)) == 2
    assert NOWHERE in capfd.readouterr().err


@pytest.mark.parametrize("command", ["plan", "validate", "list", "graph", "render"])
def test_an_absolute_file_needs_no_working_directory(
    gone: Path, capfd: pytest.CaptureFixture[str], command: str
) -> None:
    assert exit_code(command, "--file", str(gone / "f.toml")) == 0
    assert capfd.readouterr().err == ""


def test_the_program_starts_where_no_directory_is(tmp_path: Path) -> None:
    """Python itself asks for the directory as it starts."""
    done = from_nowhere(tmp_path, "plan", "-f", "-")
    assert (done.returncode, NOWHERE in done.stderr) == (2, True), done.stderr
    done = from_nowhere(tmp_path, "plan", "--file", str(tmp_path / "f.toml"))
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", ["--help", "--bootstrap", "-x", "a b", "a/b", "a:b", "_a", "a\n"])
@pytest.mark.parametrize("command", ["apply", "plan"])
def test_what_is_no_builders_name_is_told_to_no_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], command: str, name: str
) -> None:
    (docker := tmp_path / "docker").write_text(f"#!/bin/sh\ntouch {tmp_path}/asked\n")
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.delenv("DOCKER_CONFIG", raising=False)
    in_file = f"{SPEC}[apply]\nbuilder = {json.dumps(name)}\n"
    for spec, more in ((SPEC, ["--builder", name]), (in_file, [])):
        (tmp_path / "f.toml").write_text(spec)
        assert exit_code(command, "-f", str(tmp_path / "f.toml"), *more) == 2
        said = capfd.readouterr().err
        assert ("is no builder's name" if more else "is not the name of a builder") in said
        assert not (more and (tmp_path / "asked").exists())


@pytest.mark.parametrize("text", ["", ",", " "])
def test_a_platform_that_names_none_is_an_error_and_not_all(text: str) -> None:
    with pytest.raises(UsageError, match="names no platform"):
        request(adjustments=Adjustments(platform=["linux/amd64", text]))
    assert request(adjustments=Adjustments(platform=["linux/amd64,linux/arm64, "])).platforms == (
        "linux/amd64",
        "linux/arm64",
    )


def test_a_name_is_listed_once(tmp_path: Path) -> None:
    spec = SPEC.replace("target.a", "target.default")
    (tmp_path / "f.toml").write_text(f'{spec}[group]\ndefault = ["default"]\n')
    program = [sys.executable, "-P", "-m", "buildmatrix", "plan", "-f", str(tmp_path / "f.toml"), "zzzzzz"]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    assert "known here: default\n" in done.stderr


def test_a_file_is_called_as_the_command_line_calls_it() -> None:
    program = [sys.executable, "-P", "-m", "buildmatrix", "plan", "-f", "/dev/null"]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.partition(": ")[0]) == (2, "/dev/null")
