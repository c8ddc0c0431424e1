"""What is built says what changed, and what was built under another name is found by what went into it."""

import json
from http.client import HTTPConnection
from typing import Any

import pytest

from tests.e2e.test_incremental import (
    AMD,
    ARM,
    FILES,
    applied,
    chain,
    deleted,
    planned,
    platforms,
    statuses,
)
from tests.e2e.tools import Project, Run, digest, provenance_of, raw, tagged

pytestmark = pytest.mark.corpus

RECORD = "dev.buildmatrix.record"


@pytest.fixture
def base(registry: str) -> str:
    """An image whose digest the registry tells."""
    return f"{registry}/library/busybox"


def content_tags(repository: str) -> list[str]:
    host, _, path = repository.partition("/")
    connection = HTTPConnection(host)
    connection.request("GET", f"/v2/{path}/tags/list")
    tags = json.loads(connection.getresponse().read())["tags"]
    connection.close()
    return [tag for tag in tags if tag.startswith("bm-")]


def put(repository: str, tag: str, document: dict[str, Any]) -> None:
    host, _, path = repository.partition("/")
    connection = HTTPConnection(host)
    headers = {"Content-Type": document["mediaType"]}
    connection.request("PUT", f"/v2/{path}/manifests/{tag}", json.dumps(document), headers)
    assert connection.getresponse().status == 201
    connection.close()


def because(run: Run, *arguments: str) -> dict[str, list[str]]:
    return {name: reasons for name, (_, reasons) in planned(run, *arguments).items()}


def test_what_changed_is_named(project: Project, run: Run, repository: str, base: str) -> None:
    own = f"{repository}/base:1"
    tagged(own, base)
    folder = project(chain(repository, own, 'args.VERSION = "1"\nlabels.a = "1"'), FILES)
    applied(run)
    (folder / "app" / "a").write_text("2")
    (folder / "app" / "b").write_text("2")
    project(chain(repository, own, 'args.VERSION = "2"\nrebuild = "1"'), {})
    assert because(run) == {
        "lib": ["up to date"],
        "app": [
            "arg VERSION changed 1 → 2",
            "context: app/a changed, app/b added",
            "label a removed",
            "rebuild added",
            "it is built without the cache",
        ],
    }
    before = digest(own)
    tagged(own, *(f"{base}@{one['digest']}" for one in reversed(raw(base)["manifests"])))
    moved = f"base {own} moved {before[7:19]} → {digest(own)[7:19]}"
    assert because(run)["lib"] == [moved]
    assert because(run)["app"][0] == "depends on lib, which is rebuilt"
    found = applied(run)
    assert found["lib"]["reason"] == moved
    assert because(run) == {"lib": ["up to date"], "app": ["up to date"]}


def test_what_only_a_selected_target_depends_on_says_what_changed(
    project: Project, run: Run, repository: str, base: str
) -> None:
    folder = project(chain(repository, base), FILES)
    applied(run)
    (folder / "lib" / "a").write_text("2")
    assert planned(run, "app") == {
        "lib": ("build", ["app, which is built, depends on it"]),
        "app": ("build", ["lib: context: lib/a changed"]),
    }


@pytest.mark.corpus
@pytest.mark.parametrize("attests", [True, False])
@pytest.mark.parametrize("single", [True, False])
def test_the_record_is_in_the_image_on_every_builder(
    project: Project,
    run: Run,
    repository: str,
    base: str,
    one_node: str,
    attests: bool,
    single: bool,
) -> None:
    spec = chain(repository, base)
    spec = spec.replace(f'["{AMD}", "{ARM}"]', f'["{AMD}"]') if single else spec
    more = {} if attests else {"BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}
    files = {f"app/{number}/{number}": str(number) for number in range(1500)}
    folder = project(spec, {**FILES, **files})
    for builder in ((), ("--builder", one_node)):
        (folder / "app" / "7" / "7").write_text(f"more {builder}")
        applied(run, *builder, **more)
        assert 4000 < len(raw(f"{repository}/app:1")["annotations"][RECORD]) <= 16_000
    (folder / "app" / "7" / "7").write_text("last")
    done = run("plan", "--incremental", "--format", "json", **more)
    told = {one["name"]: one["because"] for one in json.loads(done.stdout)["targets"]}
    assert told["app"] == ["context: app/7/7 changed"]


def test_a_platform_that_is_carried_over_keeps_its_record(
    project: Project, run: Run, repository: str, base: str
) -> None:
    folder = project(chain(repository, base), FILES)
    applied(run)
    (folder / "app" / "a").write_text("2")
    applied(run, "--platform", AMD)
    (folder / "app" / "b").write_text("2")
    assert because(run)["app"] == [f"{AMD}: context: app/b added", f"{ARM}: context: app/a changed, app/b added"]


def test_a_record_that_somebody_else_wrote_says_nothing(project: Project, run: Run, repository: str, base: str) -> None:
    folder = project(chain(repository, base), FILES)
    applied(run)
    document = raw(f"{repository}/app:1")
    document["annotations"][RECORD] = "AAAA"
    for tag in ("1", "latest"):
        put(f"{repository}/app", tag, document)
    assert because(run)["app"] == ["up to date"]
    (folder / "app" / "a").write_text("2")
    assert because(run)["app"] == ["what goes into it changed"]


# --- content tags -----------------------------------------------------------------------------------------------------

FLAG = "--content-tag"


def test_another_branch_finds_what_was_built(project: Project, run: Run, repository: str, base: str) -> None:
    spec = chain(repository, base)
    project(spec, FILES)
    first = applied(run, FLAG)
    assert len(content_tags(f"{repository}/app")) == len(content_tags(f"{repository}/lib")) == 1
    project(spec.replace("/app:1", "/app:branch").replace("/app:latest", "/app:pr"), FILES)
    (tag,) = content_tags(f"{repository}/app")
    assert because(run)["app"] == ["no tag of it is there"]
    assert planned(run, FLAG)["app"] == (
        "skip",
        [
            f"tag {repository}/app:branch holds nothing: it moves",
            f"tag {repository}/app:pr holds nothing: it moves",
            f"it was built already: {repository}/app:{tag}",
        ],
    )
    assert statuses(applied(run, FLAG)) == {"lib": "unchanged", "app": "unchanged"}
    assert digest(f"{repository}/app:branch") == digest(f"{repository}/app:pr") == first["app"]["digest"]
    assert because(run, FLAG)["app"] == ["up to date"]


def test_what_is_built_on_it_takes_it_by_its_digest(project: Project, run: Run, repository: str, base: str) -> None:
    spec = chain(repository, base)
    folder = project(spec, FILES)
    first = applied(run, FLAG)
    (folder / "app" / "a").write_text("2")
    project(spec.replace("/lib:1", "/lib:branch").replace("/app:1", "/app:branch"), {})
    assert statuses(applied(run, FLAG)) == {"lib": "unchanged", "app": "built"}
    provenance = provenance_of(f"{repository}/app:branch")
    assert first["lib"]["digest"].removeprefix("sha256:") in provenance
    assert digest(f"{repository}/lib:branch") == first["lib"]["digest"]


def test_a_content_tag_is_believed_by_its_mark_and_its_children(
    project: Project, run: Run, repository: str, base: str
) -> None:
    spec = chain(repository, base)
    project(spec, FILES)
    applied(run, FLAG)
    (tag,) = content_tags(f"{repository}/lib")
    tagged(f"{repository}/lib:{tag}", base)
    child = next(one for one in raw(f"{repository}/app:1")["manifests"] if one["platform"]["architecture"] == "arm64")
    deleted(f"{repository}/app", child["digest"])
    project(spec.replace("/lib:1", "/lib:2").replace("/app:1", "/app:2").replace("/app:latest", "/app:3"), FILES)
    assert because(run, FLAG) == {"lib": ["its tag is not there"], "app": ["no tag of it is there"]}
    applied(run, FLAG)
    assert because(run, FLAG) == {"lib": ["up to date"], "app": ["up to date"]}
    assert digest(f"{repository}/lib:{tag}") == digest(f"{repository}/lib:2")


def test_a_tag_never_loses_a_platform_to_a_content_tag(project: Project, run: Run, repository: str, base: str) -> None:
    spec = chain(repository, base)
    one = spec.replace(f'["{AMD}", "{ARM}"]', f'["{AMD}"]')
    folder = project(one, FILES)
    applied(run, FLAG)
    (folder / "app" / "a").write_text("2")
    project(spec.replace("/app:1", "/app:2").replace("/app:latest", "/app:3"), {})
    applied(run, FLAG)
    (folder / "app" / "a").write_text("1")
    project(one.replace("/app:1", "/app:2").replace("/app:latest", "/app:3"), {})
    shown = run("plan", "--incremental", FLAG, "app").stdout
    assert f"warning: apply would be refused: app would push {repository}/app:2 (and 1 more tag) without {ARM}" in shown
    done = run("apply", "--incremental", FLAG, "app")
    assert done.returncode == 5
    assert f"app would push {repository}/app:2 (and 1 more tag) without {ARM}" in done.stderr
    assert platforms(f"{repository}/app:2") == [AMD, ARM]


def test_platforms_that_are_built_apart_get_a_content_tag_when_all_are_there(
    project: Project, run: Run, repository: str, base: str
) -> None:
    spec = chain(repository, base)
    folder = project(spec, FILES)
    applied(run)
    (folder / "app" / "a").write_text("2")
    applied(run, FLAG, "--platform", AMD)
    applied(run, FLAG, "--platform", ARM)
    project(spec.replace("/app:1", "/app:2").replace("/app:latest", "/app:3"), {})
    assert planned(run, FLAG)["app"][0] == "skip"


def test_each_repository_has_a_content_tag_of_its_own(project: Project, run: Run, repository: str, base: str) -> None:
    spec = chain(repository, base).replace("/app:latest", "/other:1")
    folder = project(spec, FILES)
    applied(run, FLAG)
    moved = spec.replace("/app:1", "/app:2").replace("/other:1", "/other:2")
    project(moved, {})
    assert statuses(applied(run, FLAG)) == {"lib": "unchanged", "app": "unchanged"}
    project(moved.replace("/other:2", "/third:1"), {})
    assert planned(run, FLAG)["app"] == (
        "build",
        [f"tag {repository}/third:1 holds nothing, and its repository does not have the image"],
    )
    assert (folder / "buildmatrix.toml").exists()


def test_a_run_whose_tags_were_held_back_is_found_by_the_next(
    project: Project, run: Run, repository: str, base: str
) -> None:
    fails = f"""
[target.bad]
dockerfile-inline = "FROM {base}\\nRUN false"
tags = ["{repository}/bad:1"]
"""
    spec = f'[apply]\npublish = "together"\nkeep-going = true\n{chain(repository, base)}'
    project(spec + fails, FILES)
    done = run("apply", "--incremental", FLAG, "--format", "json")
    assert done.returncode == 1
    found: dict[str, Any] = {one["name"]: one for one in json.loads(done.stdout)["targets"]}
    project(spec, FILES)
    assert statuses(applied(run, FLAG)) == {"lib": "unchanged", "app": "unchanged"}
    assert digest(f"{repository}/app:1") == found["app"]["digest"]
