"""A tag that several targets write is the last one's, however a run goes; a directory takes what all of them write."""

import subprocess
from pathlib import Path

import pytest

from tests.e2e.tools import Project, Run, digest, known, succeeded

pytestmark = pytest.mark.corpus

WAYS = [
    ("--builder", "two-nodes", "--publish", "together"),
    ("--builder", "one-node", "--publish", "together"),
    ("--builder", "one-node", "-k", "--jobs", "3"),
]


def spec(repository: str, *, text: str = "", last: str = "true") -> str:
    """Cells of which the first takes longest, a target with that tag only, and one that comes last and gets it."""
    text = f"""
        [defaults]
        output = ["type=registry"]
        shared-tags = ["*:latest"]
        [target.app]
        tags = ["{repository}:{{{{ v }}}}", "{repository}:latest"]
        dockerfile-inline = '''
        FROM busybox
        LABEL text="{text} {{{{ v }}}}"
        RUN sleep 0.{{{{ 9 - v }}}}
        '''
        matrix.v = [1, 8]
        [target.all]
        tags = ["{repository}"]
        dockerfile-inline = "FROM busybox\\nLABEL text='{text} all'\\nRUN sleep 0.5"
        [target.last]
        tags = ["{repository}:latest", "{repository}:last"]
        dockerfile-inline = "FROM busybox\\nLABEL text='{text} last'\\nRUN {last}"
    """
    return known(text, repository)


@pytest.mark.corpus
@pytest.mark.parametrize("flags", WAYS, ids=" ".join)
def test_a_shared_tag_is_the_last_ones(
    project: Project, run: Run, repository: str, two_nodes: str, flags: tuple[str, ...]
) -> None:
    assert two_nodes
    latest = f"{repository}:latest"
    project(spec(repository))
    found = succeeded(run("apply", *flags, "--format", "json"))
    assert digest(latest) == found["last"]["digest"] == digest(f"{repository}:last")
    assert [found[name]["tags"] for name in ("app-1", "app-8", "all")] == [[f"{repository}:1"], [f"{repository}:8"], []]
    assert {name for name, one in found.items() if one["tags_left_to"] == {latest: "last"}} == found.keys() - {"last"}
    assert found["all"]["status"] in {"built", "cached"}
    assert digest(f"{repository}:1") == found["app-1"]["digest"]


@pytest.mark.parametrize("flags", [("-k",), ("-k", "--publish", "together")], ids=" ".join)
def test_a_shared_tag_stays_where_its_target_failed(
    project: Project, run: Run, repository: str, flags: tuple[str, ...]
) -> None:
    latest = f"{repository}:latest"
    project(spec(repository))
    succeeded(run("apply", "--format", "json"))
    before = digest(latest)
    project(spec(repository, text="new", last="false"))
    done = run("apply", *flags)
    assert done.returncode == 1, done.stderr
    assert f"{latest} is left to last, which failed" in done.stdout
    assert digest(latest) == before
    project(spec(repository, text="new"))
    found = succeeded(run("apply", "--resume", "--format", "json"))
    assert digest(latest) == found["last"]["digest"] != before


def test_who_is_built_alone_has_the_tag(project: Project, run: Run, repository: str) -> None:
    project(spec(repository))
    latest = f"{repository}:latest"
    found = succeeded(run("apply", "app", "--format", "json"))
    assert digest(latest) == found["app-8"]["digest"]
    found = succeeded(run("apply", "--resume", "--format", "json"))
    assert (digest(latest), found["app-1"]["status"]) == (found["last"]["digest"], "unchanged")


def test_plain_bake_ends_as_apply_does(project: Project, run: Run, repository: str, tmp_path: Path) -> None:
    project(spec(repository))
    assert run("render", "--output", "docker-bake.json").returncode == 0
    done = subprocess.run(["docker", "buildx", "bake"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert digest(f"{repository}:latest") == digest(f"{repository}:last") != ""


def test_a_shared_tag_in_the_engine_is_the_last_ones(project: Project, run: Run) -> None:
    name = "buildmatrix-test/shared:latest"
    project(spec(name.removesuffix(":latest")).replace("type=registry", "type=docker"))
    try:
        found = succeeded(run("apply", "--format", "json"))
        command = ["docker", "image", "inspect", "--format", '{{index .Config.Labels "text"}}', name]
        assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == "last"
        assert found["all"]["tags"] == []
    finally:
        names = [name, *(f"{name.removesuffix('latest')}{tag}" for tag in ("1", "8", "last"))]
        subprocess.run(["docker", "image", "rm", *names], capture_output=True, check=False)


def test_what_is_pushed_is_not_loaded_over_what_another_target_loads(
    project: Project, run: Run, repository: str
) -> None:
    latest = f"{repository}:latest"
    project(f"""
        [defaults]
        dockerfile-inline = "FROM busybox\\nLABEL text='{{{{ target }}}}'"
        tags = ["{latest}"]
        shared-tags = ["*"]
        [target.loaded]
        output = ["type=docker"]
        [target.pushed]
        output = ["type=registry"]
    """)
    try:
        found = succeeded(run("apply", "--jobs", "1", "--format", "json"))
        command = ["docker", "image", "inspect", "--format", '{{index .Config.Labels "text"}}', latest]
        assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == "loaded"
        assert digest(latest) == found["pushed"]["digest"]
    finally:
        subprocess.run(["docker", "image", "rm", latest], capture_output=True, check=False)


def test_several_targets_write_into_one_directory(project: Project, run: Run, tmp_path: Path) -> None:
    project("""
        [target.app]
        output = ["type=local,dest=out"]
        matrix.v = [1, 2, 3]
        dockerfile-inline = "FROM scratch\\nCOPY --chmod=644 {{ v }}.txt /"
        [target.other]
        output = ["type=local,dest=./out/"]
        dockerfile-inline = "FROM scratch\\nCOPY --chmod=644 4.txt /"
        """, {f"{number}.txt": str(number) for number in (1, 2, 3, 4)})  # fmt: skip
    succeeded(run("apply", "--format", "json"))
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["1.txt", "2.txt", "3.txt", "4.txt"]
