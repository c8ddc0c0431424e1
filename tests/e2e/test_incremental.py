"""What is in the registry as it would be built now is not built; all else is, and says why."""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.faulty_registry import Fault, FaultyRegistry
from tests.e2e.tools import Project, Run, digest, provenance_of, raw, tagged
from tests.warm import ran

pytestmark = pytest.mark.corpus

AMD, ARM = "linux/amd64", "linux/arm64"


@pytest.fixture
def proxy(registry: str) -> Iterator[FaultyRegistry]:
    """A registry that fails when it is told to, in front of the real one."""
    with FaultyRegistry(registry) as faulty:
        yield faulty


@pytest.fixture
def base(registry: str) -> str:
    """An image whose digest the registry tells."""
    return f"{registry}/library/busybox"


def chain(repository: str, base: str, more: str = "") -> str:
    """Two targets, one on the other, for two platforms, each with a file of the context."""
    return f"""
[defaults]
platforms = ["{AMD}", "{ARM}"]
output = [{{ type = "registry" }}]

[target.lib]
dockerfile-inline = "FROM {base}\\nCOPY lib /lib-files"
tags = ["{repository}/lib:1"]

[target.app]
contexts.lib = "target:lib"
dockerfile-inline = "FROM lib\\nARG VERSION=1\\nCOPY app /app-files"
tags = ["{repository}/app:1", "{repository}/app:latest"]
{more}
"""


FILES = {"lib/a": "1", "app/a": "1", "other": "1"}


def applied(run: Run, *arguments: str, **more: str) -> dict[str, dict[str, Any]]:
    """Apply, and return what is reported of each target."""
    done = run("apply", "--incremental", "--format", "json", *arguments, **more)
    assert done.returncode == 0, done.stderr
    return {target["name"]: target for target in json.loads(done.stdout)["targets"]}


def statuses(found: dict[str, dict[str, Any]]) -> dict[str, str]:
    return {name: "unchanged" if one["status"] == "unchanged" else "built" for name, one in found.items()}


def planned(run: Run, *arguments: str) -> dict[str, tuple[str, list[str]]]:
    done = run("plan", "--incremental", "--format", "json", *arguments)
    assert done.returncode == 0, done.stderr
    return {one["name"]: (one["decision"], one["because"]) for one in json.loads(done.stdout)["targets"]}


def deleted(repository: str, digest: str) -> None:
    host, _, path = repository.partition("/")
    connection = HTTPConnection(host)
    connection.request("DELETE", f"/v2/{path}/manifests/{digest}")
    assert connection.getresponse().status == 202
    connection.close()


def platforms(reference: str) -> list[str]:
    listed = [one["platform"] for one in raw(reference)["manifests"]]
    return sorted(f"{one['os']}/{one['architecture']}" for one in listed if one["os"] != "unknown")


def test_the_second_run_builds_nothing_and_tells_what_is_there(
    project: Project, run: Run, repository: str, base: str
) -> None:
    project(chain(repository, base), FILES)
    assert planned(run) == {"lib": ("build", ["its tag is not there"]), "app": ("build", ["no tag of it is there"])}
    first = applied(run, "--metadata", "first.json")
    assert statuses(first) == {"lib": "built", "app": "built"}
    assert planned(run) == {"lib": ("skip", ["up to date"]), "app": ("skip", ["up to date"])}
    assert run("plan", "--incremental", "--detailed-exitcode").returncode == 0
    second = applied(run, "--metadata", "second.json")
    assert statuses(second) == {"lib": "unchanged", "app": "unchanged"}
    for name in ("lib", "app"):
        assert [second[name][key] for key in ("digest", "tags")] == [first[name][key] for key in ("digest", "tags")]


def test_only_what_a_file_goes_into_is_built(project: Project, run: Run, repository: str, base: str) -> None:
    folder = project(chain(repository, base), FILES)
    applied(run)
    (folder / "other").write_text("2")
    assert {name for name, (decision, _) in planned(run).items() if decision == "build"} == set()
    (folder / "app" / "a").write_text("2")
    assert statuses(applied(run)) == {"lib": "unchanged", "app": "built"}
    (folder / "lib" / "a").write_text("2")
    assert statuses(applied(run)) == {"lib": "built", "app": "built"}
    assert statuses(applied(run)) == {"lib": "unchanged", "app": "unchanged"}


def test_an_argument_that_is_not_used_builds_nothing(project: Project, run: Run, repository: str, base: str) -> None:
    project(chain(repository, base), FILES)
    applied(run)
    project(chain(repository, base, 'args.UNUSED = "1"'), FILES)
    assert statuses(applied(run)) == {"lib": "unchanged", "app": "unchanged"}
    project(chain(repository, base, 'args.VERSION = "2"'), FILES)
    assert statuses(applied(run)) == {"lib": "unchanged", "app": "built"}


def test_another_checkout_skips_what_the_first_one_built(
    project: Project, run: Run, repository: str, base: str, tmp_path: Path, engine: dict[str, str]
) -> None:
    folder = project(chain(repository, base), FILES)
    applied(run)
    other = tmp_path / "deeper" / "checkout"
    before = os.umask(0o077)
    try:
        for name in ("lib/a", "app/a", "other", "buildmatrix.toml"):
            (other / name).parent.mkdir(parents=True, exist_ok=True)
            (other / name).write_text((folder / name).read_text())
    finally:
        os.umask(before)
    given = {**os.environ, **engine, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    done = ran("apply", "--incremental", "--format", "json", cwd=other, env=given)
    assert done.returncode == 0, done.stderr
    assert {one["status"] for one in json.loads(done.stdout)["targets"]} == {"unchanged"}


def test_a_tag_that_went_or_moved_is_moved_and_nothing_is_built(
    project: Project, run: Run, repository: str, base: str
) -> None:
    project(chain(repository, base), FILES)
    first = applied(run)["app"]["digest"]
    tagged(f"{repository}/app:latest", base)
    assert planned(run)["app"] == ("skip", [f"tag {repository}/app:latest holds another image: it moves"])
    done = run("plan", "--incremental", "--detailed-exitcode")
    assert (done.returncode, "0 to build, 2 up to date, 1 tag to move" in done.stdout) == (10, True), done.stdout
    found = applied(run)
    assert statuses(found) == {"lib": "unchanged", "app": "unchanged"}
    assert sorted(found["app"]["tags"]) == [f"{repository}/app:1", f"{repository}/app:latest"]
    assert digest(f"{repository}/app:latest") == digest(f"{repository}/app:1") == first


def test_only_the_missing_platform_is_built_and_the_index_is_put_together(
    project: Project, run: Run, repository: str, base: str
) -> None:
    spec = chain(repository, base)
    project(spec.replace(f'["{AMD}", "{ARM}"]', f'["{AMD}"]'), FILES)
    applied(run)
    before = {one["digest"] for one in raw(f"{repository}/app:1")["manifests"]}
    project(spec, FILES)
    assert planned(run)["app"] == ("build", [f"{ARM} missing"])
    applied(run, "app")
    assert platforms(f"{repository}/app:1") == [AMD, ARM]
    after = raw(f"{repository}/app:1")["manifests"]
    assert before <= {one["digest"] for one in after}
    assert sum(one["platform"]["os"] == "unknown" for one in after) == 2
    assert planned(run)["app"] == ("skip", ["up to date"])


def test_a_base_that_moves_in_the_registry_is_built_upon_again(
    project: Project, run: Run, repository: str, base: str
) -> None:
    own = f"{repository}/base:1"
    tagged(own, base)
    project(chain(repository, own), FILES)
    applied(run)
    assert statuses(applied(run)) == {"lib": "unchanged", "app": "unchanged"}
    parts = [one["digest"] for one in raw(base)["manifests"]]
    tagged(own, *(f"{base}@{part}" for part in reversed(parts)))
    assert digest(own) != digest(base)
    assert statuses(applied(run)) == {"lib": "built", "app": "built"}


def test_a_parent_that_is_up_to_date_is_used_by_its_digest(
    project: Project, run: Run, repository: str, base: str, one_node: str
) -> None:
    """On another builder, whose cache has nothing of it."""
    folder = project(chain(repository, base), FILES)
    applied(run)
    (folder / "app" / "a").write_text("2")
    done = run("apply", "--incremental", "--builder", one_node, "--log-dir", "logs")
    assert done.returncode == 0, done.stderr
    assert "lib-files" not in (folder / "logs" / "app.log").read_text()
    provenance = provenance_of(f"{repository}/app:1")
    assert digest(f"{repository}/lib:1").removeprefix("sha256:") in provenance


@pytest.mark.parametrize("flag", ["--all", "--no-incremental"])
def test_everything_is_built_where_that_is_asked_for(
    project: Project, run: Run, repository: str, base: str, flag: str
) -> None:
    project(chain(repository, base), FILES)
    applied(run)
    assert statuses(applied(run, flag)) == {"lib": "built", "app": "built"}


def test_an_image_that_another_program_built_is_built(project: Project, run: Run, repository: str, base: str) -> None:
    project(chain(repository, base), FILES)
    assert run("apply").returncode == 0
    assert "no fingerprint" in planned(run)["app"][1][0]
    assert statuses(applied(run)) == {"lib": "built", "app": "built"}


def test_what_needs_another_is_built_when_that_changes(project: Project, run: Run, repository: str, base: str) -> None:
    spec = f"""
[defaults]
output = [{{ type = "registry" }}]
[target.lib]
dockerfile-inline = "FROM {base}\\nCOPY lib /lib-files"
tags = ["{repository}/lib:1"]
[target.app]
needs = ["lib"]
dockerfile-inline = "FROM {repository}/lib:1\\nCOPY app /app-files"
tags = ["{repository}/app:1"]
"""
    folder = project(spec, FILES)
    applied(run)
    assert statuses(applied(run)) == {"lib": "unchanged", "app": "unchanged"}
    (folder / "lib" / "a").write_text("2")
    assert statuses(applied(run)) == {"lib": "built", "app": "built"}
    assert statuses(applied(run)) == {"lib": "unchanged", "app": "unchanged"}


def test_what_needs_another_is_never_built_on_what_its_tag_holds_by_mistake(
    project: Project, run: Run, repository: str, base: str
) -> None:
    """Tags move at the end: what pulls by them in the same run would get somebody else's image."""
    spec = f"""
[defaults]
platforms = ["{AMD}", "{ARM}"]
output = [{{ type = "registry" }}]
[target.lib]
dockerfile-inline = "FROM {base}\\nCOPY lib /lib-files"
tags = ["{repository}/lib:1", "{repository}/lib:2"]
[target.app]
needs = ["lib"]
dockerfile-inline = "FROM {repository}/lib:1\\nCOPY app /app-files\\nRUN ls /lib-files/a"
tags = ["{repository}/app:1"]
"""
    folder = project(spec, FILES)
    applied(run)
    tagged(f"{repository}/lib:1", base)
    assert planned(run)["lib"] == ("skip", [f"tag {repository}/lib:1 holds another image: it moves"])
    (folder / "app" / "a").write_text("2")
    text = "app, which is built, needs it first, and its tags would move later"
    assert planned(run)["lib"] == ("build", [text])
    assert statuses(applied(run)) == {"lib": "built", "app": "built"}


def test_a_commit_in_a_label_builds_nothing_and_one_in_an_argument_does(
    project: Project, run: Run, repository: str, base: str
) -> None:
    def git(*arguments: str) -> None:
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments], cwd=folder, check=True)

    folder = project(chain(repository, base, 'labels.revision = "{{ git.sha }}"'), FILES)
    git("init", "-q")
    for number, more in enumerate(("labels.revision", "labels.revision", "args.VERSION", "args.VERSION")):
        project(chain(repository, base, f'{more} = "{{{{ git.sha }}}}"'), FILES)
        git("commit", "-q", "--allow-empty", "-m", str(number))
        assert applied(run)["app"]["status"] != ("built" if number == 1 else "unchanged")


def test_a_setting_that_is_volatile_counts_unless_it_is_a_label_or_an_annotation(
    project: Project, run: Run, repository: str, base: str
) -> None:
    """Also for an output in CSV form: of that only the annotation falls out."""
    output = "type=image,push=true,annotation.run={{ run }},compression={{ 'zstd' if run == '3' else 'gzip' }}"
    spec = (
        chain(repository, base, f'output = ["{output}"]') + '\n[variable]\nrun = { default = "1", volatile = true }\n'
    )
    project(spec, FILES)
    applied(run)
    assert statuses(applied(run, "--var", "run=2")) == {"lib": "unchanged", "app": "unchanged"}
    reasons = planned(run, "--var", "run=3")
    assert reasons["app"] == ("build", ["output.1.compression changed gzip → zstd"])
    rebuilt = spec.replace("[target.app]", '[target.app]\nrebuild = "{{ run }}"')
    project(rebuilt, FILES)
    applied(run)
    assert statuses(applied(run)) == {"lib": "unchanged", "app": "unchanged"}
    assert statuses(applied(run, "--var", "run=2"))["app"] == "built"


def test_what_is_older_than_it_may_be_is_built_again_with_what_depends_on_it(
    project: Project, run: Run, repository: str, base: str
) -> None:
    spec = chain(repository, base)
    files = {**FILES, "lib/a": str(time.time_ns())}  # what is in the cache makes an image look old
    project(spec, files)
    applied(run)
    project(spec.replace("[target.lib]", '[target.lib]\nmax-age = "1h"'), files)
    assert statuses(applied(run)) == {"lib": "unchanged", "app": "unchanged"}
    project(spec.replace("[target.lib]", '[target.lib]\nmax-age = "1s"'), files)
    time.sleep(1.1)  # the image was pushed less than that ago
    found = planned(run)
    assert found["lib"][1][0].startswith("older than max-age: built 2")
    assert found["lib"][1][1:] == ["it is built without the cache"]
    assert found["app"] == ("build", ["lib, which it depends on, is built again"])


def test_a_registry_that_does_not_answer_is_no_registry_that_has_nothing(
    project: Project, run: Run, repository: str, base: str, proxy: FaultyRegistry
) -> None:
    """Nothing is kept, and no tag is moved: what the tag holds decides also whether it would lose a platform."""
    through = f"{proxy.address}/{repository.partition('/')[2]}"
    project(chain(through, base), FILES)
    applied(run)
    for status in (500, 401, 429):
        proxy.faults = [
            Fault("GET|HEAD", "/app/manifests/1", "status", status=status, agent="^(buildmatrix|containerd)")
        ]
        decision, because = planned(run)["app"]
        assert decision == "build"
        assert because[0].startswith(f"cannot know what the registry holds: {through}/app:1: ")
        assert str(status) in because[0]
    proxy.faults = []
    assert statuses(applied(run)) == {"lib": "unchanged", "app": "unchanged"}


def test_a_child_of_a_live_index_that_was_deleted_is_built(
    project: Project, run: Run, repository: str, base: str
) -> None:
    project(chain(repository, base), FILES)
    applied(run)
    child = next(one for one in raw(f"{repository}/app:1")["manifests"] if one["platform"]["architecture"] == "arm64")
    deleted(f"{repository}/app", child["digest"])
    assert planned(run)["app"] == ("build", [f"{ARM} is gone from the registry"])
    applied(run)
    assert planned(run)["app"] == ("skip", ["up to date"])


def test_what_another_run_built_for_another_platform_stays_known(
    project: Project, run: Run, repository: str, base: str
) -> None:
    folder = project(chain(repository, base), FILES)
    applied(run)
    (folder / "app" / "a").write_text("2")
    assert statuses(applied(run, "--platform", AMD)) == {"lib": "unchanged", "app": "built"}
    assert planned(run)["app"] == ("build", [f"{ARM}: context: app/a changed"])
    applied(run, "--platform", ARM)
    assert planned(run)["app"] == ("skip", ["up to date"])
    assert platforms(f"{repository}/app:1") == [AMD, ARM]


def test_a_parent_that_is_kept_may_be_used_where_all_else_is_locked(
    project: Project, run: Run, repository: str, base: str
) -> None:
    folder = project(chain(repository, base), FILES)
    assert run("lock").returncode == 0
    assert statuses(applied(run, "--locked")) == {"lib": "built", "app": "built"}
    (folder / "app" / "a").write_text("2")
    assert statuses(applied(run, "--locked")) == {"lib": "unchanged", "app": "built"}


def test_what_also_writes_elsewhere_is_skipped_where_both_are_there(
    project: Project, run: Run, repository: str, base: str
) -> None:
    both = 'output = [{ type = "registry" }, { type = "oci", dest = "app.tar" }]'
    folder = project(chain(repository, base, both), FILES)
    applied(run)
    assert planned(run)["app"] == ("skip", ["up to date"])
    assert statuses(applied(run)) == {"lib": "unchanged", "app": "unchanged"}
    (folder / "app.tar").unlink()
    assert planned(run)["app"] == ("build", ["app.tar is gone"])
    assert statuses(applied(run)) == {"lib": "unchanged", "app": "built"}
    assert planned(run)["app"] == ("skip", ["up to date"])
    (folder / ".buildmatrix" / "result.json").unlink()
    assert planned(run)["app"] == ("build", ["never built here"])


def elsewhere(repository: str, base: str) -> str:
    """Targets that leave nothing in a registry."""
    return f"""
[defaults]
context = "app"
dockerfile-inline = "FROM {base}\\nCOPY . /files"
[target.folder]
context = "."
output = ["type=local,dest=dist"]
[target.archive]
output = ["type=docker,dest=app.tar"]
tags = ["{repository}/archive:1"]
[target.loaded]
output = ["type=docker"]
tags = ["{repository}/loaded:1"]
[target.cached]
output = ["type=cacheonly"]
[target.packed]
needs = ["folder"]
context = "dist"
output = ["type=tar,dest=packed.tar"]
"""


def test_what_no_registry_tells_of_is_skipped_while_it_is_there(
    project: Project, run: Run, repository: str, base: str
) -> None:
    """By the record of the last run on this machine, the disk and the engine; a run over some forgets no other."""
    folder = project(elsewhere(repository, base), FILES)
    names = ("folder", "archive", "loaded", "cached", "packed")
    assert run("apply").returncode == 0  # an incremental run or not: each remembers
    assert {decision for decision, _ in planned(run).values()} == {"skip"}
    assert run("plan", "--incremental", "--detailed-exitcode").returncode == 0
    assert set(statuses(applied(run)).values()) == {"unchanged"}
    assert planned(run)["folder"] == ("skip", ["up to date: dist is as the last run wrote it"])
    (folder / "app.tar").write_text("")
    subprocess.run(["docker", "rmi", f"{repository}/loaded:1"], check=True, capture_output=True)
    found = planned(run)
    assert found["archive"] == ("build", ["app.tar is not what the last run wrote"])
    assert found["loaded"] == ("build", [f"the engine has {repository}/loaded:1 no more"])
    assert run("plan", "--incremental", "--detailed-exitcode").returncode == 10
    assert statuses(applied(run, "archive")) == {"archive": "built"}
    assert [decision for decision, _ in planned(run).values()] == ["skip", "skip", "build", "skip", "skip"]
    assert statuses(applied(run)) == {name: "built" if name == "loaded" else "unchanged" for name in names}
    (folder / "app" / "a").write_text("2")
    assert {decision for decision, _ in planned(run).values()} == {"build"}
    applied(run)
    assert {decision for decision, _ in planned(run).values()} == {"skip"}


def test_what_an_output_no_longer_writes_is_a_source(project: Project, run: Run, repository: str, base: str) -> None:
    """A file that an earlier run wrote into a context stays there: what is built with it is no image made without."""
    spec = f"""
[target.gen]
dockerfile-inline = "FROM scratch\\nCOPY gen /"
output = ["type=local,dest=site"]
[target.app]
needs = ["gen"]
context = "site"
dockerfile-inline = "FROM {base}\\nCOPY . /files"
tags = ["{repository}/app:1"]
output = ["type=registry"]
"""
    folder = project(spec, {"gen/page": "1", "gen/conf": "1"})
    applied(run)
    assert set(statuses(applied(run)).values()) == {"unchanged"}
    (folder / "gen" / "conf").unlink()
    done = run("apply", "--incremental")
    assert "site/conf is what an earlier run wrote and this one did not: app was built with it" in done.stderr
    applied(run)
    assert set(statuses(applied(run)).values()) == {"unchanged"}
    (folder / "site" / "conf").write_text("by hand")
    found = applied(run)
    assert found["app"]["reason"] == "context: conf changed"
    run("apply", "--incremental", "--set", "app.output=type=local,dest=out")
    assert (folder / "out" / "files" / "conf").read_text() == "by hand"


def test_what_stays_with_a_builder_is_asked_of_that_one(
    project: Project, run: Run, repository: str, base: str, one_node: str
) -> None:
    project(elsewhere(repository, base), FILES)
    applied(run, "cached", "archive")
    assert planned(run, "cached", "archive", "--builder", one_node) == {
        "cached": ("build", ["another builder built it"]),
        "archive": ("skip", ["up to date: app.tar is as the last run wrote it"]),
    }


def test_resume_adds_to_an_incremental_run_what_the_last_one_left_without_a_tag(
    project: Project, run: Run, repository: str, base: str, one_node: str
) -> None:
    spec = f"""
[defaults]
publish = "together"
output = ["type=registry"]
[target.good]
tags = ["{repository}/good:1"]
dockerfile-inline = "FROM {base}\\nCOPY app /files"
[target.bad]
tags = ["{repository}/bad:1"]
dockerfile-inline = "FROM {base}\\nRUN false"
"""
    project(spec, FILES)
    flags = ("--builder", one_node, "--keep-going")
    assert run("apply", "--incremental", *flags).returncode == 1
    assert not digest(f"{repository}/good:1")
    project(spec.replace("RUN false", "RUN true"), FILES)
    assert planned(run)["good"] == ("build", ["its tag is not there"])
    found = applied(run, "--resume", *flags)
    assert statuses(found) == {"good": "unchanged", "bad": "built"}
    assert digest(f"{repository}/good:1") == found["good"]["digest"]
    assert statuses(applied(run, *flags)) == {"good": "unchanged", "bad": "unchanged"}


def test_an_image_without_an_index_is_known_by_its_manifest(
    project: Project, run: Run, repository: str, base: str
) -> None:
    spec = chain(repository, base).replace(f'["{AMD}", "{ARM}"]', f'["{AMD}"]')
    project(spec, FILES)
    plain = {"BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}
    applied(run, **plain)
    assert "manifests" not in raw(f"{repository}/app:1")
    assert statuses(applied(run, **plain)) == {"lib": "unchanged", "app": "unchanged"}


@pytest.mark.parametrize("more", ["", f', "manifest-descriptor[{ARM}]:org.k=d"'])
def test_an_image_of_one_platform_has_the_annotations_of_the_index_that_it_is_put_into(
    more: str, project: Project, run: Run, repository: str
) -> None:
    """BuildKit writes no index for one platform without attestations, and refuses what only an index has."""
    spec = f"""
[target.app]
dockerfile-inline = "FROM scratch\\nARG TARGETARCH\\nCOPY $TARGETARCH /"
platforms = ["{AMD}", "{ARM}"]
tags = ["{repository}:1"]
output = [{{ type = "registry" }}]
attest = [{{ type = "provenance", disabled = true }}]
annotations = ["index:org.i=i", "manifest:org.m=m", "index,manifest:org.both=b"{more}]
"""
    folder = project(spec, {"amd64/a": "1", "arm64/a": "1"})
    applied(run)

    def told() -> tuple[dict[str, str], dict[str, Any]]:
        found = raw(f"{repository}:1")
        own = {key: text for key, text in found["annotations"].items() if key.startswith("org.")}
        return own, {one["platform"]["architecture"]: one.get("annotations") for one in found["manifests"]}

    whole = told()
    assert whole == ({"org.i": "i", "org.both": "b"}, {"amd64": None, "arm64": {"org.k": "d"} if more else None})
    (folder / "arm64" / "a").write_text("2")
    assert applied(run)["app"]["carried_over"] == [AMD]
    assert told() == whole
    assert statuses(applied(run)) == {"app": "unchanged"}
    (folder / "arm64" / "a").write_text("3")
    assert run("apply", "--platform", ARM).returncode == 0
    assert told() == whole


def test_of_a_target_in_parts_and_what_is_built_on_it_only_the_platform_that_changed_is_built(
    project: Project, run: Run, repository: str, base: str
) -> None:
    """What depends on it is whole by its own settings, and in parts since its base is."""
    spec = f"""
[defaults]
platforms = ["{AMD}", "{ARM}"]
output = [{{ type = "registry" }}]

[target.lib]
tags = ["{repository}/lib:1"]
[[target.lib.override]]
select = {{ platform = "{ARM}" }}
dockerfile = "arm.Dockerfile"

[target.app]
contexts.lib = "target:lib"
dockerfile-inline = "FROM lib\\nCOPY f /"
tags = ["{repository}/app:1"]
"""
    text = f"FROM {base}\nRUN date +%s%N > /stamp\n"
    folder = project(spec, {"Dockerfile": text, "arm.Dockerfile": text, "f": "1"})
    applied(run)
    before = [raw(f"{repository}/{name}:1") for name in ("lib", "app")]
    (folder / "arm.Dockerfile").write_text(f"{text}LABEL a=b\n")
    found = applied(run, "--no-cache")
    assert statuses(found) == {f"lib@{ARM}": "built", f"app@{ARM}": "built"}
    for old, name in zip(before, ("lib", "app"), strict=True):
        now = raw(f"{repository}/{name}:1")
        kept = [one for one in now["manifests"] if one in old["manifests"]]
        assert [one["platform"]["architecture"] for one in kept if one["platform"]["os"] == "linux"] == ["amd64"]
        assert len(now["manifests"]) == len(old["manifests"])
    assert set(statuses(applied(run)).values()) == {"unchanged"}


def test_wasm_beside_linux(project: Project, run: Run, repository: str) -> None:
    folder = project(
        f'[target.w]\ndockerfile-inline = "FROM scratch\\nCOPY a.wasm /"\nplatforms = ["wasi/wasm", "{AMD}"]\n'
        f'tags = ["{repository}/w:1"]\noutput = [{{ type = "registry" }}]\n',
        {"a.wasm": "1"},
    )
    assert statuses(applied(run)) == {"w": "built"}
    assert statuses(applied(run)) == {"w": "unchanged"}
    (folder / "a.wasm").write_text("2")
    assert statuses(applied(run)) == {"w": "built"}


def test_what_pulled_what_a_tag_held_before_is_built_again(
    project: Project, run: Run, repository: str, base: str
) -> None:
    """Tags that move together move when all is built: what needs such an image first pulls the one before."""
    spec = f"""
[defaults]
publish = "together"
output = [{{ type = "registry" }}]
[target.lib]
dockerfile-inline = "FROM {base}\\nCOPY lib /lib-files"
tags = ["{repository}/lib:1"]
[target.app]
needs = ["lib"]
dockerfile-inline = "FROM {repository}/lib:1\\nRUN cat /lib-files/a > /copy"
tags = ["{repository}/app:1"]
"""
    folder = project(spec, FILES)
    project(spec.replace('publish = "together"\n', ""), FILES)
    applied(run)
    project(spec, FILES)
    assert statuses(applied(run)) == {"lib": "unchanged", "app": "unchanged"}
    (folder / "lib" / "a").write_text("2")
    assert statuses(applied(run)) == {"lib": "built", "app": "built"}
    assert "no fingerprint" in planned(run)["app"][1][0]
    assert statuses(applied(run)) == {"lib": "unchanged", "app": "built"}
    assert statuses(applied(run)) == {"lib": "unchanged", "app": "unchanged"}
