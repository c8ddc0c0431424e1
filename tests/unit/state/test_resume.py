"""What `--resume` need not build again: nothing of which there is a doubt."""

import os
import re
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from buildmatrix.dockerfile.links import Config
from buildmatrix.engine.buildx import Builder, Node
from buildmatrix.engine.outcome import BuildOutcome
from buildmatrix.engine.registry import Registry
from buildmatrix.errors import Diagnostic, EngineError
from buildmatrix.git.facts import Git
from buildmatrix.inputs.fingerprint import Fingerprints
from buildmatrix.inputs.local import Aside
from buildmatrix.pipeline import plan as make_plan
from buildmatrix.plan.builds import builds_of
from buildmatrix.plan.model import Plan
from buildmatrix.process import Programs
from buildmatrix.spec.toml.source import Sources
from buildmatrix.state.decisions.unchanged import Resumed
from buildmatrix.state.images.telling import Telling
from buildmatrix.state.made import Made
from buildmatrix.state.present import Present, builder_of
from buildmatrix.state.record import ResultFile
from buildmatrix.state.resume import Remembered, resumed
from buildmatrix.state.stats import look
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
contexts.pinned = "docker-image://busybox@sha256:0000000000000000000000000000000000000000000000000000000000000000"
dockerfile-inline = "FROM base\\nCOPY --from=src . /\\nCOPY --from=pinned / /\\nRUN --mount=type=secret,id=token true"
secret = [{ id = "token", src = "token" }]
[target.first]
output = ["type=local,dest=ctx/rootfs"]
dockerfile-inline = "FROM scratch\\nCOPY . /"
[target.second]
needs = ["first"]
dockerfile-inline = "FROM scratch\\nCOPY . /"
[target.third]
context = "rootfs"
needs = ["tar"]
dockerfile-inline = "FROM scratch\\nCOPY . /"
[target.tar]
context = "src"
output = ["type=local,dest=rootfs"]
dockerfile-inline = "FROM scratch\\nCOPY . /"
[target.check]
call = "check"
dockerfile-inline = "FROM scratch"
"""
FILES = {
    "ctx/file": "1",
    "ctx/rootfs/x": "1",
    "docker/base.Dockerfile": "FROM scratch\nCOPY . /\n",
    "src/file": "1",
    "src/.git/HEAD": "1",
    "token": "token",
    "rootfs/x": "1",
}
NAMES = frozenset({"base", "app", "first", "second", "third", "tar"})


def settle() -> None:
    """A file that has just been written is in doubt; wait for longer than the clock of files has a tick."""
    time.sleep(0.05)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
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


def fingerprints(plan: Plan, environment: dict[str, str], made: Made | None = None) -> Fingerprints:
    made = made or ResultFile(builds_of(plan)).made
    return Fingerprints(plan, {}, {}, environment, "linux/amd64", Aside(made=made))


def begun(plan: Plan, environment: dict[str, str] | None = None) -> ResultFile:
    result = ResultFile(builds_of(plan))
    result.begin(builder_of(BUILDER, NOWHERE), lambda: fingerprints(plan, environment or {}, result.made))
    return result


def record(plan: Plan, *without: str) -> None:
    result = begun(plan)
    result.record_all([built(plan, name) for name in NAMES - set(without) if name in plan.by_name])
    assert not result.trouble


def resume(
    plan: Plan,
    builder: Builder = BUILDER,
    *moved_last: str,
    **environment: str,
) -> Resumed:
    made = fingerprints(plan, environment)
    last = Remembered(
        plan=plan,
        entries=ResultFile(builds_of(plan)).known(),
        known=made.of,
        present=Present(plan, lambda: builder, NOWHERE, Registry(NOWHERE), moved_last),
        telling=Telling(plan, made.of, made.within, None),
    )
    return resumed(builds_of(plan), last)


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
        (OLD, OLD, ""),
        (OLD, NEW, "base busybox:1 moved aaaaaaaaaaaa → bbbbbbbbbbbb"),
        (OLD, "", "cannot know: nobody knows the digest of docker.io/library/busybox:1"),
        ("", OLD, "cannot know: nobody knows the digest of docker.io/library/busybox:1"),
    ],
)
def test_an_external_image_that_moved_is_built_upon_again(folder: Path, then: str, now: str, reason: str) -> None:
    """Also where nobody knows whether it moved: it used to be kept then."""
    plan = planned(folder, one('dockerfile-inline = "FROM busybox:1"'))

    def of(digest: str) -> Fingerprints:
        pins = {"app": {"busybox:1": digest}} if digest else {}
        return Fingerprints(plan, pins, {"docker.io/library/busybox:1": Config()}, {}, "linux/amd64")

    result = ResultFile(builds_of(plan))
    result.begin(builder_of(BUILDER, NOWHERE), lambda: of(then))
    result.record_all([built(plan, "app")])
    made = of(now)
    present = Present(plan, lambda: BUILDER, NOWHERE, Registry(NOWHERE))
    entries = ResultFile(builds_of(plan)).known()
    telling = Telling(plan, made.of, made.within, None)
    last = Remembered(plan=plan, entries=entries, known=made.of, present=present, telling=telling)
    assert resumed(builds_of(plan), last).reasons.get("app", "") == reason


def one(settings: str) -> str:
    return f'version = 1\n[target.app]\noutput = ["type=cacheonly"]\n{settings}\n'


EDITS: dict[str, tuple[Callable[[Path], object], set[str]]] = {
    "a file of the context": (lambda at: (at / "ctx/file").write_text("2"), {"base", "app", "first", "second"}),
    "the Dockerfile outside": (lambda at: (at / "docker/base.Dockerfile").write_text("2"), {"base", "app"}),
    "its .dockerignore": (lambda at: (at / "docker/base.Dockerfile.dockerignore").write_text("file"), {"base", "app"}),
    "one that leaves nothing out": (lambda at: (at / "docker/base.Dockerfile.dockerignore").write_text("x"), set()),
    "a named context": (lambda at: (at / "src/file").write_text("2"), {"app", "tar", "third"}),
    "its .git": (lambda at: (at / "src/.git/HEAD").write_text("2"), {"app", "tar", "third"}),
    "a secret's value": (lambda at: (at / "token").write_text("2"), set()),
    "a new directory": (lambda at: (at / "src/empty").mkdir(), {"app", "tar", "third"}),
    "a time": (lambda at: os.utime(at / "src/file", (1, 1)), set()),
    "what a needed target wrote": (lambda at: (at / "rootfs/x").write_text("2"), {"tar", "third"}),
    "what lay where it writes, in a context": (
        lambda at: (at / "ctx/rootfs/x").unlink(),
        {"base", "app", "first", "second"},
    ),
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


def test_what_changed_is_told_by_the_record_of_the_last_run(folder: Path) -> None:
    record(planned(folder))
    (folder / "src/file").write_text("2")
    (folder / "src/other").write_text("1")
    settle()
    told = "context src: file changed, other added"
    assert resume(planned(folder)).reasons == {
        "app": told,
        "tar": told.replace(" src", ""),
        "third": "needs tar, which is rebuilt",
    }


def test_without_a_sound_record_nobody_can_tell_what_changed(folder: Path) -> None:
    record(planned(folder))
    file = folder / ".buildmatrix/result.json"
    file.write_text(re.sub(r'"record": "[^"]*"', '"record": "abc"', file.read_text()))
    (folder / "src/file").write_text("2")
    settle()
    assert set(resume(planned(folder)).reasons.values()) == {"what goes into it changed"}


def test_a_change_of_equal_size_and_time_counts(folder: Path) -> None:
    record(planned(folder))
    file = folder / "src/file"
    before = file.stat()
    file.write_text("2")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    settle()
    assert set(resume(planned(folder)).reasons) == {"app", "tar", "third"}


@pytest.mark.parametrize("what", ["written again", "gone and back", "another beside it"])
def test_what_changed_during_the_run_is_in_doubt(folder: Path, what: str) -> None:
    """Also where it is now what it was before: nobody knows what BuildKit has read."""
    plan = planned(folder)
    result = begun(plan)
    if what == "another beside it":
        (folder / "src/other").write_text("1")
        (folder / "src/other").unlink()
    else:
        (folder / "src/file").rename(folder / "away")
        (folder / "away").rename(folder / "src/file")
    if what == "written again":
        (folder / "src/file").write_text("1")
    result.record_all([built(plan, name) for name in NAMES])
    settle()
    reasons = resume(plan).reasons
    assert set(reasons) == {"app", "tar", "third"}
    assert reasons["app"] in {f"cannot know: {place} changed while it was built" for place in ("src", "src/file")}


@pytest.mark.parametrize("what", ["src/file", "docker/base.Dockerfile", "another beside it"])
def test_what_changed_is_in_doubt_where_a_file_systems_clock_is_behind(
    folder: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """An incremental run reads before it builds: what it has seen then is compared, and no clock."""
    now = time.time_ns() + 3600 * 10**9
    monkeypatch.setattr("buildmatrix.state.still.time.time_ns", lambda: now)
    plan = planned(folder)
    result = ResultFile(builds_of(plan))
    made = fingerprints(plan, {}, result.made)
    assert not made.of("app").doubt
    result.begin(builder_of(BUILDER, NOWHERE), lambda: made)
    settle()
    if what == "another beside it":
        (folder / "src/other").write_text("1")
        (folder / "src/other").unlink()
    else:
        file = folder / what
        content = file.read_bytes()
        file.write_bytes(b"x" * len(content))
        file.write_bytes(content)
    result.record_all([built(plan, "app")])
    assert "changed while it was built" in resume(plan).reasons["app"]


def test_what_needs_an_image_whose_tags_move_last_is_in_doubt(folder: Path) -> None:
    plan = planned(folder)
    result = begun(plan)
    result.late = {"first"}
    result.record_all([built(plan, name) for name in NAMES])
    assert resume(plan).reasons == {"second": "cannot know: the tags of first, which it needs, moved only later"}


def test_what_the_run_writes_itself_is_no_change(folder: Path) -> None:
    spec = one('dockerfile-inline = "FROM scratch\\nCOPY . /"').replace("cacheonly", "local,dest=new/out")
    plan = planned(folder, spec)
    result = begun(plan)
    (folder / "new/out").mkdir(parents=True)
    (folder / "new/out/file").write_text("1")
    result.record_all([built(plan, "app")])
    assert set(resume(plan).unchanged) == {"app"}
    assert set(resume(plan).unchanged) == {"app"}


def test_a_context_that_a_needed_target_writes_need_not_be_there_yet(folder: Path) -> None:
    plan = planned(folder)
    (folder / "rootfs/x").unlink()
    (folder / "rootfs").rmdir()
    result = begun(plan)
    (folder / "rootfs").mkdir()
    (folder / "rootfs/x").write_text("1")
    result.record_all([built(plan, name) for name in NAMES])
    assert set(resume(plan).unchanged) == NAMES


def test_a_link_that_leads_elsewhere_counts(folder: Path) -> None:
    (folder / "src" / "link").symlink_to("file")
    settle()
    record(planned(folder))
    (folder / "src" / "link").unlink()
    (folder / "src" / "link").symlink_to("../token")
    settle()
    assert set(resume(planned(folder)).reasons) == {"app", "tar", "third"}


@pytest.mark.parametrize(
    ("value", "unchanged"),
    [
        ('context = "https://example.com/app.git#main"', False),
        ('contexts.x = "https://example.com/x.tar"', False),
        ('contexts.x = "docker-image://busybox"', False),
        ('contexts.x = "oci-layout://layout:1"', False),
        ('contexts.x = "src"', True),
        ('contexts.x = "src"\npull = true', True),  # the digest says whether a base is newer
    ],
)
def test_what_is_elsewhere_may_have_changed(folder: Path, value: str, *, unchanged: bool) -> None:
    spec = one(f'dockerfile-inline = "FROM scratch\\nCOPY ctx /\\nCOPY --from=x . /"\n{value}')
    if "contexts.x" not in value:
        spec = one(f'dockerfile-inline = "FROM scratch\\nCOPY ctx /"\n{value}')
    record(planned(folder, spec))
    assert (set(resume(planned(folder, spec)).unchanged) == {"app"}) == unchanged


def test_another_builder_and_another_environment_build(folder: Path) -> None:
    record(planned(folder))
    other = resume(planned(folder), replace(BUILDER, name="other"))
    assert set(other.reasons) == NAMES - {"first", "tar"} | set()
    assert other.reasons["app"] == "another builder built it"
    assert set(resume(planned(folder), SOURCE_DATE_EPOCH="0").reasons) == NAMES


def test_what_needs_one_that_is_built_is_built(folder: Path) -> None:
    record(planned(folder), "first", "base")
    found = resume(planned(folder))
    assert set(found.unchanged) == {"third", "tar"}
    assert found.reasons == {
        "first": "never built here",
        "base": "never built here",
        "second": "first, which it needs, is built again",
        "app": "base, which it depends on, is built again",
    }


def test_a_failure_and_a_base_that_was_rebuilt_hold_no_more(folder: Path) -> None:
    plan = planned(folder)
    record(plan)
    result = begun(plan)
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
    spec = one('dockerfile-inline = "FROM scratch"\ntags = ["localhost:9/x:1"]').replace("cacheonly", "registry")
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
        spec = f"version = 1\n[target.app]\n{tags}\noutput = ['type={here}']\ndockerfile-inline = \"FROM scratch\"\n"
        plan = planned(folder, spec)
        digest, other = server.add("amd64"), server.add("arm64")
        if held != "nothing":
            server.tags = dict.fromkeys(("1", "2"), digest if held == "ours" else other)
        remember(plan, digest, tuple(f"{server.host}/x:{tag}" for tag in recorded))
        found = resume(plan)
        assert found.reasons.get("app", "") == reason.replace("HOST", server.host)
        assert set(found.unchanged) == (set() if reason else {"app"})
        assert resume(plan, BUILDER, "app").reasons.get("app", "") == staged.replace("HOST", server.host)


def test_an_image_that_waits_for_its_tags_has_to_be_there_and_known(folder: Path) -> None:
    with registry_in_memory() as server:
        spec = f'version = 1\n[target.app]\ntags = ["{server.host}/x:1"]\noutput = ["type=registry"]\n'
        plan = planned(folder, f'{spec}dockerfile-inline = "FROM scratch"\n')
        remember(plan, LIE, ())
        assert resume(plan, BUILDER, "app").reasons == {"app": f"{server.host}/x@{LIE} is gone"}
        remember(plan, "", ())
        assert resume(plan, BUILDER, "app").reasons == {"app": "nobody knows which image it was"}


def remember(plan: Plan, digest: str, tags: tuple[str, ...]) -> None:
    begun(plan).record_all([replace(built(plan, "app"), digest=digest, tags=tags)])


def test_what_a_target_writes_and_where_counts(folder: Path) -> None:
    spec = one('dockerfile-inline = "FROM scratch"\ntags = ["x:1"]')
    archive, another = (spec.replace("cacheonly", f"oci,dest={name}") for name in ("a.tar", "b.tar"))
    (folder / "a.tar").write_text("")
    (folder / "b.tar").write_text("")
    record(planned(folder, archive))
    assert set(resume(planned(folder, archive)).unchanged) == {"app"}
    for changed in (another, archive.replace("x:1", "x:2"), archive.replace(",dest", ",compression=zstd,dest"), spec):
        assert resume(planned(folder, changed)).reasons == {"app": "its outputs changed"}


def test_a_run_over_some_targets_forgets_none_of_the_others(folder: Path) -> None:
    plan = planned(folder)
    record(plan)
    record(plan, *(NAMES - {"base"}))
    assert set(resume(plan).unchanged) == NAMES


def test_what_only_docker_can_tell_is_a_doubt_without_it(folder: Path) -> None:
    plan = planned(folder)
    record(plan)

    def silent() -> Builder:
        raise EngineError(Diagnostic(message="there is no docker", code="missing"))

    present = Present(plan, silent, NOWHERE, Registry(NOWHERE))
    entries = ResultFile(builds_of(plan)).known()
    last = Remembered(plan=plan, entries=entries, known=fingerprints(plan, {}).of, present=present)
    reasons = resumed(builds_of(plan), last).reasons
    assert reasons["base"] == "cannot know without docker: there is no docker"
    assert "tar" not in reasons


def test_what_is_too_old_is_built(folder: Path) -> None:
    plan = planned(folder)
    record(plan)
    entries = ResultFile(builds_of(plan)).known()
    present = Present(plan, lambda: BUILDER, NOWHERE, Registry(NOWHERE))
    last = Remembered(plan=plan, entries=entries, known=fingerprints(plan, {}).of, present=present)
    hour = replace(last, max_age=lambda target: 3600 if target.name == "tar" else None, now=time.time() + 3500)
    assert not resumed(builds_of(plan), hour).reasons
    reasons = resumed(builds_of(plan), replace(hour, now=time.time() + 3700)).reasons
    assert reasons.keys() == {"tar", "third"}
    assert reasons["tar"].startswith("older than max-age: built 20")
    assert hour.uncached(reasons, builds_of(plan).targets) == {"tar"}
    reasons = resumed(builds_of(plan), replace(hour, now=time.time() - 3600)).reasons
    assert reasons["tar"].startswith("nobody knows how old it is: built 20"), "its time is still to come"
    assert hour.uncached(reasons, builds_of(plan).targets) == {"tar"}


def test_another_rebuild_is_not_taken_from_the_cache(folder: Path) -> None:
    def uncached(spec: str, *, recorded: bool = True) -> set[str]:
        plan = planned(folder, one(spec))
        entries = ResultFile(builds_of(plan)).known() if recorded else {}
        present = Present(plan, lambda: BUILDER, NOWHERE, Registry(NOWHERE))
        last = Remembered(plan=plan, entries=entries, known=fingerprints(plan, {}).of, present=present)
        return last.uncached(resumed(builds_of(plan), last, wants=lambda _: True).reasons, builds_of(plan).targets)

    inline = 'dockerfile-inline = "FROM scratch"\n'
    record(planned(folder, one(f'{inline}rebuild = "1"')))
    assert uncached(f'{inline}rebuild = "1"') == set()
    assert uncached(f'{inline}rebuild = "1"\nlabels.a = "1"') == set()
    assert uncached(f'{inline}rebuild = "2"') == {"app"}
    assert uncached(f'{inline}rebuild = "1"', recorded=False) == {"app"}
    assert uncached(inline) == set()


def test_how_what_was_written_looks(tmp_path: Path) -> None:
    (tmp_path / "dangling").symlink_to("nowhere")
    before = look(tmp_path)
    assert before not in {"", "-"}
    assert look(tmp_path) == before
    (tmp_path / "x").write_text("x")
    assert look(tmp_path) not in {"", "-", before}
    assert look(tmp_path / "none") == "-"
    assert look(tmp_path / "dangling") == "-"
