"""The whole program: whatever a file says, no line of its output is forged, and nothing in it is obeyed."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from buildmatrix.spec.rows.settings import Settings
from buildmatrix.spec.rows.shapes import is_list, is_map, rows

FORGED = "x\r\nFORGED\v\x85\u2028FORGED\x1b[2K\n  ::error::FORGED\n\t##[error]FORGED"
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e]")
KEYS = [row.key for row in rows(Settings)]


def check(shown: str) -> None:
    assert not OBEYED.search(shown)
    for line in shown.splitlines():
        assert not line.strip().startswith(("FORGED", ":\\:error::FORGED", "::error::FORGED")), line
        assert "##[" not in line


def written(key: str) -> str:
    """A setting with a hostile text in its value; most values are refused, and that is told."""
    row = next(row for row in rows(Settings) if row.key == key)
    text = json.dumps(FORGED)
    if is_map(row.shape):
        return f"{key} = {{ {text} = {text} }}"
    return f"{key} = [{text}]" if is_list(row.shape) else f"{key} = {text}"


@pytest.mark.parametrize(
    "command", ["plan", "validate", "list targets", "graph --format dot", "apply --dry-run", "ci github"]
)
@pytest.mark.parametrize("key", [key for key in KEYS if key != "description"])
def test_no_setting_forges_a_line(key: str, command: str, say: Callable[..., tuple[str, str, int]]) -> None:
    inline = "" if key in {"dockerfile-inline", "dockerfile"} else 'dockerfile-inline = "FROM x"\n'
    out, err, _ = say(f"version = 1\n[target.app]\n{inline}{written(key)}\n", *command.split())
    check(out)
    check(err)


WHERE = [
    "[target.{text}]\n", "[group]\n{text} = ['app']\n", "[group]\nx = [{text}]\n", "[{text}]\n", "{text} = 1\n",
    "include = [{text}]\n[target.app]\n", "requires-buildx = {text}\n", "[variable]\n{text} = 1\n",
    "[variable.v]\nenv = {text}\n", "[variable.v]\ndefault = 'x'\npattern = {text}\n",
    "[variable.v]\ndefault = {text}\nchoices = ['x']\n", "[variable.v]\nfile = {text}\n",
    "[target.app]\ninherits = [{text}]\n", "[target.app]\nname = {text}\n[target.app.matrix]\na = ['x', 'y']\n",
    "[target.app.matrix]\n{text} = ['x']\n", "[target.app.matrix]\na = [{text}]\n",
    "[target.app.matrix]\na = ['x']\nexclude = [{{ a = {text} }}]\n", "[apply]\nbuilder = {text}\n",
    "[builder.{text}]\n", "[builder.x]\nendpoint = {text}\ndriver-opts = {{ {text} = {text} }}\n",
    "[builder.x]\ndriver = {text}\n[[builder.x.node]]\nname = {text}\nbuildkitd-flags = [{text}]\n",
    "[target.app]\ntags = ['{{{{ ', {text}, '{{{{ x | y }}}}']\n", "[target.app]\n{text} = 1\n",
]  # fmt: skip


@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize("command", ["plan", "validate --format json", "list groups", "list variables"])
def test_no_name_forges_a_line(where: str, command: str, say: Callable[..., tuple[str, str, int]]) -> None:
    body = where.format(text=json.dumps(FORGED))
    if not body.startswith("["):
        body += "[target.app]\n" if "target" not in body else ""
    out, err, _ = say(f"version = 1\n{body}", *command.split())
    check(out)
    check(err)


@pytest.mark.parametrize(
    "words",
    [
        ["plan", FORGED], ["plan", "--platform", FORGED], ["plan", "--set", FORGED], ["plan", "--var", FORGED],
        ["plan", "--var-file", FORGED], ["plan", "--file", FORGED], ["plan", "--color", FORGED],
        ["plan", f"--{FORGED}"], [FORGED], ["plan", f"app[{FORGED}={FORGED}]"], ["list", FORGED],
        ["apply", f"{FORGED}.json"], ["merge", f"{FORGED}.json", "."], ["merge", FORGED, "."],
        ["builder", "create", FORGED], ["builder", "rm", FORGED], ["builder", FORGED],
        ["builder", "use", FORGED], ["builder", "inspect", FORGED],
        ["apply", "--dry-run", "--allow", FORGED], ["apply", "--dry-run", "--builder", FORGED],
        ["apply", "--timeout", FORGED], ["apply", "--report", FORGED], ["render", "--check", "-o", FORGED],
        ["render", "-o", f"nowhere/{FORGED}"], ["plan", "--set", f"app.args.A={FORGED}"], ["schema", FORGED],
        ["ci", FORGED], ["ci", "github", f"{FORGED}.json"], ["ci", "github", "--workflow", f"nowhere/{FORGED}"],
    ],
    ids=count(),
)  # fmt: skip
def test_no_argument_forges_a_line(words: list[str], say: Callable[..., tuple[str, str, int]]) -> None:
    out, err, _ = say('version = 1\n[target.app]\ndockerfile-inline = "FROM x"\n', *words)
    check(out)
    check(err)


def test_no_name_of_a_file_forges_a_line(tmp_path: Path) -> None:
    folder = tmp_path / "a\nFORGED\x1b[1m"
    folder.mkdir()
    for text in ("version = 1\n[target.app]\nx = 1\n[target.b]\nx = 1\n", 'version = 1\n[target.app]\ncontext = "x"\n'):
        (folder / "b\n::error::FORGED").write_text(text)
        command = [sys.executable, "-m", "buildmatrix", "plan", "--file", f"{folder.name}/b\n::error::FORGED"]
        environment = {**os.environ, "GITHUB_ACTIONS": "true"}
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, env=environment)
        assert done.returncode == 2
        check(done.stderr)


def test_an_answer_of_docker_forges_no_line(tmp_path: Path) -> None:
    """What docker says of itself is a text of others, too."""
    (tmp_path / "buildmatrix.toml").write_text('version = 1\n[target.app]\ndockerfile-inline = "FROM x"\n')
    docker = tmp_path / "docker"
    docker.write_text(
        "#!/bin/sh\nprintf 'ERROR: a\\r\\nFORGED\\033[1m\\n::error::FORGED\\n##[error]FORGED\\n' >&2\nexit 1\n"
    )
    docker.chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "GITHUB_ACTIONS": "true"}
    command = [sys.executable, "-m", "buildmatrix", "apply"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 3
    check(done.stdout)
    check(done.stderr)
