"""What a run builds on: what its tags held when it began, wherever they move meanwhile, and a policy of the user's."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.e2e.tools import Project, Run, Start, digest, nap, result_of, succeeded, tagged, wait_for

pytestmark = pytest.mark.corpus

VARIABLE = "EXPERIMENTAL_BUILDKIT_SOURCE_POLICY"


class Base(NamedTuple):
    """A tag that moves: `one` and `two` are what it may hold, a file /version with these words."""

    tag: str
    one: str
    two: str

    def move(self, to: str) -> None:
        tagged(self.tag, f"{self.tag.rpartition(':')[0]}@{to}")


@pytest.fixture
def base(run: Run, project: Project, repository: str, one_node: str) -> Base:
    """Two images under one tag, which is at the first of them."""
    found = []
    for word in ("one", "two"):
        spec = (
            f'[target.{word}]\ndockerfile-inline = "FROM busybox\\nRUN echo {word} > /version"\n'
            f'tags = ["{repository}:{word}"]\noutput = ["type=registry"]\n'
        )
        project(spec)
        assert run("apply", "--builder", one_node).returncode == 0
        found.append(digest(f"{repository}:{word}"))
    base = Base(f"{repository}:base", *found)
    base.move(base.one)
    return base


def app(base: Base, name: str, more: str = "", **settings: str) -> str:
    """A target that writes what the base said to out/NAME."""
    lines = "".join(f"{key} = {value}\n" for key, value in settings.items())
    step = f"RUN {more or 'true'}; cat /version > /{name}"
    text = f"FROM {base.tag} AS build\\n{step}\\nFROM scratch\\nCOPY --from=build /{name} /"
    return f'[target.{name}]\ndockerfile-inline = "{text}"\noutput = ["type=local,dest=out"]\n{lines}'


def said(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text().strip() for path in (folder / "out").iterdir()}


def test_a_base_that_moves_during_the_run_is_the_same_for_all(
    project: Project, start: Start, base: Base, one_node: str
) -> None:
    folder = project(app(base, "first", nap(4)) + app(base, "second", needs='["first"]'))
    process = start(folder, "apply", "--builder", one_node, "--format", "json")
    wait_for(process, "first   started")
    base.move(base.two)
    out, err = process.communicate()
    assert process.returncode == 0, err
    assert said(folder) == {"first": "one", "second": "one"}
    assert digest(base.tag) == base.two
    report = json.loads(out)
    assert report["pins"] == [
        {
            "name": base.tag,
            "digest": base.one,
            "origin": "registry",
            "instead": None,
            "reason": None,
            "targets": ["first", "second"],
        }
    ]
    kept = result_of(folder)
    assert [kept[name]["pins"] for name in ("first", "second")] == [{base.tag: base.one}] * 2


def test_the_next_run_builds_on_what_the_tag_holds_then(project: Project, run: Run, base: Base, one_node: str) -> None:
    folder = project(app(base, "app"))
    for to, word in ((base.one, "one"), (base.two, "two")):
        base.move(to)
        succeeded(run("apply", "--builder", one_node, "--format", "json"))
        assert said(folder) == {"app": word}


def test_what_is_built_on_a_base_that_moved_is_not_resumed(
    project: Project, run: Run, base: Base, one_node: str
) -> None:
    folder = project(app(base, "app"))
    reasons = []
    for to, status, word in ((base.one, "built", "one"), (base.one, "unchanged", "one"), (base.two, "built", "two")):
        base.move(to)
        found = succeeded(run("apply", "--builder", one_node, "--resume", "--no-cache", "--format", "json"))["app"]
        assert (found["status"], said(folder)) == (status, {"app": word})
        reasons.append(found["reason"])
    assert reasons[-1] == f"base {base.tag} moved {base.one[7:19]} → {base.two[7:19]}"


def test_all_platforms_of_two_nodes_build_on_one_image(
    project: Project, start: Start, base: Base, two_nodes: str
) -> None:
    """The base has one platform: what the other node would resolve later is the moved tag."""
    folder = project(
        app(base, "first", nap(3), platforms='["linux/amd64"]')
        + app(base, "second", needs='["first"]', platforms='["linux/amd64"]')
    )
    process = start(folder, "apply", "--builder", two_nodes, "--no-cache")
    wait_for(process, "first   started")
    base.move(base.two)
    _, err = process.communicate()
    assert process.returncode == 0, err
    assert said(folder) == {"first": "one", "second": "one"}


def rule(action: str, name: str, to: str = "") -> dict[str, Any]:
    updates = {"updates": {"identifier": f"docker-image://{to}"}} if to else {}
    return {"action": action, "selector": {"identifier": f"docker-image://{name}"}, **updates}


def test_a_policy_of_the_user_stays_in_force(project: Project, run: Run, base: Base, one_node: str) -> None:
    folder = project(app(base, "app"))
    two = f"{base.tag.rpartition(':')[0]}:two"

    def apply(*rules: dict[str, Any]) -> "subprocess.CompletedProcess[str]":
        (folder / "mine.json").write_text(json.dumps({"rules": rules}))
        return run("apply", "--builder", one_node, "--format", "json", **{VARIABLE: "mine.json"})

    done = apply(rule("CONVERT", base.tag, two))
    succeeded(done)
    assert said(folder) == {"app": "two"}
    (pin,) = json.loads(done.stdout)["pins"]
    assert (pin["name"], pin["digest"], pin["instead"]) == (base.tag, base.two, two)
    done = apply(rule("DENY", base.tag))
    assert done.returncode == 1
    assert "denied by policy" in done.stdout
    assert f"note: {base.tag} is not pinned: the source policy denies it" in done.stderr
    succeeded(apply(rule("DENY", "*"), rule("ALLOW", f"{base.tag}*")))
    assert said(folder) == {"app": "one"}


def test_a_policy_that_only_buildkit_can_read_is_left_alone(
    project: Project, run: Run, base: Base, one_node: str
) -> None:
    folder = project(app(base, "app"))
    (folder / "mine.json").write_bytes(b"")
    done = run("apply", "--builder", one_node, "--format", "json", **{VARIABLE: "mine.json"})
    assert f"note: external images are not pinned: {VARIABLE}: mine.json is not valid JSON" in done.stderr


def test_buildx_0_13_takes_the_policy_too(
    project: Project, start: Start, base: Base, one_node: str, old_docker: str, run: Run
) -> None:
    folder = project(app(base, "first", nap(4)) + app(base, "second", needs='["first"]'))
    process = start(folder, "apply", "--builder", one_node, DOCKER_CONFIG=old_docker)
    wait_for(process, "first   started")
    base.move(base.two)
    _, err = process.communicate()
    assert process.returncode == 0, err
    assert said(folder) == {"first": "one", "second": "one"}
    assert "buildx 0.13" in run("plan", "--preflight", "--builder", one_node, DOCKER_CONFIG=old_docker).stderr


Judge = Callable[..., bool]
"""Whether the engine lets an image through under rules."""


@pytest.mark.corpus
@pytest.mark.parametrize(
    "shape",
    [
        ["DENY *"],
        ["DENY *", "ALLOW TAG"],
        ["DENY *", "ALLOW TAG*"],
        ["ALLOW TAG", "DENY *"],
        ["DENY TAG", "CONVERT TAG TWO"],
        ["CONVERT TAG TWO", "DENY TWO"],
        ["DENY *", "CONVERT TAG ONE@", "ALLOW *@sha256:*"],
    ],
)
def test_rules_are_read_as_the_engine_reads_them(shape: list[str], base: Base, one_node: str, tmp_path: Path) -> None:
    from buildmatrix.lock.policy import SourcePolicy, identifier_of

    at = base.tag.rpartition(":")[0]
    words = {
        "*": "*",
        "*@sha256:*": "*@sha256:*",
        "TAG": base.tag,
        "TAG*": f"{base.tag}*",
        "TWO": f"{at}:two",
        "ONE@": f"{base.tag}@{base.one}",
    }
    rules = [rule(action, *(words[one] for one in named)) for action, *named in map(str.split, shape)]
    policy = SourcePolicy(rules=tuple(rules))
    verdict = policy.judged(identifier_of(base.tag))
    (tmp_path / "policy.json").write_text(json.dumps({"rules": rules}))
    done = subprocess.run(
        ["docker", "buildx", "build", "--builder", one_node, "--progress", "plain", "--no-cache", "-f", "-", "."],
        input=f"FROM {base.tag}\nRUN cat /version",
        cwd=tmp_path,
        env={**os.environ, VARIABLE: str(tmp_path / "policy.json")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert verdict is not None
    held = base.two if verdict.identifier.endswith(":two") else base.one
    by_digest = policy.judged(identifier_of(verdict.identifier.removeprefix("docker-image://"), held))
    assert by_digest is not None
    denied = verdict.denied or by_digest.denied  # it is judged again when its digest is known
    assert (done.returncode != 0) is denied, done.stderr
    if not denied:
        assert f"FROM {verdict.identifier.removeprefix('docker-image://')}" in done.stderr
