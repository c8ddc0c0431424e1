"""Specs and command lines with what the program says of them, to the letter.

    accepted/CASE/   buildmatrix.toml and files, `command` (default: plan), `stdout`, `stderr` where anything is said
    rejected/CASE/   the same, with `stderr` and `exit`, and `stdout` where anything is written there

`like` names the case whose project a case has.

The program runs in a copy of the case's directory. `REGENERATE_GOLDEN=1 pytest tests/golden` writes what it says now;
read the difference before you commit it. Cases whose input cannot be committed as a file are in `MADE`.
"""

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest

from buildmatrix.plan.document.reviewed import plan_digest

HERE = Path(__file__).parent
REGENERATE = bool(os.environ.get("REGENERATE_GOLDEN"))
EXPECTED = ("stdout", "stderr", "exit", "command", "made", "like")
NOBODY = 65534
GOOD = b'version = 1\n[target.app]\ndockerfile-inline = "FROM scratch"\noutput = ["type=cacheonly"]\n'


def pipe(path: Path) -> None:
    os.mkfifo(path)


def links(folder: Path, named: dict[str, str]) -> None:
    for name, to in named.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).symlink_to(to)


def link_and_pipe(folder: Path) -> None:
    links(folder, {"linked": "/nowhere/x"})
    pipe(folder / "pipe")


def outside_paths(folder: Path) -> None:
    links(
        folder,
        {
            "link": "/nowhere",
            "file:": "/nowhere",
            "https:": "/",
            "app/linked.Dockerfile": "/nowhere/linked.Dockerfile",
            "app/other.Dockerfile.rego": "/nowhere/policy",
            "app/.dockerignore": "/nowhere/ignored",
            "layout/oci-layout": "/nowhere/layout",
            "cache/index.json": "/nowhere/index",
        },
    )


def revisions(folder: Path) -> None:
    """Make a repository whose commit has what is in `then`, and whose working tree is the rest."""
    then = folder / "then"
    where = [f"--git-dir={folder / '.git'}", f"--work-tree={then}"]
    date = {"GIT_AUTHOR_DATE": "1700000000 +0000", "GIT_COMMITTER_DATE": "1700000000 +0000"}
    fixed = {**os.environ, **date, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
    for words in (
        ["init", "--quiet", "--initial-branch=main", "--template=", str(folder)],
        [*where, "add", "--all"],
        [*where, "-c", "user.name=x", "-c", "user.email=x", "commit", "--quiet", "--message=then"],
        [where[0], "update-ref", "refs/remotes/origin/main", "HEAD"],
    ):
        subprocess.run(["git", *words], env=fixed, check=True)
    shutil.rmtree(then)


def saved_plan(folder: Path) -> None:
    """Save the plan of a case; `@PLAN@` in its records becomes the plan's digest."""
    own = {
        name: text for name, text in os.environ.items() if not name.startswith(("BUILDMATRIX_", "GITHUB_", "BUILDX_"))
    }
    command = [sys.executable, "-m", "buildmatrix", "plan", "--out", "plan.json"]
    subprocess.run(command, cwd=folder, env=own, check=True, capture_output=True)
    digest = plan_digest(json.loads((folder / "plan.json").read_text()))
    for record in folder.glob("records/*.json"):
        record.write_text(record.read_text().replace("@PLAN@", digest))


MADE: dict[str, Callable[[Path], object]] = {
    "bom-and-crlf": lambda path: path.write_bytes(b"\xef\xbb\xbf" + GOOD.replace(b"\n", b"\r\n")),
    "directory": lambda path: path.mkdir(),
    "dangling-link": lambda path: path.symlink_to("nowhere"),
    "empty": lambda path: path.write_bytes(b""),
    "not-utf-8": lambda path: path.write_bytes(GOOD + b"# caf\xe9\n"),
    "ten-megabytes": lambda path: path.write_bytes(GOOD + b"#" * 10_000_000),
    "unreadable": lambda path: path.touch(mode=0),
    "nested-deeply": lambda path: path.write_bytes(b"a = " + b"[" * 20_000 + b"]" * 20_000),
    "outside-root-file": lambda path: path.symlink_to("/nowhere/x.toml"),
    "outside-include": lambda path: links(path.parent, {"images/x": "/nowhere", "linked.toml": "/nowhere/x.toml"}),
    "outside-variable-file": lambda path: link_and_pipe(path.parent),
    "var-file-is-no-file": lambda path: link_and_pipe(path.parent),
    "file-is-a-pipe": pipe,
    "output-is-a-pipe": lambda path: pipe(path.parent / "pipe"),
    "output-is-a-link": lambda path: links(path.parent, {"linked.json": "/nowhere/x"}),
    "output-through-a-link": lambda path: links(path.parent, {"away": "/nowhere"}),
    "log-dir-through-a-link": lambda path: links(path.parent, {"away": "/nowhere"}),
    "reports-over-inputs": lambda path: links(path.parent, {"linked.json": "more.json"}),
    "include-is-a-pipe": lambda path: pipe(path.parent / "pipe.toml"),
    **dict.fromkeys(
        (
            "against",
            "against-absent",
            "against-all",
            "against-invalid",
            "against-json",
            "against-locked",
            "against-locked-markdown",
            "against-markdown",
            "against-nothing",
            "against-short",
            "against-unknown",
            "against-with-a-dash",
            "changed-files",
            "changed-files-nothing-markdown",
            "changed-since",
            "changed-since-locked",
            "changed-since-nothing",
            "changed-since-unknown",
        ),
        lambda path: revisions(path.parent),
    ),
    "outside-paths": lambda path: outside_paths(path.parent),
    **dict.fromkeys(
        (
            "build-key-in-parts",
            "build-key-unknown",
            "build-with-resume",
            "build-without-record",
            "merge-record-missing",
            "merge-record-of-another-plan",
            "merge-record-tampered-with",
            "merge-record-truncated",
            "merge-records-twice",
            "record-of-a-dependency-missing",
            "record-without-build",
        ),
        lambda path: saved_plan(path.parent),
    ),
}


def cases(kind: str) -> list[str]:
    return sorted(path.name for path in (HERE / kind).iterdir())


@pytest.fixture
def say(
    tmp_path: Path, program: Callable[[Path, list[str]], tuple[str, str, int]]
) -> Callable[[Path], tuple[str, str, int]]:
    """Run a case's command in a copy of its directory: what it wrote to stdout and stderr, and its exit code."""

    def run(case: Path) -> tuple[str, str, int]:
        folder = tmp_path / "project"
        like = case / "like"  # the case whose project it is
        project = HERE / like.read_text().strip() if like.exists() else case
        shutil.copytree(project, folder, ignore=shutil.ignore_patterns(*EXPECTED))
        if case.name in MADE:
            MADE[case.name](folder / "buildmatrix.toml")
        command = case / "command"
        with unprivileged(folder) if case.name == "unreadable" else nullcontext():
            return program(folder, shlex.split(command.read_text()) if command.exists() else ["plan"])

    return run


@contextmanager
def unprivileged(folder: Path) -> Iterator[None]:
    """Run as nobody where we are root, whom no mode keeps from reading; the way to the directory is opened."""
    if os.geteuid() != 0:
        yield
        return
    for way in (folder, *folder.parents):
        if "pytest-of-" in str(way):
            way.chmod(0o755)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def compare(path: Path, text: str) -> None:
    """Compare with a file; one that is not there stands for nothing said."""
    if REGENERATE and (text or path.exists()):
        path.write_text(text)
    assert (path.read_text() if path.exists() else "") == text


@pytest.mark.parametrize("name", cases("accepted"))
def test_accepted(name: str, say: Callable[[Path], tuple[str, str, int]]) -> None:
    case = HERE / "accepted" / name
    out, err, code = say(case)
    assert code == 0, err
    compare(case / "stdout", out)
    compare(case / "stderr", err)


@pytest.mark.parametrize("name", cases("rejected"))
def test_rejected(name: str, say: Callable[[Path], tuple[str, str, int]]) -> None:
    case = HERE / "rejected" / name
    out, err, code = say(case)
    compare(case / "exit", f"{code}\n")
    compare(case / "stdout", out)
    compare(case / "stderr", err)
    assert code != 0
    assert "Traceback" not in err
