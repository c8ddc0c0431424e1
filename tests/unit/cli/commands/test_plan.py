"""`plan --preflight`: what a builder makes of targets that have no output."""

import json
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from buildmatrix.cli.application import application
from buildmatrix.engine import buildx, preflight

SPEC = 'version = 1\n[target.app]\ndockerfile-inline = "FROM scratch"\n[target.b]\ndockerfile-inline = "FROM scratch"\n'


@pytest.mark.parametrize("driver", ["docker", "remote"])
def test_what_has_no_output(driver: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "buildmatrix.toml").write_text(SPEC)
    monkeypatch.chdir(tmp_path)
    builder = SimpleNamespace(name="x", driver=driver, platforms=("linux/amd64",))
    found = SimpleNamespace(builder=builder, warnings=(), buildx="0.29")

    def probe(*_: Any) -> Any:
        return nullcontext()

    def engine(*_: Any, **__: Any) -> Any:
        return found

    monkeypatch.setattr(buildx, "Probe", probe)
    monkeypatch.setattr(preflight, "preflight", engine)
    said = CliRunner().invoke(application(["plan"]), ["plan", "--preflight"])
    assert said.exit_code == 0, said.output
    assert "has no output: it stays in the build cache" not in said.output
    loaded = "preflight: app (and 1 more target) has no output: this builder loads it into docker's image store"
    assert (loaded in " ".join(said.output.split())) == (driver == "docker")


@pytest.mark.parametrize(("named", "shown"), [("amd", "amd"), ("", "two")])
def test_the_builder_with_which_apply_runs_is_the_environment_s(
    named: str, shown: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "buildmatrix.toml").write_text(f'{SPEC}output = ["type=cacheonly"]\n[apply]\nbuilder = "two"\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BUILDX_BUILDER", named)
    text = CliRunner().invoke(application(["plan"]), ["plan"]).output
    assert f'apply runs with builder = "{shown}"' in text
    document = CliRunner().invoke(application(["plan"]), ["plan", "--format", "json"]).stdout
    assert json.loads(document)["apply"] == {"builder": "two"}
