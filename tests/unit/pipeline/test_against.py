"""What a plan changes against a revision, or a saved plan: by the whole program, in repositories of git."""

import json
from collections.abc import Callable
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any

import pytest

from tests.inside import exit_code
from tests.repositories import committed, git, write

Program = Callable[..., tuple[str, str, int]]
SPEC = """version = 1
[variable]
v = { file = "VERSION" }
[target.base]
context = "base"
tags = ["x/base:{{ v }}"]
output = ["type=registry"]
[target.app]
dockerfile-inline = "FROM base"
contexts.base = "target:base"
labels.rev = "{{ git.sha }}"
tags = ["x/app:1"]
output = ["type=registry"]
"""
FILES = {"buildmatrix.toml": SPEC, "VERSION": "1\n", "base/Dockerfile": "FROM scratch\nCOPY a /\n", "base/a": "1"}
LOCK = """version = 1
[image."debian:12"]
digest = "sha256:{}"
platforms = ["linux/amd64"]
onbuild = false
env = []
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BUILDMATRIX_TRACEBACK", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    monkeypatch.chdir(tmp_path)
    committed(tmp_path, FILES)
    return tmp_path


@pytest.fixture
def plan(project: Path, capfd: pytest.CaptureFixture[str]) -> Program:
    assert project.is_dir()

    def run(*words: str) -> tuple[str, str, int]:
        code = exit_code("plan", *words)
        out, err = capfd.readouterr()
        return out, err, code

    return run


def document(plan: Program, *words: str) -> dict[str, Any]:
    out, err, code = plan(*words, "--format", "json")
    assert (code, err) == (0, "")
    found: dict[str, Any] = json.loads(out)
    return found


def statuses(found: dict[str, Any]) -> dict[str, str]:
    return {one["name"]: one["status"] for one in found["targets"]}


def test_against_itself_nothing_changes(plan: Program) -> None:
    found = document(plan, "--against", "HEAD")
    assert (found["targets"], found["totals"]["unchanged"], found["trouble"]) == ([], 2, [])
    assert plan("--against", "HEAD", "--detailed-exitcode")[2] == 0


def test_files_that_the_spec_reads_are_those_of_the_revision(plan: Program, project: Path) -> None:
    write(project, {"VERSION": "2\n"})
    found = document(plan, "--against", "HEAD")
    assert statuses(found) == {"base": "changed"}
    assert found["targets"][0]["settings"] == [{"name": "tags", "before": "x/base:1", "after": "x/base:2"}]
    assert found["lost_tags"] == [{"name": "x/base:1", "by": "base"}]
    assert plan("--against", "HEAD", "--detailed-exitcode")[2] == 10


def test_the_commit_alone_changes_nothing(plan: Program, project: Path) -> None:
    """Both plans have the facts of this run, so that each label of `git.sha` is no change; its template may be."""
    committed(project, {"other": "x"})
    assert statuses(document(plan, "--against", "HEAD~1")) == {}
    write(project, {"buildmatrix.toml": SPEC.replace("git.sha", "git.short")})
    found = document(plan, "--against", "HEAD~1")
    (label,) = found["targets"][0]["settings"]
    sha = git(project, "rev-parse", "HEAD")
    assert label == {"name": "labels.rev", "before": sha, "after": sha[:7]}


def test_files_of_targets_and_what_depends_on_them(plan: Program, project: Path) -> None:
    write(project, {"base/a": "2", "base/unread": "1"})
    found = document(plan, "--against", "HEAD")
    assert statuses(found) == {"base": "changed", "app": "affected"}
    assert found["targets"][0]["files"] == [{"part": "context", "paths": ["base/a"], "more": 0}]
    assert found["targets"][1]["through"] == ["base"]


def test_what_a_run_names_need_not_have_been_there(plan: Program, project: Path) -> None:
    more = '[target.new]\ndockerfile-inline = "FROM scratch"\ntags = ["x/new:{{ w }}"]\noutput = ["type=registry"]\n'
    write(project, {"buildmatrix.toml": SPEC.replace("[variable]\n", '[variable]\nw = "1"\n') + more})
    found = document(plan, "new", "base", "!app", "--var", "w=2", "--set", "new.args.A=1", "--against", "HEAD")
    assert statuses(found) == {"new": "added"}
    assert found["targets"][0]["settings"] == [{"name": "tags", "before": None, "after": "x/new:2"}]
    assert found["trouble"] == []


@pytest.mark.parametrize(
    ("then", "trouble"),
    [
        (None, ["there is no buildmatrix.toml"]),
        ("version = 2\n", ["buildmatrix.toml:1: version 2 of the format is not known"]),
        ('version = 1\ninclude = ["gone.toml"]\n', ['buildmatrix.toml:2: include "gone.toml" matches no file']),
    ],
)
def test_what_could_not_be_planned(then: str | None, trouble: list[str], plan: Program, project: Path) -> None:
    if then is None:
        git(project, "rm", "--quiet", "--cached", "buildmatrix.toml")
        git(project, "commit", "--quiet", "--message=x")
    else:
        committed(project, {"buildmatrix.toml": then})
        write(project, FILES)
    found = document(plan, "--against", "HEAD")
    assert found["trouble"] == trouble
    assert statuses(found) == {"base": "added", "app": "added"}


def test_files_of_variables_on_the_command_line(plan: Program, project: Path) -> None:
    spec = SPEC.replace('v = { file = "VERSION" }', "v.optional = true")
    committed(project, {"buildmatrix.toml": spec, "vars.toml": 'v = "1"\n'})
    write(project, {"vars.toml": 'v = "2"\n', "new.toml": 'v = "1"\n'})
    found = document(plan, "--against", "HEAD", "--var-file", "vars.toml")
    assert statuses(found) == {"base": "changed"}
    assert statuses(document(plan, "--against", "HEAD", "--var-file", "new.toml")) == {}


def test_a_base_image_that_moves_in_the_lock_file(plan: Program, project: Path) -> None:
    committed(project, {"base/Dockerfile": "FROM debian:12\nCOPY a /\n", "buildmatrix.lock": LOCK.format("1" * 64)})
    write(project, {"buildmatrix.lock": LOCK.format("2" * 64), "base/unread": "1"})
    found = document(plan, "--against", "HEAD")
    assert statuses(found) == {"base": "changed", "app": "affected"}
    (base,) = found["targets"][0]["settings"]
    assert base == {"name": "base debian:12", "before": f"sha256:{'1' * 64}", "after": f"sha256:{'2' * 64}"}
    (project / "buildmatrix.lock").unlink()
    (base,) = document(plan, "--against", "HEAD")["targets"][0]["settings"]
    assert (base["before"], base["after"]) == (f"sha256:{'1' * 64}", None)


AUTO = """version = 1
[defaults]
output = ["type=registry"]
[target.auto]
platforms = "auto"
dockerfile = "auto.Dockerfile"
tags = ["x/auto:1"]
[target.app]
dockerfile-inline = "FROM debian:12\\nADD http://example.com/a /"
tags = ["x/app:1"]
[target.docs]
dockerfile-inline = "FROM scratch\\nADD https://example.com/b.git#main /"
tags = ["x/docs:1"]
[target.site]
context = "https://example.com/c.git#main"
tags = ["x/site:1"]
"""
SOURCES = """
[source."http://example.com/a"]
checksum = "sha256:{}"
[source."https://example.com/b.git#main"]
commit = "{}"
[source."https://example.com/c.git#main"]
commit = "{}"
"""


def locked(digest: str = "1", *pins: str) -> dict[str, str]:
    first, *others = pins or ("1", "2", "3")
    sources = SOURCES.format(first * 64, *(one * 40 for one in others))
    return {"buildmatrix.lock": LOCK.format(digest * 64) + sources}


def auto(folder: Path) -> None:
    committed(folder, {"buildmatrix.toml": AUTO, "auto.Dockerfile": "FROM debian:12\n", **locked()})


def test_sources_that_move_in_the_lock_file(plan: Program, project: Path) -> None:
    auto(project)
    assert document(plan, "--against", "HEAD")["scope"] == document(plan, "app", "--against", "HEAD")["scope"]
    write(project, locked("1", "a", "b", "c"))
    found = document(plan, "--against", "HEAD")
    assert {one["name"]: one["settings"] for one in found["targets"]} == {
        "app": [{"name": "source http://example.com/a", "before": f"sha256:{'1' * 64}", "after": f"sha256:{'a' * 64}"}],
        "docs": [{"name": "source https://example.com/b.git#main", "before": "2" * 40, "after": "b" * 40}],
        "site": [{"name": "source https://example.com/c.git#main", "before": "3" * 40, "after": "c" * 40}],
    }
    out, err, _ = plan("--changed-since", "HEAD", "--format", "json")
    assert {one["name"] for one in json.loads(out)["targets"]} == {"app", "docs", "site"}
    assert "3 of 4 targets changed since HEAD" in err
    write(project, {"buildmatrix.lock": LOCK.format("1" * 64)})
    found = document(plan, "--against", "HEAD")
    assert [one["settings"][0]["after"] for one in found["targets"]] == [None] * 3
    assert "Not seen: site: https://example.com/c.git#main." in found["scope"]


@pytest.mark.parametrize("words", [[], ["auto"]])
def test_platforms_of_bases_are_those_of_the_lock_file_then(words: list[str], plan: Program, project: Path) -> None:
    auto(project)
    assert document(plan, *words, "--against", "HEAD")["targets"] == []
    lock = locked()["buildmatrix.lock"].replace('["linux/amd64"]', '["linux/amd64", "linux/arm64"]')
    write(project, {"buildmatrix.lock": lock})
    (one,) = document(plan, *words, "--against", "HEAD")["targets"]
    assert one["settings"] == [{"name": "platforms", "before": None, "after": "linux/arm64"}]


def test_platforms_of_bases_that_were_not_locked_are_those_of_now(plan: Program, project: Path) -> None:
    auto(project)
    git(project, "rm", "--quiet", "--cached", "buildmatrix.lock")
    git(project, "commit", "--quiet", "--message=x")
    assert document(plan, "--against", "HEAD")["targets"] == []


def test_a_saved_plan(plan: Program, project: Path) -> None:
    out, _, _ = plan("--format", "json")
    write(project, {"plan.json": out})
    assert document(plan, "--against", "plan.json")["totals"]["unchanged"] == 2
    committed(project)
    found = document(plan, "--against", "plan.json")
    assert (statuses(found), found["expected"]) == ({}, ["labels.rev"])
    write(project, {"base/a": "2"})  # app's context is all of the repository, and counts as a whole
    assert statuses(document(plan, "--against", "plan.json")) == {"base": "changed", "app": "changed"}


def test_an_ignore_file_of_a_saved_plan_is_told_once_and_if_it_changed(plan: Program, project: Path) -> None:
    write(project, {"base/.dockerignore": "*.log\n"})
    assert plan("--out", "plan.json")[2] == 0
    assert plan("--against", "plan.json", "--detailed-exitcode")[2] == 0
    write(project, {"base/.dockerignore": "*.txt\n"})
    found = document(plan, "--against", "plan.json")
    assert found["targets"][0]["files"] == [{"part": "context", "paths": ["base/.dockerignore"], "more": 0}]
    (project / "base/.dockerignore").unlink()
    assert statuses(document(plan, "--against", "plan.json")) == {"base": "changed", "app": "affected"}


def test_a_saved_plan_that_knows_each_file(plan: Program, project: Path) -> None:
    assert plan("--out", "plan.json")[2] == 0
    write(project, {"base/unread": "1"})
    assert statuses(document(plan, "--against", "plan.json")) == {}
    write(project, {"base/a": "2"})
    found = document(plan, "--against", "plan.json")
    assert statuses(found) == {"base": "changed", "app": "affected"}
    assert found["targets"][0]["files"] == [{"part": "context", "paths": ["base/a"], "more": 0}]
    (project / "base/a").unlink()
    assert statuses(document(plan, "--against", "plan.json")) == {"base": "changed", "app": "affected"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["HEAD@{1}"], "neither what HEAD was before nor upstreams are looked at"),
        (["nope"], "there is no such revision here"),
        (["--format=x"], "this is not the name of a revision"),
        (["a\nb"], "this is not the name of a revision"),
        (["nope.json"], "the saved plan cannot be read: No such file or directory"),
        (["HEAD", "--preflight"], "and not what would be built"),
        (["HEAD", "--out", "x.json"], "and not what would be built"),
        (["HEAD", "--changed-since", "HEAD"], "and not what would be built"),
    ],
)
def test_what_is_refused(words: list[str], said: str, plan: Program) -> None:
    out, err, code = plan(f"--against={words[0]}", *words[1:])
    assert (out, code) == ("", 2)
    assert said in err


def test_a_branch_that_is_there_under_another_name(plan: Program, project: Path) -> None:
    git(project, "update-ref", "refs/remotes/origin/release", "HEAD")
    assert 'did you mean "origin/release"?' in plan("--against", "release")[1]


def test_standard_input_has_no_earlier_revision(plan: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", TextIOWrapper(BytesIO(SPEC.encode())))
    assert "has no earlier revision" in plan("--file", "-", "--against", "HEAD")[1]


def test_in_a_subdirectory_and_with_spaces(plan: Program, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(project, {f"the sub/{name}": text for name, text in FILES.items()})
    committed(project)
    write(project, {"the sub/base/a": "2", "base/a": "2"})
    monkeypatch.chdir(project / "the sub")
    found = document(plan, "--against", "HEAD")
    assert found["targets"][0]["files"] == [{"part": "context", "paths": ["the sub/base/a"], "more": 0}]


def test_without_git(plan: Program, project: Path) -> None:
    (project / ".git").rename(project / "git")
    write(project, {"buildmatrix.toml": SPEC.replace("git.sha", "v")})
    for option in ("--against", "--changed-since"):
        _, err, code = plan(option, "HEAD")
        assert (code, f"{option} HEAD: there is no git repository around the file" in err) == (2, True)


def test_credentials_are_not_shown(plan: Program, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "hunter2hunter2")
    cache = '[[target.c.cache-from]]\ntype = "s3"\nregion = "r"\nbucket = "b"\nsecret_access_key = "{{ token }}"\n'
    spec = f'version = 1\nvariable.token = {{ env = "TOKEN" }}\n[target.c]\nargs.A = "{{{{ token }}}}"\n{cache}'
    committed(project, {"buildmatrix.toml": spec, "Dockerfile": "FROM scratch\n"})
    write(project, {"buildmatrix.toml": spec.replace('"{{ token }}"', '"x{{ token }}"')})
    for form in ("text", "json", "markdown"):
        out, err, _ = plan("--against", "HEAD", "--format", form)
        assert "args.A" in out
        assert "hunter2" not in out + err


def test_a_toolchain_for_the_builder_alone_is_no_reason_to_compare_with_nothing(plan: Program, project: Path) -> None:
    """Which platforms it is taken for the Dockerfile says, and that is not read at a revision."""
    spec = """version = 1
    [target.tools]
    dockerfile-inline = "FROM scratch"
    platforms = ["linux/amd64"]
    [target.app]
    contexts.tools = "target:tools"
    platforms = ["linux/amd64", "linux/arm64"]
    output = ["type=cacheonly"]
    """
    cross = "FROM --platform=$BUILDPLATFORM tools AS build\nFROM scratch\nCOPY --from=build / /\n"
    committed(project, {"buildmatrix.toml": spec, "Dockerfile": cross})
    found = document(plan, "app", "--against", "HEAD")
    assert (found["targets"], found["trouble"]) == ([], [])
    write(project, {"buildmatrix.toml": spec.replace('["linux/amd64"]', '["linux/amd64", "linux/arm64"]')})
    assert statuses(document(plan, "app", "--against", "HEAD")) == {"tools": "changed", "app": "affected"}
