"""A plan that `plan --out` saved: what goes into its targets is what it was, or the plan is refused by name."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from buildmatrix.errors import StaleError
from buildmatrix.pipeline.reviewing import options_of, refuse_other_decisions, refuse_other_platform
from buildmatrix.plan.document.reviewed import Claim, Inputs, Reviewed, reviewed_of
from buildmatrix.spec.rows.options import Options
from buildmatrix.state.decisions.decision import Decision
from tests.inside import exit_code
from tests.repositories import git

SPEC = """version = 1
[variable]
release = { default = "dev", env = "RELEASE" }
[defaults]
output = ["type=cacheonly"]
platforms = ["linux/amd64", "linux/arm64"]
[target.app]
context = "app"
contexts.more = "more"
args = { V = "{{ release }}" }
labels = { l = "1" }
dockerfile-inline = "FROM scratch\\nARG V\\nCOPY src /src\\nCOPY --from=more file /"
[target.child]
contexts.app = "target:app"
dockerfile-inline = "FROM app"
[target.remote]
context = "more"
contexts.there = "https://example.com/x.git"
dockerfile-inline = "FROM scratch\\nCOPY --from=there / /\\nCOPY . /"
"""
FILES = {
    "buildmatrix.toml": SPEC,
    "app/src/a.py": "a",
    "app/README.md": "not read",
    "more/file": "contents",
    "more/other": "not read by app",
}
Say = Callable[..., tuple[int, str, str]]


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "repo"
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
        (folder / name).chmod(0o644)
    for name in list(os.environ):
        if name.startswith(("BUILDMATRIX_", "GITHUB_", "SOURCE_DATE", "BUILDX_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("BUILDMATRIX_TRACEBACK", "1")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def say(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Say:
    def run(*arguments: str, **environment: str) -> tuple[int, str, str]:
        with monkeypatch.context() as more:
            for name, value in environment.items():
                more.setenv(name, value)
            code = exit_code(*arguments)
        return code, *capfd.readouterr()

    return run


def saved(say: Say, *arguments: str, **environment: str) -> dict[str, Any]:
    """Save a plan as plan.json; returns what it holds."""
    code, _, err = say("plan", *arguments, "--out", "plan.json", **environment)
    assert code == 0, err
    document: dict[str, Any] = json.loads(Path("plan.json").read_text())
    return document


def refused(say: Say, *arguments: str, **environment: str) -> str:
    code, _, err = say("apply", "plan.json", "--dry-run", *arguments, **environment)
    assert code == 4, err
    return err


def is_applied(say: Say, *arguments: str, **environment: str) -> bool:
    code, out, err = say("apply", "plan.json", "--dry-run", *arguments, **environment)
    assert code == 0, err
    return "# docker-bake.json" in out


@pytest.mark.usefixtures("repo")
def test_what_is_saved(say: Say) -> None:
    code, out, err = say("plan", "app", "child", "--out", "plan.json")
    assert (code, err) == (0, "")
    assert "Nothing was built. Run `buildmatrix apply plan.json` to build exactly this." in out
    document = json.loads(Path("plan.json").read_text())
    inputs, files = document["saved"]["inputs"], document["saved"]["files"]
    assert set(inputs["child"]["fingerprints"]) == {"linux/amd64", "linux/arm64"}
    assert (inputs["child"]["doubt"], document["contexts"]) == (None, {})
    assert set(files["app"]) == {"src", "src/a.py"}
    assert set(files["more"]) == {"file"}
    assert say("plan", "app", "child", "--out", "plan.json", "--format", "json")[1] == Path("plan.json").read_text()


@pytest.mark.usefixtures("repo")
def test_of_what_nobody_can_know_the_whole_contexts_are_compared(say: Say) -> None:
    document = saved(say, "remote", "app")
    assert document["saved"]["inputs"]["remote"] == {
        "fingerprints": {},
        "doubt": "context there is not a local directory",
    }
    assert set(document["contexts"]) == {"more"}
    assert is_applied(say)
    Path("more/other").write_text("changed")
    assert "the plan is stale: the context more has changed" in refused(say)


def test_git_in_a_context_is_warned_of_and_is_why_a_plan_is_stale(repo: Path, say: Say) -> None:
    inline, output = "FROM scratch\\nCOPY . /src", '["type=cacheonly"]'
    text = f'version = 1\n[target.app]\ndockerfile-inline = "{inline}"\noutput = {output}\n'
    Path("buildmatrix.toml").write_text(text)
    git(repo, "init", "-q")
    code, _, err = say("plan", "--out", "plan.json")
    assert (code, "the context . has .git in it" in err) == (0, True)
    (repo / ".git/config").write_text("# other\n")
    assert "a line .git in the .dockerignore; then make it with" in " ".join(refused(say).split())
    (repo / ".dockerignore").write_text(".git\nplan.json\n")
    assert say("plan", "--out", "plan.json")[::2] == (0, "")
    (repo / ".git/config").write_text("# another\n")
    assert is_applied(say)


UNREAD: Mapping[str, Callable[[Path], object]] = {
    "a file that no COPY takes": lambda repo: (repo / "app/README.md").write_text("changed"),
    "a new one": lambda repo: (repo / "app/new").write_text("new"),
    "times": lambda repo: os.utime(repo / "app/src/a.py", (1, 1)),
    "what a umask does": lambda repo: (repo / "app/src/a.py").chmod(0o600),
}


@pytest.mark.parametrize("change", UNREAD)
def test_what_no_image_has_does_not_count(repo: Path, say: Say, change: str) -> None:
    saved(say, "app", "child")
    UNREAD[change](repo)
    assert is_applied(say)


CHANGES: Mapping[str, tuple[Callable[[Path], object], str]] = {
    "a file": (lambda repo: (repo / "app/src/a.py").write_text("b"), "app/src/a.py has changed"),
    "a new one": (lambda repo: (repo / "app/src/b.py").write_text("b"), "app/src/b.py is new"),
    "one that is gone": (
        lambda repo: (repo / "app/src/a.py").rename(repo / "app/src/b.py"),
        "app/src/a.py is gone; app/src/b.py is new",
    ),
    "a mode": (lambda repo: (repo / "app/src/a.py").chmod(0o755), "app/src/a.py has changed"),
    "an odd mode": (lambda repo: (repo / "app/src/a.py").chmod(0o444), "app/src/a.py has changed"),
    "a link": (lambda repo: (repo / "app/src/l").symlink_to("a.py"), "app/src/l is new"),
    "another context": (lambda repo: (repo / "more/file").write_text("b"), "more/file has changed"),
    "a .dockerignore": (lambda repo: (repo / "app/.dockerignore").write_text("src/a.py\n"), "app/.dockerignore is new"),
    "the spec": (
        lambda repo: (repo / "buildmatrix.toml").write_text(SPEC + "# more\n"),
        "buildmatrix.toml has changed",
    ),
    "a new lock": (
        lambda repo: (repo / "buildmatrix.lock").write_text("version = 1\n[image]\n"),
        "buildmatrix.lock is new",
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_changed_is_named(repo: Path, say: Say, change: str) -> None:
    saved(say, "app", "child")
    CHANGES[change][0](repo)
    said = refused(say)
    assert f"the plan is stale: {CHANGES[change][1]}\n" in said
    assert "make it with: buildmatrix plan --out plan.json" in said


def test_a_job_of_one_build_names_its_own_files_only(repo: Path, say: Say) -> None:
    """Both contexts are one directory: what the other target reads was not looked at, and is not gone."""
    text = "version = 1\n"
    for name in ("one", "two"):
        text += f'[target.{name}]\ndockerfile-inline = "FROM scratch\\nCOPY {name} /"\noutput = ["type=cacheonly"]\n'
        (repo / name).write_text("1")
    Path("buildmatrix.toml").write_text(text)
    assert say("plan", "--out", "plan.json")[0] == 0
    (repo / "one").write_text("2")
    code, _, err = say("apply", "plan.json", "--build", "one", "--record", "records")
    assert (code, "the plan is stale: one has changed\n" in err) == (4, True), err


def test_what_lies_outside_of_the_repository_counts(repo: Path, say: Say) -> None:
    subprocess.run(["git", "init", "-q", "."], check=True)
    (repo.parent / "outside").mkdir()
    (repo.parent / "outside/file").write_text("1")
    (repo / "buildmatrix.toml").write_text(SPEC.replace('contexts.more = "more"', 'contexts.more = "../outside"'))
    saved(say, "app")
    assert is_applied(say)
    (repo.parent / "outside/file").write_text("2")
    assert "../outside/file has changed" in refused(say)


@pytest.mark.usefixtures("repo")
def test_the_environment_that_builds_heed(say: Say) -> None:
    saved(say, "app")
    assert is_applied(say)
    said = refused(say, BUILDX_NO_DEFAULT_ATTESTATIONS="1")
    assert "environment variable BUILDX_NO_DEFAULT_ATTESTATIONS is set here, and was not" in said
    saved(say, "app", BUILDX_NO_DEFAULT_ATTESTATIONS="1")
    assert "BUILDX_NO_DEFAULT_ATTESTATIONS was set, and is not set here" in refused(say)
    said = refused(say, BUILDX_NO_DEFAULT_ATTESTATIONS="0")
    assert 'BUILDX_NO_DEFAULT_ATTESTATIONS was "1", and is "0"' in said


def test_a_plan_in_a_context_that_is_copied_whole(repo: Path, say: Say) -> None:
    (repo / "buildmatrix.toml").write_text(
        'version = 1\n[target.app]\ndockerfile-inline = "FROM scratch\\nCOPY . /"\noutput = ["type=cacheonly"]\n'
    )
    reports = ("--log-dir", "logs/deep", "--report", "r/run.xml", "--metadata", "m.json")
    saved(say)
    (repo / "logs/deep").mkdir(parents=True)
    for name in ("logs/deep/app.log", "m.json"):
        (repo / name).write_text(name)
    assert "logs is new; logs/deep is new; logs/deep/app.log is new; m.json is new" in refused(say)
    (repo / "r").mkdir()
    (repo / "r/run.xml").write_text("x")
    assert is_applied(say, *reports), "nor do the directories that were made for them"
    saved(say)
    assert is_applied(say, "--metadata", "m.json"), "it was there when the plan was saved"
    shutil.copy("plan.json", "copy.json")
    code, _, err = say("apply", "copy.json", "--dry-run")
    assert (code, "plan.json is new" in err) == (4, True), err


@pytest.mark.usefixtures("repo")
def test_options_that_would_build_more_or_less(say: Say) -> None:
    saved(say, "app")
    code, _, err = say("apply", "plan.json", "--dry-run", "--incremental", "--all")
    assert (code, "a saved plan is applied as it is: --all" in err) == (2, True)
    saved(say, "app", "--incremental")
    code, _, err = say("apply", "plan.json", "--dry-run", "--no-incremental")
    assert (code, "a saved plan is applied as it is: --no-incremental" in err) == (2, True)
    assert "give --no-incremental to plan" in err
    code, _, err = say("apply", "plan.json", "--dry-run", "--content-tag")
    assert (code, "a saved plan is applied as it is: --content-tag" in err) == (2, True)
    saved(say, "app", "--incremental", "--content-tag")
    assert json.loads(Path("plan.json").read_text())["saved"]["content_tag"] is True
    code, _, err = say("apply", "plan.json", "--dry-run", "--no-content-tag")
    assert (code, "a saved plan is applied as it is: --no-content-tag" in err) == (2, True)


@pytest.mark.usefixtures("repo")
@pytest.mark.parametrize(
    ("out", "said"),
    [
        ("plan.txt", "--out plan.txt does not end in .json, by which apply knows a saved plan"),
        ("", "--out '' does not end in .json"),
        ("no/plan.json", "no/plan.json cannot be written: there is no directory no"),
        ("app", "--out app does not end in .json"),
    ],
)
def test_where_no_plan_can_be_saved(say: Say, out: str, said: str) -> None:
    code, _, err = say("plan", "app", "--out", out)
    assert (code, said in err) == (2, True), err


def test_a_file_that_it_is_made_from_is_not_written_over(repo: Path, say: Say) -> None:
    (repo / "vars.json").write_text("{}")
    code, _, err = say("plan", "app", "--var-file", "vars.json", "--out", "vars.json")
    assert (code, "--out vars.json would overwrite a file of variables" in err) == (2, True), err


FORGED: Mapping[str, Callable[[dict[str, Any]], object]] = {
    "another fingerprint": lambda saved: saved["inputs"]["app"]["fingerprints"].update({"linux/amd64": "0" * 32}),
    "a target less": lambda saved: saved["inputs"].pop("app"),
    "another format": lambda saved: saved.update(fingerprint_format="0"),
}


@pytest.mark.usefixtures("repo")
@pytest.mark.parametrize("forgery", FORGED)
def test_a_forged_plan(say: Say, forgery: str) -> None:
    document = saved(say, "app")
    FORGED[forgery](document["saved"])
    Path("plan.json").write_text(json.dumps(document))
    assert "the plan is stale: " in refused(say)


@pytest.mark.usefixtures("repo")
def test_a_source_policy_that_cannot_be_read(say: Say) -> None:
    """It may say what external images are taken, so that nobody could hold the run to those of the plan."""
    Path("buildmatrix.toml").write_text(SPEC.replace("FROM scratch", f"FROM localhost:1/x@sha256:{'0' * 64}", 1))
    saved(say, "app")
    code, _, err = say("apply", "plan.json", "--dry-run", EXPERIMENTAL_BUILDKIT_SOURCE_POLICY="none.json")
    assert (code, "and the plan has to be kept to: unset EXPERIMENTAL_BUILDKIT_SOURCE_POLICY" in err) == (2, True), err


@pytest.mark.usefixtures("repo")
def test_a_saved_plan_is_no_target(say: Say) -> None:
    saved(say, "app")
    code, _, err = say("plan", "plan.json")
    assert (code, "plan.json is a saved plan, and not a target" in err) == (2, True)
    assert "show it with: buildmatrix show plan.json" in err


@pytest.mark.usefixtures("repo")
def test_a_plan_that_builds_all_is_applied_so_whatever_the_file_says(repo: Path, say: Say) -> None:
    (repo / "buildmatrix.toml").write_text(SPEC.replace("[variable]", "[apply]\nincremental = true\n[variable]"))
    document = saved(say, "app", "--no-incremental")
    then = reviewed_of(document)
    assert then is not None
    claim = Claim(name="plan.json", digest="", reviewed=then, pins={})
    assert [options_of(claim, Options(incremental=one)).incremental for one in (None, False, True)] == [
        False,
        False,
        True,
    ]
    assert "incremental" not in say("show", "plan.json")[1]
    assert "apply runs with incremental = true" in say("plan", "app")[1]


def test_git_says_why_a_plan_cannot_be_made_again(repo: Path, say: Say) -> None:
    """On a detached commit there is no branch, and a tag made with it is none."""
    (repo / "buildmatrix.toml").write_text(
        "version = 1\n[target.app]\ndockerfile-inline = 'FROM scratch'\ntags = ['x/app:{{ git.branch }}-1']\n"
        "output = ['type=registry']\n"
    )
    git(repo, "init", "--quiet", "--initial-branch", "main")
    git(repo, "add", ".")
    git(repo, "commit", "--quiet", "--message=x")
    saved(say, "app")
    git(repo, "checkout", "--quiet", "--detach")
    assert "the plan is stale: git.branch was main and is unknown" in refused(say)


@pytest.mark.usefixtures("repo")
def test_only_an_incremental_plan_keeps_anything(say: Say) -> None:
    document = saved(say, "app")
    then, plan = reviewed_of(document), cast("Any", SimpleNamespace(by_name={"app": SimpleNamespace(platforms=())}))
    decision = Decision(action="build", because=("never built",))
    assert then is not None
    refuse_other_decisions(then, {"app": decision}, plan)
    then = replace(then, incremental=True)
    with pytest.raises(StaleError, match="app was to be kept, and has to be built now: never built"):
        refuse_other_decisions(then, {"app": decision}, plan)
    some = replace(then, inputs={"app": Inputs(fingerprints={}, built_for=("linux/arm64",))})
    plan.by_name["app"].platforms = ("linux/amd64", "linux/arm64")
    refuse_other_decisions(some, {"app": replace(decision, platforms=("linux/arm64",))}, plan)
    with pytest.raises(StaleError, match="app was to be kept for linux/amd64, and has to be built now"):
        refuse_other_decisions(some, {"app": decision}, plan)
    refuse_other_decisions(then, {"app": replace(decision, action="skip")}, plan)


@pytest.mark.usefixtures("repo")
def test_only_tags_that_the_plan_names_are_moved(say: Say) -> None:
    then = reviewed_of(saved(say, "app"))
    plan = cast("Any", SimpleNamespace(by_name={"app": SimpleNamespace(platforms=())}))
    assert then is not None
    then = replace(then, incremental=True)
    moving = {"app": Decision(action="skip", because=("tag r/b:2 holds another image: it moves",), moves=("r/b:2",))}
    message = "app was to be kept, and tag r/b:2 would be moved now: tag r/b:2 holds another image: it moves"
    with pytest.raises(StaleError, match=message):
        refuse_other_decisions(then, moving, plan)
    planned = replace(then, inputs={"app": Inputs(fingerprints={}, moves=("r/b:2",))})
    refuse_other_decisions(planned, moving, plan)
    both = {"app": replace(moving["app"], moves=("r/b:2", "r/b:3"))}
    with pytest.raises(StaleError, match="tag r/b:3 would be moved now"):
        refuse_other_decisions(planned, both, plan)
    pushed = replace(then, inputs={"app": Inputs(fingerprints={}, built_for=("linux/amd64",))})
    refuse_other_decisions(pushed, both, plan)


def test_another_builder_would_build_for_another_platform() -> None:
    then = Reviewed(version="0.1.0", format="1", platform="linux/arm64")
    targets = [SimpleNamespace(name="app", platforms=())]
    refuse_other_platform(then, "linux/arm64", cast("Any", SimpleNamespace(targets=targets)))
    with pytest.raises(StaleError, match="it was planned for linux/arm64, and this builder is linux/amd64"):
        refuse_other_platform(then, "linux/amd64", cast("Any", SimpleNamespace(targets=targets)))
    targets[0].platforms = ("linux/amd64",)
    refuse_other_platform(then, "linux/amd64", cast("Any", SimpleNamespace(targets=targets)))


@pytest.mark.usefixtures("repo")
def test_an_argument_that_is_called_like_a_credential_is_told(say: Say) -> None:
    arguments = ("--set", "*.args.API_TOKEN=abc", "--set", "app.args.EMPTY_TOKEN=")
    code, _, err = say("plan", "app", "child", *arguments, "--out", "plan.json")
    told = "note: plan.json holds args.API_TOKEN of app (and 1 more target): what is called so may be a credential"
    assert (code, err.count("note: "), told in err) == (0, 1, True), err
