"""What holds for any plan, whatever fails: the scheduler's decisions, with bake calls that only pretend.

That docker does what is pretended here is for the tests on real engines (e2e/test_schedule.py, e2e/test_faults.py).
"""

import json
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

from buildmatrix.build.results import Run
from buildmatrix.build.schedule import Schedule
from buildmatrix.engine.buildx import Builder, Node
from buildmatrix.engine.preflight import Engine
from buildmatrix.engine.progress.events import Event, TargetDone, TargetEnded, TargetStarted
from buildmatrix.errors import Diagnostic, RegistryError
from buildmatrix.plan.builds import builds_of
from buildmatrix.plan.dependencies import Edge, stages
from buildmatrix.plan.model import Plan, PlannedTarget
from buildmatrix.plan.policy import Policy
from buildmatrix.publish.publish import Published
from buildmatrix.spec.rows.options import Options
from buildmatrix.spec.rows.outputs import CacheonlyOutput, RegistryOutput
from buildmatrix.spec.rows.settings import Settings
from buildmatrix.state.decisions.unchanged import NOTHING, Resumed
from tests.examples import examples
from tests.plans import plan as plan_of
from tests.plans import target as target_of

BUILDER = Builder(name="b", driver="remote", error="", nodes=(Node(name="b0", error="", platforms=("linux/amd64",)),))
FACTS = Engine(buildx=Version("0.29"), builder=BUILDER, warnings=())
GOOD = {"built", "cached", "checked"}
ASKED = Settings(output=(CacheonlyOutput(type="cacheonly"),), call="check")


@st.composite
def plans(draw: st.DrawFn, *, asks: bool = True) -> Plan:
    """A plan of up to nine targets that depend on and need earlier ones; some are not exported, some only checked."""
    names = [f"t{number}" for number in range(draw(st.integers(1, 9)))]
    targets = []
    for place, name in enumerate(names):
        before = draw(st.lists(st.sampled_from(names[:place]), unique=True, max_size=3)) if place else []
        cut = draw(st.integers(0, len(before)))
        targets.append(target(name, tuple(before[:cut]), tuple(before[cut:])))
    linked = {link for one in targets for link in one.depends_on}
    needed = {name for one in targets for name in one.needs}
    hidden = draw(st.sets(st.sampled_from(sorted(linked - needed)))) if linked - needed else set()
    asked = draw(st.sets(st.sampled_from(names), max_size=3 if asks else 0)) - hidden
    targets = [replace(one, exported=one.name not in hidden) for one in targets]
    targets = [replace(one, settings=ASKED) if one.name in asked else one for one in targets]
    edges = {
        one.name: [Edge(to=to, context="", place=one.place) for to in (*one.depends_on, *one.needs)] for one in targets
    }
    stage_of = stages(edges)
    ordered = sorted((replace(one, stage=stage_of[one.name]) for one in targets), key=lambda one: one.stage)
    return plan_of(*ordered)


def target(name: str, depends_on: tuple[str, ...], needs: tuple[str, ...]) -> PlannedTarget:
    settings = Settings(
        output=(RegistryOutput(type="registry"),),
        tags=(f"r/{name}",),
        contexts={link: f"target:{link}" for link in depends_on},
        dockerfile_inline=f"FROM {depends_on[0] if depends_on else 'scratch'}\n",
    )
    return target_of(name, settings, depends_on=depends_on, needs=needs)


class Pretended:
    """Stands for `Programs`: a call fails if a target in its bake file is to fail, `passing` ones only so often."""

    def __init__(self, failing: set[str], passing: dict[str, int], sound: frozenset[str] = frozenset()) -> None:
        self.failing, self.passing = failing, passing
        self.cached: set[str] = set()
        self.sound = sound  # their check may fail, and yet they can be built upon
        self.lock = threading.Lock()
        self.now: set[Call] = set()
        self.most = 0
        self.finished: list[str] = []

    def watch(self, command: Sequence[str], *, on_line: Callable[[str], None], **_: Any) -> "Call":
        document = json.loads(Path(command[command.index("-f") + 1]).read_text())
        asked = [name for name, block in document["target"].items() if "call" in block]
        metadata = Path(command[command.index("--metadata-file") + 1])
        call = Call(self, document["group"]["default"]["targets"], list(document["target"]), on_line, asked, metadata)
        call.exported = {name for name in call.names if "type=cacheonly" not in document["target"][name]["output"]}
        return call


class Call:
    """Stands for `Watched`."""

    def __init__(
        self,
        world: Pretended,
        names: list[str],
        within: list[str],
        on_line: Callable[[str], None],
        asked: list[str],
        metadata: Path,
    ) -> None:
        self.world, self.names, self.within, self.on_line = world, names, within, on_line
        self.asked, self.metadata = asked, metadata
        self.exported: set[str] = set()
        assert not asked or asked == names  # a call asks, or builds; what it builds upon is built

    def wait(self) -> int:
        """A call that builds one after another is one at a time."""
        with self.world.lock:
            self.world.now.add(self)
            self.world.most = max(self.world.most, len(self.world.now))
        time.sleep(0.001)
        code = self.build()
        with self.world.lock:
            self.world.now.remove(self)
        return code

    def build(self) -> int:
        code = self.builds([name for name in self.within if name not in self.asked])
        return code or self.answers()

    def answers(self) -> int:
        """Bake tells all answers, and ends with 1 if one of them is that a check failed."""
        bad = set(self.asked) & self.world.failing
        answers = {name: {"result.statuscode": str(int(name in bad)), "result.txt": ""} for name in self.asked}
        self.metadata.write_text(json.dumps(answers))
        with self.world.lock:
            self.world.finished += [name for name in self.asked if name not in bad]
        return int(bool(bad))

    def builds(self, names: list[str]) -> int:
        for name in names:
            with self.world.lock:
                passing = self.world.passing.get(name, 0)
                self.world.passing[name] = max(0, passing - 1)
            if name in self.world.failing - self.world.sound:
                return self.fail(name, 'process "/bin/sh -c false" did not complete successfully: exit code: 1')
            if passing:
                return self.fail(name, f"failed to push r/{name}: unexpected status: 503 Service Unavailable")
            self.say(name, completed="2026-11-25T00:00:01Z", cached=name in self.world.cached)
            if name in self.exported:
                self.export(name)
            with self.world.lock:
                if name not in self.world.finished:  # exported or not
                    self.world.finished.append(name)
        return 0

    def fail(self, name: str, words: str) -> int:
        self.say(name, completed="2026-11-25T00:00:01Z", error=words)
        self.on_line(f"ERROR: target {name}: failed to solve: {words}")
        return 1

    def say(self, name: str, **more: object) -> None:
        vertex = {"digest": name, "name": f"[{name} 2/2] RUN {name}", "started": "2026-11-25T00:00:00Z", **more}
        self.on_line(json.dumps({"vertexes": [vertex]}))

    def export(self, name: str) -> None:
        step = {"digest": f"{name}/export", "name": f"[{name}] exporting to image", "started": "2026-11-25T00:00:01Z"}
        self.on_line(json.dumps({"vertexes": [step]}))
        self.on_line(json.dumps({"vertexes": [{**step, "completed": "2026-11-25T00:00:02Z"}]}))

    def stop(self) -> None:
        """Calls that pretend end by themselves."""

    kill = stop


class Tags:
    """Stands for `Early`: the tags of these images move as soon as something waits for that; some are refused."""

    def __init__(self, names: set[str], refused: set[str], world: Pretended) -> None:
        self.builds = {name: (name,) for name in names}
        self.refused, self.world = refused, world

    def move(self, name: str, _: object) -> Published:
        time.sleep(0.001)
        with self.world.lock:
            self.world.finished.append(f"tags of {name}")
        problem = RegistryError(Diagnostic(message=f"{name} refused", code="publish"))
        return Published(problem=problem if name in self.refused else None)

    def programs(self, _: Published) -> Pretended:
        return self.world


def schedule(
    plan: Plan, options: Options, world: Pretended, resumed: Resumed = NOTHING, early: Tags | None = None
) -> tuple[Schedule, list[Event]]:
    events: list[Event] = []
    own = threading.get_ident()

    def hear(event: Event) -> None:
        assert threading.get_ident() == own  # who reads a call changes nothing
        events.append(event)

    with tempfile.TemporaryDirectory() as folder:
        run = Run(
            plan=builds_of(plan),
            engine=FACTS,
            programs=cast("Any", world),
            registry=cast("Any", None),
            folder=Path(folder),
            start=time.monotonic(),
            log_of=lambda _: "",
            early=cast("Any", early),
        )
        found = Schedule(run, Policy(plan=plan, options=options), hear, resumed)
        found.go()
    return found, events


def all_before(plan: Plan, name: str) -> Iterator[str]:
    """What has to be well for a target to be: a question to what it depends on has not."""
    one = plan.by_name[name]
    for other in (*one.depends_on, *one.needs):
        if other in one.needs or plan.by_name[other].settings.call is None:
            yield other
        yield from all_before(plan, other)


def all_links(plan: Plan, name: str) -> set[str]:
    depends_on = set(plan.by_name[name].depends_on)
    return depends_on.union(*(all_links(plan, link) for link in depends_on))


options = st.builds(
    Options,
    jobs=st.sampled_from([None, 1, 2]),
    keep_going=st.booleans(),
    fail_fast=st.booleans(),
    timeout=st.sampled_from([None, "60s"]),
)


some_names = st.sets(st.sampled_from([f"t{number}" for number in range(9)]), max_size=3)


@examples(150)
@given(plans(asks=False), options, some_names, some_names)
def test_what_needs_an_image_is_built_when_its_tags_have_moved(
    plan: Plan, asked: Options, failing: set[str], refused: set[str]
) -> None:
    images = {one.name for one in plan.targets if one.exported}
    world = Pretended(failing & set(plan.by_name), {})
    found, events = schedule(plan, asked, world, early=Tags(images, refused, world))
    ended = [event.outcome.name for event in events if isinstance(event, TargetEnded)]
    assert sorted(ended) == sorted(plan.by_name)
    done = world.finished
    assert len(done) == len(set(done))  # tags move once
    for one in (one for one in plan.targets if one.name in done):
        for name in images.intersection(one.needs):
            assert name not in refused
            assert done.index(name) < done.index(f"tags of {name}") < done.index(one.name)
    wrong = {f"tags of {name}" for name in refused}.intersection(done)
    assert bool(found.problem) >= bool(wrong)
    if asked.keep_going and not asked.fail_fast:
        lost = {name for name in plan.by_name if found.results.outcomes[name].status == "skipped"}
        gone = {name for name, one in found.results.outcomes.items() if one.status == "failed"} | lost
        for name in lost:
            upon = plan.by_name[name]
            before = {*upon.depends_on, *upon.needs}
            assert before & gone or before & refused or not upon.exported


@examples(150)
@given(plans(), options, st.sets(st.sampled_from([f"t{number}" for number in range(9)]), max_size=3), st.booleans())
def test_every_target_ends_once_and_nothing_is_built_upon_a_failure(
    plan: Plan, asked: Options, failing: set[str], sound: bool
) -> None:
    asked_only = frozenset(one.name for one in plan.targets if sound and one.settings.call)
    world = Pretended(failing & set(plan.by_name), {}, asked_only)
    found, events = schedule(plan, asked, world)
    outcomes = found.results.outcomes
    assert set(outcomes) == set(plan.by_name)
    assert sorted(event.outcome.name for event in events if isinstance(event, TargetEnded)) == sorted(plan.by_name)
    failed = {name for name, outcome in outcomes.items() if outcome.status == "failed"}
    upon = {name for name in failed - failing if all_links(plan, name) & failing}
    assert failed - upon <= failing
    assert not (sound and upon)
    told = [event.target for event in events if isinstance(event, TargetDone)]
    assert len(told) == len(set(told))
    assert all(outcomes[name].status in GOOD for name in told)
    assert (found.problem is None) == (not world.failing)
    assert bool(failed) == bool(world.failing)
    for name, outcome in outcomes.items():
        before = set(all_before(plan, name))
        if outcome.status in GOOD:
            assert not before & (failed - upon)
        elif outcome.status == "skipped":
            assert outcome.reason
    if asked.keep_going and not asked.fail_fast:
        for name, outcome in outcomes.items():
            before = set(all_before(plan, name))
            upon = set() if sound else all_links(plan, name).union(*(all_links(plan, other) for other in before))
            lost = (before | upon) & world.failing
            assert outcome.status in (GOOD if name not in failing and not lost else {"failed", "skipped"})
    if asked.jobs:
        assert world.most <= asked.jobs


def test_what_is_written_is_told_before_its_call_ends() -> None:
    """In one call for all: a target is begun when what it depends on has run, and done when it is written."""
    names = ("base", "app", "other")
    targets = [target("base", (), ()), target("app", ("base",), ()), target("other", (), ())]
    plan = plan_of(*targets)
    _, events = schedule(plan, Options(), Pretended({"other"}, {}))
    told = [(type(event).__name__, event.target) for event in events if isinstance(event, TargetStarted | TargetDone)]
    assert told == [
        ("TargetStarted", "base"),
        ("TargetDone", "base"),
        ("TargetStarted", "app"),
        ("TargetDone", "app"),
        ("TargetStarted", "other"),
    ]
    ended = {event.outcome.name: event.outcome.status for event in events if isinstance(event, TargetEnded)}
    assert ended == dict(zip(names, ("built", "built", "failed"), strict=True))


@examples(10)
@given(plans(asks=False), st.sampled_from([None, 2]))
def test_what_passes_is_tried_again(plan: Plan, jobs: int | None) -> None:
    passing = dict.fromkeys(list(plan.by_name)[:1], 1)
    with patch("buildmatrix.retries.FIRST_WAIT", 0.01):
        found, _ = schedule(plan, Options(jobs=jobs, retries=2), Pretended(set(), passing))
    assert {outcome.status for outcome in found.results.outcomes.values()} <= GOOD
    attempts = [outcome.attempts for outcome in found.results.outcomes.values()]
    assert max(map(len, attempts)) == 2
    assert {attempt.kind for several in attempts for attempt in several} == {"", "network"}


@examples(50)
@given(plans(), options)
def test_what_comes_first_is_finished_first(plan: Plan, asked: Options) -> None:
    world = Pretended(set(), {})
    schedule(plan, asked, world)
    for one in plan.targets:
        for name in one.needs:
            assert world.finished.index(name) < world.finished.index(one.name)


@examples(60)
@given(plans(), options, st.data())
def test_what_is_kept_stays_unless_the_cache_lost_it(plan: Plan, asked: Options, data: st.DataObject) -> None:
    again = data.draw(st.sets(st.sampled_from(sorted(plan.by_name))))
    for one in plan.targets:  # as `resumed` decides: what needs one that is built is built
        if one.settings.call or {*one.depends_on, *one.needs} & again:
            again.add(one.name)
    unchanged = {name: cast("Any", None) for name in plan.by_name if name not in again}
    world = Pretended(set(), {})
    world.cached = data.draw(st.sets(st.sampled_from(sorted(plan.by_name))))
    found, _ = schedule(plan, asked, world, Resumed(unchanged=unchanged))
    upon = {link for name in again for link in all_links(plan, name)}
    exported = {name for name in unchanged if plan.by_name[name].exported}
    lost = (upon & exported) - world.cached
    assert found.problem is None
    assert set(found.results.outcomes) == again | lost
    assert {one.status for one in found.results.outcomes.values()} <= GOOD
