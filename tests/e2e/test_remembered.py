"""The registry remembers for everybody: other checkouts, machines, builders and versions skip what one has built.

And what goes wrong on the way keeps nothing that it should not: registries that fail, tags that others move, bases that
move meanwhile.
"""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.faulty_registry import Fault, FaultyRegistry
from tests.e2e.test_incremental import (
    AMD,
    ARM,
    FILES,
    applied,
    chain,
    planned,
    statuses,
)
from tests.e2e.test_pins import VARIABLE, rule
from tests.e2e.test_registries import KINDS, Asked, folder, ready  # noqa: F401
from tests.e2e.tools import Project, Run, Start, digest, nap, raw, tagged, wait_for
from tests.warm import command

pytestmark = pytest.mark.corpus


@pytest.fixture
def proxy(registry: str) -> Iterator[FaultyRegistry]:
    """A registry that fails when it is told to, in front of the real one."""
    with FaultyRegistry(registry) as faulty:
        yield faulty


@pytest.fixture
def base(registry: str) -> str:
    """An image whose digest the registry tells."""
    return f"{registry}/library/busybox"


SEVERAL = {"NO_COLOR": "1", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}


def git(place: Path, *words: str, umask: int = 0o022) -> None:
    subprocess.run(
        ["git", "-c", "user.name=a", "-c", "user.email=a@b", *words],
        cwd=place,
        env={**os.environ, **SEVERAL},
        umask=umask,
        check=True,
        capture_output=True,
    )


def committed(place: Path) -> None:
    git(place, "init", "-q")
    git(place, "add", ".")
    git(place, "commit", "-q", "-m", "all")


@pytest.fixture
def open_path() -> Iterator[Path]:
    """A directory that another user may read."""
    made = Path(tempfile.mkdtemp(prefix="checkouts-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


def fingerprints(place: Path, *, user: int | None = None, **more: str) -> list[Mapping[str, Any]]:
    """What `fingerprint` says in a checkout, with a user's cache of its own."""
    home = place.parent / f"home-{place.name}"
    home.mkdir(exist_ok=True)
    if user is not None:
        os.chown(home, user, user)
    who = {} if user is None else {"user": user, "group": user, "extra_groups": []}
    environment = {**os.environ, **SEVERAL, "HOME": str(home), "XDG_CACHE_HOME": str(home), **more}
    words = command("fingerprint", "--format", "json")
    done = subprocess.run(words, cwd=place, env=environment, capture_output=True, text=True, check=False, **who)  # type: ignore[call-overload]
    assert done.returncode == 0, done.stderr
    found: list[Mapping[str, Any]] = json.loads(done.stdout)["items"]
    assert all(one["fingerprint"] for one in found), found
    return found


def can_run_this(user: int) -> bool:
    """Whether another user may start this Python at all, and read the program: both may be in a home of root's."""
    try:
        found = subprocess.run(command("--version"), capture_output=True, check=False, user=user, cwd="/")
    except PermissionError:
        return False
    return found.returncode == 0


def test_two_checkouts_have_the_same_fingerprints(open_path: Path, repository: str, base: str) -> None:
    """Another directory, umask, time, user, locale; and where lines end, as far as no image has them."""
    one = open_path / "one"
    (one / "bin").mkdir(parents=True)
    (one / "buildmatrix.toml").write_text(
        f'version = 1\n[target.app]\nplatforms = ["{AMD}"]\ntags = ["{repository}:1"]\noutput = ["type=registry"]\n'
    )
    (one / "Dockerfile").write_text(f"# a comment\nFROM {base}\nCOPY bin \\\n  /bin2\nRUN true\n")
    (one / ".dockerignore").write_text("bin/not\nDockerfile\n")
    for name, data in {"bin/é.bin": b"\0\1\n", "bin/run": b"\0#!\n", "bin/not": b"not\n"}.items():
        (one / name).write_bytes(data)
    (one / "bin" / "run").chmod(0o755)
    committed(one)
    before = fingerprints(one)
    two = open_path / "deeper" / "two"
    two.parent.mkdir(mode=0o755)
    git(open_path, "-c", "core.autocrlf=true", "clone", "-q", str(one), str(two), umask=0o002)
    assert b"\r\n" in (two / "Dockerfile").read_bytes()
    assert fingerprints(two, LC_ALL="C", LANG="C") == before
    three = open_path / "three"
    git(open_path, "clone", "-q", str(one), str(three), umask=0o077)
    os.utime(three / "bin" / "run", (1, 1))
    assert fingerprints(three, LC_ALL="C.UTF-8") == before
    if os.getuid() == 0 and can_run_this(65534):
        four = open_path / "four"
        git(open_path, "clone", "-q", str(one), str(four))
        for path in (four, *four.rglob("*")):
            os.chown(path, 65534, 65534)
        assert fingerprints(four, user=65534) == before


def test_a_fresh_shallow_clone_skips_what_another_machine_built(
    project: Project,
    run: Run,
    repository: str,
    base: str,
    tmp_path_factory: pytest.TempPathFactory,
    engine: Mapping[str, str],
) -> None:
    place = project(chain(repository, base), FILES)
    committed(place)
    git(place, "commit", "-q", "--allow-empty", "-m", "another")
    applied(run)
    other = tmp_path_factory.mktemp("machine")
    git(other, "clone", "-q", "--depth", "1", f"file://{place}", "clone")
    environment = {**os.environ, **engine, **SEVERAL, "HOME": str(other), "XDG_CACHE_HOME": str(other / "cache")}
    words = command("apply", "--incremental", "--format", "json")
    done = subprocess.run(words, cwd=other / "clone", env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert {one["status"] for one in json.loads(done.stdout)["targets"]} == {"unchanged"}


def test_another_buildx_and_another_driver_skip_what_one_built(
    project: Project,
    run: Run,
    repository: str,
    base: str,
    two_nodes: str,
    one_node: str,
    old_docker: str,
) -> None:
    """Each builds in its turn what the one before has changed, and all others take it.

    Buildx 0.13 loses the mark where it merges what several nodes have pushed: it takes what others built.
    """
    place = project(chain(repository, base), FILES)
    old = {"DOCKER_CONFIG": old_docker}
    ways: list[tuple[str, dict[str, str]]] = [("default", {}), (one_node, old), (two_nodes, {}), (two_nodes, old)]
    for number, (builder, more) in enumerate(ways[:3]):
        (place / "lib" / "a").write_text(str(number))
        assert statuses(applied(run, "--builder", builder, **more)) == {"lib": "built", "app": "built"}
        for other, another in ways:
            found = applied(run, "--builder", other, **another)
            assert statuses(found) == {"lib": "unchanged", "app": "unchanged"}, (builder, other)


@pytest.mark.corpus
@pytest.mark.parametrize("ready", KINDS, indirect=True)
def test_a_registry_that_asks_who_is_there_remembers_too(
    project: Project,
    run: Run,
    ready: Asked,  # noqa: F811
    base: str,
    one_node: str,
) -> None:
    ready.logged_in()
    place = project(chain(ready.host, base), FILES)
    go = ("--builder", one_node)
    assert statuses(applied(run, *go, **ready.environment)) == {"lib": "built", "app": "built"}
    assert statuses(applied(run, *go, **ready.environment)) == {"lib": "unchanged", "app": "unchanged"}
    (place / "app" / "a").write_text("2")
    assert statuses(applied(run, *go, **ready.environment)) == {"lib": "unchanged", "app": "built"}
    ready.logged_in("wrong")
    done = run("apply", "--incremental", "--format", "json", *go, **ready.environment)
    assert done.returncode in {1, 5}
    assert "Traceback" not in done.stderr
    ready.logged_in()
    assert statuses(applied(run, *go, **ready.environment)) == {"lib": "unchanged", "app": "unchanged"}


# --- what goes wrong --------------------------------------------------------------------------------------------------

ASKS = "GET|HEAD"
OURS = "^(buildmatrix|containerd)"


@pytest.mark.corpus
@pytest.mark.parametrize(
    "fault",
    [
        *(Fault(ASKS, "/app/manifests/", "status", status=status, agent=OURS) for status in (401, 403, 429, 500, 503)),
        Fault(ASKS, "/app/manifests/", "cut", agent=OURS),
        Fault(ASKS, "/app/manifests/", "status", status=200, text="<html>a gateway's page</html>", agent=OURS),
        Fault("HEAD", "/app/manifests/sha256:", "status", status=500, agent=OURS),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.status}-{len(fault.path)}",
)
def test_what_is_kept_while_a_registry_fails_is_nothing(
    project: Project,
    run: Run,
    repository: str,
    base: str,
    proxy: FaultyRegistry,
    fault: Fault,
) -> None:
    """It builds or refuses, and says so; afterwards the tags hold what was there before, or what is right now."""
    through = f"{proxy.address}/{repository.partition('/')[2]}"
    place = project(chain(through, base), FILES)
    applied(run)
    (place / "app" / "a").write_text("2")
    before = digest(f"{repository}/app:1")
    proxy.faults = [fault]
    decision, because = planned(run)["app"]
    assert decision == "build"
    done = run("apply", "--incremental", "--format", "json")
    assert done.returncode in {0, 1, 5}, done.stderr
    assert "Traceback" not in done.stderr
    if done.returncode:
        assert proxy.address in done.stderr + done.stdout
    proxy.faults = []
    expected = "build" if digest(f"{repository}/app:1") == before else "skip"
    assert planned(run)["app"][0] == expected, because
    applied(run)
    assert planned(run)["app"] == ("skip", ["up to date"])


def test_a_registry_that_is_gone_keeps_nothing(
    project: Project,
    run: Run,
    repository: str,
    base: str,
    proxy: FaultyRegistry,
) -> None:
    through = f"{proxy.address}/{repository.partition('/')[2]}"
    project(chain(through, base), FILES)
    applied(run)
    proxy.stop()
    found = planned(run)
    assert {decision for decision, _ in found.values()} == {"build"}
    assert all("cannot know what the registry holds" in why or "again" in why for _, (why, *_) in found.values()), found
    done = run("apply", "--incremental")
    assert done.returncode in {1, 5}
    assert proxy.address in done.stderr + done.stdout
    proxy.start()
    assert statuses(applied(run)) == {"lib": "unchanged", "app": "unchanged"}


def test_a_set_that_was_pushed_in_part_is_completed_without_building(
    project: Project,
    run: Run,
    repository: str,
    base: str,
    proxy: FaultyRegistry,
) -> None:
    through = f"{proxy.address}/{repository.partition('/')[2]}"
    place = project(chain(through, base), FILES)
    applied(run)
    (place / "app" / "a").write_text("2")
    before = digest(f"{repository}/app:1")
    proxy.faults = [Fault("PUT", "/app/manifests/latest", "status", status=403)]
    assert run("apply", "--incremental").returncode != 0
    proxy.faults = []
    held = {word: digest(f"{repository}/app:{word}") for word in ("1", "latest")}
    assert held["latest"] == before
    found = applied(run)
    assert digest(f"{repository}/app:1") == digest(f"{repository}/app:latest") != before
    if held["1"] != before:  # then what was pushed is kept
        assert statuses(found) == {"lib": "unchanged", "app": "unchanged"}
        assert digest(f"{repository}/app:latest") == held["1"]


def test_a_tag_that_somebody_moved_to_an_older_image_is_moved_back(
    project: Project,
    run: Run,
    repository: str,
    base: str,
) -> None:
    place = project(chain(repository, base), FILES)
    old = applied(run)["app"]["digest"]
    (place / "app" / "a").write_text("2")
    new = applied(run)["app"]["digest"]
    tagged(f"{repository}/app:1", f"{repository}/app@{old}")
    assert planned(run)["app"] == ("skip", [f"tag {repository}/app:1 holds another image: it moves"])
    applied(run)
    assert digest(f"{repository}/app:1") == new
    for word in ("1", "latest"):
        tagged(f"{repository}/app:{word}", f"{repository}/app@{old}")
    assert planned(run)["app"][0] == "build"
    (place / "app" / "a").write_text("1")
    assert planned(run)["app"] == ("skip", ["up to date"])


def test_a_tag_moves_with_all_its_platforms_and_attestations(
    project: Project,
    run: Run,
    repository: str,
    base: str,
) -> None:
    spec = chain(repository, base)
    project(spec, FILES)
    applied(run)
    before = raw(f"{repository}/app:1")
    assert sum(one["platform"]["os"] == "unknown" for one in before["manifests"]) == 2
    project(spec.replace("app:latest", "app:new"), FILES)
    assert planned(run)["app"] == ("skip", [f"tag {repository}/app:new holds nothing: it moves"])
    applied(run)
    assert raw(f"{repository}/app:new") == before


# --- bases and policies -----------------------------------------------------------------------------------------------


@pytest.fixture
def moving(run: Run, project: Project, repository: str, base: str, one_node: str) -> Callable[[str], str]:
    """Moves a tag of a base, which is returned, to an image that says a word in /version."""

    def move(word: str) -> str:
        spec = (
            f'[target.base]\ndockerfile-inline = "FROM {base}\\nRUN echo {word} > /version"\n'
            f'tags = ["{repository}/base:{word}"]\noutput = ["type=registry"]\nplatforms = ["{AMD}", "{ARM}"]\n'
        )
        if not digest(f"{repository}/base:{word}"):
            project(spec)
            assert run("apply", "--builder", one_node).returncode == 0
        tagged(f"{repository}/base:1", f"{repository}/base:{word}")
        return f"{repository}/base:1"

    return move


def on(repository: str, base: str, step: str = "true") -> str:
    return (
        f'[target.app]\ndockerfile-inline = "FROM {base}\\nRUN {step}; cat /version > /said"\n'
        f'tags = ["{repository}/app:1"]\noutput = ["type=registry"]\nplatforms = ["{AMD}"]\n'
    )


def word_in(repository: str, tmp_path: Path, one_node: str) -> str:
    """What an image says, as whoever pulls it sees it."""
    text = f"FROM {repository}/app:1 AS app\nFROM scratch\nCOPY --from=app /said /\n"
    words = [
        "docker",
        "buildx",
        "build",
        "--builder",
        one_node,
        "--pull",
        "--output",
        f"type=local,dest={tmp_path}/x",
        "-",
    ]
    subprocess.run(words, input=text, check=True, capture_output=True, text=True)
    return (tmp_path / "x" / "said").read_text().strip()


def test_a_base_that_moves_while_it_is_built_leaves_the_fingerprint_of_what_was_built(
    project: Project,
    run: Run,
    start: Start,
    repository: str,
    moving: Callable[[str], str],
    one_node: str,
    tmp_path: Path,
) -> None:
    tag = moving("two")
    moving("one")
    spec = on(repository, tag, nap(4))
    place = project(spec)
    process = start(place, "apply", "--incremental", "--builder", one_node)
    wait_for(process, "app  started")
    moving("two")
    _, err = process.communicate()
    assert process.returncode == 0, err
    assert word_in(repository, tmp_path, one_node) == "one"
    decision, (because, *_) = planned(run)["app"]
    assert decision == "build"
    assert because.startswith(f"base {tag} moved ")
    assert statuses(applied(run)) == {"app": "built"}
    assert word_in(repository, tmp_path, one_node) == "two"
    moving("one")
    assert planned(run)["app"][0] == "build"


def test_a_base_that_moves_between_two_tries_is_the_one_that_was_pinned(  # noqa: PLR0917 fixtures
    project: Project,
    run: Run,
    start: Start,
    repository: str,
    moving: Callable[[str], str],
    one_node: str,
    proxy: FaultyRegistry,
    tmp_path: Path,
) -> None:
    """The first push fails, the second does not."""
    through = f"{proxy.address}/{repository.partition('/')[2]}"
    tag = moving("two")
    moving("one")
    place = project(on(through, tag, nap(3)))
    proxy.faults = [Fault("PUT", "/app/manifests/", "status", status=503, times=6)]
    process = start(place, "apply", "--incremental", "--builder", one_node, "--retries", "3")
    wait_for(process, "app  started")
    moving("two")
    _, err = process.communicate()
    assert process.returncode == 0, err
    assert proxy.faults
    assert word_in(repository, tmp_path, one_node) == "one"
    assert planned(run)["app"][0] == "build"


def test_a_policy_of_the_user_counts_for_what_is_remembered(
    project: Project,
    run: Run,
    repository: str,
    moving: Callable[[str], str],
    one_node: str,
    tmp_path: Path,
) -> None:
    moving("two")
    tag = moving("one")
    place = project(on(repository, tag))

    def policy(*rules: dict[str, Any]) -> dict[str, str]:
        (place / "mine.json").write_text(json.dumps({"rules": rules}))
        return {VARIABLE: "mine.json"}

    go = ("--builder", one_node)
    mine = policy(rule("CONVERT", tag, f"{repository}/base:two"))
    assert statuses(applied(run, *go, **mine)) == {"app": "built"}
    assert word_in(repository, tmp_path, one_node) == "two"
    assert statuses(applied(run, *go, **mine)) == {"app": "unchanged"}
    assert statuses(applied(run, *go)) == {"app": "built"}
    assert word_in(repository, tmp_path, one_node) == "one"
    done = run("apply", "--incremental", *go, "--format", "json", **policy(rule("DENY", tag)))
    assert done.returncode == 1
    assert "denied by policy" in done.stdout + done.stderr
    assert statuses(applied(run, *go)) == {"app": "unchanged"}


def test_a_file_that_changes_before_it_is_built_leaves_no_fingerprint_of_what_it_was(
    project: Project,
    run: Run,
    start: Start,
    repository: str,
    base: str,
    one_node: str,
) -> None:
    """Of many targets the last are built long after their files were read, and a change may be taken back."""
    spec = f"""
[defaults]
platforms = ["{AMD}"]
output = [{{ type = "registry" }}]
[target.first]
dockerfile-inline = "FROM {base}\\nRUN {nap(4)}"
tags = ["{repository}/first:1"]
[target.second]
needs = ["first"]
dockerfile-inline = "FROM {base}\\nCOPY app /app-files"
tags = ["{repository}/second:1"]
"""
    place = project(spec, FILES)
    process = start(place, "apply", "--incremental", "--builder", one_node, "--format", "json")
    wait_for(process, "first   started")
    (place / "app" / "a").write_text("2")
    out, err = process.communicate()
    assert process.returncode == 0, err
    assert "warning: app/a changed while second was built: nobody knows what of it is in the image" in err
    found = {one["name"]: one for one in json.loads(out)["targets"]}
    assert found["second"]["digest"] == digest(f"{repository}/second:1")
    (place / "app" / "a").write_text("1")
    assert planned(run)["first"] == ("skip", ["up to date"])
    assert planned(run)["second"][0] == "build"
    assert statuses(applied(run)) == {"first": "unchanged", "second": "built"}
    assert planned(run)["second"] == ("skip", ["up to date"])
