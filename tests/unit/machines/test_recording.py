"""What is recorded of the Builds of a machine: what is in the registry, and not what bake says."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from buildmatrix.engine.outcome import BuildOutcome, Outcome
from buildmatrix.errors import BuildFailedError, Diagnostic, RegistryError, StoppedError, UsageError
from buildmatrix.machines.part import Part
from buildmatrix.machines.recording import recorded
from buildmatrix.oci.answers import Absent, Answer, Descriptor, Found, Unknown
from buildmatrix.plan.builds import BuildPlan
from buildmatrix.spec.rows.outputs import CacheonlyOutput
from tests.unit.machines.records import AMD, ARM, PLAN, digest, jobs, target
from tests.unit.machines.records import record as good

NOWHERE: tuple[Any, ...] = (CacheonlyOutput(type="cacheonly"),)
HERE = jobs(target("app"), target("tool", output=NOWHERE, platforms=(AMD,)))
APP, OTHER = f"app@{AMD}", f"app@{ARM}"


class Held:
    """Stands for a registry: the same answer to everything."""

    def __init__(self, answer: Answer | None = None) -> None:
        self.answer, self.asked = answer, list[str]()

    def head(self, reference: str) -> Answer:
        self.asked.append(reference)
        return self.answer or Found(descriptor=Descriptor(digest=reference, media_type="m", size=7))


def part(folder: Path, plan: BuildPlan = HERE, lost: Mapping[str, str] | None = None) -> Part:
    return Part(
        digest=PLAN,
        whole=plan.of,
        jobs=plan,
        wanted=tuple(plan.by_name),
        records={},
        lost=lost or {},
        folder=str(folder),
        file="plan.json",
        root="",
        began=datetime(2026, 11, 27, tzinfo=UTC),
    )


def ended(key: str, **values: Any) -> BuildOutcome:
    build = HERE.by_name[key]
    defaults: dict[str, Any] = {"status": "built", "digest": digest(3), "exported": True, "tags": ()}
    told = {"name": key, "target": build.target, "declared": build.declared, "platforms": build.platforms}
    return BuildOutcome(**(told | defaults | values))


def record(
    folder: Path, *targets: BuildOutcome, registry: Held | None = None, of: Part | None = None, **values: Any
) -> tuple[Outcome, dict[str, dict[str, Any]]]:
    outcome = Outcome(targets=targets, seconds=1.0, builder="b", **values)
    made = recorded(of or part(folder), outcome, HERE, cast("Any", registry or Held()), {"app": "src/x"})
    written = (json.loads(path.read_text()) for path in folder.glob("*.json"))
    return made, {one["build"]: one for one in written}


def test_what_is_pushed_is_looked_for_and_told(tmp_path: Path) -> None:
    registry = Held()
    metadata = {APP: {"buildx.build.ref": "r", "containerimage.descriptor": {"size": 1}}}
    made, found = record(tmp_path, ended(APP), ended("tool", digest=""), registry=registry, metadata=metadata)
    assert registry.asked == [f"r/app@{digest(3)}"]
    assert found[APP]["pushed"] == [{"repository": "r/app", "digest": digest(3), "media_type": "m", "size": 7}]
    assert (found[APP]["overtaken"], found[APP]["metadata"]) == ("src/x", {"buildx.build.ref": "r"})
    assert (found["tool"]["pushed"], found["tool"]["overtaken"]) == ([], None)
    assert (made.problem, made.publish) == (None, "No tag moved: buildmatrix merge does that.")


def test_what_is_not_there_failed_whatever_bake_says(tmp_path: Path) -> None:
    made, found = record(tmp_path, ended(APP), registry=Held(Absent()))
    assert isinstance(made.problem, RegistryError)
    assert (found[APP]["status"], found[APP]["pushed"]) == ("failed", [])
    assert found[APP]["reason"] == f"r/app does not have {digest(3)[:19]}…, which was pushed"
    made, found = record(tmp_path, ended(APP, digest=""))
    assert (found[APP]["status"], found[APP]["reason"]) == ("failed", "buildx gave no digest for it")
    assert made.publish == ""


def test_what_nobody_can_say_is_left_to_merge(tmp_path: Path) -> None:
    made, found = record(tmp_path, ended(APP), registry=Held(Unknown(reason="503")))
    assert (made.problem, found[APP]["status"]) == (None, "built")
    assert found[APP]["pushed"] == [{"repository": "r/app", "digest": digest(3), "media_type": None, "size": None}]


def test_what_failed_was_stopped_or_never_begun_is_told_with_the_reason(tmp_path: Path) -> None:
    lost = part(tmp_path, lost={OTHER: "there is no record of base"})
    failed = ended(APP, status="failed", digest="", reason="exit code: 1", failed_step="RUN x", excerpt="log", hint="h")
    problem = BuildFailedError(Diagnostic(message="app failed", code="failed"))
    made, found = record(tmp_path, failed, ended("tool", digest="", exported=False), of=lost, problem=problem)
    assert [found[APP][key] for key in ("status", "reason", "failed_step", "excerpt", "hint")] == [
        "failed", "exit code: 1", "RUN x", "log", "h",
    ]  # fmt: skip
    assert found[OTHER]["status"] == "skipped"
    assert "tool" not in found  # it was built for others alone
    assert isinstance(made.problem, BuildFailedError)
    assert [one.message for one in made.problem.diagnostics] == [
        "app failed",
        f"{OTHER} was not built: there is no record of base",
    ]
    stopped = StoppedError(Diagnostic(message="stopped", code="stopped", hint="apply --resume"))
    made, _ = record(tmp_path, ended(APP, status="stopped", digest=""), problem=stopped)
    assert isinstance(made.problem, StoppedError)
    assert made.problem.diagnostics[0].hint == "run its job again"


def test_a_record_says_on_which_images_it_was_built_of_other_machines_and_of_its_own(tmp_path: Path) -> None:
    plan = jobs(target("base"), target("mid", "base"), target("app", "mid"))
    names = [f"{name}@{AMD}" for name in ("base", "mid", "app")]
    made = replace(part(tmp_path, plan), records={names[0]: good(names[0], 7)})
    told = [
        ended(APP, name=key, target=key.partition("@")[0], declared=key.partition("@")[0], digest=digest(number))
        for number, key in enumerate(names[1:], start=1)
    ]
    recorded(made, Outcome(targets=tuple(told), seconds=1.0), plan, cast("Any", Held()), {})
    written = {one["build"]: one["built_on"] for one in map(json.loads, map(Path.read_text, tmp_path.glob("*.json")))}
    assert written == {names[1]: {names[0]: digest(7)}, names[2]: {names[1]: digest(1)}}


def test_a_record_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot be written"):
        record(tmp_path, ended(APP), of=part(tmp_path / "file"))
