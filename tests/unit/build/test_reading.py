"""What buildx, BuildKit and Dockerfiles say, as data. The texts are copied from real runs."""

import json
from dataclasses import replace

import pytest
from packaging.version import Version

from buildmatrix.build.buildx import parse_builder
from buildmatrix.build.dockerfile import runs_programs
from buildmatrix.build.failure import explain
from buildmatrix.build.gate import gate_declared, gate_found
from buildmatrix.build.progress import Event, LogLine, Progress, StepEnded, StepStarted
from buildmatrix.errors import (
    BuildFailedError,
    BuildmatrixError,
    EngineError,
    Place,
    RegistryError,
    UsageError,
)
from buildmatrix.plan.model import Plan, PlannedTarget, Reason
from buildmatrix.spec.settings import Settings


def plan(*names: str, requires: tuple[str, ...] = (), settings: Settings | None = None) -> Plan:
    targets = tuple(
        PlannedTarget(
            name=name,
            declared=name,
            cell={},
            settings=settings or Settings(),
            links=(),
            needs=(),
            reason=Reason(kind="selected", by=""),
            exported=True,
            stage=1,
            place=Place(file="f", pointer=("target", name)),
            origins={},
        )
        for name in names
    )
    return Plan(
        file="f",
        directory=".",
        digests={},
        requires_buildx=requires,
        selectors=(),
        platforms=(),
        targets=targets,
        grants=(),
        matrices={},
        warnings=(),
    )


# --- docker buildx inspect --------------------------------------------------------------------------------------------

TWO_NODES = """Name:          two
Driver:        remote
Last Activity: 2026-11-25 04:57:00 +0000 UTC

Nodes:
Name:             two0
Endpoint:         unix:///run/buildkit0.sock
Status:           running
BuildKit version: v0.0.0+unknown
Platforms:        linux/amd64*, linux/amd64/v2, linux/386
Labels:
 org.mobyproject.buildkit.worker.executor: containerd

Name:      two1
Endpoint:  unix:///run/buildkit1.sock
Status:    running
Platforms: linux/arm64*, linux/arm/v7
"""


def test_a_builder_of_two_nodes() -> None:
    builder = parse_builder(TWO_NODES)
    assert (builder.name, builder.driver, builder.error) == ("two", "remote", "")
    assert [node.name for node in builder.nodes] == ["two0", "two1"]
    assert builder.platforms == {"linux/amd64", "linux/amd64/v2", "linux/386", "linux/arm64", "linux/arm/v7"}


def test_a_node_that_never_ran_makes_the_platforms_unknown() -> None:
    text = TWO_NODES.replace("Platforms: linux/arm64*, linux/arm/v7\n", "")
    assert parse_builder(text).platforms == frozenset()


def test_a_builder_without_an_engine() -> None:
    text = "Name:          default\nDriver:        \nError:         Cannot connect to the Docker daemon at unix:///x\n"
    builder = parse_builder(text)
    assert (builder.driver, builder.nodes) == ("", ())
    assert builder.error == "Cannot connect to the Docker daemon at unix:///x"


# --- Dockerfiles ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "stage", "runs"),
    [
        ("FROM scratch\nCOPY . /\n", None, False),
        ("FROM busybox\nRUN true\n", None, True),
        ("from busybox\nrun true\n", None, True),
        ("FROM busybox AS a\nRUN true\nFROM scratch\nCOPY x /\n", None, False),
        ("FROM busybox AS a\nRUN true\nFROM scratch\nCOPY --from=a x /\n", None, True),
        ("FROM busybox\nRUN true\nFROM scratch\nCOPY --from=0 x /\n", None, True),
        ("FROM --platform=$BUILDPLATFORM busybox AS a\nRUN true\nFROM scratch\nCOPY --from=a x /\n", None, False),
        ("FROM busybox AS a\nFROM a AS b\nRUN true\n", "a", False),
        ("FROM busybox AS a\nFROM a AS b\nRUN true\n", "b", True),
        ("FROM busybox AS a\nRUN true\nFROM A\n", None, True),
        ("# RUN true\nFROM scratch\nCOPY <<EOF /x\nRUN true\nEOF\n", None, False),
        ("FROM scratch\nCOPY a \\\n  b /\n", None, False),
        ("FROM busybox AS a\nRUN true\nFROM scratch\nRUN --mount=type=bind,from=a x\n", None, True),
        ("", None, False),
    ],
)
def test_whether_programs_of_the_platform_run(text: str, stage: str | None, runs: bool) -> None:
    assert runs_programs(text, stage) is runs


# --- progress ---------------------------------------------------------------------------------------------------------

TIME = "2026-11-25T05:42:5{}.5Z"


def vertex(digest: str, name: str, **more: object) -> str:
    return json.dumps({"vertexes": [{"digest": digest, "name": name, **more}]})


def read(names: list[str], *lines: str) -> tuple[Progress, list[Event]]:
    events: list[Event] = []
    progress = Progress(names, events.append)
    for line in lines:
        for part in line.split("\n"):
            progress.line(part)
    return progress, events


RAN = (
    vertex("1", "[app linux/amd64 2/2] RUN make", started=TIME.format(0)),
    json.dumps({"logs": [{"vertex": "1", "data": "aGVsbG8Kd29y"}]}),  # hello, wor
    json.dumps({"logs": [{"vertex": "1", "data": "bGQK"}]}),  # ld
    vertex("1", "[app linux/amd64 2/2] RUN make", started=TIME.format(0), completed=TIME.format(3)),
)


def test_steps_and_log_lines_become_events() -> None:
    progress, events = read(["app", "base"], *RAN)
    assert events[:3] == [
        StepStarted(target="app", at="linux/amd64 2/2", step="RUN make"),
        LogLine(target="app", at="linux/amd64 2/2", text="hello"),
        LogLine(target="app", at="linux/amd64 2/2", text="world"),
    ]
    (ended,) = events[3:]
    assert isinstance(ended, StepEnded)
    assert (ended.step, ended.cached, ended.error) == ("RUN make", False, "")
    assert progress.tracks["app"].ran
    assert progress.tracks["app"].seen
    assert not progress.tracks["base"].seen


def test_a_clock_that_jumps_makes_no_step_longer_than_it_was() -> None:
    jumped = vertex("1", "[app 2/2] RUN make", started=TIME.format(0), completed="2026-11-26T05:42:50.5Z")
    _, events = read(["app", "base"], vertex("1", "[app 2/2] RUN make", started=TIME.format(0)), jumped)
    assert [event.seconds < 1 for event in events if isinstance(event, StepEnded)] == [True]


def test_a_step_that_targets_share_is_the_bases() -> None:
    error = 'process "/bin/sh -c false" did not complete successfully: exit code: 1'
    later = vertex("1", "[upon 2/2] RUN false", started=TIME.format(0))
    sooner = vertex("1", "[base 2/2] RUN false", started=TIME.format(0), completed=TIME.format(1), error=error)
    words = f"ERROR: target upon: failed to solve: {error}"
    progress, _ = read(["base", "upon"], later, sooner, words)
    found = plan("base", "upon")
    found = replace(found, targets=(found.targets[0], replace(found.targets[1], links=("base",))))
    failure = explain(progress, found, said=True)
    assert (failure.target, failure.kind, failure.may_pass) == ("base", "build", False)
    assert failure.problem.diagnostics[0].message == f"base failed: {error}"


def test_json_over_several_lines_is_read_too() -> None:
    spread = [json.dumps(json.loads(line), indent=2) for line in RAN]
    assert read(["app"], *spread)[1][:3] == read(["app"], *RAN)[1][:3]


def test_a_lone_target_is_not_named_by_its_steps() -> None:
    _, events = read(["app"], vertex("1", "[2/2] RUN make", started=TIME.format(0), completed=TIME.format(1)))
    assert [event.target for event in events if isinstance(event, StepStarted | StepEnded)] == ["app", "app"]


def test_a_step_that_is_cached_at_its_last_end_was_cached() -> None:
    name = "[app 2/2] RUN make"
    progress, _ = read(
        ["app", "base"],
        vertex("1", name, started=TIME.format(0), completed=TIME.format(1)),
        vertex("1", name, started=TIME.format(0), completed=TIME.format(2), cached=True),
    )
    assert not progress.tracks["app"].ran or progress.tracks["app"].work == {"1": True}


@pytest.mark.parametrize("line", ["{", "{}", '{"vertexes": null}', '{"logs": [{"vertex": "?"}]}', "plain", '{"a', "\0"])
def test_odd_lines_do_no_harm(line: str) -> None:
    progress, events = read(["app"], line)
    assert events == []
    assert len(progress.words) <= 1


def test_a_long_line_without_an_end_is_cut() -> None:
    import base64

    data = base64.b64encode(b"x" * 1_500_000).decode()
    _, events = read(["app"], RAN[0], json.dumps({"logs": [{"vertex": "1", "data": data}]}))
    assert [type(event).__name__ for event in events] == ["StepStarted", "LogLine"]


# --- failures ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "kind", "failed", "hint"),
    [
        ("ERROR: target app: failed to solve: process did not complete: exit code: 7", BuildFailedError, "app", ""),
        ("ERROR: failed to solve: dockerfile parse error", BuildFailedError, "", ""),
        (
            (
                'ERROR: target app: failed to solve: failed to push r.io/x: failed to do request: Head "https://r.io": '
                "dial tcp 127.0.0.1:1: connect: connection refused"
            ),
            RegistryError,
            "app",
            "is r.io there, and can the builder reach it?",
        ),
        (
            (
                "ERROR: target app: failed to solve: failed to push r.io/x: unexpected status from POST request to "
                "https://r.io/v2/x/blobs/uploads/: 401 Unauthorized"
            ),
            RegistryError,
            "app",
            "log in: docker login r.io, and check that you may push there",
        ),
        ("ERROR: Cannot connect to the Docker daemon at unix:///x", EngineError, "", "see docker buildx ls"),
        (
            (
                ' - Read access to path /x\n\nPass "--allow=fs.read=/x" to grant requested privileges.\n'
                "ERROR: additional privileges requested"
            ),
            UsageError,
            "",
            "--allow=fs.read=/x",
        ),
    ],
)
def test_whose_fault_it_is(words: str, kind: type[BuildmatrixError], failed: str, hint: str) -> None:
    progress, _ = read(["app", "base"], *words.split("\n"))
    failure = explain(progress, plan("app", "base"), said=True)
    assert (failure.target, type(failure.problem)) == (failed, kind)
    assert hint in failure.problem.diagnostics[0].hint


@pytest.mark.parametrize(
    ("words", "kind", "may_pass", "wait"),
    [
        ("failed to push localhost:5000/app:1: unknown", "network", True, 0),
        ("failed to push localhost:5000/app:1: toomanyrequests: Retry-After: 7", "network", True, 7),
        ('failed to push r/a:1: failed to do request: Head "r": connect: connection refused', "network", True, 0),
        ("failed to push r/app:1: denied: requested access to the resource is denied", "registry", False, 0),
        ("failed to push localhost:5000/app:1: unauthorized", "registry", False, 0),
        ("failed to receive status: code = Unavailable desc = error reading from server: EOF", "network", True, 0),
        ("failed to receive status: rpc error: code = NotFound desc = no such job abc", "engine", True, 0),
        ('failed to solve: process "/bin/sh -c echo 503 Service Unavailable" did not complete', "build", False, 0),
        ("failed to solve: dockerfile parse error on line 1: unknown instruction: FORM", "build", False, 0),
    ],
)  # fmt: skip
def test_what_may_pass_is_told_from_what_may_not(words: str, kind: str, may_pass: bool, wait: float) -> None:
    progress, _ = read(["app", "base"], f"ERROR: target app: {words}")
    failure = explain(progress, plan("app", "base"), said=True)
    assert (failure.kind, failure.may_pass, failure.wait) == (kind, may_pass, wait)
    assert failure.is_hiccup == ("no such job" in words)


# --- the version gate -------------------------------------------------------------------------------------------------


def test_settings_that_are_too_new_are_named_with_both_versions() -> None:
    settings = Settings(network="none", extra_hosts={"a": "b"}, args={"A": "1"})
    (first, second) = gate_found(plan("app", "base", settings=settings), Version("0.13.1"))[::2]
    assert first.message == "target.app.network needs buildx 0.17, but buildx here is 0.13.1"
    assert second.message == "target.app.extra-hosts needs buildx 0.25, but buildx here is 0.13.1"
    assert gate_found(plan("app", settings=settings), Version("0.29.1")) == []


def test_the_buildx_itself_may_be_too_old() -> None:
    assert "0.13 is the oldest" in gate_found(plan("app"), Version("0.12.1"))[0].message
    assert "requires >=0.20" in gate_found(plan("app", requires=(">=0.20",)), Version("0.19"))[0].message


@pytest.mark.parametrize(("requires", "refused"), [(">=0.16", 1), (">=0.17", 0), ("~=0.16.1", 1), (">=0.10,!=0.20", 1)])
def test_what_the_file_requires_is_enough_or_not(requires: str, refused: int) -> None:
    settings = Settings(network="none")
    assert len(gate_declared(plan("app", requires=(requires,), settings=settings))) == refused
