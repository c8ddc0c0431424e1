"""What a run leaves beside its images: logs, the last result, fingerprints."""

from pathlib import Path

import pytest

from buildmatrix.build.logs import Logs
from buildmatrix.engine.outcome import BuildOutcome
from buildmatrix.engine.progress.events import LogLine, StepStarted, TargetStarted
from buildmatrix.errors import StaleError
from buildmatrix.git.facts import Git
from buildmatrix.pipeline import plan as make_plan
from buildmatrix.plan.builds import builds_of
from buildmatrix.plan.model import Plan
from buildmatrix.spec.toml.source import Sources
from buildmatrix.state.record import ResultFile
from buildmatrix.template.request import Request

SPEC = """version = 1
[defaults]
output = ["type=registry"]
[target.base]
context = "base"
[target.app]
context = "app"
contexts.base = "target:base"
tags = ["r.example/app:1", "r.example/app:2", "other.example/app"]
[target.alone]
context = "alone"
tags = ["r.example/alone:1"]
[group]
default = ["app", "alone"]
"""


def planned(folder: Path, spec: str = SPEC) -> Plan:
    for name in ("base", "app", "alone"):
        (folder / name).mkdir(exist_ok=True)
        (folder / name / "Dockerfile").write_text("FROM scratch\n")
    return make_plan("f.toml", Sources(folder, {"f.toml": spec}), Request(), Git(lambda _: None))


def built(name: str) -> BuildOutcome:
    return BuildOutcome(
        name=name,
        target=name,
        declared=name,
        status="built",
        exported=True,
        platforms=(),
        tags=(f"r/{name}:1",),
        digest="sha256:1",
    )


# --- fingerprints and results -----------------------------------------------------------------------------------------


def test_a_result_that_cannot_be_written_is_no_failure(tmp_path: Path) -> None:
    plan = planned(tmp_path)
    (tmp_path / ".buildmatrix").write_text("a file is in the way")
    result = ResultFile(builds_of(plan))
    result.record_all([built("app")])
    assert "cannot be written" in result.trouble


# --- logs -------------------------------------------------------------------------------------------------------------


def test_logs_of_more_targets_than_may_be_open(tmp_path: Path) -> None:
    logs = Logs(tmp_path / "logs")
    for _ in range(2):
        for number in range(300):
            logs(StepStarted(target=f"t{number}", at="2/2", step="RUN a"))
            logs(LogLine(target=f"t{number}", at="2/2", text="hello"))
    logs(TargetStarted(target="t0", attempt=2))
    logs.close()
    assert (tmp_path / "logs" / "t0.log").read_text() == "[2/2] RUN a\n[2/2] | hello\n" * 2 + "--- attempt 2\n"
    assert logs.path("t299") == str(tmp_path / "logs" / "t299.log")
    assert not logs.path("other")


# --- what is ours is written through no link --------------------------------------------------------------------------


@pytest.mark.parametrize("linked", [".buildmatrix", ".buildmatrix/result.json", ".buildmatrix/lock"])
def test_a_link_in_the_place_of_the_last_result_is_not_followed(tmp_path: Path, linked: str) -> None:
    plan = planned(tmp_path)
    away = tmp_path / "away"
    away.mkdir()
    (away / "file").write_text('{"format_version": 1, "targets": {}}')
    (tmp_path / linked).parent.mkdir(exist_ok=True)
    (tmp_path / linked).symlink_to(away if linked == ".buildmatrix" else away / "file")
    result = ResultFile(builds_of(plan))
    result.record_all([built("alone")])
    assert result.trouble
    assert [path.name for path in away.iterdir()] == ["file"]
    assert (away / "file").read_text() == '{"format_version": 1, "targets": {}}'
    if linked != ".buildmatrix/lock":
        with pytest.raises(StaleError, match="cannot be read"):
            ResultFile(builds_of(plan)).known()


def test_a_links_place_is_taken_by_the_log(tmp_path: Path) -> None:
    (tmp_path / "bashrc").write_text("mine\n")
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "app.log").symlink_to(tmp_path / "bashrc")
    logs = Logs(tmp_path / "logs")
    logs(LogLine(target="app", at="1/1", text="hello"))
    logs(LogLine(target="../app", at="1/1", text="hello"))
    logs.close()
    assert (tmp_path / "bashrc").read_text() == "mine\n"
    assert sorted(path.name for path in (tmp_path / "logs").iterdir()) == [".._app.log", "app.log"]
