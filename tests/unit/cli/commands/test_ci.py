"""`ci` of a saved plan, and what it tells the step of GitHub that runs it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from buildmatrix.report.documents import schemas
from tests.inside import exit_code

ROOT = Path(__file__).parents[4]
SPEC = """version = 1
[runner]
"linux/arm64" = "arm"
[defaults]
dockerfile-inline = "FROM scratch"
platforms = ["linux/amd64", "linux/arm64"]
output = [{ type = "registry" }]
[target.base]
tags = ["registry.example.com/base:1"]
[target.app]
contexts.base = "target:base"
tags = ["registry.example.com/app:1"]
"""
WAVES = [["base@linux/amd64", "base@linux/arm64"], ["app@linux/amd64", "app@linux/arm64"]]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Path:
    """A directory with a saved plan, in a step of GitHub that has said something."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "outputs"))
    (tmp_path / "outputs").write_text("own=1\n")
    saved(tmp_path, SPEC)
    capfd.readouterr()
    return tmp_path


def saved(folder: Path, spec: str) -> None:
    (folder / "buildmatrix.toml").write_text(spec)
    assert exit_code("plan", "--out", "plan.json") == 0


def document(capfd: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    capfd.readouterr()
    assert exit_code("ci", "github", *words) == 0
    found: dict[str, Any] = json.loads(capfd.readouterr().out)
    Draft202012Validator(schemas()["matrices"]).validate(found)
    return found


def outputs(project: Path) -> dict[str, str]:
    lines = (project / "outputs").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines)


def test_a_step_has_the_plan_and_a_matrix_for_each_wave(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    found = document(capfd, "plan.json")
    said = outputs(project)
    assert list(said) == ["own", "plan", "merge", "wave-1", "wave-2"]
    assert [json.loads(said[f"wave-{number}"]) for number in (1, 2)] == found["waves"]
    assert [[row["build"] for row in wave["include"]] for wave in found["waves"]] == WAVES
    assert (said["plan"], said["merge"]) == (found["plan"], "true")
    assert re.fullmatch("[0-9a-f]{16}", found["plan"])


def test_a_plan_is_called_by_what_it_says(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    first = document(capfd, "plan.json")["plan"]
    saved(project, SPEC)
    assert document(capfd, "plan.json")["plan"] == first
    saved(project, SPEC.replace("app:1", "app:2"))
    assert document(capfd, "plan.json")["plan"] != first


def test_what_is_not_saved_has_no_name(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert document(capfd)["plan"] is None
    assert outputs(project)["plan"] == ""


def test_no_job_starts_where_the_workflow_has_too_few_waves(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert exit_code("ci", "github", "plan.json", "--waves", "1") == 10
    out, err = capfd.readouterr()
    assert (out, err.splitlines()[0]) == ("", "error: the plan needs 2 waves, and the workflow has 1")
    assert (project / "outputs").read_text() == "own=1\n"


def test_a_workflow_is_no_business_of_the_step(project: Path) -> None:
    assert exit_code("ci", "github", "--workflow", "-") == 0
    assert (project / "outputs").read_text() == "own=1\n"


def test_the_first_workflow_of_a_repository_has_its_directory_made(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = ".github/workflows/images.yml"
    assert exit_code("ci", "github", "--workflow", path) == 0
    assert (project / path).read_text().startswith(f"# Written by: buildmatrix ci github --workflow {path}")
    assert exit_code("ci", "github", "--workflow", path, "--check") == 0
    capfd.readouterr()
    assert exit_code("ci", "gitlab", "--workflow", "buildmatrix.toml/images.yml") == 2
    said = capfd.readouterr().err.splitlines()[-1]
    assert said == "error: buildmatrix.toml/images.yml cannot be written: File exists"


@pytest.mark.parametrize("system", ["github", "gitlab"])
def test_a_workflow_is_written_over_as_long_as_its_head_says_so(
    system: str, project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path, write = project / "images.yml", ("ci", system, "--workflow", "images.yml")
    path.write_text("\n")
    assert exit_code(*write) == 0, "nothing is lost"
    text = path.read_text()
    changed = text + "# more\n"
    path.write_text(f"---\n{changed}")
    assert (exit_code(*write), path.read_text()) == (0, text)
    own = changed.partition("\n")[2]
    path.write_text(own)
    capfd.readouterr()
    assert (exit_code(*write), path.read_text()) == (2, own)
    assert "images.yml was not written by buildmatrix" in capfd.readouterr().err
    assert exit_code(*write, "--check") == 10
    assert "images.yml was not written by buildmatrix" in capfd.readouterr().err


def test_a_workflow_of_another_ci_system_is_not_written_over(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert exit_code("ci", "github", "--workflow", "images.yml") == 0
    text = (project / "images.yml").read_text()
    capfd.readouterr()
    assert exit_code("ci", "gitlab", "--workflow", "images.yml") == 2
    assert (project / "images.yml").read_text() == text
    said = 'images.yml was not written by buildmatrix ci gitlab: it has no line "# Written by: buildmatrix ci gitlab …"'
    assert said in capfd.readouterr().err


def test_what_is_no_text_is_not_written_over(project: Path) -> None:
    (project / "images.yml").write_bytes(b"\xff\x00")
    assert exit_code("ci", "github", "--workflow", "images.yml") == 2
    assert (project / "images.yml").read_bytes() == b"\xff\x00"


@pytest.mark.usefixtures("project")
def test_a_workflow_goes_to_a_stream(capfd: pytest.CaptureFixture[str]) -> None:
    assert exit_code("ci", "github", "--workflow", "/dev/stdout") == 0
    assert capfd.readouterr().out.startswith("# Written by: buildmatrix ci github ")


def test_outputs_that_cannot_be_written_are_an_error(
    project: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GITHUB_OUTPUT", str(project))
    assert exit_code("ci", "github", "plan.json") == 2
    assert capfd.readouterr().err == f"error: {project} (GITHUB_OUTPUT) cannot be written: Is a directory\n"


@pytest.mark.parametrize("system", ["github", "gitlab"])
def test_a_plan_that_was_tampered_with_has_no_jobs(
    system: str, project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    text = (project / "plan.json").read_text()
    (project / "plan.json").write_text(text.replace('"tags"', '"tgs"'))
    assert exit_code("ci", system, "plan.json") != 0
    out, err = capfd.readouterr()
    assert out == ""
    assert "plan.json" in err


def test_the_guide_shows_the_jobs_of_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    _, _, chapter = (ROOT / "docs/guide.md").read_text().partition("\n## Past one machine\n")
    spec, shown = re.search(r"```toml\n(.*?)```.*    \$ buildmatrix ci github\n(.*?)\n\n", chapter, re.DOTALL).groups()  # type: ignore[union-attr]
    (tmp_path / "app").mkdir()
    for folder in (tmp_path, tmp_path / "app"):
        (folder / "Dockerfile").write_text("FROM scratch\n")
    (tmp_path / "buildmatrix.toml").write_text(spec)
    assert document(capfd) == json.loads(shown)


MOVING = """version = 1
[variable]
registry = { env = "REGISTRY", default = "ghcr.io/acme" }
push = { env = "PUSH", default = true }
[target.app]
dockerfile-inline = "FROM scratch"
tags = ["{{ registry }}/app:1"]
output = ["type={{ 'registry' if push else 'cacheonly' }}"]
"""


@pytest.mark.parametrize("system", ["github", "gitlab"])
def test_a_variable_that_may_move_images_to_a_registry_without_login_is_told_unless_it_is_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], system: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "buildmatrix.toml").write_text(MOVING)
    told = []
    for value in ("", "quay.io/acme"):
        if value:
            monkeypatch.setenv("REGISTRY", value)
        assert exit_code("ci", system, "--workflow", "-") == 0
        told.append(re.findall(r"warning: (.*)", capfd.readouterr().err))
    assert told == [['jobs log in to ghcr.io, and push elsewhere where REGISTRY gives "registry" another value'], []]
