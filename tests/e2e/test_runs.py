"""What a run may be told to leave alone, on a real engine: questions instead of builds, what is kept, long chains."""

import json
import subprocess
import uuid
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.tools import Project, Run, digest, inspected, known, outcomes, raw, statuses, succeeded, tagged

pytestmark = pytest.mark.corpus

WARNS = "from busybox\nENV a b\nRUN true\n"


@pytest.fixture
def salt() -> str:
    """A text that no other run has: nothing is cached."""
    return uuid.uuid4().hex


def app(repository: str, dockerfile: str = "FROM busybox\nARG V\nRUN echo $V\n") -> tuple[str, dict[str, str]]:
    spec = f"""
        [target.app]
        tags = ["{repository}/app:1"]
        output = ["type=registry"]
        cache-to = ["type=registry,ref={repository}/cache"]
    """
    return spec, {"Dockerfile": known(dockerfile, repository)}


# --- questions --------------------------------------------------------------------------------------------------------


@pytest.mark.corpus
@pytest.mark.parametrize(
    ("builder", "flags"),
    [
        ("default", ()),
        ("default", ("--push", "--progress", "plain")),
        ("one-node", ("--publish", "together")),
        ("two-nodes", ("-k",)),
    ],
    ids=str,
)
def test_a_check_moves_no_tag(
    project: Project, run: Run, repository: str, builder: str, two_nodes: str, flags: tuple[str, ...]
) -> None:
    assert two_nodes
    project(*app(repository))
    before = succeeded(run("apply", "--builder", builder, "--format", "json"))["app"]["digest"]
    done = run("apply", "--builder", builder, "--set", "*.call=check", "--format", "json", *flags)
    found = succeeded(done)["app"]
    assert (found["status"], found["call"], found["tags"], found["digest"]) == ("checked", "check", [], None)
    assert json.loads(done.stdout)["totals"]["checked"] == 1
    assert found["seconds"] <= json.loads(done.stdout)["seconds"]  # it may have started nothing: then it took no time
    assert digest(f"{repository}/app:1") == before
    assert raw(f"{repository}/app:1")
    kept = run("apply", "--builder", builder, "--resume", "--format", "json")
    assert statuses(kept) == {"app": "unchanged"}


def test_a_check_writes_nothing_where_nothing_was(project: Project, run: Run, repository: str) -> None:
    spec, files = app(repository)
    spec += '[target.folder]\noutput = ["type=local,dest=out"]\ncache-to = ["type=local,dest=cache"]\n'
    folder = project(spec, files)
    done = run("apply", "--set", "*.call=check", "--metadata", "m.json")
    assert done.returncode == 0
    assert "app     checked" in done.stdout
    assert "containerimage" not in (folder / "m.json").read_text()
    assert not digest(f"{repository}/app:1")
    assert not digest(f"{repository}/cache")
    assert not (folder / "out").exists()
    assert not (folder / "cache").exists()
    after = run("apply", "--resume", "--format", "json")
    assert {one["status"] for one in succeeded(after).values()} <= {"built", "cached"}
    assert digest(f"{repository}/app:1")


def test_what_a_check_finds_is_shown_everywhere(project: Project, run: Run, repository: str, tmp_path: Path) -> None:
    spec, files = app(repository)
    spec += '[target.bad]\ncall = "check"\ncontext = "sub"\n[target.odd]\ncall = "check"\ndockerfile = "odd"\n'
    folder = project(spec, {**files, "sub/Dockerfile": WARNS, "odd": "FROM busybox\nRUNN x\n"})
    reports = [text for ending in ("json", "xml", "md", "html") for text in ("--report", f"r.{ending}")]
    done = run("apply", *reports, GITHUB_ACTIONS="true", GITHUB_STEP_SUMMARY="", GITHUB_OUTPUT="")
    assert done.returncode == 1
    assert "bad  failed" in done.stdout
    assert "(log: " not in done.stdout  # nobody asked for logs: those that GitHub is shown are gone
    assert "its check found 2 warnings" in done.stdout
    place = 'sub/Dockerfile:2: "ENV key=value" should be used instead of legacy "ENV key value" format'
    assert f"  {place} (LegacyKeyValueFormat, https://" in done.stdout
    assert "odd:2: dockerfile parse error on line 2: unknown instruction: RUNN (did you mean RUN?)" in done.stdout
    assert "1 failed" not in done.stdout
    assert "2 failed" in done.stdout
    assert "::warning file=sub/Dockerfile,title=buildmatrix,line=2::" in done.stderr
    assert "::error file=odd,title=buildmatrix,line=2::" in done.stderr
    assert "bad failed: its check" not in done.stderr  # the summary says it
    document = json.loads((folder / "r.json").read_text())
    found = {target["name"]: target for target in document["targets"]}
    assert document["totals"]["failed"] == 2
    assert found["app"]["status"] in {"built", "cached"}
    assert [(one["rule"], one["file"], one["line"]) for one in found["bad"]["findings"]] == [
        ("ConsistentInstructionCasing", "sub/Dockerfile", 1),
        ("LegacyKeyValueFormat", "sub/Dockerfile", 2),
    ]
    assert [attempt["kind"] for attempt in found["bad"]["attempts"]] == ["check"]
    suite = ET.parse(folder / "r.xml").getroot()  # noqa: S314
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("3", "2", "0")
    for ending in ("md", "html"):
        assert "LegacyKeyValueFormat" in (folder / f"r.{ending}").read_text()
    assert tmp_path == folder


def test_a_question_is_answered(project: Project, run: Run) -> None:
    folder = project(
        '[target.app]\ncall = "outline"\n[target.other]\ncall = "targets"\n',
        {"Dockerfile": "FROM busybox AS first\n# WHO says who.\nARG WHO=me\nRUN echo $WHO\n"},
    )
    done = run("apply", "--report", "r.md", "--format", "json")
    found = succeeded(done)
    assert statuses(done) == {"app": "checked", "other": "checked"}
    assert "WHO" in found["app"]["answer"]
    assert "first" in found["other"]["answer"]
    assert "WHO" in (folder / "r.md").read_text()
    assert "  first" in run("apply").stdout


def test_what_is_checked_can_be_built_upon(project: Project, run: Run, repository: str, salt: str) -> None:
    project(
        f"""
        [variable]
        salt = {{ env = "SALT" }}
        [target.base]
        call = "check"
        tags = ["{repository}/base:1"]
        output = ["type=registry"]
        dockerfile-inline = "from busybox\\nRUN echo {{{{ salt }}}} > /base\\n"
        [target.child]
        contexts.base = "target:base"
        tags = ["{repository}/child:1"]
        output = ["type=registry"]
        dockerfile-inline = "FROM base\\nRUN cat /base\\n"
        [target.after]
        needs = ["base"]
        output = ["type=cacheonly"]
        """
    )
    done = run("apply", "--format", "json", SALT=salt)
    assert done.returncode == 1
    assert statuses(done) == {"base": "failed", "child": "built", "after": "skipped"}
    assert outcomes(done)["base"]["findings"][0]["file"] == "buildmatrix.toml"
    assert raw(f"{repository}/child:1")
    assert not digest(f"{repository}/base:1")
    checked = run("apply", "--set", "*.call=check", "-k", "--format", "json", SALT=salt)
    assert statuses(checked) == {"base": "failed", "child": "checked", "after": "skipped"}


def test_the_guide_says_what_bake_does_with_a_check_of_a_base(project: Project) -> None:
    """If bake learns it, `bakeable` and the calls of their own can go."""
    folder = project("")
    document = {
        "target": {
            "base": {"dockerfile-inline": "FROM busybox", "call": "check"},
            "default": {"dockerfile-inline": "FROM base", "contexts": {"base": "target:base"}},
        }
    }
    (folder / "b.json").write_text(json.dumps(document))
    done = subprocess.run(
        ["docker", "buildx", "bake", "-f", "b.json"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert "unsupported context source target for base" in done.stderr


# --- what is kept -----------------------------------------------------------------------------------------------------

LOST = "it was no longer in the cache, and others depend on it"
CHAIN = """
[variable]
salt = {{ env = "SALT" }}
v = "1"
[defaults]
output = ["type=registry"]
context = "empty"
[target.base]
tags = ["{repository}/base:1"]
dockerfile-inline = "FROM busybox\\nRUN echo base {{{{ salt }}}}; date +%N > /base"
[target.child]
tags = ["{repository}/child:1"]
contexts.base = "target:base"
dockerfile-inline = "FROM base\\nRUN echo child {{{{ salt }}}} {{{{ v }}}}; cp /base /copy"
"""


def resume(run: Run, *flags: str, **more: str) -> dict[str, dict[str, Any]]:
    return succeeded(run("apply", "--resume", "--format", "json", *flags, **more))


def layers(tag: str) -> list[str]:
    return [row["digest"] for row in raw(f"{tag.rpartition(':')[0]}@{inspected(tag)[0]['digest']}")["layers"]]


@pytest.mark.corpus
@pytest.mark.alone  # whatever a prune is to take, BuildKit may forget results of builds that run at that moment
@pytest.mark.parametrize("builder", ["default", "one-node"])
@pytest.mark.parametrize("flags", [(), ("--jobs", "1", "--publish", "together")], ids=str)
def test_a_kept_base_is_what_is_built_upon(
    project: Project, run: Run, repository: str, salt: str, builder: str, flags: tuple[str, ...]
) -> None:
    project(known(CHAIN.format(repository=repository), repository), {"empty/file": ""})
    more = ("--builder", builder, *flags)
    base, child = f"{repository}/base:1", f"{repository}/child:1"
    first = succeeded(run("apply", "--format", "json", *more, SALT=salt))["base"]
    found = resume(run, *more, "--var", "v=2", SALT=salt)
    assert found["child"]["status"] == "built"
    if found["base"]["reason"] != LOST:  # an engine may throw away what it likes, whenever it likes
        assert found["base"]["status"] == "unchanged"
        assert (found["base"]["digest"], found["base"]["tags"]) == (first["digest"], [base])
    assert digest(base) == found["base"]["digest"]
    assert {one["status"] for one in resume(run, *more, "--var", "v=2", SALT=salt).values()} == {"unchanged"}
    lose = ["docker", "buildx", "prune", "--builder", builder, "-f", "-a", "--filter", f"description~={salt}"]
    subprocess.run(lose, check=True, capture_output=True)
    found = resume(run, *more, "--var", "v=3", SALT=salt)
    assert (found["base"]["status"], found["child"]["status"]) == ("built", "built")
    assert found["base"]["reason"] == LOST
    assert digest(base) == found["base"]["digest"] != first["digest"]
    assert layers(child)[: len(layers(base))] == layers(base)
    assert {one["status"] for one in resume(run, *more, "--var", "v=3", SALT=salt).values()} == {"unchanged"}


def test_tags_that_waited_move_when_the_rest_is_there(
    project: Project, run: Run, repository: str, salt: str, one_node: str
) -> None:
    spec = f"""
        [variable]
        bad = "false"
        [defaults]
        output = ["type=registry"]
        context = "empty"
        publish = "together"
        [target.good]
        tags = ["{repository}/good:1"]
        dockerfile-inline = "FROM busybox\\nRUN echo {salt}"
        [target.bad]
        tags = ["{repository}/bad:1"]
        dockerfile-inline = "FROM busybox\\nRUN echo {salt}; {{{{ bad }}}}"
    """
    project(known(spec, repository), {"empty/file": ""})
    more = ("--builder", one_node)
    assert statuses(run("apply", "-k", "--format", "json", *more)) == {"good": "built", "bad": "failed"}
    assert not digest(f"{repository}/good:1")
    found = resume(run, *more, "--var", "bad=true")
    assert (found["good"]["status"], found["good"]["tags"]) == ("unchanged", [f"{repository}/good:1"])
    assert digest(f"{repository}/good:1") == found["good"]["digest"]
    done = run("apply", "--resume", "--format", "json", *more, "--var", "bad=true")
    assert {one["status"] for one in succeeded(done).values()} == {"unchanged"}
    assert json.loads(done.stdout)["publish"] is None


def test_no_tag_is_told_where_nothing_is_exported(project: Project, run: Run, repository: str, one_node: str) -> None:
    project(
        f"""
        [target.app]
        tags = ["{repository}/app:1"]
        [target.image]
        tags = ["{repository}/i:1"]
        output = ["type=image"]
        """
    )
    found = succeeded(run("apply", "--builder", one_node, "--format", "json"))
    assert [one["tags"] for one in found.values()] == [[], []]
    stored = succeeded(run("apply", "--builder", "default", "--format", "json"))
    assert [one["tags"] for one in stored.values()] == [[f"{repository}/app:1"], [f"{repository}/i:1"]]


def test_a_tag_that_moved_or_went_is_pushed_again(project: Project, run: Run, repository: str, salt: str) -> None:
    project(known(CHAIN.format(repository=repository), repository), {"empty/file": ""})
    succeeded(run("apply", "--format", "json", SALT=salt))
    tagged(f"{repository}/base:1", f"{repository}/child:1")
    done = run("apply", "--resume", "--format", "json", SALT=salt)
    found = succeeded(done)
    assert found["base"]["reason"] == f"{repository}/base:1 is another image now"
    assert found["child"]["reason"] == "base, which it depends on, is built again"
    assert f"base   started: {repository}/base:1 is another image now" in done.stderr
    assert digest(f"{repository}/base:1") == found["base"]["digest"]
    moved = known(CHAIN.format(repository=repository), repository).replace("/child:1", "/child:2")
    project(moved, {})
    done = run("apply", "--resume", "--format", "json", SALT=salt)
    found = succeeded(done)
    lost = found["base"]["reason"] == LOST  # an engine may throw away what it likes, whenever it likes
    assert found["child"]["status"] == ("built" if lost else "cached"), done.stderr


def test_what_is_no_longer_on_the_disk_or_in_the_engine_is_built(
    project: Project, run: Run, repository: str, salt: str, one_node: str
) -> None:
    spec = f"""
        [defaults]
        dockerfile-inline = "FROM busybox\\nRUN echo {salt}"
        context = "empty"
        [target.folder]
        output = ["type=local,dest=out"]
        [target.tar]
        output = ["type=oci,dest=app.tar"]
        [target.loaded]
        tags = ["{repository}/loaded:1"]
        output = ["type=docker"]
        [target.cached]
        output = ["type=cacheonly"]
        """
    folder = project(known(spec, repository), {"empty/file": ""})
    succeeded(run("apply", "--format", "json"))
    assert {one["status"] for one in resume(run).values()} == {"unchanged"}
    (folder / "app.tar").unlink()
    (folder / "out" / "bin" / "sh").unlink()
    subprocess.run(["docker", "rmi", f"{repository}/loaded:1"], check=True, capture_output=True)
    reasons = {name: one["reason"] for name, one in resume(run).items()}
    assert reasons["tar"] == "app.tar is gone"
    assert reasons["folder"] == "out is not what the last run wrote"
    assert reasons["loaded"] == f"the engine has {repository}/loaded:1 no more"
    assert "nothing changed" in reasons["cached"]
    assert {one["status"] for one in resume(run).values()} == {"unchanged"}
    assert resume(run, "--builder", one_node)["cached"]["reason"] == "another builder built it"


def test_a_dockerfile_outside_and_what_is_needed_count(project: Project, run: Run, repository: str) -> None:
    folder = project(
        f"""
        [defaults]
        context = "src"
        output = ["type=registry"]
        [target.app]
        dockerfile = "../docker/a.Dockerfile"
        tags = ["{repository}/app:1"]
        [target.later]
        needs = ["app"]
        tags = ["{repository}/later:1"]
        [target.rootfs]
        output = ["type=local,dest=src/rootfs"]
        [target.packed]
        context = "src/rootfs"
        needs = ["rootfs"]
        dockerfile-inline = "FROM scratch\\nCOPY machine /"
        tags = ["{repository}/packed:1"]
        """,
        {
            "docker/a.Dockerfile": known("FROM busybox\n", repository),
            "src/Dockerfile": known("FROM busybox\nRUN echo > /machine\n", repository),
            "src/rootfs/.keep": "",
        },
    )
    succeeded(run("apply", "--format", "json"))
    assert {one["status"] for one in resume(run).values()} == {"unchanged"}
    (folder / "docker/a.Dockerfile").write_text(known("FROM busybox\nLABEL a=b\n", repository))
    found = resume(run)
    assert {name: one["status"] == "unchanged" for name, one in found.items()} == {
        "app": False, "later": False, "rootfs": True, "packed": True,
    }  # fmt: skip
    (folder / "src/rootfs/machine").write_text("changed")
    found = resume(run)
    assert {name for name, one in found.items() if one["status"] != "unchanged"} == {"rootfs", "packed"}


# --- chains -----------------------------------------------------------------------------------------------------------


def chain(repository: str, salt: str, bad: int, links: int = 6) -> str:
    """Each target depends on the one before; one of them fails."""
    spec = '[defaults]\noutput = ["type=registry"]\ncontext = "empty"\n'
    for link in range(links):
        upon = f'contexts.before = "target:t{link - 1}"\n' if link else ""
        step = "false" if link == bad else "sleep 0.2"
        text = f"FROM {'before' if link else 'busybox'}\\nRUN echo {salt} {link}; {step}"
        spec += f'[target.t{link}]\n{upon}tags = ["{repository}/t{link}:1"]\ndockerfile-inline = "{text}"\n'
    return known(spec, repository)


@pytest.mark.corpus
@pytest.mark.parametrize("flags", [("-k",), ("-j", "1"), ("-k", "--timeout", "5m")], ids=str)
@pytest.mark.parametrize("builder", ["default", "one-node"])
def test_a_failure_in_a_chain_takes_only_what_is_upon_it(
    project: Project, run: Run, repository: str, salt: str, builder: str, flags: tuple[str, ...]
) -> None:
    project(chain(repository, salt, bad=4), {"empty/file": ""})
    assert run("apply", "--dry-run", *flags).stdout.count("docker buildx bake") == 1
    done = run("apply", "--builder", builder, "--format", "json", *flags)
    expected = {"t0": "built", "t1": "built", "t2": "built", "t3": "built", "t4": "failed", "t5": "skipped"}
    assert done.returncode == 1
    assert statuses(done) == expected, done.stderr
    pushed = [bool(digest(f"{repository}/t{link}:1")) for link in range(6)]
    assert pushed == [True, True, True, True, False, False]
    assert outcomes(done)["t5"]["reason"] == "t4, which it depends on, failed"
    project(chain(repository, salt, bad=9), {})
    found = resume(run, "--builder", builder, *flags)
    statuses_now = [one["status"] for one in found.values() if one["reason"] != LOST]
    lost = 6 - len(statuses_now)  # as a step fails, BuildKit may forget what the call has built: so with plain bake
    assert statuses_now == ["unchanged"] * (4 - lost) + ["built"] * 2


def test_a_link_of_a_chain_that_takes_too_long_is_ended(project: Project, run: Run, salt: str) -> None:
    """The others of its call are not: each has its own time, from its own first step on."""
    spec = '[defaults]\noutput = ["type=cacheonly"]\n'
    for link, seconds in enumerate((3, 3, 3, 60, 0)):
        upon = f'contexts.before = "target:t{link - 1}"\n' if link else ""
        text = f"FROM {'before' if link else 'busybox'}\\nRUN echo {salt} {link}; sleep {seconds}"
        spec += f'[target.t{link}]\ntimeout = "8s"\n{upon}dockerfile-inline = "{text}"\n'
    project(spec)
    assert run("apply", "--dry-run").stdout.count("docker buildx bake") == 1
    done = run("apply", "--format", "json")
    assert statuses(done) == {"t0": "built", "t1": "built", "t2": "built", "t3": "failed", "t4": "skipped"}
    assert outcomes(done)["t3"]["reason"] == "took longer than 8 s, and was ended"
    assert "RUN " in outcomes(done)["t3"]["failed_step"]
