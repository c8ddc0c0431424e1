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

SPEC = 'version = 1\n[target.a]\ndockerfile-inline = "FROM scratch"\noutput = ["type=cacheonly"]\n'
NOWHERE = "error: the working directory is not there any more, or cannot be read\n"


def from_nowhere(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the program in a directory that is deleted before it starts."""
    (folder / "f.toml").write_text(SPEC)
    (folder / "gone").mkdir()
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
        ["plan"], ["validate"], ["list"], ["apply"], ["graph"], ["render"], ["plan", "-f", "-"],
        ["plan", "-f", "f.toml"], ["plan", "-f", "FILE", "--var-file", "x.toml"],
    ],
)  # fmt: skip
def test_a_working_directory_that_is_gone_is_an_error(tmp_path: Path, arguments: list[str]) -> None:
    done = from_nowhere(tmp_path, *(str(tmp_path / "f.toml") if one == "FILE" else one for one in arguments))
    assert (done.returncode, NOWHERE in done.stderr) == (2, True), done.stderr


@pytest.mark.parametrize("command", ["plan", "validate", "list", "graph", "render"])
def test_an_absolute_file_needs_no_working_directory(tmp_path: Path, command: str) -> None:
    done = from_nowhere(tmp_path, command, "--file", str(tmp_path / "f.toml"))
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", ["--help", "--bootstrap", "-x", "a b", "a/b", "a:b", "_a", "a\n"])
@pytest.mark.parametrize("command", ["apply", "plan"])
def test_what_is_no_builders_name_is_told_to_no_program(tmp_path: Path, command: str, name: str) -> None:
    (docker := tmp_path / "docker").write_text(f"#!/bin/sh\ntouch {tmp_path}/asked\n")
    docker.chmod(0o755)
    in_file = f"{SPEC}[apply]\nbuilder = {json.dumps(name)}\n"
    for spec, more in ((SPEC, ["--builder", name]), (in_file, [])):
        (tmp_path / "f.toml").write_text(spec)
        program = [sys.executable, "-P", "-m", "buildmatrix", command, "-f", str(tmp_path / "f.toml"), *more]
        environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
        environment.pop("DOCKER_CONFIG", None)
        done = subprocess.run(program, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 2
        assert ("is no builder's name" if more else "is not the name of a builder") in done.stderr
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
