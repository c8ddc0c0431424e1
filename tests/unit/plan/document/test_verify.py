"""A saved plan is a claim: it is made again, and every difference is named."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.inside import exit_code
from tests.warm import ran

SPEC = """version = 1
include = ["images/*.toml"]
[variable]
release = { default = "dev", env = "RELEASE" }
base = { file = "VERSION" }
versions = [3.9]
key = { env = "KEY", default = "" }
unused = { env = "UNUSED", default = "" }
[defaults]
output = ["type=cacheonly"]
[target.app]
contexts.more = "more"
args = { V = "{{ release }} {{ base }}" }
[target.versions]
matrix.version = "{{ versions }}"
dockerfile-inline = "FROM scratch"
[target.cached]
dockerfile-inline = "FROM scratch"
context = "empty"
cache-to = [{ type = "s3", bucket = "b", region = "r", secret_access_key = "{{ key }}" }]
[target.other]
dockerfile = "../docker/Dockerfile"
context = "empty"
args = { U = "{{ unused }}" }
"""
FILES = {
    "buildmatrix.toml": SPEC,
    "images/one.toml": "version = 1\n",
    "VERSION": "1\n",
    "Dockerfile": "FROM scratch\n",
    "docker/Dockerfile": "FROM scratch\n",
    "more/file": "contents",
    "empty/.keep": "",
}
Say = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def committed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("committed")
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    git = ["git", "-C", str(folder), "-c", "user.name=x", "-c", "user.email=x"]
    for arguments in (["init", "--quiet", "--template="], ["add", "."], ["commit", "--quiet", "--message=x"]):
        subprocess.run([*git, *arguments], check=True)
    return folder


@pytest.fixture
def repo(committed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = shutil.copytree(committed, tmp_path / "repo")
    for name in list(os.environ):
        if name.startswith(("BUILDMATRIX_", "GITHUB_", "SOURCE_DATE")):
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
        out, err = capfd.readouterr()
        return code, out, err

    return run


@pytest.fixture
def save(say: Say, tmp_path: Path) -> Callable[..., Path]:
    """Save a plan outside of the repository; returns the file."""

    def make(*arguments: str, **environment: str) -> Path:
        code, out, err = say("plan", "--format", "json", *arguments, **environment)
        assert code == 0, err
        (tmp_path / "plan.json").write_text(out)
        return tmp_path / "plan.json"

    return make


def applied(say: Say, saved: Path, *arguments: str, **environment: str) -> dict[str, Any]:
    """What a saved plan would give to bake."""
    code, out, err = say("apply", str(saved), "--dry-run", *arguments, **environment)
    assert code == 0, err
    document: dict[str, Any] = json.loads(out.partition("# docker-bake.json\n")[2])
    return document


def refused(say: Say, saved: Path, code: int, *arguments: str, **environment: str) -> str:
    found, _, err = say("apply", str(saved), "--dry-run", *arguments, **environment)
    assert found == code, err
    return err


def edited(saved: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    document = json.loads(saved.read_text())
    change(document)
    saved.write_text(json.dumps(document))
    return saved


# --- it is applied where everything is the same -----------------------------------------------------------------------


@pytest.mark.usefixtures("repo")
def test_with_the_values_that_it_was_made_with(say: Say, save: Callable[..., Path], tmp_path: Path) -> None:
    (tmp_path / "vars.json").write_text('{"versions": [3.10, 3.11]}')
    saved = save("app", "versions", "--set", "app.args.X=1", "--var-file", str(tmp_path / "vars.json"), RELEASE="2")
    (tmp_path / "vars.json").unlink()
    for here in ({}, {"RELEASE": "2"}, {"UNUSED": "x"}):
        found = applied(say, saved, **here)["target"]
        assert found["app"]["args"] == {"V": "2 1", "X": "1"}
        assert set(found) == {"app", "versions-3-10", "versions-3-11"}


@pytest.mark.usefixtures("repo")
def test_another_value_in_the_environment(say: Say, save: Callable[..., Path]) -> None:
    said = refused(say, save("app", RELEASE="2"), 4, RELEASE="other")
    assert "the plan is stale: environment variable RELEASE has another value here than it had" in said
    assert "unset RELEASE here: the plan's value is used; or make it with: " in said
    said = refused(say, save("app"), 4, RELEASE="2")
    assert "environment variable RELEASE is set here, and was not" in said
    assert applied(say, save("app", "--var", "release=1"), RELEASE="2")["target"]["app"]["args"]["V"] == "1 1"


def test_a_volatile_variable_keeps_the_value_of_the_plan(repo: Path, say: Say, save: Callable[..., Path]) -> None:
    (repo / "buildmatrix.toml").write_text(SPEC.replace('env = "RELEASE" }', 'env = "RELEASE", volatile = true }'))
    assert applied(say, save("app", RELEASE="2"), RELEASE="other")["target"]["app"]["args"]["V"] == "2 1"
    assert applied(say, save("app"), RELEASE="other")["target"]["app"]["args"]["V"] == "dev 1"


@pytest.mark.usefixtures("repo")
def test_with_the_arguments_that_the_environment_had(say: Say, save: Callable[..., Path]) -> None:
    saved = save("app", "--set", "app.args.X", "--set", "app.args.Y", X="{{ then }}")
    assert applied(say, saved, X="now", Y="now")["target"]["app"]["args"] == {"V": "dev 1", "X": "{{ then }}"}


def test_optional_secrets_are_no_part_of_it(repo: Path, say: Say, save: Callable[..., Path]) -> None:
    (repo / "buildmatrix.toml").write_text(
        'version = 1\n[target.app]\ncontext = "empty"\ndockerfile-inline = "FROM scratch"\n'
        'output = ["type=cacheonly"]\nsecret = [{ id = "x", env = "X", optional = true }]\n'
    )
    for then, now in (({}, {"X": "x"}), ({"X": "x"}, {}), ({}, {})):
        secrets = applied(say, save("app", **then), **now)["target"]["app"].get("secret")
        assert secrets == (["id=x,env=X"] if now else None)


def test_in_another_checkout(repo: Path, say: Say, save: Callable[..., Path], tmp_path: Path) -> None:
    saved = save("app")
    subprocess.run(["git", "clone", "--quiet", str(repo), str(tmp_path / "clone")], check=True)
    os.chdir(tmp_path / "clone")
    (tmp_path / "clone" / "Dockerfile").touch()
    assert applied(say, saved)


@pytest.mark.parametrize("way", ["redirected", "by another program"])
def test_from_a_folder_that_is_a_context(repo: Path, way: str) -> None:
    to = "> p.json" if way == "redirected" else "| (cat > p.json)"
    command = f": > p.json; {sys.executable} -m buildmatrix plan app --format json {to}"
    subprocess.run(["bash", "-ec", f"set -o pipefail; {command}"], cwd=repo, check=True)
    done = ran("apply", "p.json", "--dry-run", cwd=repo, env=os.environ)
    assert done.returncode == 0, done.stderr
    (repo / "another").touch()
    assert ran("apply", "p.json", "--dry-run", cwd=repo, env=os.environ).returncode == 4


# --- what differs is named --------------------------------------------------------------------------------------------

CHANGES: Mapping[str, tuple[Callable[[Path], object], str]] = {
    "the file": (
        lambda repo: (repo / "buildmatrix.toml").write_text(SPEC + "# more\n"),
        "buildmatrix.toml has changed",
    ),
    "it is wrong": (lambda repo: (repo / "buildmatrix.toml").write_text("["), "buildmatrix.toml has changed"),
    "an included file": (
        lambda repo: (repo / "images/one.toml").write_text("version = 1 #\n"),
        "images/one.toml has changed",
    ),
    "a new one": (lambda repo: (repo / "images/two.toml").write_text("version = 1\n"), "images/two.toml is new"),
    "one that is gone": (
        lambda repo: (repo / "images/one.toml").rename(repo / "images/two.toml"),
        "images/one.toml is gone; images/two.toml is new",
    ),
    "a variable's file": (lambda repo: (repo / "VERSION").write_text("1\n\n"), "VERSION has changed"),
    "a Dockerfile": (lambda repo: (repo / "Dockerfile").write_text("FROM busybox\n"), "Dockerfile has changed"),
    "one elsewhere": (lambda repo: (repo / "docker/Dockerfile").write_text("#\n"), "docker/Dockerfile has changed"),
    "a new .dockerignore": (
        lambda repo: (repo / "empty/.dockerignore").write_text("x\n"),
        "empty/.dockerignore is new",
    ),
    "one of a Dockerfile": (
        lambda repo: (repo / "docker/Dockerfile.dockerignore").write_text("x\n"),
        "docker/Dockerfile.dockerignore is new",
    ),
    "a file of a context": (lambda repo: (repo / "more/file").write_text("Contents"), "the context more has changed"),
    "an empty directory": (lambda repo: (repo / "more/new").mkdir(), "the context more has changed"),
    "a mode": (lambda repo: (repo / "more/file").chmod(0o755), "the context more has changed"),
    "a link": (lambda repo: (repo / "more/link").symlink_to("file"), "the context more has changed"),
    "a name": (lambda repo: (repo / "more/file").rename(repo / "more/name"), "the context more has changed"),
    "the commit": (
        lambda repo: subprocess.run(
            ["git", "-c", "user.name=x", "-c", "user.email=x", "commit", "-q", "--allow-empty", "-m", "y"],
            cwd=repo,
            check=True,
        ),
        "it was made at commit ",
    ),
    "no repository": (lambda repo: shutil.rmtree(repo / ".git"), "and is unknown"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_changed_is_named(repo: Path, say: Say, save: Callable[..., Path], change: str) -> None:
    saved = save("app", "other")
    CHANGES[change][0](repo)
    said = refused(say, saved, 4)
    assert "the plan is stale: " in said
    assert CHANGES[change][1] in said
    assert f"make it with: buildmatrix plan --out {saved}" in said


@pytest.mark.usefixtures("repo")
def test_another_epoch(say: Say, save: Callable[..., Path]) -> None:
    saved = save("app")
    assert "SOURCE_DATE_EPOCH is 1" in refused(say, saved, 4, SOURCE_DATE_EPOCH="1")
    saved = save("app", SOURCE_DATE_EPOCH="1")
    assert "SOURCE_DATE_EPOCH is not set" in refused(say, saved, 4)
    assert applied(say, saved, SOURCE_DATE_EPOCH="1")


def test_facts_of_git_that_templates_used(repo: Path, say: Say, save: Callable[..., Path]) -> None:
    (repo / "buildmatrix.toml").write_text(SPEC + 'labels = { d = "{{ git.dirty }}" }\n')
    saved = save("other")
    subprocess.run(["git", "-c", "user.name=x", "-c", "user.email=x", "commit", "-qam", "y"], cwd=repo, check=True)
    said = refused(say, saved, 4)
    assert "git.dirty was true and is false" in said


def test_what_a_dockerignore_leaves_out_does_not_count(repo: Path, say: Say, save: Callable[..., Path]) -> None:
    (repo / ".dockerignore").write_text("*\n!kept\n")
    saved = save("app")
    (repo / "node_modules").mkdir()
    (repo / "node_modules" / "x").touch()
    assert applied(say, saved)
    (repo / "kept").touch()
    assert "the context . has changed" in refused(say, saved, 4)


@pytest.mark.parametrize("way", ["its first line", "an argument"])
def test_another_frontend_may_look_at_all_of_it(repo: Path, say: Say, save: Callable[..., Path], way: str) -> None:
    (repo / ".dockerignore").write_text("*\n")
    if way == "its first line":
        (repo / "Dockerfile").write_text("# syntax=example.com/other\n")
        saved = save("app")
    else:
        saved = save("app", "--set", "app.args.BUILDKIT_SYNTAX=example.com/other")
    (repo / "new").touch()
    assert "the context . has changed" in refused(say, saved, 4)


def test_the_dockerignore_of_a_dockerfile_goes_first(repo: Path, say: Say, save: Callable[..., Path]) -> None:
    (repo / ".dockerignore").write_text("*\n")
    (repo / "Dockerfile.dockerignore").write_text("out\n")
    saved = save("app")
    (repo / "out").touch()
    assert applied(say, saved)
    (repo / "new").touch()
    assert "the context . (without what Dockerfile.dockerignore names) has changed" in refused(say, saved, 4)


def test_a_target_that_writes_into_its_own_context(repo: Path, say: Say, save: Callable[..., Path]) -> None:
    saved = save("app", "--set", "app.output=type=local,dest=.")
    (repo / "new").touch()
    assert "the context . has changed" in refused(say, saved, 4)
    saved = save("app", "--set", "app.output=type=local,dest=out")
    (repo / "out").mkdir()
    assert applied(say, saved)


WRITING = (
    "app.output=type=local,dest=out/app",
    "app.output+=type=tar,dest=dist/app.tar",
    "app.cache-to=type=local,dest=.cache",
)


def writing(*set_options: str) -> list[str]:
    return [text for one in set_options for text in ("--set", one)]


def write(repo: Path, *names: str) -> None:
    for name in names:
        (repo / name).parent.mkdir(parents=True, exist_ok=True)
        (repo / name).write_text(name)


def test_what_its_targets_write_into_a_context_does_not_count(repo: Path, say: Say, save: Callable[..., Path]) -> None:
    saved = save("app", *writing(*WRITING))
    write(repo, "out/app/file", "dist/app.tar", ".cache/index.json", ".buildmatrix/state")
    assert applied(say, saved)
    write(repo, "dist/other.tar")
    assert "the context . has changed" in refused(say, saved, 4)


def test_a_link_in_the_place_of_the_folder_that_is_written_to(repo: Path, say: Say, save: Callable[..., Path]) -> None:
    saved = save("app", *writing(*WRITING))
    (repo / "out").symlink_to("more")
    assert "the context . has changed" in refused(say, saved, 4)


@pytest.mark.parametrize("dest", ["more", "./more/", "more/in", "more/in/here"])
def test_where_a_context_is_written_it_is_compared_all_the_same(
    repo: Path, say: Say, save: Callable[..., Path], dest: str
) -> None:
    write(repo, "more/in/here/file", "more/in/other")
    saved = save("app", *writing("app.contexts.more=more/in/here", f"app.output=type=local,dest={dest}"))
    write(repo, "more/in/here/new")
    assert "the context more/in/here has changed" in refused(say, saved, 4)
    (repo / "more/in/here/new").unlink()
    assert applied(say, saved)
    write(repo, "more/in/new")
    assert "the context . has changed" in refused(say, saved, 4)


def test_paths_of_a_set_are_relative_to_the_root_file(repo: Path, say: Say, save: Callable[..., Path]) -> None:
    write(repo, "a/b/Dockerfile")
    found = applied(say, save("app", *writing("app.context=./a/b", "app.output=type=local,dest=out/app")))
    assert found["target"]["app"]["context"] == "./a/b"
    assert found["target"]["app"]["output"] == ["type=local,dest=out/app"]


REPORTS = ("--log-dir", "logs/deep", "--report", "r/run.xml", "--metadata", "m.json")


@pytest.mark.parametrize("folder", [(), ("logs/deep",)])
def test_what_the_command_writes_itself_does_not_count(
    repo: Path, say: Say, save: Callable[..., Path], folder: tuple[str, ...]
) -> None:
    for name in ("r", *folder):
        (repo / name).mkdir(parents=True)
    write(repo, "r/kept")
    saved = save("app")
    write(repo, "logs/deep/app.log", "r/run.xml", "m.json")
    assert "the context . has changed" in refused(say, saved, 4)
    assert applied(say, saved, *REPORTS)
    shutil.copy(saved, repo / "plan.json")
    assert "the context . has changed" in refused(say, saved, 4, *REPORTS)
    write(repo, "logs/deep/other.log")
    assert "the context . has changed" in refused(say, repo / "plan.json", 4, *REPORTS)


@pytest.mark.parametrize("before", ["", "records"])
def test_records_in_a_context_do_not_count(repo: Path, say: Say, save: Callable[..., Path], before: str) -> None:
    (repo / before).mkdir(exist_ok=True)
    saved, asked = save("app"), ("--build", "app", "--record", "records")
    not_stale = "--build takes builds of a plan that was saved with plan --out"
    for name in ("records", "records/jobs/a"):
        (repo / name).mkdir(exist_ok=True, parents=True)
        assert not_stale in refused(say, saved, 2, *asked)
    write(repo, "records/app.json", "records/jobs/a/base.json")
    assert not_stale in refused(say, saved, 2, *asked)
    assert "the context . has changed" in refused(say, saved, 4)
    write(repo, "other")
    assert "the context . has changed" in refused(say, saved, 4, *asked)


def test_a_plan_and_reports_in_one_context(repo: Path) -> None:
    command = [sys.executable, "-m", "buildmatrix"]
    with (repo / "plan.json").open("w") as file:
        subprocess.run([*command, "plan", "app", "--format", "json"], stdout=file, check=True)
    write(repo, "logs/deep/app.log", "r/run.xml", "m.json")
    done = ran("apply", "plan.json", "--dry-run", *REPORTS, cwd=repo, env=os.environ)
    assert done.returncode == 0, done.stderr


def test_a_report_that_was_there_is_part_of_the_context(repo: Path, say: Say, save: Callable[..., Path]) -> None:
    write(repo, "m.json")
    (repo / "r").mkdir()
    saved = save("app")
    assert applied(say, saved, *REPORTS)
    (repo / "m.json").write_text("another")
    assert "the context . has changed" in refused(say, saved, 4, *REPORTS)


# --- what it claims is not believed -----------------------------------------------------------------------------------

FORGED: Mapping[str, Callable[[dict[str, Any]], object]] = {
    "no sources": lambda plan: plan.update(sources={}),
    "a source less": lambda plan: plan["sources"].pop("VERSION"),
    "no contexts": lambda plan: plan.update(contexts={}),
    "no commit": lambda plan: plan["git"].update(sha=""),
    "another target": lambda plan: plan["targets"][0]["settings"].update(tags=["evil/image"]),
    "a target less": lambda plan: plan["targets"].clear(),
    "other stages": lambda plan: plan.update(stages=[]),
    "how it runs": lambda plan: plan["apply"].update(jobs=1),
}


@pytest.mark.usefixtures("repo")
@pytest.mark.parametrize("forgery", FORGED)
def test_a_forged_plan(say: Say, save: Callable[..., Path], forgery: str) -> None:
    assert "the plan is stale: " in refused(say, edited(save("app"), FORGED[forgery]), 4)


def test_it_grants_itself_nothing(repo: Path, say: Say, save: Callable[..., Path], tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (repo / "buildmatrix.toml").write_text(
        SPEC + f'contexts.out = "{tmp_path}/outside"\nentitlements = ["network.host"]\n'
    )

    def forge(plan: dict[str, Any]) -> None:
        plan["allow"] = [{**value, "target": "other", "automatic": True} for value in plan["allow"]]

    as_it_is = say("apply", "other", "--dry-run")
    assert "--allow network.host" in as_it_is[1]
    saved = save("other")
    assert '"automatic": true' not in saved.read_text()
    assert say("apply", str(edited(saved, forge)), "--dry-run") == as_it_is


@pytest.mark.usefixtures("repo")
def test_files_that_it_names_outside_are_not_read(say: Say, save: Callable[..., Path], tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("token")
    saved = edited(save("app"), lambda plan: plan["request"].update(files=["../secret"]))
    assert applied(say, saved)
    edited(saved, lambda plan: plan["sources"].update({"../secret": sha256(b"token").hexdigest()}))
    assert "../secret is gone" in refused(say, saved, 4)
    saved = edited(save("app"), lambda plan: plan.update(file="../secret"))
    assert "was made from ../secret" in refused(say, saved, 4)


# --- credentials ------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("repo")
def test_credentials_are_not_in_it_and_are_taken_from_here(say: Say, save: Callable[..., Path]) -> None:
    saved = save("cached", KEY="secretsecret", UNUSED="unusedunused")
    assert "secretsecret" not in saved.read_text()
    assert "unusedunused" not in saved.read_text()
    assert "the environment variable KEY" in refused(say, saved, 2)
    assert applied(say, saved, KEY="secretsecret")
    assert applied(say, saved, "--var", "key=anothersecret")
    assert "--var release is for plan" in refused(say, saved, 2, "--var", "release=1", KEY="secretsecret")


@pytest.mark.usefixtures("repo")
def test_a_credential_in_a_set(say: Say, save: Callable[..., Path]) -> None:
    saved = save("cached", "--set", "cached.cache-to=type=s3,bucket=b,region=r,secret_access_key=secretsecret")
    assert "secretsecret" not in saved.read_text()
    assert "credential in --set" in refused(say, saved, 2)


# --- what is no plan --------------------------------------------------------------------------------------------------

NONE: Mapping[str, str] = {
    "empty": "",
    "a list": "[]",
    "deep": '{"format_version": 3, "x": ' + "[" * 100_000 + "]" * 100_000 + "}",
    "a huge number": '{"format_version": 1' + "0" * 5000 + "}",
    "not a number": '{"format_version": NaN}',
    "infinity": '{"format_version": Infinity}',
    "a version that is true": '{"format_version": true}',
    "a version that is a text": '{"format_version": "3"}',
    "half a character": '{"format_version": 3, "file": "\\ud800"}',
    "nothing else": '{"format_version": 3}',
}


@pytest.mark.usefixtures("repo")
@pytest.mark.parametrize("kind", NONE)
def test_no_plan(say: Say, tmp_path: Path, kind: str) -> None:
    (tmp_path / "plan.json").write_text(NONE[kind])
    assert "is not a valid plan of buildmatrix: " in refused(say, tmp_path / "plan.json", 2)


@pytest.mark.usefixtures("repo")
@pytest.mark.parametrize("version", [1, 2, 4])
def test_a_plan_of_another_format_says_how_to_make_a_new_one(say: Say, tmp_path: Path, version: int) -> None:
    (tmp_path / "plan.json").write_text(json.dumps({"format_version": version}))
    said = refused(say, tmp_path / "plan.json", 4)
    assert f"has format {version}, and this buildmatrix reads 3" in said
    assert f"make it with: buildmatrix plan --out {tmp_path}/plan.json" in said


@pytest.mark.usefixtures("repo")
def test_files_that_cannot_be_read(say: Say, tmp_path: Path) -> None:
    assert "cannot be read: No such file" in refused(say, tmp_path / "none.json", 2)
    (tmp_path / "folder.json").mkdir()
    assert "cannot be read" in refused(say, tmp_path / "folder.json", 2)
    os.mkfifo(tmp_path / "pipe.json")
    assert "cannot be read" in refused(say, tmp_path / "pipe.json", 2)
    (tmp_path / "bytes.json").write_bytes(b"\xff")
    assert "not UTF-8" in refused(say, tmp_path / "bytes.json", 2)


WRONG: tuple[Any, ...] = (None, True, -1, 10**18, 1.5, "x", "\ud800", [], {}, [[[]]], {"a": {"b": 1}})


@pytest.mark.usefixtures("repo")
def test_wrong_types_anywhere_in_it(say: Say, save: Callable[..., Path]) -> None:
    """Each value of a plan, replaced by each of another type: refused, and never with a traceback."""
    saved = save("app")
    whole = json.loads(saved.read_text())
    ways = [way for way in _ways(whole) if way[0] not in {"warnings", "allow"}]
    for number, way in enumerate(ways):
        for wrong in (WRONG[number % len(WRONG)], WRONG[(number * 7 + 3) % len(WRONG)]):

            def change(plan: dict[str, Any], way: tuple[Any, ...] = way, wrong: Any = wrong) -> None:
                at: Any = plan
                for part in way[:-1]:
                    at = at[part]
                at[way[-1]] = wrong

            saved.write_text(json.dumps(whole))
            code, _, err = say("apply", str(edited(saved, change)), "--dry-run")
            is_same = saved.read_text() == json.dumps(whole) or (way[-1] in {"files", "unset"} and wrong == [])
            assert code in ({0} if is_same else {2, 4}), (way, wrong, err)


def _ways(value: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, item in items for found in [(*way, key), *_ways(item, (*way, key))]]


def test_the_time_and_the_machine_are_those_that_were_reviewed(repo: Path, say: Say) -> None:
    dated = '[target.dated]\ndockerfile-inline = "FROM scratch"\ncontext = "empty"\n'
    dated += 'args = { DAY = "{{ now }}", ON = "{{ host.platform }}" }\n'
    (repo / "buildmatrix.toml").write_text(SPEC + dated)
    (repo.parent / "plan.json").write_text(say("plan", "dated", "--format", "json")[1])
    document = json.loads((repo.parent / "plan.json").read_text())
    document["request"] |= {"now": "2020-02-02T02:02:02Z", "host_platform": "linux/s390x"}
    (target,) = document["targets"]
    target["settings"]["args"] = {"DAY": "2020-02-02T02:02:02Z", "ON": "linux/s390x"}
    (repo.parent / "plan.json").write_text(json.dumps(document))
    code, out, err = say("apply", "../plan.json", "--dry-run")
    assert (code, "2020-02-02T02:02:02Z" in out, "linux/s390x" in out) == (0, True, True), err
    plain = json.loads(say("plan", "app", "--format", "json")[1])
    assert (plain["request"]["now"], plain["request"]["host_platform"]) == (None, None)
