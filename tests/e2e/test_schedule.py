"""What `apply` does beside plain bake, on a real engine: limits, keep-going, tags that move last, resume."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.tools import (
    Project,
    Run,
    digest,
    engines_buildx,
    get,
    known,
    outcomes,
    platforms,
    raw,
    statuses,
    succeeded,
)

pytestmark = pytest.mark.corpus

FIVE = """
[defaults]
output = ["type=cacheonly"]
[target.base]
dockerfile-inline = "FROM busybox\\nRUN echo base {{ salt }}"
[target.good]
contexts.base = "target:base"
dockerfile-inline = "FROM base\\nRUN sleep {{ good_takes }}; echo good"
[target.bad]
dockerfile-inline = "FROM busybox\\nRUN sleep {{ bad_takes }}; echo oops {{ salt }}; {{ bad }}"
[target.upon-bad]
contexts.bad = "target:bad"
dockerfile-inline = "FROM bad\\nRUN echo upon"
[target.upon-good]
contexts.good = "target:good"
dockerfile-inline = "FROM good\\nRUN echo upon-good"
[target.after-good]
needs = ["good"]
dockerfile-inline = "FROM busybox\\nRUN echo after {{ salt }}"
[variable]
bad = "exit 7"
bad_takes = "0"
good_takes = "0"
salt = { default = "none", env = "SALT" }
"""


WHILE = ("--var", "bad_takes=4", "--var", "good_takes=8")
"""Where it matters that one fails while the other is being built."""


@pytest.fixture
def salt(tmp_path: Path) -> str:
    """A text that no other run has: nothing is cached."""
    return str(tmp_path)


@pytest.mark.corpus
@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (
            WHILE,
            {"good": "built", "upon-good": "skipped", "bad": "failed", "upon-bad": "skipped", "after-good": "skipped"},
        ),
        (("--fail-fast", *WHILE), {"bad": "failed", "upon-bad": "skipped", "after-good": "skipped"}),
        (("--keep-going",), {"good": "built", "bad": "failed", "upon-bad": "skipped", "after-good": "built"}),
        (("-k", "--jobs", "1"), {"good": "built", "bad": "failed", "upon-bad": "skipped", "after-good": "built"}),
    ],
    ids=["default", "fail-fast", "keep-going", "jobs"],
)
def test_a_failure_ends_what_depends_on_it(
    project: Project, run: Run, salt: str, flags: tuple[str, ...], expected: dict[str, str]
) -> None:
    project(FIVE)
    done = run("apply", *flags, "--format", "json", SALT=salt)
    found = outcomes(done)
    assert done.returncode == 1
    assert {name: found[name]["status"] for name in expected} == expected
    assert "good" in expected or found["good"]["status"] in {"stopped", "skipped"}  # as it was begun or not
    assert found["upon-bad"]["reason"] == "bad, which it depends on, failed"
    assert "oops" in found["bad"]["excerpt"]
    assert done.stderr.count("error: bad failed: exit code: 7") == 1


def test_jobs_limits_how_many_build_at_once(project: Project, run: Run, salt: str) -> None:
    project("""
        [variable]
        salt = { env = "SALT" }
        [target.t]
        output = ["type=cacheonly"]
        dockerfile-inline = "FROM busybox\\nRUN sleep 3; echo {{ i }} {{ salt }}"
        matrix.i = [1, 2, 3, 4]
    """)
    found = succeeded(run("apply", "--jobs", "2", "--format", "json", SALT=salt))
    spans = sorted((one["started"], one["started"] + one["seconds"]) for one in found.values())
    at_once = max(sum(start <= other < end for other, _ in spans) for start, end in spans)
    assert at_once == 2


def test_a_target_that_takes_too_long_is_ended_and_the_others_are_not(project: Project, run: Run, salt: str) -> None:
    project("""
        [variable]
        salt = { env = "SALT" }
        [defaults]
        output = ["type=cacheonly"]
        [target.slow]
        timeout = "3s"
        dockerfile-inline = "FROM busybox\\nRUN sleep 60; echo {{ salt }}"
        [target.quick]
        dockerfile-inline = "FROM busybox\\nRUN sleep 5; echo {{ salt }}"
    """)
    done = run("apply", "--format", "json", SALT=salt)
    found = outcomes(done)
    assert done.returncode == 1
    assert (found["slow"]["status"], found["quick"]["status"]) == ("failed", "built")
    assert outcomes(done)["slow"]["reason"] == "took longer than 3 s, and was ended"
    assert "RUN " in outcomes(done)["slow"]["failed_step"]
    assert [attempt["kind"] for attempt in found["slow"]["attempts"]] == ["timeout"]


def two_images(repository: str, *, bad: str = "true", salt: str = "1") -> str:
    return f"""
        [defaults]
        platforms = ["linux/amd64", "linux/arm64"]
        output = ["type=registry"]
        [target.a]
        annotations = ["index:org.example=kept"]
        tags = ["{repository}/a:1", "{repository}/a:2", "{repository}/copy:1"]
        dockerfile-inline = "FROM busybox\\nRUN echo a {salt} {repository}"
        [target.b]
        tags = ["{repository}/b:1"]
        dockerfile-inline = "FROM busybox\\nRUN sleep 1; echo b {salt} {repository}; {bad}"
    """


def joined(found: Mapping[str, Any], target: str) -> str:
    """The digest of a target's image: of a builder of several nodes it is in parts."""
    own: str = next(one["index"] or one["digest"] for one in found.values() if one["image"] == target)
    return own


@pytest.mark.corpus
@pytest.mark.parametrize("builder", ["default", "one-node", "two-nodes"])
def test_together_moves_all_tags_or_none(
    project: Project, run: Run, repository: str, builder: str, two_nodes: str
) -> None:
    assert two_nodes
    flags = ("apply", "--builder", builder, "--publish", "together", "--format", "json")
    names = [f"{repository}/a:1", f"{repository}/a:2", f"{repository}/copy:1", f"{repository}/b:1"]
    project(two_images(repository))
    found = succeeded(run(*flags))
    first = [digest(name) for name in names]
    assert first == [joined(found, "a")] * 3 + [joined(found, "b")]
    assert [platforms(name) for name in names] == [["linux/amd64", "linux/arm64"]] * 4
    assert raw(names[0])["annotations"] == {"org.example": "kept"}
    kinds = [row.get("annotations", {}).get("vnd.docker.reference.type") for row in raw(names[0])["manifests"]]
    assert kinds.count("attestation-manifest") == 2

    project(two_images(repository, bad="false", salt="2"))
    done = run(*flags, "-k")
    assert done.returncode == 1
    assert {name.partition("@")[0]: status for name, status in statuses(done).items()} == {"a": "built", "b": "failed"}
    assert [digest(name) for name in names] == first
    assert not any(one["tags"] for one in outcomes(done).values())
    assert 'left as they were (publish = "together")' in json.loads(done.stdout)["publish"]
    left: list[str] = json.loads(done.stdout)["left_behind"]
    listed = {name.partition("/")[2] for name in left}
    assert all("(a staging tag, which the next run uses again)" in name for name in listed)
    assert not (listed and builder != "default")  # what can push by digest needs no staging tag
    there = set(json.loads(get(repository.partition("/")[0], f"{repository.partition('/')[2]}/a/tags/list"))["tags"])
    assert {"1", "2"} <= there
    assert builder == "default" or there == {"1", "2"}
    assert not digest(f"{repository}/a:latest")


@pytest.mark.parametrize("builder", ["default", "one-node"])
def test_together_moves_many_tags(project: Project, run: Run, repository: str, builder: str) -> None:
    project(f"""
        [target.t]
        platforms = ["linux/amd64", "linux/arm64"]
        tags = ["{repository}/t:{{{{ i }}}}", "{repository}/u:{{{{ i }}}}"]
        dockerfile-inline = "FROM scratch\\nLABEL i={{{{ i }}}}\\nCOPY Dockerfile /"
        output = ["type=registry"]
        matrix.i = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
    """)
    found = succeeded(run("apply", "--builder", builder, "--publish", "together", "--format", "json"))
    for name in ("1", "10"):
        assert digest(f"{repository}/t:{name}") == digest(f"{repository}/u:{name}") == found[f"t-{name}"]["digest"]
    assert platforms(f"{repository}/u:10") == ["linux/amd64", "linux/arm64"]


def test_a_tag_keeps_the_platforms_that_were_filtered_out(project: Project, run: Run, repository: str) -> None:
    project(two_images(repository))
    succeeded(run("apply", "--format", "json"))
    before: dict[str, Any] = {
        row["platform"]["architecture"]: row["digest"] for row in raw(f"{repository}/a:1")["manifests"]
    }
    project(two_images(repository, salt="2"))
    found = succeeded(run("apply", "a", "--platform", "linux/amd64", "--format", "json"))
    after = {row["platform"]["architecture"]: row["digest"] for row in raw(f"{repository}/a:1")["manifests"]}
    assert sorted(platforms(f"{repository}/a:1")) == ["linux/amd64", "linux/arm64"]
    assert (after["arm64"] == before["arm64"], after["amd64"] == before["amd64"]) == (True, False)
    assert found["a"]["digest"] == digest(f"{repository}/a:1")
    kinds = [
        row.get("annotations", {}).get("vnd.docker.reference.type") for row in raw(f"{repository}/a:1")["manifests"]
    ]
    assert kinds.count("attestation-manifest") == 2

    project(two_images(f"{repository}/new"))
    done = run("apply", "a", "--platform", "linux/amd64")
    assert done.returncode == 5
    assert "without linux/arm64, which the registry does not have either" in done.stderr
    assert not raw(f"{repository}/new/a:1")


def test_resume_builds_what_failed_and_what_changed(project: Project, run: Run, salt: str, repository: str) -> None:
    spec = known(FIVE, repository).replace("[defaults]", '[defaults]\ncontext = "empty"')
    spec = spec.replace("[target.base]", '[target.base]\ncontext = "ctx"')
    spec = spec.replace("RUN echo base", "COPY file /\\nRUN echo base")
    folder = project(spec, {"ctx/file": "1", "empty/file": ""})
    assert run("apply", "-k", "--format", "json", "--report", "r.json", "--log-dir", "logs", SALT=salt).returncode == 1
    (folder / "r.json").unlink()
    flags = ("apply", "--resume", "--format", "json", "--report", "r.json", "--log-dir", "logs")
    done = run(*flags, "--var", "bad=true", SALT=salt)
    assert statuses(done) == {
        "base": "unchanged", "good": "unchanged", "upon-good": "unchanged", "after-good": "unchanged",
        "bad": "built", "upon-bad": "built",
    }  # fmt: skip
    (folder / "ctx" / "file").write_text("22")
    changed = statuses(run(*flags, "--var", "bad=true", SALT=salt))
    assert changed["base"] != "unchanged"
    assert changed["good"] != "unchanged"
    assert changed["bad"] == "unchanged"


def test_resume_does_not_take_an_image_whose_tag_never_moved_for_unchanged(
    project: Project, run: Run, repository: str, one_node: str, salt: str
) -> None:
    flags = ("apply", "--builder", one_node, "--format", "json")
    for name, more in (("together", ["--publish", "together"]), ("direct", [])):
        tag = f"{repository}/{name}:1"
        spec = known(
            f"""
        [defaults]
        context = "empty"
        [target.a]
        tags = ["{tag}"]
        output = ["type=registry"]
        dockerfile-inline = "FROM busybox\\nRUN echo {name} {salt}"
        [target.b]
        needs = ["a"]
        output = ["type=cacheonly"]
        dockerfile-inline = "FROM busybox\\nRUN echo {name} {salt}; false"
        """,
            repository,
        )
        folder = project(spec, {"empty/x": ""})
        failed = run(*flags, "--publish", "together")
        assert statuses(failed) == {"a": "built", "b": "failed"}
        assert not digest(tag)
        (folder / "buildmatrix.toml").write_text("version = 1\n" + spec.replace("; false", ""))
        found = succeeded(run(*flags, "--resume", *more))
        assert (found["a"]["status"], found["a"]["tags"]) == ("unchanged" if more else "cached", [tag])
        assert digest(tag)
        if not more:
            assert found["a"]["reason"] == f"{tag} was not moved to it"


def test_logs_reports_and_github(project: Project, run: Run, tmp_path: Path, salt: str) -> None:
    folder = project(FIVE)
    done = run(
        "apply", "-k", "--log-dir", "logs", "--report", "r.json", "--report", "r.xml", "--report", "r.md", "--report",
        "r.html", SALT=salt, GITHUB_ACTIONS="true", GITHUB_STEP_SUMMARY=str(tmp_path / "summary"),
        GITHUB_OUTPUT=str(tmp_path / "output"),
    )  # fmt: skip
    assert done.returncode == 1
    assert "(log: logs/bad.log)" in done.stdout
    assert f"oops {salt}" in (folder / "logs" / "bad.log").read_text()
    assert f"| oops {salt}" in done.stderr.partition("::group::bad")[2].partition("::endgroup::")[0]
    assert json.loads((folder / "r.json").read_text())["format_version"] == 2
    assert 'failures="1"' in (folder / "r.xml").read_text()
    page = (folder / "r.html").read_text()
    assert page.startswith("<!doctype html>")
    assert page.count('<a href="logs/bad.log">') == 2
    assert '<code class="all">buildmatrix apply -k --log-dir logs --report r.json' in page
    assert (tmp_path / "summary").read_text() == (folder / "r.md").read_text()
    assert (tmp_path / "output").read_text().startswith("digests=")


def test_the_file_may_name_the_builder(project: Project, run: Run, one_node: str) -> None:
    project(f'[apply]\nbuilder = "{one_node}"\n[target.app]\noutput = ["type=cacheonly"]\n')
    assert f'builder "{one_node}"' in run("apply").stderr
    assert f'builder "{one_node}"' in run("plan", "--preflight").stderr
    assert 'builder "default"' in run("apply", "--builder", "default").stderr


def test_an_unknown_report_is_refused_before_anything_is_built(project: Project, run: Run) -> None:
    project("[target.app]\n")
    done = run("apply", "--report", "r.pdf")
    assert done.returncode == 2
    assert ".html" in done.stderr
    assert "started" not in done.stderr


# --- bake's own limits ------------------------------------------------------------------------------------------------

NEWER = """#!/bin/sh
# a buildx that says to be newer: what it would do with its flags is left out
if [ "$1" = version ]; then echo "github.com/docker/buildx v0.38.0 test"; exit; fi
if [ "$1" = bake ]; then
  for word do
    shift
    case $word in --jobs|--execution) skip=1; echo "$word" >>"$FLAGS"; continue ;; esac
    if [ -n "$skip" ]; then skip=; continue; fi
    set -- "$@" "$word"
  done
fi
exec "$BUILDX" "$@"
"""


@pytest.mark.parametrize(
    ("flags", "given", "expected"),
    [
        (
            ("-k", "--jobs", "2"),
            ["--jobs", "--execution"],
            {"good": "built", "upon-good": "built", "bad": "failed", "upon-bad": "skipped", "after-good": "built"},
        ),
        (
            ("--jobs", "1", "--var", "bad=true"),
            ["--jobs"],
            {"bad": "built", "upon-bad": "built", "after-good": "built"},
        ),
    ],
    ids=["failing", "well"],
)
def test_where_bake_limits_by_itself_a_plan_is_whole_and_ends_alike(
    project: Project,
    run: Run,
    salt: str,
    flags: tuple[str, ...],
    given: list[str],
    expected: dict[str, str],
) -> None:
    """Bake here ends all at a failure, which is the worst that such a call can do; a real 0.38 is not to be had."""
    folder = project(FIVE, {"tools/buildx": NEWER, "flags": ""})
    (folder / "tools" / "buildx").chmod(0o755)
    variables = {"PATH": str(folder / "tools"), "BUILDX": str(engines_buildx()), "FLAGS": str(folder / "flags")}
    done = run("apply", *flags, "--format", "json", SALT=salt, **variables)
    found = {name: "built" if status == "cached" else status for name, status in statuses(done).items()}
    assert found | expected == found, done.stderr  # what a call had built when it ended is cached in the next
    assert (folder / "flags").read_text().split()[: len(given)] == given
