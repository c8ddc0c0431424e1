"""Joining what machines have built, by a registry in memory and without docker: which tags move, and which stay."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from buildmatrix.plan.builds import BuildPlan
from buildmatrix.plan.document.reviewed import Reviewed, plan_digest
from buildmatrix.plan.model import Plan
from buildmatrix.state.decisions.assigned import assigned
from tests.inside import exit_code
from tests.registry import Server
from tests.unit.machines.records import AMD, ARM, failed, record

SPEC = """version = 1
[runner]
"linux/arm64" = "arm"
[defaults]
platforms = ["linux/amd64", "linux/arm64"]
output = ["type=registry"]
dockerfile-inline = "FROM scratch"
[target.one]
tags = ["{host}/r:one", "{host}/r:more"]
annotations = ["index:a=b"]
[target.two]
tags = ["{host}/r:two"]
"""
Merge = Callable[..., tuple[int, str, str]]


class Place:
    """A project with a saved plan, and records of what a registry has."""

    def __init__(self, folder: Path, server: Server) -> None:
        self.folder, self.server = folder, server
        (folder / "buildmatrix.toml").write_text(SPEC.format(host=server.host))
        assert exit_code("plan", "--out", "plan.json") == 0
        self.plan = plan_digest(json.loads((folder / "plan.json").read_text()))
        self.digests: dict[str, str] = {}

    def put(self, *keys: str, **values: Any) -> None:
        """Have records of Builds that a machine has pushed."""
        for key in keys:
            target, _, platform = key.partition("@")
            digest = values.pop("digest", "") or self.server.add(platform.rpartition("/")[2], note=target)
            self.digests[key] = digest
            notes = {"a": "b"} if target == "one" else {}
            pushed = [{"repository": f"{self.server.host}/r", "digest": digest, "media_type": None, "size": None}]
            document = {"plan": self.plan, "pushed": pushed, "annotations": notes, **values}
            self.write(key, {**plain(record(key)), **document})

    def fail(self, key: str) -> None:
        self.write(key, {**plain(failed(key)), "plan": self.plan})

    def write(self, key: str, document: dict[str, Any]) -> None:
        (self.folder / "records").mkdir(exist_ok=True)
        (self.folder / "records" / f"{key.replace('/', '-')}.json").write_text(json.dumps(document))

    @property
    def tags(self) -> dict[str, list[str]]:
        return {tag: sorted(self.server.platforms(tag)) for tag in sorted(self.server.tags)}


def plain(one: Any) -> dict[str, Any]:
    from buildmatrix.machines.record import RecordDocument
    from buildmatrix.spec.rows.document import plain_document

    return plain_document(RecordDocument, one)


@pytest.fixture
def place(tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Place:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path / "no-docker"))
    monkeypatch.setenv("BUILDMATRIX_TRACEBACK", "1")
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    made = Place(tmp_path, server)
    capfd.readouterr()
    return made


@pytest.fixture
def merge(capfd: pytest.CaptureFixture[str]) -> Merge:
    def go(*more: str) -> tuple[int, str, str]:
        code = exit_code("merge", "plan.json", "records", *more)
        out, err = capfd.readouterr()
        return code, out, err

    return go


ALL = [f"{name}@{platform}" for name in ("one", "two") for platform in (AMD, ARM)]
BOTH = ["amd64", "arm64"]


def test_what_is_whole_moves_and_again_nothing_is_written(place: Place, merge: Merge) -> None:
    place.put(*ALL)
    code, out, err = merge()
    assert (code, err) == (0, "")
    assert place.tags == {"more": BOTH, "one": BOTH, "two": BOTH}
    assert "3 tags moved when everything was there" in out
    index = json.loads(place.server.content[place.server.tags["one"]])
    assert index["annotations"] == {"a": "b"}
    before, written = dict(place.server.tags), []
    place.server.before = lambda method, name: written.append(name) if method == "PUT" else None
    assert merge()[0] == 0
    assert (place.server.tags, written) == (before, [])


def test_what_lacks_a_part_stays_beside_what_is_whole(place: Place, merge: Merge) -> None:
    place.put(*ALL[1:])
    place.fail(ALL[0])
    code, out, err = merge()
    assert (code, place.tags) == (1, {"two": BOTH})
    host = place.server.host
    assert f"{host}/r:one, {host}/r:more were left as before: one@{AMD} is missing" in out
    assert "1 tag moved: all parts of its image were there" in out
    assert f"one@{AMD} failed: exit code: 1" in err
    assert merge("--publish", "together")[0] == 1
    place.put(ALL[0])
    assert merge("--publish", "together")[0] == 0
    assert place.tags == {"more": BOTH, "one": BOTH, "two": BOTH}


def test_what_is_missing_is_no_problem_of_the_file(place: Place, merge: Merge) -> None:
    place.put(*ALL[2:])
    err = merge()[2]
    assert err.endswith("error: 2 problems\n"), err


@pytest.mark.usefixtures("place")
def test_a_directory_that_is_not_there_is_said_once(merge: Merge) -> None:
    code, out, err = merge()
    assert (code, out) == (2, "")
    assert err.splitlines() == [
        "error: the directory records does not exist, and the records of 4 builds are missing",
        "  name the one that the jobs wrote to: apply --record DIR",
    ]


@pytest.mark.usefixtures("place")
def test_nobody_misses_a_directory_where_no_job_builds_anything(merge: Merge, monkeypatch: pytest.MonkeyPatch) -> None:
    def without_jobs(plan: Plan, then: Reviewed) -> BuildPlan:
        return replace(assigned(plan, then), targets=())

    monkeypatch.setattr("buildmatrix.pipeline.merge.assigned", without_jobs)
    assert "does not exist" not in merge()[2]


def test_an_empty_directory_lacks_every_record(place: Place, merge: Merge) -> None:
    Path("records").mkdir()
    code, out, err = merge()
    assert (code, place.tags) == (1, {})
    assert "4 skipped" in out
    assert err.endswith("error: 4 problems\n"), err


def test_images_published_together_stay_where_one_is_missing(place: Place, merge: Merge) -> None:
    place.put(*ALL[1:])
    code, out, _ = merge("--publish", "together")
    assert (code, place.tags) == (1, {})
    assert 'Tags were left as they were (publish = "together")\n' in out


def test_an_image_that_is_gone_has_to_be_built_again(place: Place, merge: Merge) -> None:
    place.put(*ALL)
    del place.server.content[place.digests[ALL[0]]]
    code, _, err = merge()
    assert (code, place.tags) == (1, {"two": BOTH})
    assert f"one@{AMD} failed: {place.server.host}/r does not have {place.digests[ALL[0]][:19]}… any more" in err
    assert f"buildmatrix apply plan.json --build one@{AMD} --record records" in err


@pytest.mark.usefixtures("impatient")
def test_a_registry_that_does_not_tell_moves_nothing_of_it(place: Place, merge: Merge) -> None:
    place.put(*ALL)
    silent = place.digests[ALL[0]]
    place.server.before = lambda _, name: 503 if name == silent else None
    code, _, err = merge()
    assert (code, place.tags) == (1, {"two": BOTH})
    assert f"nobody can say whether {place.server.host}/r has {silent[:19]}…" in err


def test_the_image_of_another_platform_is_refused(place: Place, merge: Merge) -> None:
    place.put(*ALL)
    place.put(ALL[0], digest=place.digests[ALL[1]])
    code, out, err = merge()
    assert (code, out, place.tags) == (4, "", {})
    assert f"the record of one@{AMD} names {place.digests[ALL[1]][:19]}…, which is for {ARM}" in err


def test_a_tag_that_would_lose_a_platform_is_left_alone_beside_others(place: Place, merge: Merge) -> None:
    place.server.tags["two"] = place.server.add("amd64", "arm64", "s390x")
    place.put(*ALL)
    code, _, err = merge()
    assert (code, place.tags) == (5, {"more": BOTH, "one": BOTH, "two": [*BOTH, "s390x"]})
    assert f"two would push {place.server.host}/r:two without linux/s390x" in err
    assert merge("--platforms-may-shrink")[0] == 0
    assert place.tags["two"] == BOTH


def test_of_two_images_of_one_build_the_newer_is_taken_and_it_is_said(place: Place, merge: Merge) -> None:
    place.put(*ALL)
    old = place.digests[ALL[0]]
    (place.folder / "records" / "jobs").mkdir()
    (place.folder / f"records/one@{AMD.replace('/', '-')}.json").rename(place.folder / "records/jobs/first.json")
    new = place.server.add("amd64", note="again")
    place.put(ALL[0], digest=new, ended="2026-11-28T00:00:00.000Z")
    code, _, err = merge()
    assert code == 0
    assert f"one@{AMD} was built twice: one@linux-amd64.json counts, jobs/first.json does not" in err
    held = place.server.platforms("one")["amd64"]
    assert held == json.loads(place.server.content[new])["manifests"][0]["digest"]
    assert held != json.loads(place.server.content[old])["manifests"][0]["digest"]


def test_a_plan_that_is_stale_moves_nothing(place: Place, merge: Merge) -> None:
    place.put(*ALL)
    spec = place.folder / "buildmatrix.toml"
    spec.write_text(spec.read_text().replace("FROM scratch", "FROM scratch\\nLABEL a=b"))
    code, out, _ = merge()
    assert (code, out, place.tags) == (4, "", {})


def test_reports_are_those_of_apply(place: Place, merge: Merge) -> None:
    place.put(*ALL)
    code, out, _ = merge("--format", "json", "--report", "r.md", "--metadata", "m.json")
    assert code == 0
    found = {one["name"]: one for one in json.loads(out)["targets"]}
    assert list(found) == ALL
    assert found[ALL[0]]["index"] == place.server.tags["one"]
    assert (found[ALL[0]]["seconds"], found[ALL[0]]["line"]) == (4.0, 8)
    assert (place.folder / "r.md").read_text().startswith("### buildmatrix merge: ")
    named = json.loads((place.folder / "m.json").read_text())["two"]
    assert named["containerimage.digest"] == place.server.tags["two"]
