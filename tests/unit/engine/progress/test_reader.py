"""What buildx, BuildKit and Dockerfiles say, as data. The texts are copied from real runs."""

import json
from base64 import b64encode
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

from buildmatrix.engine.buildx import parse_builder, version_of
from buildmatrix.engine.drivers import half_caches
from buildmatrix.engine.failures.classify import explain
from buildmatrix.engine.progress.events import Event, LogLine, Shared, StepEnded, StepStarted
from buildmatrix.engine.progress.reader import Progress
from buildmatrix.engine.versions import gate_declared, gate_found
from buildmatrix.errors import BuildFailedError, BuildmatrixError, EngineError, RegistryError, UsageError
from buildmatrix.plan.model import Plan
from buildmatrix.process import Completed
from buildmatrix.spec.rows.caches import InlineCacheTo, RegistryCacheTo
from buildmatrix.spec.rows.settings import Settings
from tests import plans


def plan(*names: str, requires: tuple[str, ...] = (), settings: Settings | None = None) -> Plan:
    targets = (plans.target(name, settings) for name in names)
    return plans.plan(*targets, directory=".", requires_buildx=requires)


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


def test_a_node_that_was_made_for_a_platform_builds_it() -> None:
    builder = parse_builder(TWO_NODES.replace("linux/386", "linux/386, linux/arm64"))
    assert [builder.node_of(f"linux/{name}") for name in ("amd64", "arm64", "386", "s390x")] == [
        "two0",
        "two1",
        "two0",
        "",
    ]


def test_a_node_that_never_ran_makes_the_platforms_unknown() -> None:
    text = TWO_NODES.replace("Platforms: linux/arm64*, linux/arm/v7\n", "")
    assert parse_builder(text).platforms == frozenset()


def test_a_builder_without_an_engine() -> None:
    text = "Name:          default\nDriver:        \nError:         Cannot connect to the Docker daemon at unix:///x\n"
    builder = parse_builder(text)
    assert (builder.driver, builder.nodes) == ("", ())
    assert builder.error == "Cannot connect to the Docker daemon at unix:///x"


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ("github.com/docker/buildx v0.29.1 a319e5b\n", "0.29.1"),
        ("github.com/docker/buildx 0.13.1+ds1 0.13.1+ds1-3\n", "0.13.1"),
        ("github.com/docker/buildx 0.30.1 0.30.1-0ubuntu1\n", "0.30.1"),
        ("github.com/docker/buildx v0.12.1-desktop.4 6996841df2f6\n", "0.12.1"),
        ("github.com/docker/buildx v0.3.1-tp-docker 6db68d029599\n", "0.3.1"),
        ("github.com/docker/buildx 0.4.1+azure bda4882a6534\n", "0.4.1"),
        ("github.com/docker/buildx v0.17.0-rc1-35-gabcdef1 abcdef1\n", "0.17.0"),
        ("github.com/docker/buildx 0.19.2\n", "0.19.2"),
        ("WARNING: the default of 0.5 is deprecated\ngithub.com/docker/buildx v0.29.1 a319e5b\n", "0.29.1"),
        ('WARNING: Error loading config file: x 1.2.3\r\ngithub.com/docker/buildx v0.29.1 "x 9.9"\n', "0.29.1"),
    ],
)
def test_the_version_of_buildx_is_that_of_its_own_line(said: str, version: str) -> None:
    assert version_of(Completed(code=0, stdout=said, stderr="")) == Version(version)


@pytest.mark.parametrize(
    ("said", "code", "words"),
    [
        ("Docker version 28.5.2, build ecc6942\n", 0, "docker has no buildx"),
        ("WARNING: a plugin 0.5 is broken\n", 0, "docker has no buildx"),
        ("github.com/docker/buildx v0.29.1 a\n", 1, "docker has no buildx"),
        ("github.com/docker/buildx f117971 f11797113e5a\n", 0, 'does not tell its version, but says "f117971"'),
        ("github.com/docker/buildx v0.0.0+unknown \n", 0, "does not tell its version"),
    ],
)
def test_what_is_no_version_of_buildx_is_not_taken_for_one(said: str, code: int, words: str) -> None:
    with pytest.raises(EngineError, match=words):
        version_of(Completed(code=code, stdout=said, stderr=""))


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


def test_a_step_of_another_target_is_told_of_whoever_waits_for_it() -> None:
    first = vertex("1", "[app-1 1/2] RUN make", started=TIME.format(0))
    _, events = read(["app-1", "app-2"], first, *[vertex("1", "[app-2 1/2] RUN make", started=TIME.format(0))] * 2)
    shared = [event for event in events if isinstance(event, Shared)]
    assert shared == [Shared(target="app-2", whose="app-1", at="1/2", step="RUN make", runs=True)]


def test_what_a_late_target_was_about_is_kept_with_its_log() -> None:
    progress, _ = read(["app", "base"], *RAN[:2])
    progress.note_last("app")
    assert progress.tracks["app"].failed_step == "linux/amd64 2/2 RUN make"
    assert progress.tracks["app"].log == ["hello", "wor"]
    progress.note_last("base")
    assert not progress.tracks["base"].failed_step


def test_a_dockerfile_that_is_empty_is_named() -> None:
    progress, _ = read(["app", "base"], "ERROR: target app: failed to solve: the Dockerfile cannot be empty")
    place = explain(progress, plan("app", "base"), said=True).problem.diagnostics[0].place
    assert place
    assert (place.line or place.within) == 1


def test_a_step_that_targets_share_is_the_bases() -> None:
    error = 'process "/bin/sh -c false" did not complete successfully: exit code: 1'
    later = vertex("1", "[upon 2/2] RUN false", started=TIME.format(0))
    sooner = vertex("1", "[base 2/2] RUN false", started=TIME.format(0), completed=TIME.format(1), error=error)
    words = f"ERROR: target upon: failed to solve: {error}"
    progress, _ = read(["base", "upon"], later, sooner, words)
    found = plan("base", "upon")
    found = replace(found, targets=(found.targets[0], replace(found.targets[1], depends_on=("base",))))
    failure = explain(progress, found, said=True)
    assert (failure.target, failure.kind, failure.may_pass) == ("base", "build", False)
    assert failure.problem.diagnostics[0].message == "base failed: exit code: 1"


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
    assert not progress.tracks["app"].ran
    assert progress.tracks["app"].work == {"1": True}


@pytest.mark.parametrize("line", ["{", "{}", '{"vertexes": null}', '{"logs": [{"vertex": "?"}]}', "plain", '{"a', "\0"])
def test_odd_lines_do_no_harm(line: str) -> None:
    progress, events = read(["app"], line)
    assert events == []
    assert len(progress.words) <= 1


def test_a_long_line_without_an_end_is_cut() -> None:
    data = b64encode(b"x" * 1_500_000).decode()
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
        (
            (
                'ERROR: target app: failed to solve: error writing layer blob: failed commit on ref "layer-sha256:e5": '
                "commit failed: rpc error: code = Unknown desc = rename c/ingest/ab/data c/blobs/sha256/e5: no such "
                "file or directory"
            ),
            EngineError,
            "app",
            "a directory that this run may write, and that nothing else writes or empties",
        ),
        (
            'ERROR: failed to solve: failed to commit a to b during finalize: snapshot "b" does not exist: not found',
            EngineError,
            "",
            "docker buildx prune --all --force",
        ),
        (
            "ERROR: failed to update builder last activity time: open /r/buildx/activity/.tmp-d: read-only file system",
            EngineError,
            "",
            "set BUILDX_CONFIG to a directory that can be written",
        ),
        ("ERROR: Cannot connect to the Docker daemon at unix:///x", EngineError, "", "see docker buildx ls"),
        (
            (
                ' - Read access to path /x\n\nPass "--allow=fs.read=/x" to entitlement requested privileges.\n'
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
        ("failed to push r/a:1: errors: unknown: provided digest did not match uploaded content", "network", True, 0),
        ("failed to push r/a:1: errors: blob unknown to registry - sha256:20fd", "network", True, 0),
        ("failed to push r/a:1: denied: blob unknown to registry policy", "registry", False, 0),
        ("r/a:1: failed to copy: httpReadSeeker: failed open: 404 Not Found: blob unknown to registry", "registry",
         False, 0),
        ("failed to push localhost:5000/app:1: toomanyrequests: Retry-After: 7", "network", True, 7),
        ('failed to push r/a:1: failed to do request: Head "r": connect: connection refused', "network", True, 0),
        ("failed to push r/app:1: denied: requested access to the resource is denied", "registry", False, 0),
        ("failed to push localhost:5000/app:1: unauthorized", "registry", False, 0),
        ("failed to receive status: code = Unavailable desc = error reading from server: EOF", "network", True, 0),
        ("failed to receive status: rpc error: code = NotFound desc = no such job abc", "engine", True, 0),
        ('failed to solve: image "localhost:5000/app:1": already exists', "engine", True, 0),
        ('failed to solve: process "/bin/sh -c echo 503 Service Unavailable" did not complete', "build", False, 0),
        ("failed to solve: dockerfile parse error on line 1: unknown instruction: FORM", "build", False, 0),
    ],
)  # fmt: skip
def test_what_may_pass_is_told_from_what_may_not(words: str, kind: str, may_pass: bool, wait: float) -> None:
    progress, _ = read(["app", "base"], f"ERROR: target app: {words}")
    failure = explain(progress, plan("app", "base"), said=True)
    assert (failure.kind, failure.may_pass, failure.wait) == (kind, may_pass, wait)
    assert failure.is_hiccup == (kind == "engine")


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("failed to solve: Canceled: context canceled", "engine"),
        ("failed to solve: Unavailable: error reading from server: EOF", "network"),
        ("failed to solve: rpc error: code = Unavailable desc = closing transport due to: error", "engine"),
        ("failed to solve: rpc error: code = Unavailable desc = transport is closing", "engine"),
        ("failed to receive status: rpc error: code = NotFound desc = no such job abc", "engine"),
        ('failed to solve: failed to commit a to b during finalize: snapshot "b" does not exist: not found', "engine"),
        ("failed to solve: failed to prepare extraction snapshot x: already exists", "engine"),
        ('failed to solve: image "localhost:5000/app:1": already exists', "engine"),
        ("failed to solve: ref layer-sha256:ab locked for 1.2s (since x): unavailable", "engine"),
        ("failed to solve: failed to get record a by blobchainid: failed to remove a: lease x: not found", "engine"),
        ("failed to solve: failed to mount x: snapshot y does not exist: not found", "engine"),
        ("failed to solve: content digest sha256:ab: not found", "engine"),
        ("failed to solve: error writing layer blob: rpc error: code = Unknown desc = mkdir f/ingest: x", "engine"),
        ("failed to solve: no active session for x: context deadline exceeded", "network"),
        ("failed to solve: write /var/lib/buildkit/x: no space left on device", "engine"),
        ("failed to solve: ResourceExhausted: failed to create temp dir: mkdir /x: no space left on device", "engine"),
        ('failed to solve: process "/bin/sh -c x" did not complete successfully: context canceled', "engine"),
        ('failed to solve: process "/bin/sh -c x" did not complete successfully: exit code: 137', "build"),
        ('failed to solve: failed to compute cache key: "/already exists": not found', "build"),
        ('failed to solve: target stage "no such job" could not be found', "build"),
        (
            'failed to solve: process "echo \\" did not complete successfully: EOF" did not complete: exit code: 1',
            "build",
        ),
    ],
)
def test_what_the_engine_did_is_told_from_what_people_wrote(words: str, kind: str) -> None:
    progress, _ = read(["app", "base"], f"ERROR: target app: {words}")
    failure = explain(progress, plan("app", "base"), said=True)
    assert (failure.kind, isinstance(failure.problem, EngineError)) == (kind, kind != "build")


ENGINES_WORDS = ("transport is closing", "already exists", "no space left on device", "exec format error",
                 "failed to push x: 503 Service Unavailable", "context canceled", ": EOF", "no such job")  # fmt: skip


@given(st.lists(st.sampled_from(ENGINES_WORDS), max_size=4), st.lists(st.sampled_from(ENGINES_WORDS), max_size=4))
def test_words_that_a_step_prints_or_is_made_of_never_decide(printed: list[str], command: list[str]) -> None:
    log = json.dumps({"logs": [{"vertex": "1", "data": b64encode("\n".join(printed).encode()).decode()}]})
    quoted = json.dumps(f"/bin/sh -c {'; '.join(command)}")
    progress, _ = read(
        ["app", "base"],
        vertex("1", f"[app 2/2] RUN {command}", started=TIME.format(0)),
        log,
        vertex("1", f"[app 2/2] RUN {command}", completed=TIME.format(1), error="exit code: 1"),
        *(f"0.1 {line}" for line in printed),
        f"ERROR: target app: failed to solve: process {quoted} did not complete successfully: exit code: 1",
    )
    failure = explain(progress, plan("app", "base"), said=True)
    assert (failure.kind, failure.target, type(failure.problem)) == ("build", "app", BuildFailedError)


@pytest.mark.parametrize(
    ("code", "words", "said"),
    [
        (-9, ("ERROR: failed to solve: Canceled: context canceled",), "killed by signal 9"),
        (255, (), "its plugin was killed"),
        (130, ("ERROR: failed to solve: Canceled: context canceled",), "it was interrupted"),
        (137, (), "it was killed"),
        (2, ("panic: runtime error: x", "", "goroutine 1 [running]:"), "it crashed (panic: runtime error: x)"),
    ],
)
def test_a_docker_that_was_killed_is_no_failed_build(code: int, words: tuple[str, ...], said: str) -> None:
    progress, _ = read(["app", "base"], *words)
    failure = explain(progress, plan("app", "base"), said=True, code=code)
    assert (failure.kind, failure.may_pass, failure.target) == ("engine", True, "")
    assert failure.problem.diagnostics[0].message == f"docker buildx did not end by itself: {said}"


STEP_FAILED = 'process "/bin/sh -c false" did not complete successfully: exit code: 1'
EXPORT_ENDED = "error writing manifest list blob sha256:ab: failed to copy: failed to send write: EOF"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("ERROR: target app: failed to solve: Canceled: context canceled",), 130),
        (("ERROR: target base: failed to solve: Canceled: context canceled",), 130),
        ((f"ERROR: target base: failed to solve: {EXPORT_ENDED}",), 1),
        ((f"ERROR: target app: failed to solve: {STEP_FAILED}",), 1),
    ],
)
def test_a_step_that_failed_is_blamed_whatever_else_it_ended_first(words: tuple[str, ...], code: int) -> None:
    """Bake names whose end it heard of first: under load that is a push which the step's failure ended."""
    progress, _ = read(
        ["base", "app"],
        vertex("1", "[app 2/2] RUN false", started=TIME.format(0)),
        vertex("2", "[base] exporting to image", started=TIME.format(0)),
        vertex("1", "[app 2/2] RUN false", completed=TIME.format(1), error=STEP_FAILED),
        vertex("2", "[base] exporting to image", completed=TIME.format(1), error=EXPORT_ENDED),
        *words,
    )
    failure = explain(progress, plan("base", "app"), said=True, code=code)
    assert (failure.target, failure.kind, type(failure.problem)) == ("app", "build", BuildFailedError)
    assert failure.problem.diagnostics[0].message == "app failed: exit code: 1"


def test_a_push_that_failed_is_blamed_where_no_step_did() -> None:
    progress, _ = read(
        ["base", "app"],
        vertex("1", "[app 2/2] RUN x", started=TIME.format(0)),
        vertex("2", "[base] exporting to image", started=TIME.format(0)),
        vertex("2", "[base] exporting to image", completed=TIME.format(1), error=EXPORT_ENDED),
        vertex("1", "[app 2/2] RUN x", completed=TIME.format(1), error="context canceled"),
        f"ERROR: target base: failed to solve: {EXPORT_ENDED}",
    )
    assert explain(progress, plan("base", "app"), said=True).target == "base"


def test_a_command_that_speaks_of_a_context_canceled_has_failed_by_itself() -> None:
    said = 'process "/bin/sh -c echo context canceled; false" did not complete successfully: exit code: 1'
    progress, _ = read(
        ["base", "app"],
        vertex("1", "[app 2/2] RUN echo context canceled; false", started=TIME.format(0)),
        vertex("1", "[app 2/2] RUN echo context canceled; false", completed=TIME.format(1), error=said),
        f"ERROR: target app: failed to solve: {said}",
    )
    assert progress.tracks["app"].failed_step == "2/2 RUN echo context canceled; false"
    assert explain(progress, plan("base", "app"), said=True).kind == "build"


# --- a builder of two nodes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("platforms", "cache", "warned"),
    [
        (("linux/amd64", "linux/arm64"), RegistryCacheTo(type="registry", ref="r/a:c"), 1),
        (("linux/amd64", "linux/arm64"), InlineCacheTo(type="inline"), 0),
        (("linux/amd64", "linux/386"), RegistryCacheTo(type="registry", ref="r/a:c"), 0),
        ((), RegistryCacheTo(type="registry", ref="r/a:c"), 0),
    ],
)
def test_a_cache_that_nodes_would_write_each_for_itself_is_told(
    platforms: tuple[str, ...], cache: RegistryCacheTo | InlineCacheTo, warned: int
) -> None:
    settings = Settings(platforms=platforms, cache_to=(cache,))
    found = list(half_caches(plan("app", settings=settings), parse_builder(TWO_NODES)))
    assert [diagnostic.code for diagnostic in found] == ["half-cache"] * warned
    assert all("two0 and two1 would write one cache" in diagnostic.message for diagnostic in found)


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
