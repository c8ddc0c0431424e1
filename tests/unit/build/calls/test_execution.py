"""Where bake limits targets and goes on by itself, a plan is not cut into many calls."""

from pathlib import Path
from typing import Any

import pytest
from packaging.version import Version

from buildmatrix.build.calls.batches import Call, calls, command_of
from buildmatrix.engine.buildx import Builder, Probe
from buildmatrix.engine.preflight import Engine
from buildmatrix.engine.versions import has_execution
from buildmatrix.git.facts import Git
from buildmatrix.pipeline import plan as make_plan
from buildmatrix.plan.policy import Policy
from buildmatrix.spec.rows.options import Options
from buildmatrix.spec.toml.source import Sources
from buildmatrix.template.request import Request
from tests.programs import Scripted, said

SPEC = """version = 1
[target.a]
output = ["type=cacheonly"]
dockerfile-inline = "FROM scratch"
[target.b]
inherits = ["a"]
[target.c]
inherits = ["a"]
needs = ["a"]
"""


def engine(version: str) -> Engine:
    return Engine(buildx=Version(version), builder=Builder(name="b", driver="remote", error="", nodes=()), warnings=())


def made(folder: Path, version: str, spec: str = SPEC, **options: Any) -> tuple[list[Call], list[str]]:
    """The calls, and the flags of the first one that say how bake goes through it."""
    plan = make_plan("f", Sources(folder, {"f": spec}), Request(), Git(lambda _: None))
    policy = Policy(plan=plan, options=Options(**options))
    found = calls(plan, policy, engine=engine(version))
    words = command_of(plan, found[0], policy, engine(version))
    return found, [word for word in words if word in {"--jobs", "--execution", "defer-error", "2"}]


@pytest.mark.parametrize(
    ("options", "flags"),
    [
        ({"jobs": 2}, ["--jobs", "2"]),
        ({"keep_going": True}, ["--execution", "defer-error"]),
        ({"jobs": 2, "keep_going": True}, ["--jobs", "2", "--execution", "defer-error"]),
        ({"keep_going": True, "fail_fast": True}, []),
        ({}, []),
    ],
)
def test_bake_is_told_and_calls_are_whole(options: dict[str, Any], flags: list[str], tmp_path: Path) -> None:
    found, told = made(tmp_path, "0.38.0", **options)
    assert told == flags
    assert [one.names for one in found] == [("a", "b"), ("c",)]  # what needs something still waits for it
    assert not any(one.alone for one in found)


@pytest.mark.parametrize("version", ["0.13.1", "0.29.1", "0.37.1"])
def test_an_older_one_is_given_a_call_for_each(version: str, tmp_path: Path) -> None:
    found, told = made(tmp_path, version, jobs=2, keep_going=True)
    assert told == []
    assert [one.names for one in found] == [("a",), ("b",), ("c",)]


def test_what_is_timed_is_cut_all_the_same(tmp_path: Path) -> None:
    found, told = made(tmp_path, "0.38.0", jobs=2, timeout="1m")
    assert (len(found), told) == (3, [])


def test_questions_are_limited_and_do_not_go_on(tmp_path: Path) -> None:
    spec = SPEC.replace("[target.b]", 'call = "check"\n[target.b]')
    assert made(tmp_path, "0.38.0", spec, jobs=2, keep_going=True)[1] == ["--jobs", "2"]


@pytest.mark.parametrize(
    ("said_version", "has"),
    [("v0.38.0", True), ("v0.38.0-rc1", True), ("0.41.2+ds1", True), ("v1.0.0", True), ("v0.37.1", False)],
)
def test_the_plugin_s_own_word_decides(said_version: str, has: bool) -> None:
    programs = Scripted(
        {
            "docker buildx version": said(f"github.com/docker/buildx {said_version} abc\n"),
            "docker buildx inspect": said("Name: b\nDriver: remote\n\nNodes:\nName: b0\nStatus: running\n"),
            "docker info": said("{}"),
        },
        path="/usr/bin/docker",
    )
    with Probe(programs, None) as probe:
        assert has_execution(probe.look()[0]) is has
