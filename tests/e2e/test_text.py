"""What a build writes is shown, and obeyed by nobody: a terminal, GitHub's log, files; credentials stay out."""

import base64
import json
import os
import re
import uuid
from pathlib import Path

import pytest

from tests.e2e.tools import Project, Run
from tests.terminal import on_a_terminal
from tests.warm import command

pytestmark = pytest.mark.corpus

LOG = (
    b"\x1b[31mred\x1b[0m \xc3\xbcml\xc3\xa4ut \xe6\x97\xa5\xe6\x9c\xac\n"
    b"  ::error::FORGED\n"
    b"\t##[error]FORGED\n"
    b"\x1b]0;title\x07\n"
    b"1%\r2%\r::add-mask::FORGED\r\n"
    b"section_start:1:x\r\x1b[0Kx\n"
    b"\xe2\x80\xaebidi \xc2\x9b31m\n"
    b"```\n</details>\n<img src=x> @someone\n"
)
SPEC = """
[target.app]
description = "\\u001b[31mred\\n::error::FORGED\\n##[error]FORGED"
tags = ["{repository}:1"]
args.V = "\\u001b]0;title\\u0007\\n::error::FORGED"
output = [{{ type = "image" }}]
"""
OBEYED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028-\u202e]")


def commands(text: str) -> list[str]:
    """The lines that GitHub's runner obeys, none of those between `stop-commands` and its word."""
    found, word = [], ""
    for line in re.split("[\r\n]", text):
        if word:
            word = "" if line == f"::{word}::" else word
        elif line.strip().startswith("::stop-commands::"):
            word = line.strip().removeprefix("::stop-commands::")
        elif line.strip().startswith("::") or "##[" in line:
            found.append(line)
    assert not word
    return found


@pytest.fixture
def hostile(project: Project, repository: str, one_node: str) -> Path:
    own = f"RUN : {uuid.uuid4().hex} && cat /log && false"  # of a step that others run too, one build alone has the log
    folder = project(
        SPEC.format(repository=repository),
        {"Dockerfile": f"FROM busybox\nARG V\nCOPY log /\n{own}\n"},
    )
    (folder / "log").write_bytes(LOG)
    assert one_node
    return folder


@pytest.fixture(autouse=True)
def builder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUILDX_BUILDER", "one-node")


@pytest.mark.parametrize("progress", ["auto", "plain", "rawjson", "quiet"])
def test_github_obeys_only_us(hostile: Path, run: Run, progress: str) -> None:
    files = {"GITHUB_OUTPUT": str(hostile / "output"), "GITHUB_STEP_SUMMARY": str(hostile / "summary")}
    done = run("apply", "--progress", progress, GITHUB_ACTIONS="true", **files)
    assert done.returncode == 1
    for text in (done.stdout, done.stderr):
        assert not OBEYED.search(text)
        ours = [line for line in commands(text) if not line.startswith(("::group::app ", "::endgroup::"))]
        assert [
            line for line in ours if not line.startswith("::error file=Dockerfile,title=buildmatrix,line=4::")
        ] == []
    assert len(commands(done.stderr)) == (3 if progress == "auto" else 1)
    outputs = (hostile / "output").read_text().splitlines()
    assert [line.partition("=")[0] for line in outputs] == ["digests", "tags"]
    assert progress not in {"auto", "plain"} or "ümläut 日本" in done.stderr


def test_a_terminal_obeys_only_our_board(hostile: Path, engine: dict[str, str]) -> None:
    shown = in_80_columns(hostile, "apply", **engine)
    assert "\x1b]0;title" not in shown
    assert "\x1b[31m" not in shown.replace("\x1b[31mfailed", "")
    assert "\r::add-mask" not in shown
    assert "\u202e" not in shown
    assert "ümläut 日本" in shown
    assert r"\u202ebidi \x9b31m" in shown
    assert r"\x1b]0;title\x07" in shown


def in_80_columns(folder: Path, *arguments: str, **more: str) -> str:
    """Run in a terminal of 80 columns; returns all that was written to it."""
    environment = {**os.environ, **more, "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"}
    for name in ("NO_COLOR", "GITHUB_ACTIONS"):
        environment.pop(name, None)
    return on_a_terminal(command(*arguments), folder, environment)


def test_files_hold_what_was_written(hostile: Path, run: Run) -> None:
    reports = [text for ending in ("json", "xml", "md", "html") for text in ("--report", f"report.{ending}")]
    run("apply", "--log-dir", "logs", *reports)
    log = (hostile / "logs/app.log").read_text()
    assert not OBEYED.search(log)
    assert "[4/4] | red ümläut 日本\n" in log or "[3/3] | red ümläut 日本\n" in log
    assert "| 1%\n  | 2%\n  | ::add-mask::FORGED\n" in log
    for ending in ("json", "xml", "md", "html"):
        text = (hostile / f"report.{ending}").read_text()
        assert not OBEYED.search(text)
        assert "ümläut 日本" in text


@pytest.mark.parametrize("progress", ["auto", "plain"])
@pytest.mark.parametrize("call", ["check", "outline"])
def test_what_a_dockerfile_is_told_of_is_obeyed_by_nobody(project: Project, run: Run, call: str, progress: str) -> None:
    text = "FROM busybox\nARG V=1 # \x1b]0;title\x07\u202e##[error]FORGED\nRUN echo $V$W \x1b[31m##[error]FORGED\n"
    project(f'[target.app]\ncall = "{call}"\n', {"Dockerfile": text + "from busybox\n"})
    done = run("apply", "--progress", progress, GITHUB_ACTIONS="true")
    for text in (done.stdout, done.stderr):
        assert not OBEYED.search(text)
        assert [line for line in commands(text) if "##[" in line] == []


# Credentials


def token() -> str:
    """What GitHub's cache takes for a token: BuildKit reads it, and then finds no server."""

    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    scopes = json.dumps([{"Scope": "refs/heads/main", "Permission": 3}])
    return f"{part({'alg': 'HS256', 'typ': 'JWT'})}.{part({'ac': scopes, 'canary': 'CANARY', 'exp': 2**33})}.c2ln"


def test_credentials_stay_out_of_what_a_run_leaves(project: Project, run: Run, repository: str) -> None:
    secret, word = token(), "CANARY-PASSWORD"
    folder = project(
        f"""
        variable.key = {{ env = "CACHE_TOKEN" }}
        [target.app]
        tags = ["{repository}:1"]
        cache-from = [{{ type = "gha", url = "http://u:{word}@127.0.0.1:1/", token = "{{{{ key }}}}" }}]
        output = [{{ type = "image" }}]
        """,
        {"Dockerfile": "FROM busybox\nCOPY log /\nRUN cat /log && false\n", "log": f"{secret}\n{word}\n"},
    )
    arguments = ["--log-dir", "logs", "--metadata", "meta.json"]
    arguments += [text for ending in ("json", "xml", "md", "html") for text in ("--report", f"report.{ending}")]
    files = {"GITHUB_OUTPUT": str(folder / "output"), "GITHUB_STEP_SUMMARY": str(folder / "summary")}
    for more in ([], ["--format", "json"], ["--progress", "plain"], ["--progress", "rawjson"], ["--dry-run"]):
        done = run("apply", *arguments, *more, CACHE_TOKEN=secret, GITHUB_ACTIONS="true", **files)
        assert done.returncode == (0 if more == ["--dry-run"] else 1), done.stderr
        assert "***" in done.stdout + done.stderr
        assert secret not in decoded(done.stdout + done.stderr)
        assert word not in decoded(done.stdout + done.stderr)
    for path in folder.rglob("*"):
        if path.is_file() and path.name not in {"log", "buildmatrix.toml"}:
            text = path.read_text()
            assert secret not in text, path
            assert word not in text, path


def decoded(text: str) -> str:
    """A text, and what is base64 in it."""
    found = [base64.b64decode(data).decode(errors="replace") for data in re.findall('"data": ?"([^"]*)"', text)]
    return "\n".join([text, *found])
