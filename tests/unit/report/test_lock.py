"""What became of a lock file, told as text, JSON and markdown."""

import json
from datetime import UTC, datetime

import jsonschema
import pytest

from buildmatrix.lock.update import Change
from buildmatrix.report.documents import schemas
from buildmatrix.report.lock import lock_json, lock_markdown, lock_text
from buildmatrix.report.style import Style
from tests.unit.lock.test_policy import A, B

MADE = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
CHANGES = [
    Change(name="a:1", status="added", after=A, created=MADE),
    Change(name="b:1", status="moved", before=A, after=B, created=MADE),
    Change(name="c:1", status="removed", before=A),
    Change(name="d:1", status="kept", before=A, after=B, created=MADE, reason="it was created on 2026-01-02"),
    Change(name="e:1", status="unchanged", before=A, after=A),
    Change(name="longer:1", status="missing"),
]


def test_text() -> None:
    assert lock_text(CHANGES, Style(colour=False)) == (
        "+ a:1       added sha256:aaaaaaaaaaaa (created on 2026-01-02)\n"
        "~ b:1       moved sha256:aaaaaaaaaaaa → sha256:bbbbbbbbbbbb (created on 2026-01-02)\n"
        "- c:1       removed sha256:aaaaaaaaaaaa\n"
        "= d:1       kept sha256:aaaaaaaaaaaa: sha256:bbbbbbbbbbbb is not old enough, it was created on 2026-01-02\n"
        "+ longer:1  missing\n"
    )
    assert lock_text(CHANGES[4:5], Style(colour=False)) == ""


def test_markdown() -> None:
    lines = lock_markdown(CHANGES).splitlines()
    assert lines[:4] == [
        "| image | status | before | after | created |",
        "| --- | --- | --- | --- | --- |",
        "| `a:1` | added |  | `sha256:aaaaaaaaaaaa` | 2026-01-02 |",
        "| `b:1` | moved | `sha256:aaaaaaaaaaaa` | `sha256:bbbbbbbbbbbb` | 2026-01-02 |",
    ]
    assert lock_markdown(CHANGES[4:5]) == "No external image has moved.\n"


@pytest.mark.parametrize("changes", [CHANGES, []])
def test_json_is_by_its_schema(changes: list[Change]) -> None:
    found = json.loads(lock_json(changes))
    jsonschema.validate(found, schemas()["moves"])
    assert [one["name"] for one in found["images"]] == [one.name for one in changes]
    if changes:
        assert found["images"][0] == {
            "name": "a:1",
            "status": "added",
            "before": None,
            "after": A,
            "created": "2026-01-02T03:04:05Z",
            "reason": None,
        }
