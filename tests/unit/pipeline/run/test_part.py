"""A part of a saved plan before it is built: what its builder has to be able to do, and what is recorded at once."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from buildmatrix.engine.buildx import Builder, Node
from buildmatrix.errors import BuildFailedError, EngineError, StaleError, UsageError
from buildmatrix.machines.part import Part
from buildmatrix.machines.record import write_record
from buildmatrix.oci.answers import Descriptor, Found
from buildmatrix.oci.image import Image
from buildmatrix.pipeline.run.left import Reduced
from buildmatrix.pipeline.run.part import left_of_part, part_of_plan, plan_of_part, refuse_lost, refuse_staging
from buildmatrix.plan.document.reviewed import Claim, Reviewed
from buildmatrix.plan.model import Plan, PlannedTarget
from buildmatrix.spec.rows.outputs import CacheonlyOutput
from tests import plans
from tests.unit.machines.records import AMD, ARM, PLAN, RUNNERS, digest, failed, record, target

CLAIM = Claim(name="plan.json", digest=PLAN, reviewed=Reviewed(version="1", format="1", platform=AMD), pins={})


def plan(*targets: PlannedTarget, runners: Any = RUNNERS) -> Plan:
    return plans.plan(*targets, runners=runners)


def part(folder: Path, made: Plan, *keys: str) -> Part:
    return part_of_plan(made, CLAIM, keys, str(folder), "")


def builder(driver: str, *own: tuple[str, ...]) -> Builder:
    nodes = tuple(Node(name=f"n{number}", error="", platforms=(AMD, ARM), own=one) for number, one in enumerate(own))
    return Builder(name="b", driver=driver, error="", nodes=nodes)


def written(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]


def test_only_what_pushes_by_digest_builds_what_is_pushed(tmp_path: Path) -> None:
    nowhere = target("tool", output=(CacheonlyOutput(type="cacheonly"),))
    found = part(tmp_path, plan(target("app"), nowhere, runners={}), "app", "tool")
    refuse_staging(found, builder("remote", ()))
    for by, words in ((builder("docker", ()), "docker"), (builder("remote", (AMD,), (ARM,)), "several nodes")):
        with pytest.raises(EngineError, match=words) as raised:
            refuse_staging(found, by)
        assert len(raised.value.diagnostics) == 1  # what is not pushed can be built anywhere
    parts = part(tmp_path, plan(target("app")), f"app@{AMD}", f"app@{ARM}")
    refuse_staging(parts, builder("remote", (AMD,), (ARM,)))


def test_what_cannot_be_built_is_recorded_and_ends_the_job_unless_it_goes_on(tmp_path: Path) -> None:
    made = plan(target("base"), target("app", "base"), target("other"))
    write_record(failed(f"base@{AMD}"), str(tmp_path))
    found = part(tmp_path, made, f"app@{AMD}", f"other@{AMD}")
    refuse_lost(found, keep_going=True)
    assert [one.name for one in plan_of_part(found).targets] == [f"other@{AMD}"]
    with pytest.raises(BuildFailedError, match="was not built: base@linux/amd64, which it depends on, failed"):
        refuse_lost(found, keep_going=False)
    app = next(one for one in written(tmp_path) if one["build"] == f"app@{AMD}")
    assert (app["status"], app["plan"], app["pushed"]) == ("skipped", PLAN, [])
    lonely = part(tmp_path, made, f"app@{AMD}")
    with pytest.raises(BuildFailedError):
        refuse_lost(lonely, keep_going=True)


def test_what_it_is_made_of_and_waits_for_is_looked_at_and_nothing_else(tmp_path: Path) -> None:
    made = plan(target("base"), target("app", "base"), target("late", needs=("app",)), target("other"))
    for name in ("base", "app"):
        for platform in (AMD, ARM):
            write_record(record(f"{name}@{platform}"), str(tmp_path))
    found = plan_of_part(part(tmp_path, made, f"late@{ARM}"))
    assert [one.name for one in found.targets] == [f"late@{ARM}"]
    assert [one.name for one in found.of.targets] == ["base", "app", "late"]


def test_records_that_do_not_fit_end_a_job_too(tmp_path: Path) -> None:
    made = plan(target("base"), target("app", "base"))
    write_record(record(f"base@{AMD}", platforms=(ARM,)), str(tmp_path))
    with pytest.raises(StaleError, match="and the plan says base for linux/amd64"):
        part(tmp_path, made, f"app@{AMD}")


def test_an_image_of_another_platform_than_its_record_says_is_built_upon_by_nobody(tmp_path: Path) -> None:
    made = plan(target("base"), target("app", "base"), target("other"))
    write_record(record(f"base@{AMD}"), str(tmp_path))
    job = SimpleNamespace(policy=SimpleNamespace(incremental=False), programs=SimpleNamespace(environment={}))

    def left(key: str, *platforms: str) -> Reduced:
        listed = [SimpleNamespace(platform=one) for one in platforms]
        image = Image(digest=digest(1), media_type="m", body=b"", index=cast("Any", SimpleNamespace(manifests=listed)))
        there = Found(descriptor=Descriptor(digest=digest(1), media_type="m", size=9))
        tags = SimpleNamespace(registry=SimpleNamespace(head=lambda _: there, content=lambda *_: image))
        return left_of_part(cast("Any", job), part(tmp_path, made, key), cast("Any", tags), cast("Any", None), AMD)

    with pytest.raises(StaleError, match=f"base@{AMD} names {digest(1)[:19]}…, which is for {ARM}"):
        left(f"app@{AMD}", ARM)
    assert left(f"app@{AMD}", AMD).handed == (f"r/base@{digest(1)}",)
    assert left(f"other@{AMD}", ARM).handed == ()  # nobody asks for what is not used


def test_a_directory_that_cannot_be_written_is_told_before_anything_is_built(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot be written"):
        part(tmp_path / "file", plan(target("app")), f"app@{AMD}")
