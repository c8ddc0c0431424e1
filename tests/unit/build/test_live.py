"""When a running call's targets are begun and done, by what BuildKit told of real runs."""

import json
import tempfile
from base64 import b64encode
from dataclasses import replace
from typing import Any

import pytest

from buildmatrix.build.calls.batches import call
from buildmatrix.build.live import Live, Told
from buildmatrix.engine.buildx import Builder, Node
from buildmatrix.engine.failures.classify import explain
from buildmatrix.engine.failures.places import line_told, place_in, told_at
from buildmatrix.engine.progress.dockerfiles import Dockerfiles, line_of
from buildmatrix.engine.progress.events import LogLine, StepEnded, StepStarted, TargetDone, TargetStarted, Warned
from buildmatrix.engine.progress.warnings import Warnings
from buildmatrix.errors import Place
from buildmatrix.plan.builds import builds_of
from buildmatrix.plan.model import PlannedTarget
from buildmatrix.spec.rows.caches import RegistryCacheTo
from buildmatrix.spec.rows.outputs import CacheonlyOutput, DockerOutput, RegistryOutput
from buildmatrix.spec.rows.settings import Settings
from tests import plans
from tests.plans import plan

PLATFORMS = ("linux/amd64", "linux/arm64")
NODES = tuple(Node(name=f"n{number}", error="", platforms=(name,)) for number, name in enumerate(PLATFORMS))
ONE = Builder(name="b", driver="remote", error="", nodes=(replace(NODES[0], platforms=PLATFORMS),))
TWO = replace(ONE, nodes=NODES)
DOCKER = replace(ONE, driver="docker")
PUSHED, NOTHING = (RegistryOutput(type="registry"),), (CacheonlyOutput(type="cacheonly"),)


def target(name: str, text: str, *links: str, **more: Any) -> PlannedTarget:
    settings = {"platforms": PLATFORMS, "output": NOTHING, "dockerfile_inline": text, **more}
    contexts = {link: f"target:{link}" for link in links}
    return plans.target(name, Settings(contexts=contexts, **settings), depends_on=links)


class Heard:
    def __init__(self, *targets: PlannedTarget, builder: Builder = ONE) -> None:
        made = builds_of(plan(*targets))
        self.events: list[Any] = []
        unit = call(made, [one.name for one in targets if one.exported])
        self.live = Live(made, unit, builder, self.events.append, Told({}, set()), Dockerfiles(made))
        self.live.owns(unit.within, 1)

    def say(self, *vertexes: dict[str, Any]) -> list[str]:
        """Let BuildKit say something; return what is told of targets for it."""
        before = len(self.events)
        self.live.line(json.dumps({"vertexes": vertexes}))
        kinds = {TargetStarted: "begun", TargetDone: "done"}
        told = self.events[before:]
        return [f"{event.target} {kinds[type(event)]}" for event in told if type(event) in kinds]


def ran(name: str, **more: Any) -> dict[str, Any]:
    return {**runs(name), "completed": "2026-11-25T00:00:01Z", **more}


def runs(name: str) -> dict[str, Any]:
    digest = name.partition("] ")[2] + ("arm" if "arm64" in name else "")
    return {"digest": digest, "name": name, "started": "2026-11-25T00:00:00Z"}


def test_what_writes_nothing_is_done_with_the_last_step_of_each_platform() -> None:
    told = Heard(target("app", "FROM busybox\nRUN a\nRUN b\n"))
    app = "[linux/{} {}/3] {}"
    assert told.say(ran(app.format("amd64", 1, "FROM busybox"))) == ["app begun"]
    assert told.say(ran(app.format("amd64", 2, "RUN a")), runs(app.format("amd64", 3, "RUN b"))) == []
    assert told.say(ran(app.format("amd64", 3, "RUN b"))) == []
    assert told.say(ran(app.format("arm64", 3, "RUN b"))) == ["app done"]


def test_what_failed_or_was_ended_is_not_done() -> None:
    told = Heard(target("app", "FROM busybox\nRUN a\n", platforms=("linux/amd64",)))
    assert told.say(ran("[2/2] RUN a", error="exit code: 1")) == ["app begun"]
    told = Heard(target("app", "FROM busybox\nRUN a\n", platforms=("linux/amd64",)))
    assert told.say(ran("[2/2] RUN a", error="context canceled")) == ["app begun"]


def test_the_end_of_another_stage_is_no_end() -> None:
    text = "FROM busybox AS made\nRUN a\nFROM busybox\nCOPY --from=made a /\n"
    told = Heard(target("app", text, platforms=("linux/amd64",)))
    assert told.say(ran("[made 2/2] RUN a")) == ["app begun"]
    assert told.say(ran("[stage-1 2/2] COPY --from=made a /")) == ["app done"]


def test_what_is_exported_is_done_when_all_of_it_is_written_and_its_cache_too() -> None:
    cache = (RegistryCacheTo(type="registry", ref="r/a:cache"),)
    told = Heard(target("app", "FROM busybox\nRUN a\n", output=PUSHED, tags=("r/a:1",), cache_to=cache))
    assert told.say(ran("[linux/amd64 2/2] RUN a"), ran("[linux/arm64 2/2] RUN a")) == ["app begun"]
    assert told.say(runs("[app] exporting to image"), runs("[app] exporting cache to registry")) == []
    assert told.say(ran("[app] exporting to image")) == []
    assert told.say(ran("[app] exporting cache to registry")) == ["app done"]


def test_an_image_of_two_nodes_is_done_when_it_is_merged() -> None:
    told = Heard(target("app", "FROM busybox\nRUN a\n", output=PUSHED, tags=("r/a:1",)), builder=TWO)
    assert told.say(ran("[app] exporting to image", digest="1"), ran("[app] exporting to image", digest="2")) == [
        "app begun"
    ]
    assert told.say(ran("merging manifest list r/a:1", digest="3")) == ["app done"]
    assert [event.digest for event in told.events if isinstance(event, TargetDone)] == [""]


@pytest.mark.parametrize(("builder", "done"), [(ONE, []), (DOCKER, ["app done"])])
def test_what_is_loaded_after_its_export_ends_with_its_call(builder: Builder, done: list[str]) -> None:
    output = (DockerOutput(type="docker"),)
    told = Heard(target("app", "FROM busybox\nRUN a\n", output=output, platforms=("linux/amd64",)), builder=builder)
    assert told.say(ran("[app] exporting to image"))[1:] == done


def test_what_builds_upon_another_waits_until_that_has_run() -> None:
    """Its base's steps are told under its own name too, and it may hear of one platform before the other."""
    base, app = target("base", "FROM busybox\nRUN base\n"), target("app", "FROM base\nRUN app\n", "base")
    told = Heard(base, app)
    assert told.say(runs("[app internal] load build definition from Dockerfile")) == []
    assert told.say(runs("[app linux/amd64 2/2] RUN base")) == ["base begun"]
    step = next(event for event in told.events if isinstance(event, StepStarted) and event.step == "RUN base")
    assert step.target == "base"
    assert told.say(ran("[base linux/amd64 2/2] RUN base"), runs("[base linux/arm64 2/2] RUN base")) == []
    assert told.say(runs("[app linux/amd64 1/2] RUN app")) == ["app begun"]
    assert told.say(ran("[app linux/arm64 2/2] RUN base")) == ["base done"]
    assert told.say(ran("[base linux/arm64 2/2] RUN base")) == []
    assert told.say(ran("[app linux/amd64 1/2] RUN app"), ran("[app linux/arm64 1/2] RUN app")) == ["app done"]


def test_what_runs_only_for_others_is_done_by_what_is_told_of_it_there() -> None:
    base = replace(target("base", "FROM busybox\nRUN base\n"), exported=False)
    told = Heard(base, target("app", "FROM base\nRUN app\n", "base"))
    steps = [ran(f"[app linux/{platform} 2/2] RUN base") for platform in ("amd64", "arm64")]
    assert told.say(*steps) == ["base begun", "base done"]


def test_an_image_that_a_base_is_made_of_is_the_bases() -> None:
    told = Heard(target("base", "FROM busybox\nRUN base\n"), target("app", "FROM base\nRUN app\n", "base"))
    assert told.say(runs("[app linux/arm64 1/2] FROM docker.io/library/busybox:latest@sha256:1")) == ["base begun"]


def test_a_step_is_known_with_its_variables_replaced() -> None:
    base = target("base", "FROM busybox\nARG A\nRUN make $A\n")
    app = target("app", 'FROM base\nARG OS\nRUN for i in 1; do echo "${OS:-x}: $i $OS"; done\n', "base")
    files = Dockerfiles(plan(base, app))
    step = 'RUN for i in 1;     do echo "alpine: $i alpine"; done'
    assert files.whose("app", step) == "app"
    assert files.is_own("app", step)
    assert files.whose("app", "RUN make all") == "base"
    assert files.whose("app", "RUN for i in 1; do echo ") == "app"  # in doubt
    assert not files.is_own("app", "RUN for i in 1; do echo ")


@pytest.mark.parametrize(
    ("text", "first", "step"),
    [
        ("FROM busybox\nRUN --mount=type=cache,target=/c a\n", "[stage-0 1/2] FROM busybox", "[stage-0 2/2] RUN {}a"),
        ("FROM busybox AS x\nRUN --mount=type=cache,target=/c a\n", "[x 1/2] FROM busybox", "[x 2/2] RUN {}a"),
        ("FROM busybox\nRUN a\nWORKDIR /\n", "[1/3] FROM busybox", "[2/3] RUN a"),
        ("FROM busybox AS x\nONBUILD RUN a\nFROM x\n", "[x 1/1] FROM busybox", "[stage-1 1/1] ONBUILD RUN a"),
        ("# escape=`\nFROM busybox\nRUN a `\n  b\n", "[1/2] FROM busybox", "[2/2] RUN a   b"),
    ],
)
def test_the_last_step_as_buildkit_told_it(text: str, first: str, step: str) -> None:
    """All were told so by BuildKit 0.25; tests/e2e/test_dockerfiles.py asks it."""
    told = Heard(target("app", text, platforms=("linux/amd64",)))
    assert told.say(ran(first)) == ["app begun"]
    assert told.say(ran(step.format("--mount=type=cache,target=/c "))) == ["app done"]


def test_a_script_is_known_by_its_first_line() -> None:
    base, app = (
        target("base", "FROM busybox\nRUN base\n"),
        target("app", "FROM base\nRUN <<EOF\nset -e\na\nEOF\n", "base"),
    )
    files = Dockerfiles(plan(base, app))
    assert files.is_own("app", "RUN <<EOF (set -e...)")
    assert line_of(app, "/plan", "2/2 RUN <<EOF (set -e...)") == 2


def test_the_end_of_what_it_builds_upon_is_not_its_own() -> None:
    """Its own FROM is counted and not shown: `1/2` may be its last step, and the FROM of its base."""
    base, app = target("base", "FROM busybox\nRUN base\n"), target("app", "FROM base\nRUN app\n", "base")
    one = ("linux/amd64",)
    told = Heard(*(replace(made, settings=made.settings.but({"platforms": one})) for made in (base, app)))
    assert told.say(ran("[app 1/2] FROM busybox"), ran("[app 2/2] RUN base", error="exit code: 1")) == ["base begun"]
    assert told.say(ran("[app 1/2] RUN app")) == ["app begun", "app done"]


def test_a_base_that_another_build_shares_is_no_end() -> None:
    """BuildKit told the FROM with the number that it has in another project's build, `1/1`; ^C came then."""
    told = Heard(target("app", "FROM busybox\nRUN a\n", platforms=("linux/amd64",)))
    assert told.say(ran("[1/1] FROM busybox"), runs("[2/2] RUN a")) == ["app begun"]
    assert told.say(ran("[2/2] RUN a", error="context canceled")) == []
    alone = Heard(target("app", "FROM busybox\nCMD a\n", platforms=("linux/amd64",)))
    assert alone.say(ran("[1/1] FROM busybox")) == ["app begun", "app done"]


@pytest.mark.parametrize("stage", [None, "app"])
def test_a_step_that_another_build_shares_and_numbers_is_no_end(stage: str | None) -> None:
    """`RUN a` is the last step of that build, and not of ours."""
    text = "FROM busybox AS app\nRUN a\nRUN b \\\n  $X\n"
    told = Heard(target("app", text, platforms=("linux/amd64",), target=stage))
    assert told.say(ran("[1/1] FROM busybox"), ran("[3/3] RUN a"), runs("[3/3] RUN b   1")) == ["app begun"]
    assert told.say(ran("[3/3] RUN b   1")) == ["app done"]


def test_a_shared_step_ends_for_the_target_that_it_is_taken_from() -> None:
    told = Heard(target("a", "FROM busybox\n"), target("b", "FROM busybox\nRUN b\n"))
    told.say(runs("[b internal] load metadata for busybox"))
    told.say(runs("[a internal] load metadata for busybox"))
    steps = [(type(e).__name__, e.target) for e in told.events if isinstance(e, StepStarted | StepEnded)]
    assert steps == [("StepStarted", "b"), ("StepEnded", "b"), ("StepStarted", "a")]


def test_what_is_pulled_after_it_was_looked_up_runs_again() -> None:
    told = Heard(target("app", "FROM busybox\nRUN a\n", platforms=("linux/amd64",)))
    name = "[1/2] FROM busybox"
    told.say(ran(name), ran(name), {**runs(name), "started": "2026-11-25T00:00:02Z"})
    steps = [event for event in told.events if isinstance(event, StepStarted | StepEnded)]
    assert [(type(event).__name__, getattr(event, "again", False)) for event in steps] == [
        ("StepStarted", False),
        ("StepEnded", False),
        ("StepStarted", True),
    ]


# --- warnings, and places in Dockerfiles ------------------------------------------------------------------------------


def warning(text: str, line: int) -> dict[str, Any]:
    """As BuildKit 0.25 tells it by buildx 0.13 and 0.29."""
    return {
        "vertex": "load",
        "level": 1,
        "short": b64encode(f"{text} (line {line})".encode()).decode(),
        "detail": [b64encode(b"Sensitive data should not be used in the ARG or ENV commands").decode()],
        "url": "https://docs.docker.com/go/dockerfile/rule/secrets-used-in-arg-or-env/",
        "sourceInfo": {"filename": "Dockerfile"},
        "range": [{"start": {"line": line}, "end": {"line": line}}],
    }


def test_a_warning_of_two_platforms_and_two_targets_is_one() -> None:
    one = target("a", "", dockerfile_inline=None, dockerfile="sub/Dockerfile")
    made = plan(one, replace(one, name="b"))
    told = Heard(*made.targets)
    told.say({"digest": "load", "name": "[a internal] load build definition from Dockerfile"})
    said = warning('SecretsUsedInArgOrEnv: Do not use ARG or ENV for this (ARG "TOKEN")', 3)
    told.live.line(json.dumps({"warnings": [said, said]}))
    told.live.line(json.dumps({"warnings": [said]}))
    (event,) = [event for event in told.events if isinstance(event, Warned)]
    assert (event.rule, event.line) == ("SecretsUsedInArgOrEnv", 3)
    assert event.message == 'Do not use ARG or ENV for this (ARG "TOKEN")'
    found = Warnings(made)
    assert [found.taken(replace(event, target=name)).again for name in ("a", "b")] == [False, True]
    (finding,) = found.found
    assert finding.place == Place(file=f"{tempfile.gettempdir()}/sub/Dockerfile", line=3)


EXCERPT = ["boo", "F.Dockerfile:4", "--------------------", "   4 | >>> RUN false", "--------------------", "ERROR: x"]


def test_the_line_that_bake_shows_and_the_place_that_it_is_shown_under() -> None:
    made = target("a", "", dockerfile_inline=None, context="images", dockerfile="sub/F.Dockerfile")
    assert line_told(EXCERPT, made) == 4
    assert line_told(EXCERPT, target("a", "FROM x")) == 0  # another file's: bake's own
    assert place_in(made, "/plan", 4) == Place(file="/plan/images/sub/F.Dockerfile", line=4)
    assert told_at("\n".join(EXCERPT), "images/sub/F.Dockerfile:4").splitlines()[1] == "images/sub/F.Dockerfile:4"


TWICE = (
    "# syntax=docker/dockerfile:1\nFROM x AS one\nRUN make \\\n  all\nRUN twice\n\nFROM y\nRUN twice\nRUN ${how} make\n"
)


@pytest.mark.parametrize(
    ("step", "line"),
    [
        ("linux/amd64 one 2/3 RUN make   all", 3),
        ("stage-1 3/3 RUN nice make", 9),
        ("stage-1 2/3 RUN twice", 0),
        ("2/2 RUN nothing of it", 0),
        ("exporting to image", 0),
    ],
)
def test_the_line_on_which_a_step_is_written(step: str, line: int) -> None:
    assert line_of(target("a", TWICE), "/plan", step) == line


def test_a_failure_whose_lines_buildkit_showed_to_another_build_has_its_line() -> None:
    made = target("a", "FROM busybox\nRUN a\n")
    told = Heard(made)
    told.say(ran("[2/2] RUN a", error="exit code: 1"))
    told.live.line('ERROR: failed to solve: process "a" did not complete successfully: exit code: 1')
    place = explain(told.live.progress, plan(made), said=True).problem.diagnostics[0].place
    assert place == Place(file="f", pointer=("target", "a"), within=2)


@pytest.mark.parametrize(
    ("command", "line"),
    [("/bin/sh -c a && b", 2), (r"/bin/sh -c \"x\"", 4), ("/bin/sh -c other", 0), (r"/bin/sh -c \x1b", 0), ("a", 0)],
)
def test_a_failure_without_progress_has_the_line_of_its_command(command: str, line: int) -> None:
    made = target("a", 'FROM busybox\nRUN a && \\\n  b\nRUN "x"\nRUN ["a"]\n')
    told = Heard(made)
    told.live.line(f'ERROR: failed to solve: process "{command}" did not complete successfully: exit code: 1')
    place = explain(told.live.progress, plan(made), said=True).problem.diagnostics[0].place
    assert place is not None
    assert place.within == line


def test_a_dockerfile_that_is_not_here_has_its_place_in_the_spec() -> None:
    away = target("a", "", dockerfile_inline=None, context="https://example.com/x.git")
    assert place_in(away, "/plan", 4) == away.place
    assert place_in(target("a", "FROM x"), "/plan", 4) == Place(file="f", pointer=("target", "a"), within=4)


def test_log_lines_are_of_whom_their_step_is() -> None:
    base, app = target("base", "FROM busybox\nRUN base\n"), target("app", "FROM base\nRUN app\n", "base")
    told = Heard(base, app)
    told.say(runs("[app linux/arm64 2/2] RUN base"))
    data = b64encode(b"hello\n").decode()
    told.live.line(json.dumps({"logs": [{"vertex": "RUN basearm", "data": data}]}))
    assert [event.target for event in told.events if isinstance(event, LogLine)] == ["base"]
