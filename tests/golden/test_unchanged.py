"""Every project that can be planned, compared with itself: nothing changes, whatever stands in its file."""

import json
import shlex
import shutil
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from tests.golden.test_golden import EXPECTED, HERE, MADE
from tests.repositories import committed

Program = Callable[[Path, list[str]], tuple[str, str, int]]

EXAMPLES = HERE.parents[1] / "examples"
PROJECTS = {
    f"{path.parent.parent.name}/{path.parent.name}": path.parent
    for folder in (EXAMPLES, HERE / "accepted")
    for path in sorted(folder.glob("*/buildmatrix.toml"))
    if path.parent.name not in MADE
}
OPTIONS = {"--var", "--var-file", "--set", "--platform"}


def words_of(case: Path) -> list[str]:
    """What of a case's command says which values its plan has."""
    command = case / "command"
    words = shlex.split(command.read_text()) if command.exists() else []
    given = [one for pair in pairwise(words) if pair[0] in OPTIONS for one in pair]
    return ["plan", *given, *(word for word in words if word.partition("=")[0] in OPTIONS and "=" in word)]


@pytest.mark.corpus
@pytest.mark.parametrize("name", PROJECTS)
def test_against_itself_nothing_changes(name: str, tmp_path: Path, program: Program) -> None:
    folder = tmp_path / "project"
    shutil.copytree(PROJECTS[name], folder, ignore=shutil.ignore_patterns(*EXPECTED))
    committed(folder)
    words = words_of(PROJECTS[name])
    out, err, code = program(folder, [*words, "--against", "HEAD", "--format", "json"])
    if code:
        assert program(folder, words)[2] == code, err  # it cannot be planned in this way
        return
    found = json.loads(out)
    assert found["trouble"] == []
    assert [found[key] for key in ("targets", "run", "lost_tags", "moved_tags", "needs", "expected")] == [[]] * 6
    assert sum(found["totals"].values()) == found["totals"]["unchanged"]


def test_most_projects_are_looked_at() -> None:
    assert len(PROJECTS) > 60
    assert sum(name.startswith("examples/") for name in PROJECTS) == len(list(EXAMPLES.glob("*/")))
