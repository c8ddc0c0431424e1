"""`doctor` without an engine: what it says, and how it ends."""

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from buildmatrix.report.documents import schemas
from tests.inside import exit_code

PLAIN = 'version = 1\n[target.app]\ndockerfile-inline = "FROM scratch"\n'


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory of a repository without a file, and a PATH with nothing in it."""
    (tmp_path / ".git").mkdir()
    (tmp_path / "bin").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.delenv("BUILDX_BIN", raising=False)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "TMPDIR"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    return tmp_path


def read(capfd: pytest.CaptureFixture[str], *words: str) -> tuple[dict[str, str], int]:
    code = exit_code("doctor", "--format", "json", *words)
    document = json.loads(capfd.readouterr().out)
    Draft202012Validator(schemas()["doctor"]).validate(document)
    return {check["name"]: check["status"] for check in document["checks"]}, code


def test_a_file_is_planned(bare: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (bare / "buildmatrix.toml").write_text(PLAIN)
    found, code = read(capfd)
    assert (found["file"], found["docker"], found["registries"], code) == ("ok", "error", "ok", 3)


def test_a_file_with_errors_is_told_and_the_machine_is_looked_at(bare: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (bare / "buildmatrix.toml").write_text(PLAIN + "tgs = []\n")
    found, code = read(capfd)
    assert (found["file"], found["docker"], found["registries"], code) == ("error", "error", "skipped", 2)
    assert exit_code("doctor") == 2
    out, err = capfd.readouterr()
    assert out.startswith('error    file         unknown key "tgs" in target.app: only the machine is looked at\n')
    assert err.startswith('buildmatrix.toml:4:1: error: unknown key "tgs" in target.app\n')


def test_a_file_that_is_named_has_to_be_there(bare: Path, capfd: pytest.CaptureFixture[str]) -> None:
    found, code = read(capfd, "--file", str(bare / "x.toml"))
    assert (found["file"], found["docker"], code) == ("error", "error", 2)


def test_a_builder_that_cannot_be_is_refused_before_anything_is_asked(
    bare: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    del bare
    assert exit_code("doctor", "--builder", "a b") == 2
    out, err = capfd.readouterr()
    assert (out, err.partition("\n")[0]) == ("", "error: --builder a b is no builder's name")


def test_the_text_has_a_line_for_each_check_and_what_mends_it_below(
    bare: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (bare / "buildmatrix.toml").write_text(PLAIN)
    assert exit_code("doctor") == 3
    lines = capfd.readouterr().out.splitlines()
    at = lines.index("error    docker       docker is not installed, or not in PATH")
    assert lines[at + 1].startswith(" " * 24 + "install the Docker CLI with the buildx plugin")
    assert lines[at + 3] == " " * 24 + "run: curl -fsSL https://get.docker.com | sudo sh"
    assert lines[-1].startswith("20 checks: 1 error, ")
