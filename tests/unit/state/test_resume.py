"""What `--resume` need not build again: nothing of which there is a doubt."""

import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from buildmatrix.engine.buildx import Builder, Node
from buildmatrix.engine.outcome import BuildOutcome
from buildmatrix.engine.registry import Registry
from buildmatrix.git.facts import Git
from buildmatrix.pipeline import plan as make_plan
from buildmatrix.plan.builds import builds_of
from buildmatrix.plan.model import Plan
from buildmatrix.process import Programs
from buildmatrix.spec.toml.source import Sources
from buildmatrix.state.fingerprint import Fingerprints
from buildmatrix.state.present import Present, builder_of
from buildmatrix.state.record import ResultFile
from buildmatrix.state.resume import resumed
from buildmatrix.state.stats import Looks
from buildmatrix.state.unchanged import Resumed
from buildmatrix.template.request import Request
from tests.registry import LIE, registry_in_memory

BUILDER = Builder(name="b", driver="remote", error="", nodes=(Node(name="n", error="", platforms=()),))
NOWHERE = Programs({"PATH": "/nowhere"})
SPEC = """version = 1
[defaults]
output = ["type=cacheonly"]
context = "ctx"
[target.base]
dockerfile = "../docker/base.Dockerfile"
[target.app]
contexts.base = "target:base"
contexts.src = "src"
contexts.layout = "oci-layout://layout:1"
contexts.pinned = "docker-image://busybox@sha256:0000000000000000000000000000000000000000000000000000000000000000"
dockerfile-inline = "FROM base"
secret = [{ id = "token", src = "token" }]
[target.first]
output = ["type=local,dest=ctx/rootfs"]
dockerfile-inline = "FROM scratch"
[target.second]
needs = ["first"]
dockerfile-inline = "FROM scratch"
[target.third]
context = "rootfs"
needs = ["tar"]
dockerfile-inline = "FROM scratch"
[target.tar]
context = "src"
output = ["type=local,dest=rootfs"]
dockerfile-inline = "FROM scratch"
[target.check]
call = "check"
dockerfile-inline = "FROM scratch"
"""
FILES = (
    "ctx/file", "ctx/rootfs/x", "docker/base.Dockerfile", "src/file", "src/.git/HEAD", "layout/index.json", "token",
    "rootfs/x",
)  # fmt: skip
NAMES = frozenset({"base", "app", "first", "second", "third", "tar"})


def settle() -> None:
    """A file that has just been written is in doubt; wait for longer than the clock of files has a tick."""
    time.sleep(0.05)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    settle()
    return tmp_path


def planned(folder: Path, spec: str = SPEC) -> Plan:
    return make_plan("f.toml", Sources(folder, {"f.toml": spec}), Request(), Git(lambda _: None))


def built(plan: Plan, name: str) -> BuildOutcome:
    target = plan.by_name[name]
    return BuildOutcome(
        name=name,
        target=name,
        declared=name,
        status="built",
        exported=target.exported,
        platforms=(),
        tags=(),
        digest="sha256:1",
    )


def record(plan: Plan, *without: str, environment: dict[str, str] | None = None) -> None:
    result = ResultFile(plan, environment=environment or {})
    result.begin(builder_of(BUILDER, NOWHERE))
    result.record_all([built(plan, name) for name in NAMES - set(without) if name in plan.by_name])
    assert not result.trouble


def resume(plan: Plan, builder: Builder = BUILDER, *, pull: bool = False, **environment: str) -> Resumed:
    result = ResultFile(plan, environment=environment)
    return resumed(builds_of(plan), result, Present(plan, builder, NOWHERE, Registry(NOWHERE)), pull=pull)


def test_what_holds_still_is_kept(folder: Path) -> None:
    record(planned(folder))
    found = resume(planned(folder))
    assert set(found.unchanged) == NAMES
    assert not found.reasons
    assert found.unchanged["app"].digest == "sha256:1"


OLD, NEW = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"


@pytest.mark.parametrize(
    ("then", "now", "reason"),
    [
        ({"busybox:1": OLD}, {"busybox:1": NEW}, "busybox:1 moved from sha256:aaaaaaaaaaaa to sha256:bbbbbbbbbbbb"),
        ({"busybox:1": OLD}, {"busybox:1": OLD}, ""),
        ({"busybox:1": OLD}, {}, ""),  # nobody knows what it is now
        ({}, {"busybox:1": NEW}, ""),
    ],
)
def test_an_external_image_that_moved_is_built_upon_again(
    folder: Path, then: dict[str, str], now: dict[str, str], reason: str
) -> None:
    plan = planned(folder)
    result = ResultFile(plan)
    result.pins = {"base": then}
    result.begin(builder_of(BUILDER, NOWHERE))
    result.record_all([built(plan, name) for name in NAMES])
    again = ResultFile(plan)
    again.pins = {"base": now}
    present = Present(plan, BUILDER, NOWHERE, Registry(NOWHERE))
    assert resumed(builds_of(plan), again, present, pull=False).reasons.get("base", "") == reason


EDITS: dict[str, tuple[Callable[[Path], object], set[str]]] = {
    "a file of the context": (lambda at: (at / "ctx/file").write_text("2"), {"base", "app", "first", "second"}),
    "the Dockerfile outside": (lambda at: (at / "docker/base.Dockerfile").write_text("2"), {"base", "app"}),
    "its .dockerignore": (lambda at: (at / "docker/base.Dockerfile.dockerignore").write_text("2"), {"base", "app"}),
    "a named context": (lambda at: (at / "src/file").write_text("2"), {"app", "tar", "third"}),
    "its .git": (lambda at: (at / "src/.git/HEAD").write_text("2"), {"app", "tar", "third"}),
    "a layout": (lambda at: (at / "layout/index.json").write_text("2"), {"app"}),
    "a secret's file": (lambda at: (at / "token").write_text("2"), {"app"}),
    "a new directory": (lambda at: (at / "layout/empty").mkdir(), {"app"}),
    "what a needed target wrote": (lambda at: (at / "rootfs/x").write_text("2"), {"tar", "third"}),
    "what it wrote into a context": (lambda at: (at / "ctx/rootfs/x").unlink(), {"first", "second"}),
    "nothing but the report": (lambda at: (at / ".buildmatrix/other").write_text("2"), set()),
}


@pytest.mark.parametrize("what", EDITS)
def test_every_local_file_counts(folder: Path, what: str) -> None:
    edit, again = EDITS[what]
    record(planned(folder))
    edit(folder)
    settle()
    found = resume(planned(folder))
    assert NAMES - set(found.unchanged) == again == set(found.reasons)


def test_a_change_of_equal_size_and_time_counts(folder: Path) -> None:
    record(planned(folder))
    file = folder / "token"
    before = file.stat()
    file.write_text("nekot")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    settle()
    assert set(resume(planned(folder)).reasons) == {"app"}


def test_a_file_that_changed_as_the_run_began_is_in_doubt(folder: Path) -> None:
    plan = planned(folder)
    result = ResultFile(plan)
    (folder / "token").write_text("token")
    result.begin(builder_of(BUILDER, NOWHERE))
    result.record_all([built(plan, name) for name in NAMES])
    settle()
    assert resume(plan).reasons == {"app": "its files changed as a run began"}


def test_a_link_is_what_it_leads_to(folder: Path) -> None:
    (folder / "real").write_text("1")
    (folder / "token").unlink()
    (folder / "token").symlink_to("real")
    (folder / "src" / "link").symlink_to("../real")
    settle()
    record(planned(folder))
    (folder / "real").write_text("22")
    settle()
    assert set(resume(planned(folder)).reasons) == {"app", "tar", "third"}


@pytest.mark.parametrize(
    ("value", "unchanged"),
    [
        ('context = "https://example.com/app.git#main"', False),
        ('contexts.x = "https://example.com/x.tar"', False),
        ('contexts.x = "docker-image://busybox"', False),
        ('contexts.x = "src"', True),
        ("pull = true", False),
    ],
)
def test_what_is_elsewhere_may_have_changed(folder: Path, value: str, *, unchanged: bool) -> None:
    spec = f'version = 1\n[target.app]\noutput = ["type=cacheonly"]\ndockerfile-inline = "FROM scratch"\n{value}\n'
    record(planned(folder, spec))
    assert (set(resume(planned(folder, spec)).unchanged) == {"app"}) == unchanged


def test_newer_bases_another_builder_and_another_environment_build(folder: Path) -> None:
    record(planned(folder))
    assert not resume(planned(folder), pull=True).unchanged
    other = resume(planned(folder), replace(BUILDER, name="other"))
    assert set(other.reasons) == NAMES - {"first", "tar"} | set()
    assert other.reasons["app"] == "another builder built it"
    assert set(resume(planned(folder), SOURCE_DATE_EPOCH="0").reasons) == NAMES


def test_what_needs_one_that_is_built_is_built(folder: Path) -> None:
    record(planned(folder), "first", "base")
    found = resume(planned(folder))
    assert set(found.unchanged) == {"third", "tar"}
    assert found.reasons == {
        "second": "first, which it needs, is built again",
        "app": "base, which it depends on, is built again",
    }


def test_a_failure_and_a_base_that_was_rebuilt_hold_no_more(folder: Path) -> None:
    plan = planned(folder)
    record(plan)
    result = ResultFile(plan)
    result.begin("")
    result.record_all([replace(built(plan, "tar"), status="failed")])
    result.record_all(
        [replace(built(plan, "base"), exported=False, status="cached"), replace(built(plan, "app"), call="check")]
    )
    found = resume(plan)
    assert found.reasons == {
        "tar": "the last run did not build it",
        "third": "tar, which it needs, is built again",
    }
    result.record_all([replace(built(plan, "base"), exported=False)])
    assert set(resume(plan).reasons) == {"tar", "third", "base", "app"}


def test_a_registry_that_does_not_answer_is_named(folder: Path) -> None:
    spec = 'version = 1\n[target.app]\ntags = ["localhost:9/x:1"]\noutput = ["type=registry"]\ndockerfile-inline = ""\n'
    remember(planned(folder, spec), LIE, ("localhost:9/x:1",))
    reason = resume(planned(folder, spec)).reasons["app"]
    assert reason.startswith("nobody can say whether localhost:9/x")
    assert reason.endswith("is there: nothing listens at localhost:9")


@pytest.mark.parametrize(
    ("output", "recorded", "held", "reason", "staged"),
    [
        ("registry", ("1", "2"), "ours", "", ""),
        ("registry", (), "nothing", "HOST/x:1 was not moved to it", ""),
        ("registry", (), "another", "HOST/x:1 was not moved to it", ""),
        ("registry", ("1",), "ours", "HOST/x:2 was not moved to it", ""),
        ("registry", ("1", "2"), "nothing", "HOST/x:1 is gone", "HOST/x:1 is gone"),
        ("registry", ("1", "2"), "another", "HOST/x:1 is another image now", "HOST/x:1 is another image now"),
        ("registry,name=HOST/x:1", (), "ours", "", ""),
        ("registry,name=HOST/x:1", (), "nothing", "HOST/x:1 is gone", ""),
        ("image,push=true,name=HOST/x:1", (), "another", "HOST/x:1 is another image now", ""),
        ("image,push=true,push-by-digest=true,name=HOST/x", (), "nothing", "", ""),
    ],
)
def test_a_tag_that_was_never_moved_is_a_doubt_unless_the_run_moves_it(
    folder: Path, output: str, recorded: tuple[str, ...], held: str, reason: str, staged: str
) -> None:
    with registry_in_memory() as server:
        here = output.replace("HOST", server.host)
        tags = f'tags = ["{server.host}/x:1", "{server.host}/x:2"]' if output == "registry" else ""
        spec = f"version = 1\n[target.app]\n{tags}\noutput = ['type={here}']\ndockerfile-inline = \"\"\n"
        plan = planned(folder, spec)
        digest, other = server.add("amd64"), server.add("arm64")
        if held != "nothing":
            server.tags = dict.fromkeys(("1", "2"), digest if held == "ours" else other)
        remember(plan, digest, tuple(f"{server.host}/x:{tag}" for tag in recorded))
        found = resumed_upon(plan)
        assert found.reasons.get("app", "") == reason.replace("HOST", server.host)
        assert set(found.unchanged) == (set() if reason else {"app"})
        assert resumed_upon(plan, "app").reasons.get("app", "") == staged.replace("HOST", server.host)


def test_an_image_that_waits_for_its_tags_has_to_be_there_and_known(folder: Path) -> None:
    with registry_in_memory() as server:
        spec = f'version = 1\n[target.app]\ntags = ["{server.host}/x:1"]\noutput = ["type=registry"]\n'
        plan = planned(folder, f'{spec}dockerfile-inline = ""\n')
        remember(plan, LIE, ())
        assert resumed_upon(plan, "app").reasons == {"app": f"{server.host}/x@{LIE} is gone"}
        remember(plan, "", ())
        assert resumed_upon(plan, "app").reasons == {"app": "nobody knows which image it was"}


def remember(plan: Plan, digest: str, tags: tuple[str, ...]) -> None:
    result = ResultFile(plan)
    result.begin(builder_of(BUILDER, NOWHERE))
    result.record_all([replace(built(plan, "app"), digest=digest, tags=tags)])


def resumed_upon(plan: Plan, *moved_last: str) -> Resumed:
    present = Present(plan, BUILDER, NOWHERE, Registry(NOWHERE), moved_last)
    return resumed(builds_of(plan), ResultFile(plan), present, pull=False)


def test_git_counts_unless_it_is_left_out(folder: Path) -> None:
    spec = 'version = 1\n[target.app]\ncontext = "src"\noutput = ["type=cacheonly"]\ndockerfile-inline = ""\n'
    for ignore, same in (("*.log\n", False), (".git\n", True), (".git\n!.git/HEAD\n", False)):
        (folder / "src/.dockerignore").write_text(ignore)
        settle()
        before = Fingerprints(planned(folder, spec), []).of("app")
        (folder / "src/.git/HEAD").write_text(ignore)
        settle()
        assert (Fingerprints(planned(folder, spec), []).of("app") == before) == same


def test_the_dockerignore_of_a_dockerfile_takes_the_place_of_the_context_s(folder: Path) -> None:
    spec = 'version = 1\n[target.app]\ncontext = "src"\noutput = ["type=cacheonly"]\n'
    (folder / "src/Dockerfile").write_text("FROM scratch\n")
    (folder / "src/.dockerignore").write_text(".git\n")
    for own, same in (("*.log\n", False), (".git\n", True)):
        (folder / "src/Dockerfile.dockerignore").write_text(own)
        settle()
        before = Fingerprints(planned(folder, spec), []).of("app")
        (folder / "src/.git/HEAD").write_text(own)
        settle()
        assert (Fingerprints(planned(folder, spec), []).of("app") == before) == same


def test_objects_of_git_say_nothing_and_what_cannot_be_read_is_a_doubt(tmp_path: Path) -> None:
    (tmp_path / ".git/objects").mkdir(parents=True)
    settle()
    before = Looks().of(tmp_path)
    (tmp_path / ".git/objects/x").write_text("x")
    settle()
    assert Looks().of(tmp_path) == before
    (tmp_path / "dangling").symlink_to("nowhere")
    settle()
    assert Looks().of(tmp_path) not in {"", "-", before}
    assert Looks().of(tmp_path / "none") == "-"
    assert Looks().of(tmp_path / "dangling") == "-"
