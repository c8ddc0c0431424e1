"""The process's own streams, named as files: /dev/stdout, /dev/stderr, /dev/fd/N."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from buildmatrix.cli.output import doors, is_stream, write_stream

SPEC = 'version = 1\n[target.app]\ndockerfile-inline = "FROM scratch"\noutput = ["type=cacheonly"]\n'
CACHE = """cache-from = ["type=gha,token=CANARY-1"]\n"""


def run(folder: Path, *words: str, **more: object) -> "subprocess.CompletedProcess[str]":
    (folder / "buildmatrix.toml").write_text(SPEC + CACHE)
    command = [sys.executable, "-m", "buildmatrix", "render", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, **more)  # type: ignore[call-overload,no-any-return]


@pytest.mark.parametrize("path", ["/dev/stdout", "/dev/fd/1"])
def test_standard_output_gets_what_it_gets_without_a_name(path: str, tmp_path: Path) -> None:
    named = run(tmp_path, "-o", path)
    assert (named.returncode, named.stdout) == (0, run(tmp_path).stdout)
    assert "CANARY-1" in named.stdout


def test_standard_error_is_read_by_people(tmp_path: Path) -> None:
    named = run(tmp_path, "-o", "/dev/stderr")
    assert (named.returncode, named.stdout) == (0, "")
    assert '"target"' in named.stderr
    assert "CANARY-1" not in named.stderr


def test_another_stream_is_written_and_left_open(tmp_path: Path) -> None:
    with (tmp_path / "seven").open("w+") as file:
        named = run(tmp_path, "-o", f"/dev/fd/{file.fileno()}", pass_fds=[file.fileno()])
        file.write("more")
    assert (named.returncode, named.stdout, named.stderr) == (0, "", "")
    assert (tmp_path / "seven").read_text() == run(tmp_path).stdout + "more"


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("link", "it is a link, which is not followed: name the file itself"),
        ("/dev/fd/999", "Bad file descriptor"),
        ("/dev/fd/0", "it is only open to be read"),
        ("/dev/null", "it is no regular file"),
    ],
)
def test_what_is_no_stream_to_write_is_refused(path: str, why: str, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/dev/stdout")
    with Path(os.devnull).open() as nothing:
        named = run(tmp_path, "-o", path, stdin=nothing)
    assert (named.returncode, named.stdout) == (2, "")
    assert f"{path} cannot be written: {why}" in named.stderr


@pytest.mark.parametrize("path", ["/dev/stdout/x", "dev/stdout", "/dev/fd/", "/dev/fd/01", "/dev/fd/-1", "//dev/fd/1"])
def test_other_paths_are_files(path: str) -> None:
    assert not is_stream(path)


@pytest.mark.parametrize("path", ["/dev/stdout", "/dev/stderr"])
def test_nothing_that_is_obeyed_passes(path: str, capfd: pytest.CaptureFixture[str]) -> None:
    with doors():
        write_stream(path, "::error::x\n\x1b]0;x\a\n")
    shown = "".join(capfd.readouterr())
    assert "x" in shown
    assert "\x1b" not in shown
    assert not shown.startswith("::")
