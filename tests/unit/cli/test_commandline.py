"""The command of `apply` that a plan ends with: what it was asked with, and `apply` has as well."""

import re
import shlex
import subprocess
from inspect import signature
from pathlib import Path

import pytest

from buildmatrix.cli.commandline import _held, as_path, of_apply, quoted
from buildmatrix.cli.commands.apply import apply
from buildmatrix.text import one_line
from tests.inside import exit_code

SPEC = """
version = 1
[variable]
key = ""
v = "1"
[target.app]
dockerfile-inline = "FROM scratch"
platforms = ["linux/amd64"]
output = ["type=cacheonly"]
[target.web]
inherits = ["app"]
cache-from = ["type=s3,bucket=b,region=r,secret_access_key={{ key }}"]
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("buildmatrix.toml", "my file.toml"):
        (tmp_path / name).write_text(SPEC)
    (tmp_path / "changed.txt").write_text("buildmatrix.toml\n")
    monkeypatch.chdir(tmp_path)


def command(capfd: pytest.CaptureFixture[str], *words: str) -> str:
    """Return the command that a plan names at its end."""
    assert exit_code("plan", *words) == 0
    out = capfd.readouterr().out
    found = re.search(r"^Nothing was built. Run `(.*)` to build (exactly )?this\.$", out, re.MULTILINE)
    assert found
    return found[1]


@pytest.mark.parametrize(
    ("words", "more"),
    [
        ("", ""),
        ("web '!app'", " web '!app'"),
        ("-f 'my file.toml' --var v=", " --file 'my file.toml' --var v="),
        ("--var key=sesame", " --var key=***"),
        ("--platform=linux/amd64 --set 'app.args.X=a b'", " --platform linux/amd64 --set 'app.args.X=a b'"),
        ("--no-incremental --no-locked --allow network.host", " --no-locked --allow network.host --no-incremental"),
        ("--changed-files changed.txt --no-output", " --no-output --changed-files changed.txt"),
        ("app --all --format text", " app"),
        ("--builder ''", " --builder ''"),
        ("--out 'my plan.json'", " 'my plan.json'"),
        ("app --out p.json -f 'my file.toml' --var v=2 --no-output", " p.json --file 'my file.toml'"),
    ],
)
def test_a_plan_ends_with_the_command_that_builds_it(words: str, more: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert command(capfd, *shlex.split(words)) == f"buildmatrix apply{more}"


def test_what_the_environment_gives_is_not_repeated(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BUILDMATRIX_FILE", "my file.toml")
    monkeypatch.setenv("BUILDMATRIX_PLATFORM", "linux/amd64")
    assert command(capfd, "app") == "buildmatrix apply app"


def test_the_command_is_applied(capfd: pytest.CaptureFixture[str]) -> None:
    said = command(capfd, "web", "-f", "my file.toml", "--set", "web.args.X=a b", "--all")
    assert exit_code(*shlex.split(said)[1:], "--dry-run") == 0
    assert '"X": "a b"' in capfd.readouterr().out


def test_what_a_saved_plan_holds_are_parameters_of_apply() -> None:
    assert _held() < set(signature(apply).parameters)


def test_the_file_of_the_environment_is_not_a_second_one(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only what stands on the command line contradicts it."""
    assert exit_code("plan", "--out", "plan.json") == 0
    Path("other.toml").write_text("version = 2\n")
    monkeypatch.setenv("BUILDMATRIX_FILE", "other.toml")
    assert exit_code("validate", "my file.toml") == 0
    assert exit_code("ci", "github", "plan.json") == 0
    assert exit_code("validate", "my file.toml", "--file", "other.toml") == 2
    assert "the file is given twice: my file.toml, and --file other.toml" in capfd.readouterr().err


@pytest.mark.parametrize("word", ["a b", "it's", "a\nb", "a\tb", "\u202ea", "\x85", "\U000e0041'", "a\\n\n"])
def test_a_word_is_the_same_in_a_shell_and_hides_nothing(word: str) -> None:
    done = subprocess.run(["bash", "-c", f"printf %s {quoted(word)}"], capture_output=True, check=True)
    assert done.stdout.decode() == word
    assert one_line(quoted(word)) == quoted(word)


def test_a_file_is_no_option() -> None:
    assert (as_path("-p.json"), as_path("p.json")) == ("./-p.json", "p.json")


def test_what_apply_takes_is_known_without_its_command() -> None:
    assert of_apply() == signature(apply).parameters.keys()
