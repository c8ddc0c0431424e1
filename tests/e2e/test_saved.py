"""A plan that was saved is built exactly so, on the images that it names, or it is refused by name."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.faulty_registry import Fault, FaultyRegistry
from tests.e2e.tools import Project, Run, Start, digest, nap, provenance_of, succeeded, tagged, wait_for

pytestmark = pytest.mark.corpus

SPEC = """
[defaults]
context = "src"
output = ["type=registry"]
[target.lib]
dockerfile-inline = "FROM {base}\\nCOPY lib /lib-files"
tags = ["{repository}/lib:1"]
platforms = ["linux/amd64", "linux/arm64"]
[target.app]
contexts.lib = "target:lib"
dockerfile-inline = "FROM lib\\nCOPY app /app-files"
tags = ["{repository}/app:1"]
platforms = ["linux/amd64", "linux/arm64"]
"""
FILES = {"src/lib": "1", "src/app": "1", "src/README": "1"}


@pytest.fixture
def base(registry: str, repository: str) -> str:
    """A tag of ours, which tests may move."""
    tag = f"{repository}:base"
    tagged(tag, f"{registry}/library/busybox")
    return tag


def saved(folder: Path, run: Run, *arguments: str) -> dict[str, Any]:
    """Save a plan as plan.json; returns what it holds."""
    done = run("plan", "--out", "plan.json", *arguments)
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads((folder / "plan.json").read_text())
    return document


def test_a_base_that_moved_since_is_taken_as_it_was(
    project: Project, run: Run, base: str, repository: str, one_node: str
) -> None:
    folder = project(SPEC.format(base=base, repository=repository), FILES)
    document = saved(folder, run)
    then = digest(base)
    assert [(pin["name"], pin["digest"]) for pin in document["pins"]] == [(base, then)]
    other = 'version = 1\n[target.other]\ndockerfile-inline = "FROM scratch\\nCOPY . /"\noutput = ["type=registry"]\n'
    (folder / "other.toml").write_text(f'{other}tags = ["{base}"]\n')
    assert run("apply", "--file", "other.toml", "--builder", one_node, "--platforms-may-shrink").returncode == 0
    assert digest(base) != then
    done = run("apply", "plan.json", "--builder", one_node, "--format", "json")
    succeeded(done)
    (pin,) = json.loads(done.stdout)["pins"]
    assert (pin["digest"], pin["origin"]) == (then, "plan")
    assert then.removeprefix("sha256:") in provenance_of(f"{repository}/app:1")
    (folder / "src/app").write_text("2")
    stale = run("apply", "plan.json", "--builder", one_node)
    assert (stale.returncode, "the plan is stale: src/app has changed" in stale.stderr) == (4, True)
    (folder / "src/app").write_text("1")
    (folder / "src/README").write_text("2")
    assert run("apply", "plan.json", "--builder", one_node).returncode == 0, "no image has it"


CHANGING = """
[defaults]
context = "src"
output = ["type=registry"]
platforms = ["linux/amd64"]
[target.first]
dockerfile-inline = "FROM {base}\\nCOPY lib /\\nRUN {first}"
tags = ["{repository}/first:1"]
[target.app]
needs = ["first"]
dockerfile-inline = "FROM {base}\\nCOPY app /\\nRUN {app}"
tags = ["{repository}/app:1"]
"""


@pytest.mark.parametrize("publish", ["direct", "together"])
def test_what_changes_after_it_was_looked_at_is_not_built(
    project: Project, run: Run, start: Start, base: str, repository: str, one_node: str, publish: str
) -> None:
    """It would be what nobody reviewed: what is to be built is looked at again when its turn has come."""
    naps = {"first": nap(3), "app": nap(1)}
    folder = project(CHANGING.format(base=base, repository=repository, **naps), FILES)
    saved(folder, run)
    process = start(folder, "apply", "plan.json", "--builder", one_node, "--publish", publish)
    wait_for(process, "first  started")
    (folder / "src/app").write_text("2")
    _, err = process.communicate(timeout=120)
    assert process.returncode == 4, err
    assert "the plan is stale: src/app changed since it was looked at" in err
    assert (digest(f"{repository}/first:1") != "", digest(f"{repository}/app:1")) == (publish == "direct", "")


def test_what_changes_while_it_is_built_is_a_failure(
    project: Project, run: Run, start: Start, base: str, repository: str, one_node: str
) -> None:
    naps = {"first": nap(3), "app": nap(1)}
    folder = project(CHANGING.format(base=base, repository=repository, **naps), FILES)
    saved(folder, run)
    process = start(folder, "apply", "plan.json", "--builder", one_node)
    wait_for(process, "first  started")
    (folder / "src/lib").write_text("2")
    _, err = process.communicate(timeout=120)
    assert process.returncode == 4, err
    said = "src/lib changed while first was built: nobody knows what of it is in the image of"
    assert f"{said} {repository}/first:1, which was pushed" in err


def test_an_incremental_plan_is_applied_as_one(
    project: Project, run: Run, base: str, repository: str, one_node: str
) -> None:
    folder = project(SPEC.format(base=base, repository=repository), FILES)
    builder = ("--builder", one_node)
    assert run("apply", "--incremental", *builder).returncode == 0
    (folder / "src/app").write_text("2")
    document = saved(folder, run, "--incremental")
    built_for = {name: one.get("built_for", []) for name, one in document["saved"]["inputs"].items()}
    assert built_for == {"lib": [], "app": ["linux/amd64", "linux/arm64"]}
    shown = run("show", "plan.json").stdout
    assert "1 to build, 1 up to date" in shown
    found = succeeded(run("apply", "plan.json", *builder, "--format", "json"))
    assert {name: one["status"] == "unchanged" for name, one in found.items()} == {"lib": True, "app": False}
    found = succeeded(run("apply", "plan.json", *builder, "--format", "json"))
    assert {one["status"] for one in found.values()} == {"unchanged"}, "what is there already need not be built"
    # somebody else writes the tag of what was to be kept: then it would be built, which nobody has reviewed
    tagged(f"{repository}/lib:1", base)
    stale = run("apply", "plan.json", *builder)
    assert stale.returncode == 4, stale.stderr
    assert "lib was to be kept, and has to be built now: the image has no fingerprint" in stale.stderr


def test_only_a_plan_that_says_so_moves_a_tag(
    project: Project, run: Run, base: str, repository: str, one_node: str
) -> None:
    spec = SPEC.format(base=base, repository=repository)
    folder = project(spec.replace('/app:1"', f'/app:1", "{repository}/app:2"'), FILES)
    builder = ("--builder", one_node)
    assert run("apply", "--incremental", *builder).returncode == 0
    saved(folder, run, "--incremental")
    tagged(f"{repository}/app:2", base)
    stale = run("apply", "plan.json", *builder)
    assert stale.returncode == 4, stale.stderr
    assert f"app was to be kept, and tag {repository}/app:2 would be moved now" in stale.stderr
    assert digest(f"{repository}/app:2") == digest(base)
    assert saved(folder, run, "--incremental")["saved"]["inputs"]["app"]["moves"] == [f"{repository}/app:2"]
    succeeded(run("apply", "plan.json", *builder, "--format", "json"))
    assert digest(f"{repository}/app:2") == digest(f"{repository}/app:1")


def test_a_registry_that_is_silent_when_the_plan_is_saved(
    project: Project, run: Run, registry: str, repository: str, one_node: str
) -> None:
    """Its digest is no part of the plan, which says so; apply asks again, and compares the contexts as a whole."""
    with FaultyRegistry(registry) as faulty:
        base = f"{faulty.address}/library/busybox"
        folder = project(SPEC.format(base=base, repository=repository), FILES)
        faulty.faults = [Fault("GET|HEAD", "/library/busybox/manifests/latest", "status")]
        done = run("plan", "app", "--out", "plan.json")
        assert done.returncode == 0, done.stderr
        assert f"note: {base}:latest is not pinned" in done.stderr
        document = json.loads((folder / "plan.json").read_text())
        assert "nobody knows the digest of" in document["saved"]["inputs"]["lib"]["doubt"]
        assert set(document["contexts"]) == {"src"}
        (folder / "src/README").write_text("2")
        stale = run("apply", "plan.json", "--builder", one_node)
        assert (stale.returncode, "the context src has changed" in stale.stderr) == (4, True)


OPTIONAL = """
[target.app]
platforms = ["linux/amd64"]
dockerfile-inline = "FROM {base}\\nRUN --mount=type=secret,id=token cat /run/secrets/token > /token; true"
secret = [{{ id = "token", env = "API_TOKEN", optional = true }}]
tags = ["{repository}/app:1"]
output = ["type=registry"]
"""


THERE = {"API_TOKEN": "1"}


@pytest.mark.parametrize("then", [{}, THERE], ids=["absent", "there"])
@pytest.mark.parametrize("now", [{}, THERE], ids=["absent now", "there now"])
def test_whether_an_optional_secret_is_there_is_asked_where_a_plan_is_applied(
    project: Project, run: Run, base: str, repository: str, one_node: str, then: dict[str, str], now: dict[str, str]
) -> None:
    project(OPTIONAL.format(base=base, repository=repository))
    assert run("plan", "--out", "plan.json", **then).returncode == 0
    done = run("apply", "plan.json", "--builder", one_node, **now)
    assert done.returncode == 0, done.stderr
    assert ("is left out" in done.stderr) is not bool(now)


def test_jobs_of_an_incremental_plan_have_the_secrets_that_it_knew_of(
    project: Project, run: Run, base: str, repository: str, one_node: str
) -> None:
    """What fingerprints say of the plan, each of them comes to."""
    project(OPTIONAL.format(base=base, repository=repository))
    assert run("plan", "--incremental", "--out", "plan.json").returncode == 0
    job = ("apply", "plan.json", "--build", "app", "--record", "records", "--builder", one_node)
    done = run(*job, **THERE)
    assert done.returncode == 4
    assert 'secret "token" of app is there, and was not when the plan was saved' in done.stderr
    assert run(*job).returncode == 0
    assert run("merge", "plan.json", "records").returncode == 0
