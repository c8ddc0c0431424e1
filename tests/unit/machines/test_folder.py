"""Records as files: written whole, read wherever they lie, and never believed by their names."""

import json
from pathlib import Path

import pytest

from buildmatrix.errors import UsageError
from buildmatrix.machines.folder import Odd, read_folder
from buildmatrix.machines.record import RecordDocument, file_of, record_of, write_record
from buildmatrix.spec.rows.document import plain_document, to_json
from tests.unit.machines.records import failed, record


def test_what_is_written_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "records"
    made = [record("app@linux/arm64", annotations={"a": "b"}, metadata={"c": "d"}), failed("tool", hint="h")]
    for one in made:
        write_record(one, str(folder))
    assert {one.record for one in read_folder(str(folder)).records} == set(made)
    assert all(plain_document(RecordDocument, one) == json.loads(to_json(RecordDocument, one)) for one in made)


def test_a_build_that_runs_again_writes_over_its_own_record(tmp_path: Path) -> None:
    for one in (failed("app@linux/arm64"), record("app@linux/arm64"), record("app@linux/amd64")):
        write_record(one, str(tmp_path))
    found = read_folder(str(tmp_path)).records
    assert sorted((one.record.build, one.record.status) for one in found) == [
        ("app@linux/amd64", "built"),
        ("app@linux/arm64", "built"),
    ]


@pytest.mark.parametrize(
    ("one", "other"),
    [("a/b", "a_b"), ("app[go=1.22,os=a]@linux/amd64", "app[go=1.22,os=b]@linux/amd64"), ("x" * 300, "x" * 301)],
)
def test_each_build_has_a_file_of_its_own_that_any_system_takes(one: str, other: str) -> None:
    names = [file_of(one), file_of(other)]
    assert names[0] != names[1]
    assert all(len(name) < 130 and not set(name) & set('/\\:*?"<>|\n ') for name in names)


def test_records_are_found_wherever_they_lie_and_whatever_they_are_called(tmp_path: Path) -> None:
    jobs = tmp_path / "jobs" / "records-1"
    jobs.mkdir(parents=True)
    (jobs / "base.json").write_text(to_json(RecordDocument, record("app")))
    (tmp_path / "note.txt").write_text("no record")
    (tmp_path / "link.json").symlink_to(jobs / "base.json")
    found = read_folder(str(tmp_path))
    assert [(one.path, one.record.build) for one in found.records] == [("jobs/records-1/base.json", "app")]
    assert found.odd == (Odd("link.json", "it is a link"),)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"format_version": 1, "plan": "sha', "it is not a record"),
        ("", "it is not a record"),
        ("[]", "it is not a record"),
        ("\ud800", "it is not a record"),
        ('{"format_version": 1}', "it is not a record"),
        ('{"format_version": 2, "build": "app"}', "another version of buildmatrix has written it"),
    ],
)
def test_what_is_no_record_is_named(text: str, why: str, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_bytes(text.encode(errors="surrogatepass"))
    assert read_folder(str(tmp_path)).odd == (Odd("x.json", why),)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("plan", "d7164078"),
        ("status", "fine"),
        ("platforms", "linux/amd64"),
        ("pushed", [{"repository": "r", "digest": "latest", "media_type": None, "size": None}]),
        ("seconds", 1e308),
        ("seconds", float("inf")),
        ("seconds", float("nan")),
        ("more", 1),
    ],
)
def test_each_field_has_to_be_what_it_is(key: str, value: object) -> None:
    document = plain_document(RecordDocument, record("app"))
    assert record_of(document) == record("app")
    assert record_of({**document, key: value}) is None
    assert record_of({name: one for name, one in document.items() if name != "build"}) is None


def test_a_directory_that_is_not_there_holds_nothing_and_a_file_is_none(tmp_path: Path) -> None:
    assert read_folder(str(tmp_path / "absent")).records == ()
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot be read"):
        read_folder(str(tmp_path / "file"))
