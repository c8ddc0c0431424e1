"""A wheel in a clean environment, `--help` of every command, and completion in every shell."""

import os
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import pytest

from buildmatrix import DISTRIBUTION, __version__
from buildmatrix.cli.application import COMMANDS
from tests.inside import exit_code
from tools.dist import build

pytestmark = pytest.mark.corpus

ROOT = Path(__file__).parents[2]
SPEC = """version = 1
target.app.matrix.python = ["3.12", "3.13"]
target.app.dockerfile-inline = "FROM scratch"
target._base.args.A = "1"
target.docs.dockerfile-inline = "FROM scratch"
group.nightly = ["app"]
"""
SHELLS = {
    "bash": lambda words: {
        "_BUILDMATRIX_COMPLETE": "complete_bash",
        "COMP_WORDS": "\n".join(words),
        "COMP_CWORD": str(len(words) - 1),
    },
    "zsh": lambda words: {"_BUILDMATRIX_COMPLETE": "complete_zsh", "_TYPER_COMPLETE_ARGS": " ".join(words)},
    "fish": lambda words: {
        "_BUILDMATRIX_COMPLETE": "complete_fish",
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        "_TYPER_COMPLETE_ARGS": " ".join(words),
    },
}


def call(command: list[str], folder: Path, **variables: str) -> str:
    environment = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "GITHUB_ACTIONS"}}
    done = subprocess.run(
        command, cwd=folder, env={**environment, **variables}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "buildmatrix.toml").write_text(SPEC)
    return tmp_path


@pytest.fixture
def complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[[str, list[str]], set[str]]:
    """What a shell is answered for what has been typed."""
    monkeypatch.chdir(tmp_path)

    def ask(shell: str, typed: list[str]) -> set[str]:
        with patch.dict(os.environ, SHELLS[shell](["buildmatrix", *typed])):
            assert exit_code() == 0
        out, err = capfd.readouterr()
        assert err == ""
        return set(out.replace('"', " ").replace(":", " ").split())

    return ask


def test_the_distribution_has_one_name() -> None:
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["name"] == DISTRIBUTION
    assert f"/wheels {DISTRIBUTION}\n" in (ROOT / "Dockerfile").read_text()
    assert f"`{DISTRIBUTION}`" in (ROOT / "README.md").read_text()


def test_a_wheel_holds_the_package_only_and_works_in_a_clean_environment(folder: Path) -> None:
    """Its dependencies are those of the tests' own environment, by a .pth file: nothing more is downloaded."""
    wheel = build("wheel", ROOT, folder)
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names} == {"buildmatrix", f"buildmatrix_bake-{__version__}.dist-info"}
    assert {"buildmatrix/py.typed", f"buildmatrix_bake-{__version__}.dist-info/licenses/LICENSE"} <= set(names)
    call([sys.executable, "-m", "venv", "--without-pip", "env"], folder)
    python = folder / "env" / "bin" / "python"
    theirs = Path(call([str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], folder).strip())
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--python", str(python)]
    call([*pip, "install", "--no-deps", "--no-index", str(wheel)], folder)
    (theirs / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    script = str(folder / "env" / "bin" / "buildmatrix")
    place = call([str(python), "-c", "import buildmatrix; print(buildmatrix.__file__)"], folder)
    assert Path(place.strip()).is_relative_to(folder)
    for command in ([script], [str(python), "-m", "buildmatrix"]):
        assert call([*command, "--version"], folder) == f"buildmatrix {__version__} (buildmatrix-bake)\n"
        assert "buildmatrix plan · 3 targets" in call([*command, "plan"], folder)
    other = theirs / "buildmatrix-0.1.0.dist-info"
    other.mkdir()
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: buildmatrix\nVersion: 0.1.0\n")
    said = subprocess.run([script, "--version"], cwd=folder, capture_output=True, text=True, check=True).stderr
    assert said.startswith("warning: buildmatrix 0.1.0 is installed here, too")


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example(command: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert exit_code(command, "--help") == 0
    assert f"\n    buildmatrix {command}" in capfd.readouterr().out.partition("Examples:")[2]


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("typed", "expected", "missing"),
    [
        (["plan", ""], ["app", "app-3-12", "app-3-13", "docs", "nightly"], ["_base"]),
        (["apply", "--push", "app-3-1"], ["app-3-12", "app-3-13"], ["docs"]),
        (["apply", "--set", "docs.netw"], ["docs.network=host"], ["docs.tags="]),
    ],
    ids=" ".join,
)
@pytest.mark.usefixtures("folder")
def test_completion(
    shell: str, typed: list[str], expected: list[str], missing: list[str], complete: Callable[..., set[str]]
) -> None:
    said = complete(shell, typed)
    assert [word for word in expected if word not in said] == []
    assert [word for word in missing if word in said] == []


@pytest.mark.parametrize(
    ("typed", "expected", "missing"),
    [
        (["render", "--no"], ["--no-output"], ["--push"]),
        (["li"], ["list"], ["plan"]),
        (["list", "ta"], ["targets", "tags"], ["groups"]),
        (["schema", ""], ["file", "plan", "report"], []),
        (["graph", "docs", "n"], ["nightly"], ["docs", "app"]),
        (["plan", "nothing"], [], ["app"]),
    ],
    ids=" ".join,
)
@pytest.mark.usefixtures("folder")
def test_completion_of_words_of_ours(
    typed: list[str], expected: list[str], missing: list[str], complete: Callable[..., set[str]]
) -> None:
    test_completion("bash", typed, expected, missing, complete)


@pytest.mark.parametrize("shell", SHELLS)
def test_completion_is_silent_when_the_file_is_wrong(
    shell: str, tmp_path: Path, complete: Callable[..., set[str]]
) -> None:
    (tmp_path / "buildmatrix.toml").write_text("version = ")
    assert complete(shell, ["plan", "a"]) <= {"_files"}  # zsh's own


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_has_a_script(shell: str, folder: Path) -> None:
    said = call([sys.executable, "-m", "buildmatrix"], folder, _BUILDMATRIX_COMPLETE=f"source_{shell}")
    assert f"complete_{shell}" in said


def test_completion_in_a_real_bash(folder: Path) -> None:
    (folder / "buildmatrix").write_text(f'#!/bin/sh\nexec {sys.executable} -m buildmatrix "$@"\n')
    (folder / "buildmatrix").chmod(0o755)
    script = """
        eval "$(_BUILDMATRIX_COMPLETE=source_bash ./buildmatrix)"
        complete_words() {
            COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
            _buildmatrix_completion ./buildmatrix
            echo "${COMPREPLY[@]}"
        }
        complete_words buildmatrix plan app-3
        complete_words buildmatrix plan --set docs.network =
        complete_words buildmatrix plan --set docs.network = ho
        complete_words buildmatrix plan --set docs.network = host ap
    """
    assert call(["bash", "-c", script], folder).splitlines() == [
        "app-3-12 app-3-13",
        "default host none",
        "host",
        "app app-3-12 app-3-13",
    ]
