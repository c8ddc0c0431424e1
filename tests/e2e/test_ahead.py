"""The first bake call is started ahead: it builds what any other one would, and is ended where it is not wanted."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from buildmatrix.pipeline.run.before import made_ready
from buildmatrix.process import Programs, Waiting, Watched
from tests.e2e.tools import Project, docker_config, engines_buildx, known, platforms
from tests.inside import exit_code

SPEC = """
[target.t]
{more}
tags = ["{repository}/t:1"]
platforms = ["linux/amd64", "linux/arm64"]
output = [{{ type = "registry" }}]
"""


COPIED = "FROM scratch\nCOPY Dockerfile /\n"


class Seen:
    """What a run did with the call that it started ahead, and which calls it started otherwise."""

    def __init__(self) -> None:
        self.waiting: list[Waiting] = []
        self.taken: list[bool] = []
        self.others = 0


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Iterator[Seen]:
    found, ahead, take, watch = Seen(), Programs.ahead, Waiting.take, Programs.watch

    def noted(self: Programs, *given: Any, **named: Any) -> Waiting:
        found.waiting.append(waiting := ahead(self, *given, **named))
        return waiting

    def given(self: Waiting, *given: Any) -> Watched | None:
        watched = take(self, *given)
        found.taken.append(watched is not None)
        return watched

    def started(self: Programs, *given: Any, **named: Any) -> Watched:
        found.others += 1
        return watch(self, *given, **named)

    monkeypatch.setattr(Programs, "ahead", noted)
    monkeypatch.setattr(Waiting, "take", given)
    monkeypatch.setattr(Programs, "watch", started)
    yield found
    ended = [one._process for one in found.waiting]
    assert all(one is None or one.poll() is not None for one in ended)  # taken, or ended


@pytest.fixture
def apply(
    engine: dict[str, str],
    tmp_path: Path,
    project: Project,
    repository: str,
    seen: Seen,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., int]:
    """Apply twice: what docker tells is remembered by the first run, which is not looked at."""
    for name, value in engine.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))

    def twice(*words: str, more: str = "", dockerfile: str = COPIED, then: tuple[str, str] = ("", "")) -> int:
        spec = SPEC.format(repository=repository, more=more)
        files = {"Dockerfile": known(dockerfile, repository)}
        monkeypatch.chdir(project(spec, files))
        assert exit_code("apply", "t") == 0
        project(spec.replace(*then), files)
        seen.waiting.clear()
        seen.taken.clear()
        seen.others = 0
        code = exit_code("apply", *words)
        assert not list((tmp_path / "temporary").iterdir())
        return code

    return twice


@pytest.mark.parametrize(
    ("words", "more", "dockerfile"),
    [
        ([], "", COPIED),
        ([], "", "FROM busybox\nRUN true\n"),  # with a source policy, which is written when it is waiting already
        (["--keep-going", "--no-cache", "--pull"], "", COPIED),
        (["--builder", "one-node", "--metadata", "m.json"], "", COPIED),
        (["--jobs", "1"], 'timeout = "5m"', COPIED),
    ],
)
def test_the_call_that_waits_is_the_one_that_builds(
    words: list[str], more: str, dockerfile: str, apply: Callable[..., int], seen: Seen, repository: str
) -> None:
    assert apply(*words, more=more, dockerfile=dockerfile) == 0
    assert (len(seen.waiting), seen.taken, seen.others) == (1, [True], 0)
    assert platforms(f"{repository}/t:1") == ["linux/amd64", "linux/arm64"]


@pytest.mark.parametrize("old", [False, True])
def test_so_it_is_with_the_oldest_buildx_as_dockers_plugin(
    old: bool, apply: Callable[..., int], seen: Seen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, repository: str
) -> None:
    buildx = os.environ["OLD_BUILDX"] if old else engines_buildx()
    monkeypatch.setenv("DOCKER_CONFIG", str(docker_config(tmp_path / "config", buildx, "one-node")))
    assert apply("--builder", "one-node", dockerfile="FROM busybox\nRUN true\n") == 0
    assert (len(seen.waiting), seen.taken, seen.others) == (1, [True], 0)
    assert platforms(f"{repository}/t:1") == ["linux/amd64", "linux/arm64"]


@pytest.mark.parametrize("words", [["--incremental"], ["--resume"], ["--progress", "plain"], ["--dry-run"]])
def test_nothing_is_started_ahead_where_nobody_knows_what_is_built(
    words: list[str], apply: Callable[..., int], seen: Seen
) -> None:
    assert apply(*words) == 0
    assert not seen.waiting


def test_what_is_refused_ends_the_call_that_waits(
    apply: Callable[..., int], seen: Seen, capfd: pytest.CaptureFixture[str], repository: str
) -> None:
    """The tag has two platforms by the first run, and would lose one."""
    assert apply(then=(', "linux/arm64"', "")) == 5
    assert (len(seen.waiting), seen.taken, seen.others) == (1, [], 0)
    assert "linux/arm64" in capfd.readouterr().err
    assert platforms(f"{repository}/t:1") == ["linux/amd64", "linux/arm64"]


def test_a_call_that_ended_while_it_waited_is_started_again(
    apply: Callable[..., int], seen: Seen, monkeypatch: pytest.MonkeyPatch, repository: str
) -> None:
    ahead = Programs.ahead

    def ended(self: Programs, *given: Any, **named: Any) -> Waiting:
        waiting = ahead(self, *given, **named)
        if waiting._process is not None:
            waiting._process.kill()
            waiting._process.wait()
        return waiting

    monkeypatch.setattr(Programs, "ahead", ended)
    assert apply() == 0
    assert (seen.taken, seen.others) == ([False], 1)
    assert platforms(f"{repository}/t:1") == ["linux/amd64", "linux/arm64"]


@pytest.mark.parametrize("dockerfile", [COPIED, "FROM busybox\nRUN true\n"])
def test_a_temporary_directory_that_is_cleaned_up_meanwhile_is_made_again(
    dockerfile: str,
    apply: Callable[..., int],
    seen: Seen,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    repository: str,
) -> None:
    def cleaned(*given: Any) -> Any:
        for one in (tmp_path / "temporary").iterdir():
            shutil.rmtree(one)
        return made_ready(*given)

    monkeypatch.setattr("buildmatrix.pipeline.run.apply.made_ready", cleaned)
    assert apply(dockerfile=dockerfile) == 0
    assert (len(seen.waiting), seen.taken, seen.others) == (1, [], 1)
    assert platforms(f"{repository}/t:1") == ["linux/amd64", "linux/arm64"]
