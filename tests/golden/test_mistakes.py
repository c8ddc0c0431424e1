"""Mistakes of the first hour, by the habit that they come from, each with all that the program says of it.

A file of `mistakes/` holds cases:

    === what was done
    the buildmatrix.toml
    --- NAME                  a further file, or one in its place
    --- $ COMMAND             the command line (default: validate)
    --- says CODE             its exit code, and what it wrote to stderr; of a plan that is none the worse, all

`REGENERATE_GOLDEN=1 pytest tests/golden/test_mistakes.py` writes what it says now; read it as somebody who has
never seen the program: does the message alone lead to what to write?
"""

import os
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

HERE = Path(__file__).parent / "mistakes"
REGENERATE = bool(os.environ.get("REGENERATE_GOLDEN"))


@dataclass(frozen=True)
class Case:
    """One mistake: its title, the files, the command line, and what is said."""

    title: str
    files: dict[str, str]
    command: str
    said: str


def cases(path: Path) -> list[Case]:
    return [case_of(part) for part in re.split(r"^=== ", path.read_text(), flags=re.MULTILINE)[1:]]


def case_of(text: str) -> Case:
    title, _, rest = text.partition("\n")
    parts = re.split(r"^--- (.*)\n", f"--- buildmatrix.toml\n{rest}", flags=re.MULTILINE)[1:]
    sections = dict(zip(parts[::2], parts[1::2], strict=True))
    command = next((name[2:] for name in sections if name.startswith("$ ")), "validate")
    said = next((f"{name.removeprefix('says ')}\n{body}" for name, body in sections.items() if name[:5] == "says "), "")
    files = {name: body for name, body in sections.items() if not name.startswith(("$ ", "says "))}
    return Case(title=title, files={name: body for name, body in files.items() if body}, command=command, said=said)


@pytest.mark.parametrize("habit", sorted(path.stem for path in HERE.glob("*.txt")))
def test_the_message_leads_to_the_cure(
    habit: str, tmp_path: Path, program: Callable[[Path, list[str]], tuple[str, str, int]]
) -> None:
    path = HERE / f"{habit}.txt"
    found = [said(case, tmp_path / str(number), program) for number, case in enumerate(cases(path))]
    if REGENERATE:
        rewrite(path, found)
    assert [(case.title, case.said) for case in cases(path)] == found


def said(case: Case, folder: Path, program: Callable[[Path, list[str]], tuple[str, str, int]]) -> tuple[str, str]:
    for name, text in case.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    folder.mkdir(exist_ok=True)
    out, err, code = program(folder, shlex.split(case.command))
    assert "Traceback" not in err
    warned = "" if code or case.command == "validate" else out  # a plan shows its warnings itself
    return case.title, f"{code}\n{err}{warned}"


def rewrite(path: Path, found: list[tuple[str, str]]) -> None:
    parts = re.split(r"^(?==== )", path.read_text(), flags=re.MULTILINE)
    written = [part.partition("--- says ")[0] for part in parts[1:]]
    says = [f"{part}--- says {text}" for part, (_, text) in zip(written, found, strict=True)]
    path.write_text(parts[0] + "".join(says))


def test_there_are_as_many_as_were_promised() -> None:
    assert sum(len(cases(path)) for path in HERE.glob("*.txt")) >= len(range(50)) + 13


def test_no_two_have_one_title() -> None:
    titles = [case.title for path in HERE.glob("*.txt") for case in cases(path)]
    assert len(titles) == len(set(titles))
