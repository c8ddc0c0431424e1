"""What is found before a build, and whose fault it is where bake refuses, on a real engine."""

import json
import os
import signal
import subprocess
import tarfile
from pathlib import Path

import pytest

from tests.e2e.tools import Project, Run, Start, digest, nap, outcomes, running, statuses, until

pytestmark = pytest.mark.corpus

NOWHERE = '{ type = "docker", context = "nowhere" }'
"""An output that bake refuses for all of a call, before it builds, naming nobody; only this machine can tell."""

ALLOWED = "--allow=docker.context=nowhere"


def many(count: int, *bad: int) -> str:
    """Targets of which some have an output that bake refuses."""
    outputs = [NOWHERE if number in bad else '{ type = "cacheonly" }' for number in range(count)]
    return "\n".join(f"[target.t{number}]\noutput = [{text}]" for number, text in enumerate(outputs))


@pytest.mark.parametrize("flags", [[], ["--keep-going"], ["--progress", "plain"]])
def test_what_bake_refuses_is_told_from_what_is_sound(
    project: Project, run: Run, one_node: str, flags: list[str]
) -> None:
    project(many(9, 3, 8))
    done = run("apply", "--builder", one_node, "--format", "json", ALLOWED, *flags)
    found = outcomes(done)
    failed = {name: found[name]["reason"] for name in found if found[name]["status"] == "failed"}
    assert failed == dict.fromkeys(["t3", "t8"], "unable to parse docker host `nowhere`")
    assert all(found[name]["status"] in {"built", "cached"} for name in set(found) - set(failed))
    assert done.returncode == 1
    assert "[target.t3]" in done.stderr


def test_what_is_built_upon_may_be_the_culprit(project: Project, run: Run, one_node: str) -> None:
    project(
        f"""
[target.bad]
args.BUILDKIT_SYNTAX = " "
[target.sound]
output = [{{ type = "cacheonly" }}]
[target.child]
dockerfile-inline = "FROM bad"
contexts.bad = "target:bad"
output = [{{ type = "cacheonly" }}]
[target.other]
dockerfile-inline = "FROM sound"
contexts.sound = "target:sound"
output = [{NOWHERE}]
[group]
default = ["child", "other", "sound"]
"""
    )
    done = run("apply", "--builder", one_node, "--format", "json", ALLOWED)
    found = statuses(done)
    assert found["sound"] in {"built", "cached"}
    assert {name: found[name] for name in ("child", "other")} == {"child": "skipped", "other": "failed"}
    assert found["bad"] == "failed"
    assert "error: bad failed: " in done.stderr


ARCHIVES = """
[variable]
command = { env = "STEP", default = "true" }
[target.app]
args.COMMAND = "{{ command }}"
output = ["type=oci,dest=app.tar", "type=tar,dest=sub/root.tar"]
[target.other]
output = ["type=docker,dest=other.tar"]
"""
DOCKERFILE = "FROM busybox\nARG COMMAND=true\nRUN $COMMAND\n"


def test_a_build_that_fails_leaves_the_last_good_archive(project: Project, run: Run, one_node: str) -> None:
    """Bake empties the files of all archives of a call before it builds."""
    folder = project(ARCHIVES, {"Dockerfile": DOCKERFILE})
    assert run("apply", "--builder", one_node).returncode == 0
    good = {path: path.read_bytes() for path in folder.rglob("*.tar")}
    assert sorted(str(path.relative_to(folder)) for path in good) == ["app.tar", "other.tar", "sub/root.tar"]
    assert all(tarfile.is_tarfile(path) for path in good)
    assert (
        statuses(run("apply", "--builder", one_node, "--var", "command=false", "--format", "json"))["app"] == "failed"
    )
    assert {path: path.read_bytes() for path in good if "other" not in path.name} == {
        path: data for path, data in good.items() if "other" not in path.name
    }
    assert set(folder.rglob("*.tar")) | set(folder.rglob(".*.tar*")) == set(good)


@pytest.mark.parametrize("signum", [signal.SIGHUP, signal.SIGQUIT])
def test_what_one_stops_leaves_the_last_good_archive(
    project: Project, start: Start, one_node: str, tmp_path: Path, signum: signal.Signals
) -> None:
    step = nap(60)
    folder = project(ARCHIVES, {"Dockerfile": DOCKERFILE, "app.tar": "the old one", "tmp/.keep": ""})
    temporary = str(tmp_path / "tmp")
    process = start(folder, "apply", "app", "--builder", one_node, STEP=step, TMPDIR=temporary)
    until(lambda: running(step))
    process.send_signal(signum)
    out, _ = process.communicate()
    assert (process.returncode, (folder / "app.tar").read_text()) == (130, "the old one")
    assert "app  stopped" in out
    assert [path.name for path in (tmp_path / "tmp").iterdir()] == [".keep"]


def test_a_killed_docker_is_tried_again(project: Project, start: Start, one_node: str) -> None:
    step = nap(8)
    folder = project('[target.app]\noutput = ["type=cacheonly"]', {"Dockerfile": f"FROM busybox\nRUN {step}\n"})
    process = start(folder, "apply", "--builder", one_node, "--retries", "2", "--format", "json")
    until(lambda: running(step))
    docker = subprocess.check_output(["pgrep", "-P", str(process.pid), "docker"], text=True).split()
    for pid in docker:
        os.kill(int(pid), signal.SIGKILL)
    out, err = process.communicate()
    assert process.returncode == 0, err
    (app,) = json.loads(out)["targets"]
    assert [attempt["kind"] for attempt in app["attempts"]] == ["engine", None]
    assert "killed by signal 9" in app["attempts"][0]["problem"]


def test_what_two_nodes_have_pushed_is_not_failed_by_another_target(
    project: Project, run: Run, two_nodes: str, repository: str
) -> None:
    """Bake says nothing of an image whose tag has moved when its call fails for another target: the registry does."""
    project(
        f"""
[target.pushed]
platforms = ["linux/amd64", "linux/arm64"]
tags = ["{repository}:1", "{repository}:2"]
output = ["type=registry"]
[target.fails]
dockerfile-inline = "FROM busybox\\nRUN {nap(8)}; false"
output = ["type=cacheonly"]
"""
    )
    done = run("apply", "--builder", two_nodes, "--fail-fast", "--format", "json")  # nothing is begun again
    found = outcomes(done)
    assert found["fails"]["status"] == "failed"
    assert found["pushed"]["status"] in {"built", "cached"}
    assert len(found["pushed"]["attempts"]) == 1
    assert found["pushed"]["digest"] == digest(f"{repository}:1") == digest(f"{repository}:2") != ""
