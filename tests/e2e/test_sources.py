"""What a run is made from: the root that an image's directory belongs to, the repository, and a saved plan."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from buildmatrix.dockerfile.ignore import ignored_by
from tests.e2e.tools import Project, digest, platforms
from tests.warm import ran

pytestmark = pytest.mark.corpus

ROOT = """
include = ["images/*/buildmatrix.toml"]
[defaults]
platforms = ["linux/amd64", "linux/arm64"]
output = [{{ type = "registry" }}]
[target.base]
dockerfile-inline = "FROM busybox"
tags = ["{repository}:base"]
"""
APP = 'version = 1\n[target.app]\ntags = ["{repository}:app"]\n'


def run_in(folder: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    return ran(*arguments, cwd=folder, env={**os.environ, "NO_COLOR": "1", **more})


def test_an_images_folder_builds_what_the_root_says(project: Project, repository: str, one_node: str) -> None:
    """Taken for a root, the file in it pushed one platform over two."""
    files = {
        "images/app/buildmatrix.toml": APP.format(repository=repository),
        "images/app/Dockerfile": "FROM busybox\n",
    }
    folder = project(ROOT.format(repository=repository), files)
    (folder / ".git").mkdir()
    assert run_in(folder, "apply", "--builder", one_node).returncode == 0
    before = digest(f"{repository}:base")
    (folder / "images/app/Dockerfile").write_text("FROM busybox\nENV A=1\n")
    done = run_in(folder / "images" / "app", "apply", "--builder", one_node)
    assert done.returncode == 0, done.stderr
    assert "note: ../../buildmatrix.toml includes images/app/buildmatrix.toml" in done.stderr
    assert platforms(f"{repository}:app") == ["linux/amd64", "linux/arm64"]
    assert digest(f"{repository}:base") == before
    assert "base" not in done.stdout


def test_a_repositorys_programs_are_not_run(project: Project, repository: str, one_node: str, tmp_path: Path) -> None:
    spec = (
        f'[target.app]\ntags = ["{repository}:{{{{ git.short }}}}"]\noutput = ["type=registry"]\n'
        'labels = { created = "{{ created }}", dirty = "{{ git.dirty }}", branch = "{{ git.branch }}-{{ git.tag }}" }\n'
    )
    folder = project(spec, {"Dockerfile": "FROM busybox\n", ".gitattributes": "* filter=x\n"})
    git = ["git", "-C", str(folder), "-c", "user.name=x", "-c", "user.email=x"]
    for arguments in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message=x"]):
        subprocess.run([*git, *arguments], check=True)
    mark = tmp_path / "mark"
    with (folder / ".git" / "config").open("a") as file:
        file.write(f'[filter "x"]\n\tclean = touch {mark}; cat\n\trequired\n[core]\n\tfsmonitor = touch {mark}; true\n')
    (folder / "Dockerfile").write_text("FROM busybox\nENV A=1\n")
    for arguments in (
        ["validate"],
        ["plan"],
        ["list", "tags"],
        ["graph"],
        ["render"],
        ["apply", "--builder", one_node],
    ):
        done = run_in(folder, *arguments)
        assert done.returncode == 0, done.stderr
        assert not mark.exists(), arguments
    subprocess.run([*git, "status"], check=True, capture_output=True)
    assert mark.exists(), "this would have been the program"


def test_a_bare_repository_that_is_a_context_runs_nothing(
    project: Project, repository: str, one_node: str, tmp_path: Path
) -> None:
    """Buildx asks git of each context, and git would fetch a missing commit by the program that it names."""
    mark = tmp_path / "mark"
    config = (
        f"[core]\n\trepositoryformatversion = 1\n\tbare = false\n\tworktree = .\n\tfsmonitor = touch {mark};\n"
        "[extensions]\n\tpartialClone = origin\n"
        f'[remote "origin"]\n\turl = /tmp\n\tpromisor = true\n\tuploadpack = touch {mark};\n'
        '[protocol "file"]\n\tallow = always\n'
    )
    planted = {"HEAD": "ref: refs/heads/main\n", "refs/heads/main": "1" * 40 + "\n", "config": config, "objects/x": ""}
    files = {f"ctx/{name}": text for name, text in planted.items()} | {"ctx/Dockerfile": "FROM busybox\n"}
    folder = project(f'[target.app]\ncontext = "ctx"\ntags = ["{repository}:app"]\noutput = ["type=registry"]\n', files)
    for environment in ({}, {"BUILDX_GIT_CHECK_DIRTY": "1"}):
        done = run_in(folder, "apply", "--builder", one_node, **environment)
        assert done.returncode == 0, done.stderr
        assert not mark.exists()
    command = ["git", "show", "--quiet", "HEAD", "--"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    subprocess.run(command, cwd=folder / "ctx", capture_output=True, check=False, env=environment)
    assert mark.exists(), "this would have been the program"


def test_a_saved_plan_builds_what_was_reviewed(
    project: Project, repository: str, one_node: str, tmp_path: Path
) -> None:
    """Made with a value of the environment, applied from another checkout without it: the same image; else nothing."""
    spec = (
        '[variable]\nrelease = { default = "dev", env = "RELEASE" }\n'
        f'[target.app]\ncontext = "src"\ntags = ["{repository}:{{{{ release }}}}"]\n'
        'args = { V = "{{ release }}" }\noutput = ["type=registry"]\n'
    )
    files = {"src/Dockerfile": "FROM busybox\nARG V\nCOPY file /\nRUN echo $V > /v\n", "src/file": "reviewed"}
    folder = project(spec, files)
    git = ["git", "-C", str(folder), "-c", "user.name=x", "-c", "user.email=x"]
    for arguments in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message=x"]):
        subprocess.run([*git, *arguments], check=True)
    saved = tmp_path / "saved.json"
    saved.write_text(run_in(folder, "plan", "--format", "json", RELEASE="1.2").stdout)
    subprocess.run(["git", "clone", "--quiet", str(folder), str(tmp_path / "clone")], check=True)
    done = run_in(tmp_path / "clone", "apply", str(saved), "--builder", one_node)
    assert done.returncode == 0, done.stderr
    first = digest(f"{repository}:1.2")
    assert first
    (tmp_path / "clone/src/file").write_text("slipped in")
    done = run_in(tmp_path / "clone", "apply", str(saved), "--builder", one_node)
    assert done.returncode == 4
    assert "the context src has changed" in done.stderr
    assert digest(f"{repository}:1.2") == first


def test_a_saved_plan_that_grants_itself_what_it_likes(project: Project, one_node: str, tmp_path: Path) -> None:
    folder, outside = project("", {"outside/secret": "token", "repo/.git/x": ""}), tmp_path / "outside"
    (folder / "repo" / "buildmatrix.toml").write_text(
        f'version = 1\n[target.app]\ndockerfile-inline = "FROM busybox\\nCOPY --from=x secret /"\n'
        f'contexts.x = "{outside}"\noutput = ["type=local,dest=out"]\n'
    )
    document = json.loads(run_in(folder / "repo", "plan", "--format", "json").stdout)
    assert document["allow"]
    for entitlement in document["allow"]:
        entitlement["automatic"] = True
    for forged in (document, {**document, "allow": []}):
        (folder / "repo" / "plan.json").write_text(json.dumps(forged))
        done = run_in(folder / "repo", "apply", "plan.json", "--builder", one_node)
        assert done.returncode == 2, done.stderr
        assert f"--allow=fs.read={outside}" in done.stderr
        assert not (folder / "repo" / "out").exists()
    allowed = run_in(folder / "repo", "apply", "plan.json", "--builder", one_node, f"--allow=fs.read={outside}")
    assert allowed.returncode == 0, allowed.stderr
    assert (folder / "repo/out/secret").read_text() == "token"


IGNORING = ["*", "!a", "a/*.md", "!a/b/*.md", "**/x", "d/**", "!d/e/**/keep", "# a", "/f/", "g?", "!g1", "**/*z", "a b"]
BY_LIBRARY = ["[a-c]/[0-9]*\n!**/2.md", "*\n![d]\nd/e/[^h]*", "\\*\n/a\\ b\n[xyz]*", "é*\nd/**/[k]eep"]
"""What is asked of the library that ours has no rules for: classes, escapes, letters beyond ASCII."""


def test_buildkit_leaves_out_of_a_context_what_we_do(project: Project, one_node: str) -> None:
    paths = [
        "a/1",
        "a/2.md",
        "a/b/3.md",
        "a/b/x/4",
        "c",
        "d/e/5",
        "d/e/h/keep",
        "d/e/keep/6",
        "f/7",
        "g1/8",
        "g2",
        "xyz",
        "z",
    ]
    paths += ["a/xz/9", "a b/10", "a/d/11", "éa", "d/éa/12"]
    spec = '[target.app]\ndockerfile-inline = "FROM scratch\\nCOPY . /"\ncontext = "ctx"\n'
    spec += 'output = ["type=local,dest=out"]\n'
    folder = project(spec, {f"ctx/{path}": path for path in paths})
    texts = ["\n".join(IGNORING[first:] + IGNORING[: first // 2]) for first in range(len(IGNORING))]
    for text in texts + BY_LIBRARY:
        (folder / "ctx/.dockerignore").write_text(text)
        shutil.rmtree(folder / "out", ignore_errors=True)
        done = run_in(folder, "apply", "--builder", one_node)
        assert done.returncode == 0, done.stderr
        sent = {str(path.relative_to(folder / "out")) for path in (folder / "out").rglob("*") if path.is_file()}
        assert {path for path in paths if not is_ignored(text, path)} == sent - {".dockerignore"}, text


def is_ignored(text: str, path: str) -> bool:
    ignored = ignored_by(text)
    out, matched = False, ignored.top
    for length in range(1, path.count("/") + 2):
        out, matched = ignored.of("/".join(path.split("/")[:length]), matched)
    return out
