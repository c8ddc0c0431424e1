"""Real faults on real engines: what happens, and what is left behind. The table is in docs/faults.md."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.faulty_registry import Fault, FaultyRegistry
from tests.e2e.tools import (
    ENGINE,
    Project,
    Run,
    Start,
    bring_back,
    count,
    digest,
    known,
    nap,
    outcomes,
    platforms,
    result_of,
    running,
    statuses,
    succeeded,
    until,
    wait_for,
)

pytestmark = pytest.mark.corpus


@pytest.fixture
def proxy(registry: str) -> Iterator[FaultyRegistry]:
    """A registry that fails when it is told to, in front of the real one."""
    with FaultyRegistry(registry) as faulty:
        yield faulty


def pushed(repository: str, *names: str, run: str = "true", more: str = "") -> str:
    spec = f'[defaults]\noutput = ["type=registry"]\n{more}\n' + "\n".join(
        f"""
        [target.{name}]
        tags = ["{repository}/{name}:1"]
        dockerfile-inline = "FROM busybox\\nRUN echo {name} {repository}; {run}"
        """
        for name in names
    )
    return known(spec, repository)


# --- registries -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "attempts"),
    [
        (Fault("PUT", "/manifests/", "status", status=429, headers=(("Retry-After", "1"),), times=6), 2),
        (Fault("PUT", "/blobs/uploads/", "cut", after_bytes=100, times=12), 2),
    ],
    ids=["429-then-well", "cut-half-way"],
)
def test_a_registry_that_recovers_is_tried_again(
    project: Project, run: Run, proxy: FaultyRegistry, repository: str, fault: Fault, attempts: int
) -> None:
    name = repository.partition("/")[2]
    project(pushed(f"{proxy.address}/{name}", "app"))
    proxy.faults = [fault]
    app = succeeded(run("apply", "--retries", "3", "--format", "json"))["app"]
    assert 1 < len(app["attempts"]) <= attempts + 1
    assert {attempt["kind"] for attempt in app["attempts"][:-1]} == {"network"}
    assert app["attempts"][-1]["problem"] is None
    assert digest(f"{repository}/app:1") == app["digest"]


def test_a_registry_that_stays_broken_fails_the_run(
    project: Project, run: Run, proxy: FaultyRegistry, repository: str
) -> None:
    name = repository.partition("/")[2]
    project(pushed(f"{proxy.address}/{name}", "app"))
    proxy.faults = [Fault("PUT", "/manifests/", "status", status=500)]
    done = run("apply", "--retries", "1", "--format", "json")
    assert done.returncode == 5
    assert len(outcomes(done)["app"]["attempts"]) == 2
    assert outcomes(done)["app"]["tags"] == []
    assert not digest(f"{repository}/app:1")


def test_no_retry_for_a_dockerfile_nor_for_a_refusal(
    project: Project, run: Run, proxy: FaultyRegistry, repository: str
) -> None:
    name = repository.partition("/")[2]
    project(pushed(f"{proxy.address}/{name}", "app"))
    proxy.faults = [Fault("PUT", "/manifests/", "status", status=403)]
    refused = run("apply", "--retries", "5", "--format", "json")
    assert (refused.returncode, len(outcomes(refused)["app"]["attempts"])) == (5, 1)
    project(pushed(repository, "app", run="echo 429 Too Many Requests; false"))
    failed = run("apply", "--retries", "5", "--format", "json")
    assert (failed.returncode, len(outcomes(failed)["app"]["attempts"])) == (1, 1)


def test_a_registry_that_is_gone_before_the_push_and_back_for_the_retry(
    start: Start, project: Project, run: Run, proxy: FaultyRegistry, repository: str
) -> None:
    name = repository.partition("/")[2]
    folder = project(pushed(f"{proxy.address}/{name}", "app"))
    proxy.stop()
    gone = run("apply", "--format", "json")
    assert gone.returncode == 5
    assert f"nothing listens at {proxy.address}" in gone.stderr
    process = start(folder, "apply", "--retries", "5", "--format", "json", "--report", "r.json")
    wait_for(process, f"nothing listens at {proxy.address}, asked again in")
    proxy.start()
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert json.loads(out)["targets"][0]["digest"] == digest(f"{repository}/app:1")


def test_a_registry_that_fails_while_tags_move_moves_none(
    project: Project, run: Run, proxy: FaultyRegistry, repository: str
) -> None:
    name = repository.partition("/")[2]
    inner = f"{proxy.address}/{name}"
    project(pushed(inner, "a", "b"))
    flags = ("apply", "--builder", "one-node", "--publish", "together", "--format", "json")
    succeeded(run(*flags))
    before = [digest(f"{repository}/{one}:1") for one in "ab"]
    project(pushed(inner, "a", "b", run="echo new"))
    proxy.faults = [Fault("PUT", "/b/manifests/1", "status", status=403)]
    done = run(*flags)
    assert done.returncode == 5
    assert [digest(f"{repository}/{one}:1") for one in "ab"] == before
    assert json.loads(done.stdout)["publish"] == "Tags were left as they were."
    assert [one["tags"] for one in outcomes(done).values()] == [[], []]
    proxy.faults = []
    again = succeeded(run(*flags, "--resume"))
    assert {one["status"] for one in again.values()} == {"unchanged"}
    assert [digest(f"{repository}/{one}:1") for one in "ab"] == [again[one]["digest"] for one in "ab"]
    assert before[0] != again["a"]["digest"]


# --- engines ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def second_engine(two_nodes: str) -> Iterator[str]:
    """A builder of the second engine alone, which is brought back after the test."""
    assert two_nodes
    name = f"second-{os.getpid()}"
    socket = f"unix://{os.environ['ENGINE_HOME']}/run/buildkit1.sock"
    subprocess.run(
        ["docker", "buildx", "create", "--name", name, "--driver", "remote", socket], capture_output=True, check=True
    )
    yield name
    bring_back()
    subprocess.run(["docker", "buildx", "rm", name], capture_output=True, check=True)


def kill_second_engine() -> None:
    subprocess.run([ENGINE, "kill", "node1"], capture_output=True, check=True)


@pytest.mark.alone
def test_an_engine_that_is_killed_and_comes_back(
    start: Start, project: Project, run: Run, repository: str, second_engine: str
) -> None:
    step = nap(10)
    folder = project(
        pushed(repository, "quick")
        + f"""
        [variable]
        step = "{step}"
        [target.slow]
        needs = ["quick"]
        tags = ["{repository}/slow:1"]
        dockerfile-inline = "FROM busybox\\nRUN echo {repository}; {{{{ step }}}}"
        """
    )
    process = start(folder, "apply", "--builder", second_engine, "--format", "json")
    until(lambda: running(step))
    kill_second_engine()
    out, err = process.communicate(timeout=300)
    assert process.returncode == 3, (out, err)
    assert {one["name"]: one["status"] for one in json.loads(out)["targets"]} == {"quick": "built", "slow": "failed"}
    assert not digest(f"{repository}/slow:1")
    bring_back()
    flags = ("--resume", "--retries", "4", "--format", "json", "--var", "step=true")  # nobody waits for it any more
    done = run("apply", "--builder", second_engine, *flags)
    assert statuses(done) == {"quick": "unchanged", "slow": "built"}, done.stderr
    assert digest(f"{repository}/slow:1")


@pytest.mark.alone
@pytest.mark.usefixtures("second_engine")
def test_one_engine_of_two_is_killed(start: Start, project: Project, run: Run, repository: str) -> None:
    step = nap(10)
    folder = project(
        f"""
        [variable]
        step = "{step}"
        [target.app]
        platforms = ["linux/amd64", "linux/arm64"]
        tags = ["{repository}:1"]
        output = ["type=registry"]
        dockerfile-inline = "FROM busybox\\nRUN echo {repository}; {{{{ step }}}}"
        """
    )
    process = start(folder, "apply", "--builder", "two-nodes", "--format", "json")
    until(lambda: count(step) >= 2)  # one on each engine
    kill_second_engine()
    out, err = process.communicate(timeout=300)
    assert process.returncode == 3, (out, err)
    assert json.loads(out)["targets"][0]["status"] == "failed"
    assert not digest(f"{repository}:1")
    bring_back()
    flags = ("--resume", "--retries", "4", "--format", "json", "--var", "step=true")
    done = run("apply", "--builder", "two-nodes", *flags)
    assert statuses(done) == {"app": "built"}, done.stderr
    assert platforms(f"{repository}:1") == ["linux/amd64", "linux/arm64"]


@pytest.mark.alone
def test_an_engine_that_comes_back_while_it_is_tried_again(
    start: Start, project: Project, repository: str, second_engine: str
) -> None:
    step = nap(10)
    folder = project(pushed(repository, "app", run=step))
    process = start(folder, "apply", "--builder", second_engine, "--retries", "6", "--format", "json")
    until(lambda: running(step))
    kill_second_engine()
    bring_back()
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    (app,) = json.loads(out)["targets"]
    assert len(app["attempts"]) > 1
    assert {attempt["kind"] for attempt in app["attempts"]} <= {"engine", "network", None}  # the socket refuses, too
    assert digest(f"{repository}/app:1") == app["digest"]


# --- this machine -----------------------------------------------------------------------------------------------------


@pytest.mark.skipif(os.geteuid() != 0, reason="to mount a small disk takes root")
def test_a_full_disk_ends_logs_and_reports_and_not_the_build(project: Project, run: Run, repository: str) -> None:
    folder = project(pushed(repository, "app", run="yes x | head -c 400000"))
    (folder / "small").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder / "small"], check=True)
    try:
        done = run("apply", "--log-dir", "small/logs", "--report", "small/r.html", "--format", "json")
        assert statuses(done) == {"app": "built"}
        assert "logs are no longer written to small/logs: No space left on device" in done.stderr
        assert "small/r.html cannot be written: No space left on device" in done.stderr
        assert done.returncode == 2
        assert [path.name for path in (folder / "small").iterdir()] == ["logs"]
    finally:
        subprocess.run(["umount", folder / "small"], check=True)
    assert digest(f"{repository}/app:1")


@pytest.mark.corpus
@pytest.mark.parametrize(
    ("signals", "between"),
    [([signal.SIGINT], 0.2), ([signal.SIGTERM], 0.2), ([signal.SIGINT] * 2, 0.2), ([signal.SIGINT] * 2, 0.02)],
    ids=["once", "term", "twice", "at once"],
)
def test_stopping_writes_the_result_and_leaves_nothing(
    start: Start, project: Project, run: Run, tmp_path: Path, signals: list[signal.Signals], between: float
) -> None:
    """Not even what buildx leaves that is killed at the second one."""
    sleep = nap(31)
    scratch = tmp_path / "tmp"
    scratch.mkdir()
    folder = project(f"""
        [defaults]
        output = ["type=cacheonly"]
        [target.first]
        dockerfile-inline = "FROM busybox\\nRUN echo {tmp_path}"
        [target.long]
        needs = ["first"]
        dockerfile-inline = "FROM busybox\\nRUN {sleep}"
        [target.last]
        needs = ["long"]
        dockerfile-inline = "FROM busybox"
    """)
    process = start(folder, "apply", "--format", "json", TMPDIR=str(scratch))
    until(lambda: running(sleep))
    for signum in signals:
        process.send_signal(signum)
        time.sleep(between)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 130, err
    found = {one["name"]: (one["status"], one["reason"]) for one in json.loads(out)["targets"]}
    assert found["first"][0] == "built"
    assert found["long"] == ("stopped", "interrupted")
    assert found["last"][0] == "skipped"
    until(lambda: not running(sleep) and not running(str(scratch)))
    assert not list(scratch.iterdir())
    kept = run("plan", "--format", "json")
    assert kept.returncode == 0
    result = json.loads((folder / ".buildmatrix" / "result.json").read_text())
    assert {name: entry["status"] for name, entry in result["targets"].items()}["first"] == "built"


def test_a_run_that_is_killed_leaves_its_result_and_no_process(start: Start, project: Project, tmp_path: Path) -> None:
    folder = project(f"""
        [defaults]
        output = ["type=cacheonly"]
        [target.first]
        dockerfile-inline = "FROM busybox\\nRUN echo {tmp_path}"
        [target.long]
        needs = ["first"]
        dockerfile-inline = "FROM busybox\\nRUN while sleep 1; do echo {tmp_path}; done"
    """)
    scratch = tmp_path / "tmp"
    scratch.mkdir()
    process = start(folder, "apply", TMPDIR=str(scratch))
    until(lambda: running(f"while sleep 1; do echo {tmp_path}"))
    until(lambda: "first" in result_of(folder))
    process.kill()
    process.communicate()
    until(lambda: not running(str(scratch)) and not running(f"while sleep 1; do echo {tmp_path}"))
    result = json.loads((folder / ".buildmatrix" / "result.json").read_text())
    assert {name: entry["status"] for name, entry in result["targets"].items()} == {"first": "built"}


def test_two_runs_of_one_project_at_the_same_time(start: Start, project: Project, repository: str) -> None:
    folder = project(pushed(repository, "a", "b", run="sleep 2"))
    both = [start(folder, "apply", name, "--format", "json") for name in "ab"]
    for process in both:
        _, err = process.communicate(timeout=300)
        assert process.returncode == 0, err
    result = json.loads((folder / ".buildmatrix" / "result.json").read_text())
    assert {name: entry["digest"] for name, entry in result["targets"].items()} == {
        name: digest(f"{repository}/{name}:1") for name in "ab"
    }


def test_monstrous_logs(project: Project, run: Run, tmp_path: Path) -> None:
    folder = project(rf"""
        [target.app]
        output = ["type=cacheonly"]
        dockerfile-inline = '''
        FROM busybox
        RUN echo {tmp_path}; head -c 10000000 /dev/zero | tr '\0' x; echo
        RUN printf 'bad \377\376 text\n'; printf '\033[31mred\033[0m\n'
        RUN seq 100000
        '''
    """)
    done = run("apply", "--log-dir", "logs", "--format", "json", "--report", "r.html", "--report", "r.xml")
    assert statuses(done) == {"app": "built"}
    log = (folder / "logs" / "app.log").read_text()
    assert "bad �� text" in log
    assert "| 1000\n" in log
    assert (folder / "r.html").stat().st_size < 1_000_000


@pytest.mark.corpus
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"format_version": 1, "targets": {"app"', "cannot be read"),
        ('{"format_version": 99, "targets": {}}', "has format 99, this buildmatrix reads 2"),
        ("[]", "cannot be read"),
    ],
    ids=["corrupt", "newer", "no-table"],
)
def test_a_result_that_cannot_be_used(project: Project, run: Run, text: str, words: str) -> None:
    folder = project('[target.app]\noutput = ["type=cacheonly"]\n')
    path = folder / ".buildmatrix" / "result.json"
    path.parent.mkdir()
    path.write_text(text)
    refused = run("apply", "--resume")
    assert refused.returncode == 4
    assert words in refused.stderr
    assert "run apply without --resume" in refused.stderr
    done = run("apply")
    assert done.returncode == 0
    newer = "99" in text
    assert ("has format 99" in done.stderr) == newer
    assert (path.read_text() == text) == newer
