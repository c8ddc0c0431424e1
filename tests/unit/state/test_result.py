"""The last result as a document: what is written fits its schema, and what does not fit is not a result."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from buildmatrix.engine.outcome import BuildOutcome
from buildmatrix.errors import StaleError
from buildmatrix.git.facts import Git
from buildmatrix.inputs.fingerprint import Fingerprints
from buildmatrix.pipeline import plan
from buildmatrix.plan.builds import BuildPlan, builds_of
from buildmatrix.spec.toml.source import Sources
from buildmatrix.state.record import ResultFile, left_of
from buildmatrix.state.result import Entry, entries_of, result_schema
from buildmatrix.template.request import Request

SPEC = """version = 1
[target.app]
dockerfile-inline = "FROM scratch"
output = ["type=oci,dest=app.tar"]
[target.bad]
dockerfile-inline = "FROM scratch"
output = ["type=cacheonly"]
"""


@pytest.fixture
def planned(tmp_path: Path) -> BuildPlan:
    return builds_of(plan("f.toml", Sources(tmp_path, {"f.toml": SPEC}), Request(), Git(lambda _: None)))


def outcome(name: str, status: Any) -> BuildOutcome:
    values: dict[str, Any] = {"exported": True, "platforms": (), "tags": ("r.example/app:1",), "digest": "sha256:1"}
    return BuildOutcome(name=name, target=name, declared=name, status=status, seconds=1.23456, **values)


def test_what_is_written_fits_its_schema_and_is_read_again(planned: BuildPlan, tmp_path: Path) -> None:
    result = ResultFile(planned)
    result.begin("a builder", lambda: Fingerprints(planned, {}, {}, {}, "linux/amd64"))
    result.record_all([outcome("app", "built"), outcome("bad", "failed")])
    assert result.trouble == ""
    document = json.loads((tmp_path / ".buildmatrix/result.json").read_text())
    jsonschema.Draft202012Validator(result_schema()).validate(document)
    assert document["targets"]["bad"] == {"status": "failed"}
    assert set(document["targets"]["app"]["fingerprints"]) == {"linux/amd64"}
    known = ResultFile(planned).known()
    assert (known["app"].seconds, known["bad"].seconds) == (1.235, None)
    left = left_of(known["app"])
    assert (left.digest, left.tags, left.builder, list(left.files)) == (
        "sha256:1", ("r.example/app:1",), "a builder", ["app.tar"],
    )  # fmt: skip


def entry(**more: Any) -> Any:
    told = {"status": "built", "fingerprints": {"linux/amd64": "x"}}
    return {"format_version": 2, "targets": {"app": {**told, **more}}}


@pytest.mark.parametrize("more", [{}, {"tags": ["a"], "files": {"a": "b"}, "size": 10**18 - 1, "seconds": 1}])
def test_sound(more: dict[str, Any]) -> None:
    assert entries_of(entry(**more)) == {
        "app": Entry(
            status="built", fingerprints={"linux/amd64": "x"}, **{**more, **({"tags": ("a",)} if more else {})}
        )
    }


@pytest.mark.parametrize(
    "more",
    [{"tags": "a"}, {"tags": [1]}, {"size": 1.5}, {"size": 10**18}, {"seconds": "1"}, {"seconds": float("inf")},
     {"digest": None}, {"files": {"a": 1}}, {"status": "kept"}, {"status": "\ud800"}, {"doubt": 1}, {"made": -1}],
    ids=str,
)  # fmt: skip
def test_unsound(more: dict[str, Any]) -> None:
    assert entries_of(entry(**more)) is None


def test_a_result_of_another_format_is_stale(planned: BuildPlan, tmp_path: Path) -> None:
    (tmp_path / ".buildmatrix").mkdir()
    (tmp_path / ".buildmatrix/result.json").write_text('{"format_version": 0, "targets": {}}')
    with pytest.raises(StaleError, match="the last result has format 0, this buildmatrix reads 2"):
        ResultFile(planned).known()


def test_one_of_an_older_buildmatrix_says_nothing_and_is_replaced(planned: BuildPlan, tmp_path: Path) -> None:
    (tmp_path / ".buildmatrix").mkdir()
    file = tmp_path / ".buildmatrix/result.json"
    file.write_text('{"format_version": 1, "targets": {"app": {"status": "built", "fingerprint": "x"}}}')
    result = ResultFile(planned)
    assert (result.known(), result.is_old) == ({}, True)
    result.record_all([outcome("bad", "failed")])
    assert json.loads(file.read_text())["targets"] == {"bad": {"status": "failed"}}
