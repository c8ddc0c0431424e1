"""A whole run without an engine: what goes in and what comes out, who is told what and when, and nothing is printed."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self, cast

import pytest

from buildmatrix.engine.buildx import Probe
from buildmatrix.engine.preflight import Engine
from buildmatrix.engine.progress.events import Event, Listener, TargetEnded
from buildmatrix.errors import Diagnostic, UsageError
from buildmatrix.git.facts import Git
from buildmatrix.git.repository import UnansweredError
from buildmatrix.pipeline import plan
from buildmatrix.pipeline.run.apply import apply
from buildmatrix.pipeline.run.directory import RunDirectory
from buildmatrix.pipeline.run.job import Applied, Job
from buildmatrix.plan.builds import BuildPlan, builds_of
from buildmatrix.plan.policy import Policy
from buildmatrix.process import Completed
from buildmatrix.spec.rows.options import Options
from buildmatrix.spec.rows.settings import Secret
from buildmatrix.spec.toml.source import Sources
from buildmatrix.state.record import ResultFile
from buildmatrix.template.request import Request

SPEC = """version = 1
apply.builder = "many"
[target.base]
dockerfile-inline = "FROM scratch"
output = ["type=cacheonly"]
[target.app]
needs = ["base"]
dockerfile-inline = "FROM scratch"
output = ["type=cacheonly"]
"""
INSPECT = """Name:   many
Driver: docker-container

Nodes:
Name:      many0
Endpoint:  default
Status:    running
Platforms: linux/amd64
"""


class Docker:
    """Stands for `Programs`: a docker with a builder, whose calls end as they are told to."""

    def __init__(self, failing: str = "", driver: str = "docker-container") -> None:
        self.environment: dict[str, str] = {}
        self.driver = driver
        self.failing = failing
        self.asked: list[str] = []
        self.built: list[list[str]] = []

    def docker_plugin(self, _: str) -> str:
        return ""

    def with_variable(self, name: str, value: str) -> "Docker":
        other = copy(self)
        other.environment = {**self.environment, name: value}
        return other

    def standalone_buildx(self) -> str:
        return ""

    def begin(self, command: Sequence[str], **_: Any) -> "Docker":
        words = " ".join(command)
        self.asked.append(words)
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def result(self, *_: Any) -> Completed:
        """One answer that serves all questions: each reads what is meant for it."""
        said = "github.com/docker/buildx v0.29.1 abc\n"
        return Completed(code=0, stdout=said + INSPECT.replace("docker-container", self.driver), stderr="")

    def run(self, *_: Any, **__: Any) -> Completed:
        return Completed(code=0, stdout="{}", stderr="")

    def watch(self, command: Sequence[str], *, on_line: Callable[[str], None], **_: Any) -> "Call":
        document = json.loads(Path(command[command.index("-f") + 1]).read_text())
        names = document["group"]["default"]["targets"]
        self.built.append(names)
        return Call(self.failing if self.failing in names else "", on_line)


@dataclass
class Call:
    """Stands for `Watched`."""

    failing: str
    on_line: Callable[[str], None]

    def wait(self) -> int:
        if self.failing:
            self.on_line(f"ERROR: target {self.failing}: failed to solve: it went wrong")
        return int(bool(self.failing))

    def stop(self) -> None:
        """It has ended by itself."""

    kill = stop


@dataclass
class Watching:
    """Takes down what it is told."""

    told: list[str] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    def warn(self, found: Iterable[Diagnostic]) -> None:
        self.told += [f"warning {one.code}" for one in found]

    def note(self, text: str) -> None:
        self.told.append(text)

    @contextmanager
    def begin(self, engine: Engine, first: str) -> Iterator[Listener]:
        self.told.append(f"begins on {engine.builder.name}{first}")
        yield self.events.append
        self.told.append("ends")


def run(folder: Path, docker: Docker, watching: Watching, *, spec: str = SPEC, **chosen: Any) -> Applied:
    (folder / "buildmatrix.toml").write_text(spec)

    def no_repository(_: tuple[str, ...]) -> str:
        raise UnansweredError("there is no git repository around the file")

    planned = builds_of(plan("buildmatrix.toml", Sources(folder), Request(), Git(no_repository)))
    programs = cast("Any", docker)
    job = Job(
        plan=planned,
        policy=Policy(plan=planned, options=Options(**chosen)),
        programs=programs,
        environment={},
    )
    with Probe(programs, chosen.get("builder")) as probe, TemporaryDirectory(dir=folder) as directory:
        return apply(job, probe, RunDirectory(path=Path(directory)), watching)


def test_a_run_goes_from_a_job_to_an_outcome(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    docker, watching = Docker(), Watching()
    outcome = run(tmp_path, docker, watching).outcome
    assert outcome.problem is None
    assert {target.name: target.status for target in outcome.targets} == {"base": "cached", "app": "cached"}
    assert docker.built == [["base"], ["app"]]
    assert watching.told == ["begins on many", "ends"]
    assert [event.outcome.name for event in watching.events if isinstance(event, TargetEnded)] == ["base", "app"]
    assert "docker buildx inspect many" in docker.asked  # the file's builder, not the current one
    assert set(json.loads((tmp_path / ".buildmatrix/result.json").read_text())["targets"]) == {"base", "app"}
    assert capfd.readouterr() == ("", "")


def test_a_failure_is_in_the_outcome(tmp_path: Path) -> None:
    outcome = run(tmp_path, Docker(failing="base"), Watching()).outcome
    assert {target.name: target.status for target in outcome.targets} == {"base": "failed", "app": "skipped"}
    assert outcome.problem is not None
    assert outcome.problem.exit_code == 1


@pytest.mark.parametrize(("driver", "told"), [("docker", ["note"]), ("docker-container", ["warning no-output"])])
def test_what_becomes_of_targets_without_output_is_told_once(driver: str, told: list[str], tmp_path: Path) -> None:
    spec = SPEC.replace('output = ["type=cacheonly"]\n', "")
    run(tmp_path, Docker(driver=driver), watching := Watching(), spec=spec)
    assert [one.partition(":")[0] for one in watching.told] == [*told, "begins on many", "ends"]


def test_who_resumes_nothing_is_told(tmp_path: Path) -> None:
    watching = Watching()
    run(tmp_path, Docker(), watching, resume=True)
    assert watching.told[0].startswith("note: there is no last result to go on from")
    run(tmp_path, Docker(), again := Watching(), resume=True)
    assert again.told == ["begins on many", "ends"]


def test_an_optional_secret_that_is_not_there_is_told_and_counts_for_what_is_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = f'{SPEC}secret = [{{ id = "x", env = "TOKEN", optional = true }}]\n'

    recorded = []

    def result(plan: BuildPlan, *more: Any, **flags: Any) -> ResultFile:
        recorded.append(plan.by_name["app"].settings.secret)
        return ResultFile(plan, *more, **flags)

    monkeypatch.setattr("buildmatrix.pipeline.run.apply.ResultFile", result)
    run(tmp_path, Docker(), watching := Watching(), spec=spec)
    missing = "the environment variable TOKEN is not set"
    assert watching.told == [f'note: secret "x" of app is left out: {missing}', "begins on many", "ends"]
    docker = Docker()
    docker.environment = {"TOKEN": "t"}
    run(tmp_path, docker, again := Watching(), spec=spec)
    assert again.told == ["begins on many", "ends"]
    assert recorded == [None, (Secret(id="x", env="TOKEN", optional=True),)]


def test_what_is_in_the_way_is_raised_before_anything_is_built(tmp_path: Path) -> None:
    docker, watching = Docker(), Watching()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("buildmatrix.pipeline.run.before.preflight", lambda *_, **__: (_ for _ in ()).throw(UsageError()))
        with pytest.raises(UsageError):
            run(tmp_path, docker, watching)
    assert (docker.built, watching.told) == ([], [])
