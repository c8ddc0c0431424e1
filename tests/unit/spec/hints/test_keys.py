"""A key that stands where it is not known leads to where it is."""

from typing import Any

import pytest

from buildmatrix.spec.checks.data import problems
from buildmatrix.spec.rows.options import Flag, InFile, OfTarget, Options
from buildmatrix.spec.rows.schema import file_schema
from buildmatrix.spec.rows.settings import Settings
from buildmatrix.spec.rows.shapes import Row, rows
from buildmatrix.spec.rows.tables import File

KNOWN = {row.key for table in (Settings, File) for row in rows(table)}


def name_of(row: Row) -> str:
    flag = row.marker(Flag)
    return flag.names[0].partition("/")[0].removeprefix("--") if flag else ""


OPTIONS = [row for row in rows(Options) if name_of(row) and name_of(row) not in KNOWN]

OWN_WORDS = {("file", "jobs"), ("target", "build"), ("file", "build"), ("apply", "build")}
"""Places in which a word is more likely another tool's."""


@pytest.mark.parametrize("row", OPTIONS, ids=name_of)
@pytest.mark.parametrize("table", ["file", "target", "apply"])
def test_an_option_where_no_file_says_it_leads_to_its_flag(row: Row, table: str) -> None:
    name = name_of(row)
    said = {"apply": row.marker(InFile) is not None, "target": row.marker(OfTarget) is not None}
    if said.get(table):
        return
    data: dict[str, dict[str, Any]] = {
        "file": {name: True},
        "target": {"target": {"a": {name: True}}},
        "apply": {"apply": {name: True}},
    }
    (found,) = problems(file_schema(), {"version": 1, **data[table]})
    assert (f"--{name}" in found.hint) is ((table, name) not in OWN_WORDS), found.hint


@pytest.mark.parametrize("value", [True, {"a": 1}])
def test_an_option_of_a_file_leads_to_apply_whatever_it_holds(value: Any) -> None:
    (found,) = problems(file_schema(), {"version": 1, "progress": value})
    assert found.hint == "give --progress to apply"


def test_a_table_of_a_compose_file_is_no_option() -> None:
    (found,) = problems(file_schema(), {"version": 1, "build": {"context": "."}})
    assert "--build" not in found.hint
