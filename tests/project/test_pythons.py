"""`make pythons`: which versions are found, what is said of each, and that a failure is one."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OWN = sys.version_info.minor
TOOLS = ("bash", "dirname", "mkdir", "rm", "sed", "sh", "sort", "tail", "timeout", "touch")
"""All that the script uses: the system's own directory may hold other Pythons."""

OTHER, GONE = (number for number in (11, 12, 13) if number != OWN)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools/pythons.sh").write_text((ROOT / "tools/pythons.sh").read_text())
    (tmp_path / "pyproject.toml").write_text('classifiers = ["Programming Language :: Python :: 3.13"]\n')
    os.utime(tmp_path / "pyproject.toml", (0, 0))
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/python").symlink_to(sys.executable)
    for tool in TOOLS:
        (tmp_path / "bin" / tool).symlink_to(shutil.which(tool) or tool)
    return tmp_path


def program(path: Path, script: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def ready(project: Path, script: str, number: int = OTHER) -> None:
    """An environment that is made already, whose Python runs no tests but a script."""
    program(project / f".venvs/3.{number}/bin/python", script)
    (project / f".venvs/3.{number}/ready").touch()


def pythons(project: Path, **more: str) -> "subprocess.CompletedProcess[str]":
    environment = {"PATH": str(project / "bin"), "PYENV_ROOT": str(project / "pyenv"), "HOME": str(project), **more}
    return subprocess.run(
        ["bash", "tools/pythons.sh"], cwd=project, env=environment, capture_output=True, text=True, check=False
    )


def test_where_there_is_no_other_one_nothing_is_done(project: Path) -> None:
    program(project / f"bin/python3.{OTHER}", "exit 127  # a shim that leads to none")
    done = pythons(project)
    said = {f"python3.{OWN}: make test tries it", f"python3.{OTHER}: not there", f"python3.{GONE}: not there"}
    assert (done.returncode, done.stderr) == (0, "")
    assert {*done.stdout.splitlines()} == {*said, "no other Python is there: nothing to do"}
    assert not (project / ".venvs").exists()


@pytest.mark.parametrize("place", [f"bin/python3.{OTHER}", f"pyenv/versions/3.{OTHER}.1/bin/python3.{OTHER}"])
def test_one_of_the_path_and_one_of_pyenv_is_tried(place: str, project: Path) -> None:
    program(project / place, "exit 0")
    ready(project, 'test "$1" = -c || echo "7 passed in 1.00s"')
    done = pythons(project)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"python3.{OTHER}: 7 passed in 1.00s\n" in done.stdout
    assert "nothing to do" not in done.stdout


def test_the_newest_alone_is_tried(project: Path) -> None:
    for number in (OTHER, GONE):
        program(project / f"bin/python3.{number}", "exit 0")
        ready(project, f'test "$1" = -c || echo "{number} passed in 1.00s"', number)
    done = pythons(project, PYTHONS="newest")
    assert (done.returncode, done.stderr) == (0, "")
    newest, older = max(OTHER, GONE), min(OTHER, GONE)
    assert f"python3.{newest}: {newest} passed in 1.00s\n" in done.stdout
    assert f"python3.{older}" not in done.stdout
    assert f"python3.{older}: {older} passed in 1.00s\n" in pythons(project).stdout


@pytest.mark.parametrize(
    ("script", "what"),
    [("echo why; echo '1 failed in 1.00s'; exit 1", "1 failed in 1.00s"), ("exit 124", "took too long")],
)
def test_what_fails_is_shown_and_fails(script: str, what: str, project: Path) -> None:
    program(project / f"bin/python3.{OTHER}", "exit 0")
    ready(project, f'test "$1" = -c && exit; {script}')
    done = pythons(project)
    assert done.returncode == 1
    assert f"python3.{OTHER}: {what}" in done.stdout.splitlines()
    assert ("why\n" in done.stdout) == ("why" in script)


def test_an_environment_that_cannot_be_made_fails(project: Path) -> None:
    program(project / f"bin/python3.{OTHER}", 'test "$1" = -c || { echo no wheel; exit 1; }')
    done = pythons(project)
    assert done.returncode == 1
    assert f"no wheel\npython3.{OTHER}: no environment could be made\n" in done.stdout
