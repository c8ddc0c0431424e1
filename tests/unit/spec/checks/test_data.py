"""Two validators check the file by one schema: the quick one may not accept what the other one refuses."""

from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest

from buildmatrix.errors import SpecError
from buildmatrix.spec.checks.data import _has_whole_decimals, explained, is_accepted
from buildmatrix.spec.load import parse
from buildmatrix.spec.rows import schema
from buildmatrix.spec.rows.schema import file_schema, narrow_schema
from buildmatrix.spec.toml.plain import oddities
from tests.fuzz.mutations import case, corpus

SCHEMA = file_schema()
SPECS = corpus()


def data_of(seed: str) -> dict[str, Any] | None:
    try:
        data = parse("f", case(seed, SPECS, 0).text.decode())
    except (SpecError, UnicodeDecodeError):
        return None
    return None if any(oddities(data)) else data


@pytest.mark.parametrize("part", range(4))
def test_both_say_the_same(part: int) -> None:
    refused = 0
    for number in range(150):
        if (data := data_of(f"validators-{part}-{number}")) is not None:
            found = explained(SCHEMA, data)
            refused += bool(found)
            assert is_accepted(SCHEMA, data) is not (bool(found) or _has_whole_decimals(data)), data
    assert refused > 20


@pytest.mark.parametrize("part", range(4))
def test_a_schema_of_the_rows_that_stand_in_a_file_says_the_same_of_it(
    part: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "MOST_NARROW", 1000)
    before, accepted = narrow_schema({}), 0
    for number in range(100):  # which files are drawn changes with every golden that is added
        if (data := data_of(f"narrow-{part}-{number}")) is not None:
            narrow = narrow_schema(data)
            assert is_accepted(narrow, data) is is_accepted(SCHEMA, data), data
            assert not is_accepted(before, data) or is_accepted(SCHEMA, data), data
            before, accepted = narrow, accepted + is_accepted(narrow, data)
    assert accepted > 10


def test_a_narrow_schema_is_small_and_of_many_the_whole_one_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "MOST_NARROW", 1000)
    assert is_accepted(narrow_schema({"version": 1}), {"version": 1})
    assert not is_accepted(narrow_schema({"version": 1}), {})
    assert len(str(narrow_schema({"version": 1}))) < len(str(SCHEMA)) / 10
    monkeypatch.setattr(schema, "MOST_NARROW", 1)
    assert narrow_schema({"version": 1, "target": {}}) is SCHEMA


def test_what_the_quick_one_accepts_is_right() -> None:
    for path in SPECS:
        with suppress(SpecError, UnicodeDecodeError):
            data = parse("f", path.read_text())
            assert not (is_accepted(SCHEMA, data) and explained(SCHEMA, data)), path


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "integer"}, Decimal("1.0")),
        ({"type": "integer"}, 1.0),
        ({"enum": [1]}, Decimal("1.0")),
        ({"enum": [1]}, True),
        ({"pattern": "^a$"}, "a\n"),
        ({"type": "string"}, "\ud800"),
        ({"pattern": r"^[^\s\x1c-\x1f]+$"}, "a\x1cb"),
    ],
)
def test_what_json_takes_for_the_same_is_looked_at_closely(schema: dict[str, Any], value: Any) -> None:
    assert not is_accepted({"properties": {"a": schema}}, {"a": value}) or not explained(schema, value)


def test_a_number_with_a_fraction_needs_no_closer_look() -> None:
    assert is_accepted({"type": "number"}, Decimal("3.10"))
    assert is_accepted({"properties": {"a": {"items": {"type": "number"}}}}, {"a": [Decimal("3.11"), 4]})
