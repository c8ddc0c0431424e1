"""What became of a lock file, told as text, JSON and markdown."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import jsonschema
import pytest

from buildmatrix.lock.changes import Change
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
MOVED = "| `b:1` | moved | `sha256:aaaaaaaaaaaa` | `sha256:bbbbbbbbbbbb` | 2026-01-02"


def test_text() -> None:
    assert lock_text(CHANGES, Style(colour=False)) == (
        "+ a:1       added sha256:aaaaaaaaaaaa (created on 2026-01-02)\n"
        "~ b:1       moved sha256:aaaaaaaaaaaa → sha256:bbbbbbbbbbbb (created on 2026-01-02)\n"
        "- c:1       removed sha256:aaaaaaaaaaaa\n"
        "= d:1       kept sha256:aaaaaaaaaaaa: sha256:bbbbbbbbbbbb is not old enough, it was created on 2026-01-02\n"
        "+ longer:1  missing\n"
    )
    assert lock_text(CHANGES[4:5], Style(colour=False)) == "buildmatrix.lock is up to date: 1 external image\n"
    assert lock_text([], Style(colour=False)) == "buildmatrix.lock is up to date\n"


def test_markdown() -> None:
    lines = lock_markdown(CHANGES).splitlines()
    assert lines[:4] == [
        "| image | status | before | after | created |",
        "| --- | --- | --- | --- | --- |",
        "| `a:1` | added |  | `sha256:aaaaaaaaaaaa` | 2026-01-02 |",
        f"{MOVED} |",
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
            "lost": [],
            "gained": [],
        }


def test_sources_stand_beside_images() -> None:
    changes = [*CHANGES[4:5], Change(name="https://x/y", status="unchanged", before=A, after=A, is_source=True)]
    assert lock_text(changes, Style(colour=False)) == "buildmatrix.lock is up to date: 1 external image, 1 source\n"
    found = json.loads(lock_json(changes))
    assert [one["name"] for one in found["images"]] == [CHANGES[4].name]
    assert found["sources"] == [{"name": "https://x/y", "status": "unchanged", "before": A, "after": A}]


def test_platforms_that_a_new_image_lacks_are_told() -> None:
    lost = replace(CHANGES[1], lost=("linux/arm/v7", "linux/386"), gained=("linux/riscv64",))
    assert lock_text([lost], Style(colour=False)) == (
        "~ b:1  moved sha256:aaaaaaaaaaaa → sha256:bbbbbbbbbbbb (created on 2026-01-02); "
        "it has no linux/arm/v7, linux/386 any more; new: linux/riscv64\n"
    )
    assert "it was created on 2026-01-02; new: linux/a" in lock_text(
        [replace(CHANGES[3], gained=("linux/a",))], Style(colour=False)
    )
    assert lock_markdown([*CHANGES[:1], lost]).splitlines() == [
        "| image | status | before | after | created | platforms |",
        "| --- | --- | --- | --- | --- | --- |",
        "| `a:1` | added |  | `sha256:aaaaaaaaaaaa` | 2026-01-02 |  |",
        f"{MOVED} | ⚠ no `linux/arm/v7`, `linux/386`; new: `linux/riscv64` |",
    ]
    (image,) = json.loads(lock_json([lost]))["images"]
    assert (image["lost"], image["gained"]) == (["linux/arm/v7", "linux/386"], ["linux/riscv64"])
