"""The schema in an editor: taplo, which Even Better TOML is made of, takes what we take and refuses what we refuse."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TAPLO = str(Path(sys.executable).parent / "taplo")
SCHEMA = (ROOT / "schemas/buildmatrix.schema.json").as_uri()
GOLDEN = ROOT / "tests/golden"


@pytest.mark.parametrize(
    "file",
    [ROOT / "buildmatrix.toml", *sorted((ROOT / "examples").rglob("buildmatrix.toml"))],
    ids=lambda file: str(file.relative_to(ROOT)),
)
def test_examples_name_their_schema(file: Path) -> None:
    named = file.read_text().splitlines()[0].removeprefix("#:schema ")
    assert (file.parent / named).resolve().as_uri() == SCHEMA
    assert lint(file) == ""


@pytest.mark.parametrize("file", sorted(GOLDEN.glob("accepted/*/buildmatrix.toml")), ids=lambda file: file.parent.name)
def test_what_is_accepted_has_no_marks(file: Path) -> None:
    assert lint(file, "--schema", SCHEMA) == ""


@pytest.mark.parametrize(
    ("case", "said"),
    [
        ("unknown-key", "'platfroms'"),
        ("output-tables", '"registy" is not one of ["local","tar","oci","docker","image","registry","cacheonly"]'),
        ("wrong-types", 'is not of type "'),
        ("version-missing", '"version" is a required property'),
    ],
)
def test_mistakes_are_marked(case: str, said: str) -> None:
    assert said in lint(GOLDEN / "rejected" / case / "buildmatrix.toml", "--schema", SCHEMA)


def lint(file: Path, *options: str) -> str:
    """Return taplo's words; none if it has nothing to say."""
    command = [TAPLO, "lint", *options, str(file)]
    done = subprocess.run(command, env={"RUST_LOG": "off"}, capture_output=True, text=True, check=False)
    return done.stderr if done.returncode else ""
