"""What commands write fits the schemas of the documents, and each name stands for one table."""

import json
from pathlib import Path
from typing import get_args

import jsonschema
import pytest
from typer.testing import CliRunner

from buildmatrix.cli.application import application
from buildmatrix.cli.commands.schema import Which
from buildmatrix.report.documents import DOCUMENTS, schemas, tables_of
from buildmatrix.spec.rows.document import Version
from buildmatrix.spec.rows.shapes import rows

SCHEMAS = schemas()

SPEC = """version = 1
[target._base]
tags = ["r.example/{{ name }}:1"]
output = ["type=registry"]
[target.app]
inherits = ["_base"]
description = "the app"
matrix.os = ["a", "b"]
contexts.base = "target:base"
dockerfile-inline = "FROM base"
platforms = ["linux/amd64"]
[target.base]
dockerfile-inline = "FROM scratch"
needs = ["first"]
[target.first]
dockerfile-inline = "FROM scratch"
secret = ["id=a,src=/etc/hostname"]
[variable]
nothing = { env = "NOTHING" }
some = ["a", 3.10]
[group]
default = ["app"]
"""
WRONG = """version = 1
[target.app]
needs = ["app"]
tags = ["r.example/app:1", "r.example/app:1:2"]
[target.app]
"""


@pytest.mark.parametrize("spec", [SPEC, WRONG], ids=["right", "wrong"])
@pytest.mark.parametrize(
    ("document", "command"),
    [
        ("plan", "plan"),
        ("plan", "plan --platform linux/amd64 --set app.args.A=1"),
        ("diagnostics", "validate"),
        ("graph", "graph"),
        ("list", "list targets"),
        ("list", "list groups"),
        ("list", "list variables"),
        ("list", "list platforms"),
        ("list", "list tags"),
    ],
)
def test_what_is_written_fits_its_schema(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spec: str, document: str, command: str
) -> None:
    (tmp_path / "buildmatrix.toml").write_text(spec)
    monkeypatch.chdir(tmp_path)
    words = [*command.split(), "--format", "json"]
    done = CliRunner().invoke(application(words[:1]), words)
    if spec is SPEC or document == "diagnostics":
        made = json.loads(done.stdout)
        jsonschema.Draft202012Validator(SCHEMAS[document]).validate(made)
        lists = [value for value in made.values() if isinstance(value, list)]
        assert any(lists) == (document != "diagnostics" or spec is WRONG)


def test_a_list_of_another_type_is_refused() -> None:
    validator = jsonschema.Draft202012Validator(SCHEMAS["list"])
    group = {"name": "g", "members": ["a"], "targets": ["a"]}
    assert validator.is_valid({"format_version": 1, "type": "groups", "items": [group]})
    assert not validator.is_valid({"format_version": 1, "type": "tags", "items": [group]})
    assert not validator.is_valid({"format_version": 1, "type": "more", "items": []})
    assert not validator.is_valid({"format_version": 1, "items": [group]})


def test_all_have_a_version_and_each_field_says_what_it_is() -> None:
    for name in DOCUMENTS:
        tables = list(tables_of(DOCUMENTS[name]))
        assert all(rows(kind)[0].marker(Version) for way, kind in tables if not way)
        assert not [f"{kind.__name__}.{row.key}" for _, kind in tables for row in rows(kind) if not row.doc]


def test_a_name_stands_for_one_table() -> None:
    """Schemas refer to tables by their names."""
    kinds = {kind for name in DOCUMENTS for _, kind in tables_of(DOCUMENTS[name])}
    settings = {*SCHEMAS["plan"]["$defs"]} - {kind.__name__ for _, kind in tables_of(DOCUMENTS["plan"])}
    names = [*settings, *(kind.__name__ for kind in kinds)]
    assert len(names) == len(set(names))


def test_the_command_knows_all() -> None:
    assert set(get_args(Which)) == {"file", *DOCUMENTS}
