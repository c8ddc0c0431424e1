"""A field of a document is one row: JSON, schema and reference follow from it."""

import json
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Annotated, Any, Literal

import jsonschema
import pytest

from buildmatrix.report.reference import document_markdown
from buildmatrix.spec.rows.document import FORMAT, Document, Of, Version, document_schema, plain_document, to_json
from buildmatrix.spec.rows.shapes import Doc, Keyword


class Part(Document):
    """A part."""

    name: Annotated[str, Doc("Its name.")]
    seconds: Annotated[float, Keyword("minimum", 0), Doc("How long it took.")]


class Whole(Document):
    """Of everything something."""

    format_version: Annotated[int, Version(7), FORMAT]
    same_name: Annotated[str, Doc("From the attribute of that name.")]
    other: Annotated[str | None, Of("deep.inside"), Doc("From another one.")]
    counted: Annotated[int | None, Of(lambda source, context: context - source.deep.number), Doc("Worked out.")]
    kind: Annotated[Literal["a", "b"] | None, Doc("One of two.")]
    left_out: Annotated[str | None, Doc("Perhaps.")] = None
    parts: Annotated[tuple[Part, ...], Doc("Several.")]
    by_name: Annotated[Mapping[str, Part], Doc("The same.")]


def source(**more: Any) -> SimpleNamespace:
    part = SimpleNamespace(name="p", seconds=1.23456)
    values: dict[str, Any] = {"same_name": "x", "deep": SimpleNamespace(inside="", number=2), "kind": "a"}
    return SimpleNamespace(**{**values, "left_out": None, "parts": [part], "by_name": {"q": part}, **more})


def test_values_come_from_where_the_rows_say() -> None:
    part = {"name": "p", "seconds": 1.235}
    made = plain_document(Whole, source(), 2)
    assert made == {
        "format_version": 7, "same_name": "x", "other": None, "counted": 0, "kind": "a", "parts": [part],
        "by_name": {"q": part},
    }  # fmt: skip
    assert list(made)[:2] == ["format_version", "same_name"]
    assert plain_document(Whole, source(left_out=""), 2)["left_out"] == ""


def test_a_document_may_be_made_by_hand() -> None:
    by_hand = source(parts=[Part(name="by hand", seconds=0.0)])
    assert plain_document(Whole, by_hand, 2)["parts"] == [{"name": "by hand", "seconds": 0.0}]
    assert json.loads(to_json(Part, Part(name="\ud800", seconds=2.0))) == {"name": "�", "seconds": 2.0}


def test_the_schema_takes_what_is_written() -> None:
    validator = jsonschema.Draft202012Validator(document_schema(Whole))
    validator.check_schema(validator.schema)
    made = plain_document(Whole, source(), 2)
    validator.validate(made)
    validator.validate({**made, "kind": None, "left_out": "x"})


@pytest.mark.parametrize(
    "wrong",
    [
        {"format_version": 6}, {"same_name": None}, {"other": 1}, {"kind": "c"}, {"left_out": None}, {"more": 1},
        {"parts": [{"name": "p"}]}, {"parts": [{"name": "p", "seconds": -1}]}, {"by_name": {"q": {}}},
    ],
    ids=str,
)  # fmt: skip
def test_and_nothing_else(wrong: dict[str, Any]) -> None:
    validator = jsonschema.Draft202012Validator(document_schema(Whole))
    assert not validator.is_valid({**plain_document(Whole, source(), 2), **wrong})


@pytest.mark.parametrize("key", ["format_version", "same_name", "other", "parts"])
def test_every_key_is_there(key: str) -> None:
    made = plain_document(Whole, source(), 2)
    del made[key]
    assert not jsonschema.Draft202012Validator(document_schema(Whole)).is_valid(made)


def test_the_reference_has_every_row() -> None:
    text = document_markdown("whole", Whole)
    assert "### `whole`\n\nOf everything something.\n" in text
    assert f"| `format_version` | integer | {FORMAT.text} Here it is 7. |\n" in text
    assert "| `other` | string or null | From another one. |\n" in text
    assert '| `kind` | `"a"`, `"b"` or null | One of two. |\n' in text
    assert "| `left_out` | string | Perhaps. May be left out. |\n" in text
    assert "### `whole`: `parts[]`\n\nA part.\n" in text
    assert text.count("Its name.") == 1
