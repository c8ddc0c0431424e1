"""The process's own streams, named as files: /dev/stdout, /dev/stderr, /dev/fd/N."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from buildmatrix.cli.application import COMMANDS
from buildmatrix.cli.output import Door, doors, is_stream, write_stream
from tests.inside import exit_code

pytestmark = pytest.mark.corpus

SPEC = 'version = 1\n[builder.many]\n[target.app]\ndockerfile-inline = "FROM scratch"\noutput = ["type=cacheonly"]\n'
CACHE = """cache-from = ["type=gha,token=CANARY-1"]\n"""


def run(folder: Path, *words: str, **more: object) -> "subprocess.CompletedProcess[str]":
    (folder / "buildmatrix.toml").write_text(SPEC + CACHE)
    command = [sys.executable, "-m", "buildmatrix", "render", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, **more)  # type: ignore[call-overload,no-any-return]


def test_a_door_that_is_forgotten_leaves_the_stream_alone() -> None:
    """Python closes what it forgets: 3.13 says what fails then, on standard error."""
    stream = io.TextIOWrapper(io.BytesIO())
    Door(stream).close()
    stream.write("more")
    stream.close()
    Door(stream).close()


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
        ("/dev/null", "it is not a regular file"),
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


# --- streams that cannot be written -----------------------------------------------------------------------------------

FORMS = {
    "plan": ["", "--format short", "--format json", "--format markdown"],
    "apply": ["--dry-run"],
    "show": ["plan.json"],
    "merge": ["--help"],
    "builder": ["create many --dry-run"],
    "ci": ["github", "gitlab", "github --workflow -"],
}
EACH = [f"{name} {form}" for name in COMMANDS for form in FORMS.get(name, [""])]


def shell(folder: Path, command: str, redirected: str) -> "subprocess.CompletedProcess[str]":
    """Run a command in a shell, which can close streams."""
    (folder / "buildmatrix.toml").write_text(SPEC)
    buildmatrix = f"{sys.executable} -m buildmatrix"
    before = f"{buildmatrix} plan --out plan.json > /dev/null; " if command.startswith("show ") else ""
    line = f"set -o pipefail; {before}{buildmatrix} {command} {redirected}"
    environment = {name: text for name, text in os.environ.items() if not name.startswith(("BUILDMATRIX", "GITHUB"))}
    bash = ["bash", "-c", line]
    return subprocess.run(bash, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.corpus
@pytest.mark.parametrize(
    ("command", "redirected", "why"),
    [
        *((command, ">/dev/full", "No space left on device") for command in [*EACH, "--help", "--version"]),
        *((command, ">&-", "it is closed") for command in ("plan", "render", "--help")),
    ],
)
def test_standard_output_that_cannot_be_written_is_an_error(
    command: str, redirected: str, why: str, tmp_path: Path
) -> None:
    done = shell(tmp_path, command, redirected)
    assert (done.returncode, done.stderr) == (2, f"error: standard output cannot be written: {why}\n")


def test_who_has_read_enough_changes_no_code(tmp_path: Path) -> None:
    assert shell(tmp_path, "plan --detailed-exitcode", "| true").returncode == 10
    assert shell(tmp_path, "plan --detailed-exitcode", "| head -1").returncode == 10


@pytest.mark.corpus
@pytest.mark.parametrize("command", ["plan", "--help"])
@pytest.mark.parametrize("redirected", ["2>&-", "2>/dev/full", "| cat", "| true", "<&-", "2>&- <&-"])
def test_who_does_not_read_keeps_no_command(command: str, redirected: str, tmp_path: Path) -> None:
    done = shell(tmp_path, command, redirected)
    assert done.returncode == 0
    assert redirected == "| true" or done.stdout
    assert "rror" not in done.stderr


@pytest.mark.corpus
@pytest.mark.parametrize(
    "redirected", ["2>&-", "2>/dev/full", ">&- 2>&-", ">&- 2>&- <&-", ">/dev/full 2>/dev/full", ""]
)
@pytest.mark.parametrize("command", ["plan nothing", "plan --nothing"])
def test_an_error_that_nobody_reads_has_its_code(command: str, redirected: str, tmp_path: Path) -> None:
    assert shell(tmp_path, command, redirected).returncode == 2


def test_no_file_takes_the_place_of_a_closed_stream(tmp_path: Path) -> None:
    """The first file that is opened would else be standard output, and hold what is printed."""
    done = shell(tmp_path, "render -o bake.json", ">&- 2>&- <&-")
    assert done.returncode == 0
    assert json.loads((tmp_path / "bake.json").read_text())["target"]
    closed = shell(tmp_path, "render -o /dev/stdout", ">&-")
    assert (closed.returncode, closed.stdout) == (2, "")
    assert "/dev/stdout cannot be written: " in closed.stderr


@pytest.mark.parametrize(
    "variables", [{"FORCE_COLOR": "1"}, {"FORCE_COLOR": "0"}, {"NO_COLOR": "1", "FORCE_COLOR": "1"}]
)
def test_colours_in_a_pipe(
    variables: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "buildmatrix.toml").write_text(SPEC)
    monkeypatch.chdir(tmp_path)
    for name in ("NO_COLOR", "FORCE_COLOR", "GITHUB_ACTIONS"):
        monkeypatch.delenv(name, raising=False)
    for name, text in variables.items():
        monkeypatch.setenv(name, text)
    for command, code in (("plan --format short", 0), ("plan nothing", 2)):
        shown = []
        for more in ("", "--color always", "--color never"):
            assert exit_code(*command.split(), *more.split()) == code
            shown.append("".join(capfd.readouterr()))
        plain, always, never = shown
        assert "\x1b[1" in always
        assert never
        assert "\x1b" not in never
        assert ("\x1b[1" in plain) == (variables == {"FORCE_COLOR": "1"})


def test_colours_of_a_program_in_a_pipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[1" in shell(tmp_path, "plan --format short", "2>&1").stdout


# --- the file as it was named -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("named", "shown"),
    [
        ("{folder}/wrong.toml", "{folder}/wrong.toml:2:"),
        ("{folder}/linked/wrong.toml", "{folder}/linked/wrong.toml:2:"),
        ("../project/wrong.toml", "../project/wrong.toml:2:"),
        ("../linked/wrong.toml", "../linked/wrong.toml:2:"),
    ],
)
def test_a_file_is_named_as_it_was_given(
    named: str, shown: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "project" / ".git").mkdir(parents=True)
    (tmp_path / "project" / "images").mkdir()
    (tmp_path / "linked").symlink_to("project")
    (tmp_path / "elsewhere").mkdir()
    folder = tmp_path / ("project" if "linked" not in named else "")
    (tmp_path / "project" / "wrong.toml").write_text(
        "version = 1\ninclude = ['images/more.toml']\n[target.app]\nx = 1\n"
    )
    (tmp_path / "project" / "images" / "more.toml").write_text("version = 1\n[target.b]\ny = 1\n")
    monkeypatch.chdir(tmp_path / "elsewhere")
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    assert exit_code("validate", "-f", named.format(folder=folder)) == 2
    said = capfd.readouterr().err
    start = shown.format(folder=folder).removesuffix("wrong.toml:2:")
    assert f"{start}wrong.toml:4:1: error" in said
    assert f"{start}images/more.toml:3:1: error" in said


def test_github_is_told_paths_from_the_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    (tmp_path / ".git").mkdir()
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "wrong.toml").write_text("version = 1\n[target.app]\nx = 1\n")
    for folder, named in (
        ("", "images/wrong.toml"),
        ("images", "wrong.toml"),
        ("images", f"{tmp_path}/images/wrong.toml"),
    ):
        monkeypatch.chdir(tmp_path / folder)
        assert exit_code("validate", "-f", named) == 2
        said = capfd.readouterr().err
        assert "::error file=images/wrong.toml,title=buildmatrix,line=3,col=1::" in said


def test_paths_for_bake_go_through_no_link(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Bake takes `link/..` for the link's own directory; paths of a file named from the root are short as well."""
    (tmp_path / "project" / "images").mkdir(parents=True)
    (tmp_path / "linked").symlink_to("project/images")
    (tmp_path / "project" / ".git").mkdir()
    text = SPEC.replace("[target.app]", '[target.app]\ncontext = ".."')
    monkeypatch.chdir(tmp_path)
    (tmp_path / "project" / "images" / "x.toml").write_text(text)
    for named in ("linked/x.toml", f"{tmp_path}/linked/x.toml", "project/images/x.toml"):
        assert exit_code("render", "-f", named) == 0
        assert json.loads(capfd.readouterr().out)["target"]["app"]["context"] == "project"
