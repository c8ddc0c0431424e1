"""Dockerfiles as the engine itself reads them: its list of stages (`--call=targets`) is ours, and so are last steps."""

import base64
import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from buildmatrix.dockerfile.reader import read
from tests.e2e.tools import Project, Run, nap
from tests.unit.dockerfile.corpus import REFUSED, TAKEN

BAKE = ("docker", "buildx", "bake", "--file=-", "--call=targets,format=json", "--builder")
TEXTS = {about: text for about, text in TAKEN.items() if about != "syntax"}
"""Without the one whose frontend would have to be pulled."""


def ask(texts: dict[str, str], builder: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    """Ask the engine for the stages of texts in one call; nothing is built, and no image looked at."""
    names = {f"t{number}": text for number, text in enumerate(texts.values())}
    targets = {name: {"dockerfile-inline": text.replace("${", "$${")} for name, text in names.items()}
    spec = json.dumps({"group": {"default": {"targets": list(targets)}}, "target": targets})
    command = [*BAKE, builder]
    return subprocess.run(command, input=spec, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def answers(one_node: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    done = ask(TEXTS, one_node, tmp_path_factory.mktemp("context"))
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)["target"]
    return {about: found[f"t{number}"]["targets"] for number, about in enumerate(TEXTS)}


@pytest.mark.parametrize("about", TEXTS)
def test_stages_are_those_of_the_engine(about: str, answers: dict[str, dict[str, Any]]) -> None:
    answer, file = answers[about], read(TEXTS[about])
    source = base64.b64decode(answer["sources"][0]).decode()
    assert source.removeprefix("\ufeff") == TEXTS[about].removeprefix("\ufeff")
    rows = answer["targets"]
    found = [(one.get("name", ""), one["base"], one["location"]["ranges"][0]["start"]["line"]) for one in rows]
    assert file is not None
    assert [(one.name, one.base, one.head.line) for one in file.stages] == found
    told = {number: one["platform"] for number, one in enumerate(rows) if "platform" in one}  # since 0.26 or so
    assert {number: file.stages[number].platform for number in told} == told


def test_what_we_do_not_know_the_engine_refuses(one_node: str, tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda about: ask({about: REFUSED[about]}, one_node, tmp_path), REFUSED))
    assert [about for about, done in zip(REFUSED, found, strict=True) if done.returncode == 0] == []


ENDING = {
    "plain": "FROM busybox\nRUN echo {salt}",
    "mount": "FROM busybox\nRUN --mount=type=tmpfs,target=/t echo {salt}",
    "named": "FROM busybox AS some\nRUN --mount=type=tmpfs,target=/t echo named {salt}",
    "copy": "FROM busybox\nRUN echo copy {salt}\nCOPY --from=busybox /bin/true /x\n",
    "root": "FROM busybox\nRUN echo root {salt}\nWORKDIR /\n",
    "trigger": "FROM busybox AS a\nONBUILD RUN echo trigger {salt}\nFROM a\n",
    "script": "FROM busybox\nRUN <<EOF\necho script {salt}\ntrue\nEOF\n",
    "escape": "# escape=`\nFROM busybox\nRUN echo escape `\n  {salt}\n",
    "argument": "ARG BASE=scratch\nFROM $BASE AS a\nCOPY <<EOF /x\n{salt}\nEOF\n",
}


def test_what_writes_nothing_ends_with_its_last_step(project: Project, run: Run, one_node: str) -> None:
    """All are one call, which ends with the slow one."""
    salt = nap(0).removeprefix("sleep ")
    slow = {"slow": f"FROM busybox\nRUN sleep 8; echo {salt}"}
    texts = {name: text.replace("{salt}", salt) for name, text in ENDING.items()} | slow
    targets = [f"[target.{name}]\ndockerfile-inline = {json.dumps(text)}\n" for name, text in texts.items()]
    project("[defaults]\noutput = ['type=cacheonly']\n" + "".join(targets))
    done = run("apply", "--builder", one_node)
    assert done.returncode == 0, done.stderr
    told = [line.split()[0] for line in done.stderr.splitlines() if " built " in line or " cached " in line]
    assert sorted(told) == sorted(texts), done.stderr
    assert told[-1] == "slow"  # what is told at the end of the call is told after it
