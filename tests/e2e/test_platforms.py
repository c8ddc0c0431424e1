"""Settings by platform: each is built with its own, and joined into one index with all its attestations."""

import json
import re
import subprocess
from typing import Any

import pytest

from tests.e2e.tools import Project, Run, nap, raw, succeeded

pytestmark = pytest.mark.corpus

AMD, ARM = "linux/amd64", "linux/arm64"


def manifests(reference: str) -> dict[str, dict[str, Any]]:
    """The manifests of an index by platform, with how many attestations stand beside them."""
    found = raw(reference)["manifests"]
    real = [one for one in found if one["platform"]["os"] != "unknown"]
    repository = reference.rpartition(":")[0]
    return {
        f"{one['platform']['os']}/{one['platform']['architecture']}": {
            **raw(f"{repository}@{one['digest']}"),
            "attested": sum(
                other.get("annotations", {}).get("vnd.docker.reference.digest") == one["digest"] for other in found
            ),
        }
        for one in real
    }


def layers(reference: str) -> dict[str, list[str]]:
    return {name: [one["digest"] for one in found["layers"]] for name, found in manifests(reference).items()}


@pytest.mark.parametrize("builder", ["one_node", "two_nodes"])
def test_a_split_target_has_the_layers_of_the_same_one_unsplit(
    project: Project, run: Run, repository: str, builder: str, request: pytest.FixtureRequest
) -> None:
    """What one says by platform, the other works out in its Dockerfile."""
    name = request.getfixturevalue(builder)
    project(
        f"""
        [defaults]
        platforms = ["{AMD}", "{ARM}"]
        output = [{{ type = "registry" }}]
        attest = [{{ type = "provenance", mode = "max" }}]
        [target.base]
        output = []
        dockerfile-inline = "FROM busybox\\nARG WORD\\nRUN echo $WORD > /word"
        args.WORD = "{{{{ platform.arch }}}}"
        [target.split]
        contexts.base = "target:base"
        dockerfile-inline = "FROM base\\nARG FILE\\nCOPY $FILE /file"
        args.FILE = "common"
        tags = ["{repository}/split:1"]
        [[target.split.override]]
        select = {{ platform = "linux/arm*" }}
        args.FILE = "arm"
        [target.whole]
        dockerfile-inline = '''
        FROM busybox AS base
        ARG TARGETARCH
        RUN echo $TARGETARCH > /word
        FROM base AS amd64
        COPY common /file
        FROM base AS arm64
        COPY arm /file
        FROM $TARGETARCH
        '''
        tags = ["{repository}/whole:1"]
        """,  # noqa: S608 no SQL
        {"common": "1", "arm": "2"},
    )
    succeeded(run("apply", "--builder", name, "--format", "json", SOURCE_DATE_EPOCH="1"))
    split, whole = manifests(f"{repository}/split:1"), manifests(f"{repository}/whole:1")
    assert split.keys() == whole.keys() == {AMD, ARM}
    assert {one["attested"] for one in (*split.values(), *whole.values())} == {1}
    for platform in (AMD, ARM):
        sizes = [[one["size"] for one in found[platform]["layers"]] for found in (split, whole)]
        assert len(sizes[0]) == len(sizes[1])
    words = {}
    for platform in (AMD, ARM):
        for image in ("split", "whole"):
            done = subprocess.run(
                ["docker", "buildx", "build", "--builder", name, "--platform", platform, "--output", "type=tar", "-"],
                input=f"FROM {repository}/{image}:1 AS image\nFROM scratch\nCOPY --from=image /word /file /\n".encode(),
                check=True,
                capture_output=True,
            )
            words[platform, image] = [word for word in (b"amd64\n", b"arm64\n") if word in done.stdout]
    assert words[AMD, "split"] == words[AMD, "whole"] == [b"amd64\n"]
    assert words[ARM, "split"] == words[ARM, "whole"] == [b"arm64\n"]


def test_incremental_builds_the_part_that_changed(project: Project, run: Run, repository: str, registry: str) -> None:
    folder = project(
        f"""
        [target.app]
        platforms = ["{AMD}", "{ARM}"]
        dockerfile-inline = "FROM {registry}/library/busybox\\nARG FILE\\nCOPY $FILE /file"
        args.FILE = "{{{{ platform.arch }}}}"
        tags = ["{repository}/app:1"]
        output = [{{ type = "registry" }}]
        """,
        {"amd64": "1", "arm64": "1"},
    )
    done = [succeeded(run("apply", "--incremental", "--format", "json"))]
    before = layers(f"{repository}/app:1")
    (folder / "arm64").write_text("2")
    done.append(succeeded(run("apply", "--incremental", "--format", "json")))
    after = layers(f"{repository}/app:1")
    assert [set(one) for one in done] == [{f"app@{AMD}", f"app@{ARM}"}, {f"app@{ARM}"}]
    assert (after[AMD], after[ARM] != before[ARM]) == (before[AMD], True)
    assert {one["status"] for one in succeeded(run("apply", "--incremental", "--format", "json")).values()} == {
        "unchanged"
    }


def test_a_directory_has_one_for_each_platform(project: Project, run: Run) -> None:
    """As that of a whole target has; each is known for itself."""
    folder = project(
        f"""
        [target.app]
        platforms = ["{AMD}", "{ARM}"]
        dockerfile-inline = "FROM scratch\\nARG FILE\\nCOPY $FILE /file"
        args.FILE = "{{{{ platform.arch }}}}"
        output = [{{ type = "local", dest = "out" }}]
        """,
        {"amd64": "1", "arm64": "2"},
    )
    succeeded(run("apply", "--format", "json"))
    assert {(folder / f"out/linux_{name}/file").read_text() for name in ("amd64", "arm64")} == {"1", "2"}
    (folder / "out/linux_arm64/file").unlink()
    done = succeeded(run("apply", "--incremental", "--format", "json"))
    assert {name: one["status"] for name, one in done.items()} == {f"app@{AMD}": "unchanged", f"app@{ARM}": "cached"}
    assert (folder / "out/linux_arm64/file").read_text() == "2"


def test_one_that_fails_moves_no_tag(project: Project, run: Run, repository: str, one_node: str) -> None:
    project(
        f"""
        [target.app]
        platforms = ["{AMD}", "{ARM}"]
        dockerfile-inline = "FROM busybox\\nARG CODE\\nRUN {nap(1)}; exit $CODE"
        args.CODE = "0"
        tags = ["{repository}/app:1"]
        output = [{{ type = "registry" }}]
        [[target.app.override]]
        select = {{ platform = "{ARM}" }}
        args.CODE = "3"
        """
    )
    done = run("apply", "--builder", one_node, "--keep-going", "--format", "json")
    assert done.returncode == 1
    found = {one["name"]: one["status"] for one in json.loads(done.stdout)["targets"]}
    assert found == {f"app@{AMD}": "built", f"app@{ARM}": "failed"}
    assert run("apply", "--no-output", "--platform", AMD, "--builder", one_node).returncode == 0
    assert (
        "not found"
        in subprocess.run(
            ["docker", "buildx", "imagetools", "inspect", f"{repository}/app:1"],
            capture_output=True,
            text=True,
            check=False,
        ).stderr
    )


CROSS = """
[defaults]
platforms = [{platforms}]
output = ["type=registry"]
[target.tools]
dockerfile-inline = "FROM {registry}/library/busybox\\nARG TARGETARCH\\nRUN echo $TARGETARCH $(uname -m) > /tools"
tags = ["{repository}/tools:1"]
{more}
[target.app]
contexts.tools = "target:tools"
dockerfile-inline = '''
FROM --platform={cross} tools AS build
FROM {registry}/library/busybox
COPY --from=build /tools /tools
'''
tags = ["{repository}/app:1"]
"""


def built_with(reference: str) -> set[str]:
    """The layers that were copied from the tools of one platform: the same for each, wherever they are the same."""
    return {found[-1] for found in layers(reference).values()}


@pytest.mark.parametrize("cross", ["$BUILDPLATFORM", AMD])
def test_a_part_is_built_with_the_tools_of_the_platform_that_it_asks_for(
    project: Project, run: Run, repository: str, registry: str, one_node: str, cross: str
) -> None:
    """As a whole target is: `FROM --platform=$BUILDPLATFORM tools`, where tools is a target that is split."""
    more = 'args.NOTE = "{{ platform }}"'
    both = f'"{AMD}", "{ARM}"'
    project(CROSS.format(platforms=both, registry=registry, repository=repository, more=more, cross=cross))
    succeeded(run("apply", "--builder", one_node, "--format", "json"))
    assert len(built_with(f"{repository}/app:1")) == 1
    done = run("apply", "--builder", one_node, "--platform", ARM)
    assert f"app takes tools for {AMD}, by a FROM with --platform, and gets it for {ARM}" in done.stderr


def test_what_another_node_builds_is_not_handed_on_and_the_hint_is_true(
    project: Project, run: Run, repository: str, registry: str, two_nodes: str
) -> None:
    """BuildKit looks for the target in a registry then, as in a bake file of one's own."""
    both = f'"{AMD}", "{ARM}"'
    text = CROSS.format(platforms=both, registry=registry, repository=repository, more="", cross="$BUILDPLATFORM")
    project(text)
    done = run("apply", "--builder", two_nodes)
    image = f'contexts.tools = "docker-image://{repository}/tools:1"'
    assert done.returncode == 1
    assert f'use a builder of one node (--builder NAME), or write {image} and needs = ["tools"]' in done.stdout
    assert text.count('contexts.tools = "target:tools"') == 1
    project(text.replace('contexts.tools = "target:tools"', f'{image}\nneeds = ["tools"]'))
    succeeded(run("apply", "--builder", two_nodes, "--format", "json"))


def tools_in(reference: str) -> dict[str, str]:
    """For which platform the tools in an image are; two nodes make other layers of the same, each at its own second."""
    run = ("docker", "run", "--rm", "--pull", "always", "--quiet")
    return {
        platform: subprocess.check_output(
            [*run, "--platform", platform, reference, "cat", "/tools"], text=True
        ).split()[0]
        for platform in (AMD, ARM)
    }


def test_what_got_other_tools_is_built_again(
    project: Project, run: Run, repository: str, registry: str, two_nodes: str
) -> None:
    """In parts the second node has its own tools only: that is said, and nothing takes the image for what it should be.

    Then tools is unchanged, and comes from the registry, where each node finds the one that it asks for.
    """
    text = CROSS.format(platforms=f'"{AMD}", "{ARM}"', registry=registry, repository=repository, more="", cross=AMD)
    late = f'tags = ["{repository}/late:1"]\ncontexts.app = "target:app"\ndockerfile-inline = "FROM app\\nRUN true"'
    project(f"[apply]\nincremental = true\n{text}\n[target.late]\n{late}")
    words = ("apply", "--builder", two_nodes, "--publish", "together")
    done = run(*words)
    assert done.returncode == 0, done.stderr
    assert "late was built on app, which was built on tools" in done.stderr
    assert f"app was built on tools for {ARM}, which it takes for {AMD}" in done.stderr
    assert "its image has no mark: --incremental builds it again" in done.stderr
    assert tools_in(f"{repository}/late:1") == {AMD: "amd64", ARM: "arm64"}
    again = run(*words)
    assert "app was built on" not in again.stderr
    assert re.search(r"tools +unchanged", again.stdout), again.stdout
    assert re.search(r"app@linux/arm64 +(built|cached)", again.stdout), again.stdout
    assert tools_in(f"{repository}/app:1") == tools_in(f"{repository}/late:1") == {AMD: "amd64", ARM: "amd64"}
    third = succeeded(run(*words, "--format", "json"))
    assert {one["status"] for one in third.values()} == {"unchanged"}


def test_a_platform_that_comes_later_is_built_with_the_tools_that_it_asks_for(
    project: Project, run: Run, repository: str, registry: str, one_node: str
) -> None:
    names = {"registry": registry, "repository": repository, "more": "", "cross": "$BUILDPLATFORM"}
    project(CROSS.format(platforms=f'"{AMD}"', **names))
    assert run("apply", "--incremental", "--builder", one_node).returncode == 0
    project(CROSS.format(platforms=f'"{AMD}", "{ARM}"', **names))
    succeeded(run("apply", "--incremental", "--builder", one_node, "--format", "json"))
    assert len(built_with(f"{repository}/app:1")) == 1
    again = succeeded(run("apply", "--incremental", "--builder", one_node, "--format", "json"))
    assert {one["status"] for one in again.values()} == {"unchanged"}


@pytest.mark.parametrize(
    ("more", "jobs"),
    [("", ["tools", "app"]), ("output = []", ["app"]), ('output = ["type=cacheonly"]', ["tools", "app"])],
)
def test_a_job_is_built_with_the_tools_that_it_asks_for(
    project: Project, run: Run, repository: str, registry: str, one_node: str, more: str, jobs: list[str]
) -> None:
    """Those of another job, by their digest; or its own where no registry has them, though they have a record."""
    text = CROSS.format(platforms=f'"{AMD}", "{ARM}"', registry=registry, repository=repository, more=more, cross=AMD)
    project(f'[runner]\ndefault = "a"\n"linux/arm64" = "b"\n[group]\ndefault = {jobs}\n{text}')
    assert run("plan", "--out", "plan.json").returncode == 0
    for name in jobs:
        for platform in (AMD, ARM):
            build = ("--build", f"{name}@{platform}", "--record", "records", "--builder", one_node)
            done = run("apply", "plan.json", *build)
            assert done.returncode == 0, done.stderr
    assert run("merge", "plan.json", "records").returncode == 0
    assert len(built_with(f"{repository}/app:1")) == 1


ALONE = f'platforms = ["{AMD}"]'
"""What has tools for the builder's platform alone: nothing else has to be built for them."""


@pytest.mark.parametrize(
    ("cross", "parts", "more"),
    [
        ("$BUILDPLATFORM", "", ALONE),
        (AMD, 'args.NOTE = "{{ platform }}"', ALONE),
        ("$BUILDPLATFORM", 'args.NOTE = "{{ platform }}"', "platforms = []"),
    ],
)
def test_tools_need_be_built_for_the_platform_alone_that_they_are_taken_for(
    project: Project, run: Run, repository: str, one_node: str, cross: str, parts: str, more: str
) -> None:
    """As bake takes them; and of a part, for whichever platform, nobody asks for tools of its own."""
    names = {"registry": repository.partition("/")[0], "repository": repository, "cross": cross}
    text = CROSS.format(platforms=f'"{AMD}", "{ARM}"', more=more, **names) + parts
    project(f"[apply]\nincremental = true\n{text}")
    words = ("apply", "--builder", one_node, "--format", "json")
    assert succeeded(run(*words))
    assert tools_in(f"{repository}/app:1") == {AMD: "amd64", ARM: "amd64"}
    again = succeeded(run(*words))
    assert {one["status"] for one in again.values()} == {"unchanged"}
    project(f"[apply]\nincremental = true\n{text.replace('$TARGETARCH', 'new-$TARGETARCH')}")
    succeeded(run(*words, "--platform", ARM))
    assert tools_in(f"{repository}/app:1") == {AMD: "amd64", ARM: "new-amd64"}
    succeeded(run(*words))
    assert tools_in(f"{repository}/app:1") == {AMD: "new-amd64", ARM: "new-amd64"}


@pytest.mark.parametrize("words", [[], ["--publish", "together"]])
def test_tools_for_one_platform_are_not_handed_on_to_another_node_and_the_hint_is_true(
    project: Project, run: Run, repository: str, registry: str, two_nodes: str, words: list[str]
) -> None:
    """As whole targets, and in parts."""
    names = {"registry": registry, "repository": repository, "cross": AMD}
    text = CROSS.format(platforms=f'"{AMD}", "{ARM}"', more=ALONE, **names)
    project(text)
    done = run("apply", "--builder", two_nodes, *words)
    image = f'contexts.tools = "docker-image://{repository}/tools:1"'
    assert done.returncode == 1
    assert f'use a builder of one node (--builder NAME), or write {image} and needs = ["tools"]' in done.stdout
    project(text.replace('contexts.tools = "target:tools"', f'{image}\nneeds = ["tools"]'))
    succeeded(run("apply", "--builder", two_nodes, "--format", "json"))
    assert tools_in(f"{repository}/app:1") == {AMD: "amd64", ARM: "amd64"}


@pytest.mark.parametrize("jobs", ["tools,app", "app"])
def test_a_job_takes_tools_that_are_built_for_another_platform_alone(
    project: Project, run: Run, repository: str, registry: str, one_node: str, jobs: str
) -> None:
    names = {"registry": registry, "repository": repository, "cross": AMD}
    text = CROSS.format(platforms=f'"{AMD}", "{ARM}"', more=ALONE, **names)
    chosen = ", ".join(f'"{name}"' for name in jobs.split(","))
    project(f'[runner]\ndefault = "a"\n"linux/arm64" = "b"\n[group]\ndefault = [{chosen}]\n{text}')
    assert run("plan", "--out", "plan.json").returncode == 0
    waves = json.loads(run("ci", "github", "plan.json").stdout)["waves"]
    builds = [job["build"] for wave in waves for job in wave["include"]]
    for name in builds:
        done = run("apply", "plan.json", "--build", name, "--record", "records", "--builder", one_node)
        assert done.returncode == 0, done.stderr
    assert run("merge", "plan.json", "records").returncode == 0
    assert tools_in(f"{repository}/app:1") == {AMD: "amd64", ARM: "amd64"}


@pytest.mark.parametrize("builder", ["default", "one-node"])
def test_what_needs_an_image_in_parts_is_built_on_what_its_tag_holds_then(
    project: Project, run: Run, repository: str, registry: str, builder: str
) -> None:
    """In each run, and with a fingerprint that is true; the engine of `default` has an older image under that tag."""
    tag = f"{repository}/base:1"
    project(
        f"""
        [variable]
        word = "1"
        [defaults]
        platforms = ["{AMD}", "{ARM}"]
        output = [{{ type = "registry" }}]
        [target.base]
        dockerfile-inline = "FROM {registry}/library/busybox\\nARG WORD\\nRUN echo $WORD > /word"
        args.WORD = "{{{{ word }}}}"
        tags = ["{tag}"]
        [[target.base.override]]
        select = {{ platform = "{ARM}" }}
        args.WORD = "{{{{ word }}}} on arm"
        [target.app]
        needs = ["base"]
        dockerfile-inline = "FROM {tag}\\nRUN cp /word /copy"
        tags = ["{repository}/app:1"]
        """
    )
    for word in ("1", "2"):
        flags = ("apply", "--incremental", "--builder", builder, "--var", f"word={word}", "--format", "json")
        done = run(*flags)
        assert set(succeeded(done)) == {f"base@{AMD}", f"base@{ARM}", "app"}
        assert json.loads(done.stdout)["publish"] == "1 tag moved before what needs its image was built."
        found, built = layers(f"{repository}/app:1"), layers(tag)
        assert {name: found[name][: len(some)] for name, some in built.items()} == built
        assert {one["status"] for one in succeeded(run(*flags)).values()} == {"unchanged"}
        subprocess.run(["docker", "pull", "-q", tag], check=True, capture_output=True)


def test_what_is_upon_a_platform_that_is_built_anew_for_another_follows(
    project: Project, run: Run, repository: str, registry: str, one_node: str
) -> None:
    """`rebuild` differs for one platform; what needs the image has all of it built without the cache."""
    project(
        f"""
        [variable]
        again = "1"
        [defaults]
        platforms = ["{AMD}", "{ARM}"]
        output = [{{ type = "registry" }}]
        [target.base]
        dockerfile-inline = "FROM {registry}/library/busybox\\nRUN head -c 8 /dev/urandom > /stamp"
        tags = ["{repository}/base:1"]
        [[target.base.override]]
        select = {{ platform = "{ARM}" }}
        rebuild = "{{{{ again }}}}"
        [target.app]
        contexts.base = "target:base"
        dockerfile-inline = "FROM base\\nRUN cp /stamp /copy"
        tags = ["{repository}/app:1"]
        [target.other]
        needs = ["base"]
        dockerfile-inline = "FROM {registry}/library/busybox\\nRUN echo > /other"
        tags = ["{repository}/other:1"]
        """
    )
    before: dict[str, list[str]] = {}
    done: dict[str, dict[str, Any]] = {}
    for again in ("1", "2"):
        flags = ("apply", "--incremental", "--builder", one_node, "--var", f"again={again}", "--format", "json")
        done = succeeded(run(*flags))
        found, built = layers(f"{repository}/app:1"), layers(f"{repository}/base:1")
        assert {name: found[name][: len(some)] for name, some in built.items()} == built
        assert not any(before.get(name) == some for name, some in built.items())
        before = built
        assert {one["status"] for one in succeeded(run(*flags)).values()} == {"unchanged"}
    assert done[f"base@{AMD}"]["reason"] == f"{AMD}: other, which is built, needs it; it is built without the cache"


@pytest.mark.parametrize("more", ["", "[apply]\npublish = 'together'"])
def test_what_is_built_upon_parts_that_are_up_to_date_is_built_in_parts_too(
    project: Project, run: Run, repository: str, registry: str, one_node: str, more: str
) -> None:
    """In each run: the results are kept by the names of its parts."""
    names = {"registry": registry, "repository": repository, "more": 'args.P = "{{ platform }}"', "cross": ""}
    text = CROSS.format(platforms=f'"{AMD}", "{ARM}"', **names).replace("--platform= ", "")
    project(f"{more}\n{text}")
    words = ("apply", "--incremental", "--builder", one_node, "--format", "json")
    succeeded(run(*words))
    project(f"{more}\n{text}".replace("COPY", f"RUN echo {repository}\nCOPY"))
    found = succeeded(run(*words))
    assert {name: one["status"] for name, one in found.items()} == {
        "tools": "unchanged",
        f"app@{AMD}": "built",
        f"app@{ARM}": "built",
    }
    again = succeeded(run(*words))
    assert {one["status"] for one in again.values()} == {"unchanged"}


def test_a_tag_that_only_has_to_move_is_pointed_at_the_whole_image(
    project: Project, run: Run, repository: str, registry: str, one_node: str, two_nodes: str
) -> None:
    """Several nodes build it in parts where tags wait for all, and here nothing is built."""
    project(f"""
[defaults]
platforms = ["{AMD}", "{ARM}"]
output = ["type=registry"]
[target.app]
dockerfile-inline = "FROM {registry}/library/busybox"
tags = ["{repository}/app:1", "{repository}/app:2"]
[target.other]
platforms = ["{AMD}"]
contexts.app = "target:app"
dockerfile-inline = "FROM app\\nRUN true"
tags = ["{repository}/other:1"]
""")
    assert run("apply", "--incremental", "--builder", one_node).returncode == 0
    moved = ("docker", "buildx", "imagetools", "create", "-t", f"{repository}/app:2", f"{repository}/other:1")
    subprocess.run(moved, check=True, capture_output=True)
    words = ("apply", "--incremental", "--publish", "together", "--builder", two_nodes)
    found = succeeded(run(*words, "--report", "report.json", "--format", "json"))
    assert {name: one["status"] for name, one in found.items()} == {"app": "unchanged", "other": "unchanged"}
    assert layers(f"{repository}/app:2") == layers(f"{repository}/app:1")


def test_the_report_of_a_run_in_which_a_dependency_is_built_for_one_platform_of_its_own(
    project: Project, run: Run, repository: str, registry: str, two_nodes: str
) -> None:
    project(f"""
[defaults]
output = ["type=registry"]
[target.base]
platforms = ["{AMD}", "{ARM}"]
dockerfile-inline = "FROM {registry}/library/busybox"
tags = ["{repository}/base:1"]
[target.app]
platforms = ["{AMD}"]
contexts.base = "target:base"
dockerfile-inline = "FROM base\\nRUN true"
tags = ["{repository}/app:1"]
""")
    succeeded(
        run("apply", "app", "--publish", "together", "--builder", two_nodes, "--report", "r.json", "--format", "json")
    )
