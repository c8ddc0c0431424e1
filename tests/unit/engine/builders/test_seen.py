"""What buildx tells of builders: all in short, one at length."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from buildmatrix.engine.builders.compare import Difference
from buildmatrix.engine.builders.found import inspected, listed
from buildmatrix.engine.builders.seen import all_seen, seen
from buildmatrix.engine.failures.unreachable import PLUGIN
from buildmatrix.errors import EngineError, Place
from buildmatrix.process import Programs
from buildmatrix.report.builders import builder_json, builder_text, builders_text
from buildmatrix.report.style import Style
from buildmatrix.spec.rows.builders import DeclaredBuilder
from tests.programs import SILENT, Scripted, said

LISTED = (
    '{"Current":true,"Driver":"remote","Name":"b","Nodes":[{"Name":"b0","Endpoint":"tcp://h:1","Status":"running",'
    '"Version":"v0.25.1","Platforms":["linux/amd64"]},{"Name":"b1","Err":"refused","Status":"error"}]}\n'
)
OTHER = '{"Current":false,"Driver":"docker","Name":"default","Err":"no engine"}\n'
INSPECTED = """Name: b
Driver: remote

Nodes:
Name:             b0
Endpoint:         tcp://h:1
Status:           running
BuildKit version: v0.25.1
Platforms:        linux/arm64*, linux/amd64
GC Policy rule#0:
 All:            false
 Max Used Space: 3GiB
GC Policy rule#1:
 All:            true
 Reserved Space: 24GiB
 Min Free Space: 47GiB
"""
DU = "ID RECLAIMABLE SIZE\nx true 1MB\nShared: 1MB\nReclaimable:\t2MB\nTotal:\t\t3MB\n"
MISSING = DeclaredBuilder(name="m", driver="remote", bootstrap=False, nodes=(), place=Place(file="f"))


def docker(**answers: object) -> Scripted:
    table = {
        "docker buildx ls": said(f"warning\n{LISTED}{LISTED}{OTHER}"),
        "docker buildx inspect b": said(INSPECTED),
        "docker buildx du": said(DU),
        "docker buildx version": said("github.com/docker/buildx v0.30.0"),
        **answers,
    }
    return Scripted(table, {"PATH": "/nowhere", "HOME": "/nowhere"}, path="/usr/bin/docker")  # type: ignore[arg-type]


def test_each_builder_is_told_once_and_what_is_missing_last() -> None:
    found = listed({"m": MISSING}, docker())
    assert [(one.name, one.state) for one in found] == [
        ("b", "not-declared"),
        ("default", "not-declared"),
        ("m", "missing"),
    ]
    assert [len(one.seen.builder.nodes) for one in found if one.seen] == [2, 0]
    lines = builders_text(found, Style(colour=False)).splitlines()
    assert lines[0].split() == [
        "b",
        "*",
        "remote",
        "not",
        "declared",
        "2",
        "nodes:",
        "running,",
        "error",
        "linux/amd64",
    ]
    assert lines[2].split() == ["m", "remote", "missing", "buildmatrix", "builder", "create", "m"]


CREATES = "buildmatrix builder create b"


@pytest.mark.parametrize(
    ("kind", "command"), [("other", CREATES), ("driver", f"buildmatrix builder rm b && {CREATES}")]
)
def test_what_changes_a_builder_is_told(kind: Any, command: str) -> None:
    """One of another driver has to go first: `create` leaves it alone."""
    there = listed({}, docker())[0]
    found = replace(there, state="differs", differs=(Difference(kind=kind, node="", words="x"),))
    assert builders_text([found], Style(colour=False)).rstrip().endswith(f" {command}")
    assert f"  change it    {command}\n" in builder_text(found, Style(colour=False))


def test_the_current_one_is_asked_for_where_it_is_not_marked() -> None:
    """As by buildx 0.13."""
    old = said((LISTED + OTHER).replace('"Current":true,', "").replace('"Current":false,', ""))
    programs = docker(**{"docker buildx ls": old, "docker buildx inspect": said(INSPECTED)})
    assert [(one.builder.name, one.is_current) for one in all_seen(programs)] == [("b", True), ("default", False)]


def test_a_buildx_that_does_not_tell() -> None:
    with pytest.raises(EngineError, match="buildx does not tell of its builders: broken"):
        all_seen(docker(**{"docker buildx ls": said(stderr="x\nERROR: broken\n", code=1)}))


@pytest.mark.parametrize("ask", [all_seen, lambda programs: seen("b", programs)])
def test_no_buildx_is_told_as_elsewhere(ask: Callable[[Programs], object]) -> None:
    unknown = said(stderr="docker: unknown command: docker buildx\n\nRun 'docker --help' for more information", code=1)
    with pytest.raises(EngineError) as raised:
        ask(Scripted({"docker buildx": unknown}, {"PATH": "/nowhere"}, path="/usr/bin/docker"))
    assert (raised.value.diagnostics[0].message, raised.value.diagnostics[0].hint) == ("docker has no buildx", PLUGIN)


def test_one_builder_with_its_disk_and_its_cache() -> None:
    found = inspected("b", {}, docker(), start=False)
    text = builder_text(found, Style(colour=False))
    assert "  made for     linux/arm64\n" in text
    assert "  disk         24GiB reserved, 47GiB left free\n" in text
    assert text.endswith("cache          3MB (2MB reclaimable)\n")
    assert '"max_used": null' in builder_json(found)


def test_a_remote_node_that_buildx_calls_inactive_does_not_answer() -> None:
    text = builder_text(
        inspected(
            "b", {}, docker(**{"docker buildx inspect b": said(INSPECTED.replace("running", "inactive"))}), start=False
        ),
        Style(colour=False),
    )
    assert "  status       inactive\n  error        does not answer: is its buildkitd running there" in text
    assert "  error " not in builder_text(inspected("b", {}, docker(), start=False), Style(colour=False))


def test_a_cache_is_asked_for_only_where_a_node_runs() -> None:
    still = docker(**{"docker buildx inspect b": said(INSPECTED.replace("running", "inactive"))})
    assert seen("b", still).cache.total == ""
    assert not [words for words in still.asked if " du " in words]
    assert seen("b", docker(**{"docker buildx du": SILENT})).cache.total == ""


def test_starting_is_asked_of_buildx_and_the_current_one_has_no_name() -> None:
    programs = docker(**{"docker buildx inspect": said(INSPECTED)})
    seen("", programs, bootstrap=True)
    assert programs.asked[0] == "docker buildx inspect --bootstrap"


def test_one_that_is_not_there_is_created_where_it_is_declared() -> None:
    no = docker(**{"docker buildx inspect": said(stderr='ERROR: no builder "m" found\n', code=1)})
    with pytest.raises(EngineError) as raised:
        inspected("m", {"m": MISSING}, no, start=False)
    (one,) = raised.value.diagnostics
    assert (one.message, one.command) == ('there is no builder "m"', "buildmatrix builder create m")
    with pytest.raises(EngineError) as raised:
        inspected("m", {}, no, start=False)
    assert raised.value.diagnostics[0].command == ""


def test_without_docker_buildx_alone_is_asked(tmp_path: object) -> None:
    (alone := tmp_path / "buildx").write_text("#!/bin/sh\n")  # type: ignore[operator]
    alone.chmod(0o755)
    programs = Scripted({f"{alone} ls": said(LISTED)}, {"PATH": str(tmp_path)}, path="")
    assert [one.builder.name for one in all_seen(programs)] == ["b"]
