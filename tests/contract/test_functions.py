"""The guide's table of bake's functions is complete, and each row gives here what bake gives."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from tests.bake_functions import NAMES, NEWER, Row, rows

ROWS = rows()
RANDOM = {"bcrypt", "uuidv4", "timestamp"}
"""What gives another value each time."""
FAILS = {"rsadecrypt", "byteslen", "bytesslice"}
"""What has no example that works: it would take a private key, or bytes, which bake has no way to make."""


def values(command: Iterable[str], folder: Path, file: str) -> Mapping[str, str]:
    done = subprocess.run(
        [*command, "bake", "-f", file, "--print"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found: Mapping[str, str] = json.loads(done.stdout)["target"]["app"]["args"]
    return found


def of_bake(
    buildx: tuple[str, ...], folder: Path, expressions: Mapping[str, str], before: str = ""
) -> Mapping[str, str]:
    """What bake makes of expressions, by name; all in one call."""
    lines = "".join(f"    {name} = {expression}\n" for name, expression in expressions.items())
    text = f'{before}group "default" {{\n  targets = ["app"]\n}}\ntarget "app" {{\n  args = {{\n{lines}  }}\n}}\n'
    (folder / "docker-bake.hcl").write_text(text)
    return values(buildx, folder, "docker-bake.hcl")


@pytest.fixture(scope="module")
def known(buildx: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names that this bake has: where it has none, a function of the file is called, which is passed over else."""
    ours = "".join(
        f'function "{name}" {{\n  params = []\n  variadic_params = rest\n  result = "not of bake"\n}}\n'
        for name in sorted({*NAMES, *NEWER, "nosuch"})
    )
    calls = {name: f'try(jsonencode({name}()), "refused")' for name in [*NAMES, *NEWER, "nosuch"]}
    found = of_bake(buildx, tmp_path_factory.mktemp("names"), calls, before=ours)
    return {name for name, value in found.items() if "not of bake" not in value}


def test_every_function_of_bake_is_in_the_table(known: set[str]) -> None:
    assert known - NEWER == NAMES
    assert {row.function for row in ROWS} == NAMES | NEWER
    assert len({row.bake for row in ROWS}) == len(ROWS)


def test_what_is_newer_is_said_to_be(known: set[str]) -> None:
    assert {row.function for row in ROWS if "and later" in row.note} == NEWER
    assert all(row.note for row in ROWS if not row.template)
    assert "nosuch" not in known


def test_each_row_gives_what_bake_gives(buildx: tuple[str, ...], known: set[str], tmp_path: Path) -> None:
    """As JSON where it is a value, as the items of a list where it is a template of lines."""
    run = {f"R{number}": row for number, row in enumerate(ROWS)}
    calls = {name: as_text(row) for name, row in run.items() if row.function in known}
    bakes = of_bake(buildx, tmp_path, calls)
    ours = of_ours(tmp_path, {name: row.template for name, row in run.items() if row.template})
    assert {run[name].function for name, value in bakes.items() if value == "fails"} == FAILS
    assert not [name for name, row in run.items() if row.function in FAILS and row.template]
    for name, row in run.items():
        if row.template and name in bakes and row.function not in RANDOM:
            assert same(json.loads(ours[name])) == same(json.loads(unescaped(bakes[name]))), row


def as_text(row: Row) -> str:
    return f'try(jsonencode({row.bake}), "fails")' if row.function in FAILS else f"jsonencode({row.bake})"


def same(value: object) -> str:
    """A value so that 3 and 3.0, or true and 1, differ, as they do as texts."""
    return json.dumps(value, sort_keys=True)


def unescaped(text: str) -> str:
    return text.replace("$${", "${").replace("%%{", "%{")


def of_ours(folder: Path, templates: Mapping[str, str]) -> Mapping[str, str]:
    """What buildmatrix makes of templates, as JSON."""
    lines = [f"{name} = {json.dumps(as_json(text))}" for name, text in templates.items()]
    spec = "\n".join(["version = 1", "[target.app]", 'context = "."', "[target.app.args]", *lines, ""])
    (folder / "buildmatrix.toml").write_text(spec)
    (folder / "Dockerfile").write_text("FROM scratch\n")
    environment = {**os.environ, "SOURCE_DATE_EPOCH": "0"}
    done = subprocess.run(
        [sys.executable, "-m", "buildmatrix", "render", "-o", "ours.json"],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    args = json.loads((folder / "ours.json").read_text())["target"]["app"]["args"]
    return {
        name: json.dumps(text.splitlines()) if templates[name].startswith("{%") else unescaped(text)
        for name, text in args.items()
    }


def as_json(template: str) -> str:
    if template.startswith("{%"):
        return template.replace("\\n", "\n")
    return f"{{{{ ({template.removeprefix('{{').removesuffix('}}')}) | tojson }}}}"
