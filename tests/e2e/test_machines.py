"""A saved plan on machines that share the registry and the directory of records, and nothing else."""

import json
import os
import random
import shutil
import subprocess
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.tools import Project, Start, digest, inspected, known, nap, platforms, raw, wait_for
from tests.warm import ran

pytestmark = pytest.mark.corpus

AMD, ARM = "linux/amd64", "linux/arm64"
KILLS, SEED = int(os.environ.get("KILLS", "2")), os.environ.get("KILLS_SEED", "1")
SHARE = 0.4
"""How often a job is killed rather than left alone."""
EPOCH = "1700000000"
RUNNERS = """
[runner]
default = "ubuntu"
"linux/arm64" = "arm"
[defaults]
platforms = ["linux/amd64", "linux/arm64"]
output = ["type=registry"]
"""
CHAIN = (
    RUNNERS
    + """
[target.base]
dockerfile-inline = "FROM scratch\\nCOPY base /base"
tags = ["{repository}/base:1"]
[target.mid]
contexts.base = "target:base"
dockerfile-inline = "FROM base\\nCOPY mid /mid"
tags = ["{repository}/mid:1", "{repository}/mid:2"]
annotations = ["index:org.example=mid"]
[target.app]
contexts.mid = "target:mid"
dockerfile-inline = "FROM mid\\nCOPY app /app"
tags = ["{repository}/app:1"]
"""
)
FILES = ("base", "mid", "app")
SECRET = (
    RUNNERS
    + """
[target.base]
dockerfile-inline = "FROM busybox\\nRUN --mount=type=secret,id=word {step} && echo {repository}"
secret = ["id=word,env=WORD"]
tags = ["{repository}/base:1"]
[target.other]
dockerfile-inline = "FROM busybox\\nRUN echo other > /other"
tags = ["{repository}/other:1"]
"""
)
APP = """
[target.app]
contexts.base = "target:base"
dockerfile-inline = "FROM base\\nRUN echo app > /app"
tags = ["{repository}/app:1"]
"""
Rows = Sequence[dict[str, Any]]
Done = subprocess.CompletedProcess[str]


class Machines:
    """A plan, saved in one checkout, whose jobs run in checkouts of their own: what they share is carried over."""

    def __init__(self, folder: Path, builders: dict[str, str]) -> None:
        self.origin, self._builders = folder, builders
        self.records = folder.parent / f"{folder.name}-records"
        self._count = 0

    def go(self, folder: Path, *arguments: str, **more: str) -> Done:
        environment = {**os.environ, "NO_COLOR": "1", "SOURCE_DATE_EPOCH": EPOCH, **more}
        done = ran(*arguments, cwd=folder, env=environment)
        assert "Traceback" not in done.stderr
        return done

    def plan(self, *arguments: str) -> list[Rows]:
        """Save the plan; return the jobs of each wave."""
        assert (done := self.go(self.origin, "plan", "--out", "plan.json", *arguments)).returncode == 0, done.stderr
        told = json.loads(self.go(self.origin, "ci", "github", "plan.json").stdout)
        return [wave["include"] for wave in told["waves"]]

    def checkout(self) -> Path:
        """Another checkout, with the plan, and the records that there are until now."""
        self._count += 1
        folder = self.origin.parent / f"{self.origin.name}-{self._count}"
        shutil.copytree(self.origin, folder, ignore=shutil.ignore_patterns(".buildmatrix"))
        if self.records.exists():
            shutil.copytree(self.records, folder / ".buildmatrix" / "records" / "jobs")
        return folder

    def arguments(self, row: dict[str, Any]) -> list[str]:
        builder = self._builders[row["platform"]]
        return ["apply", "plan.json", "--build", row["build"], "--record", ".buildmatrix/records", "--builder", builder]

    def carry(self, row: dict[str, Any], folder: Path) -> None:
        """Keep the records of a job as an artifact that a later run of it replaces."""
        (artifact := self.records / row["id"]).mkdir(parents=True, exist_ok=True)
        for path in (folder / ".buildmatrix" / "records").glob("*.json"):
            shutil.copy(path, artifact)

    def job(self, row: dict[str, Any], *more: str, **environment: str) -> Done:
        folder = self.checkout()
        done = self.go(folder, *self.arguments(row), *more, **environment)
        self.carry(row, folder)
        return done

    def run(self, waves: list[Rows], **environment: str) -> None:
        for row in (row for wave in waves for row in wave):
            assert (done := self.job(row, **environment)).returncode == 0, done.stderr

    def merge(self, *more: str, **environment: str) -> Done:
        return self.go(self.checkout(), "merge", "plan.json", ".buildmatrix/records", *more, **environment)


Make = Callable[[str], Machines]


@pytest.fixture
def machines(tmp_path: Path, project: Project, one_node: str, other_node: str) -> Make:
    """Make a project whose jobs run on two engines, one for each platform."""

    def make(spec: str) -> Machines:
        folder = tmp_path / "origin"
        folder.mkdir()
        files = {name: uuid.uuid4().hex for name in FILES}  # what a node has in its cache has the time that it had then
        shutil.copytree(project(spec, files), folder, dirs_exist_ok=True, ignore=lambda *_: ["origin"])
        return Machines(folder, {AMD: one_node, ARM: other_node})

    return make


def manifests(tag: str) -> dict[str, str]:
    """The digest of the image for each platform."""
    return {f"{row['platform']['os']}/{row['platform']['architecture']}": row["digest"] for row in inspected(tag)}


def attestations(tag: str) -> set[str]:
    """The digests of images that an attestation of the index is about."""
    about = (row.get("annotations", {}).get("vnd.docker.reference.digest") for row in raw(tag)["manifests"])
    return set(filter(None, about))


def test_what_machines_build_is_what_one_builds(machines: Make, repository: str, one_node: str) -> None:
    made = machines(CHAIN.format(repository=repository))
    waves = made.plan()
    assert [[row["build"] for row in wave] for wave in waves] == [
        [f"{name}@{AMD}", f"{name}@{ARM}"] for name in ("base", "mid", "app")
    ]
    made.run(waves)
    tags = [f"{repository}/{name}" for name in ("base:1", "mid:1", "mid:2", "app:1")]
    assert [digest(tag) for tag in tags] == [""] * 4  # nothing moves before all are joined
    summary, outputs = made.origin / "summary.md", made.origin / "outputs"
    github = {"GITHUB_OUTPUT": str(outputs), "GITHUB_STEP_SUMMARY": str(summary)}
    done = made.merge("--format", "json", "--metadata", str(made.origin / "metadata.json"), **github)
    assert done.returncode == 0, done.stderr
    joined = {tag: (manifests(tag), attestations(tag), raw(tag).get("annotations")) for tag in tags}
    told = {one["name"]: (one["status"], one["index"]) for one in json.loads(done.stdout)["targets"]}
    assert told[f"mid@{ARM}"] == (told[f"mid@{ARM}"][0], digest(tags[1]))
    assert digest(tags[3]) in outputs.read_text()
    assert summary.read_text().startswith("### buildmatrix merge: ")
    named = json.loads((made.origin / "metadata.json").read_text())["mid"]
    assert (named["containerimage.digest"], named["image.name"]) == (digest(tags[1]), ",".join(tags[1:3]))

    alone = made.go(made.checkout(), "apply", "--builder", one_node)
    assert alone.returncode == 0, alone.stderr
    for tag, (found, about, notes) in joined.items():
        assert found == manifests(tag)
        assert found.keys() == {AMD, ARM}
        assert about == attestations(tag) == set(found.values())
        assert notes == raw(tag).get("annotations")


ANNOTATED = """
[target.app]
dockerfile-inline = "FROM scratch\\nCOPY app /app"
annotations = [
  "index:i=1", "manifest[linux/arm64]:m=2", "manifest-descriptor:d=3", "manifest-descriptor[linux/amd64]:e=4",
]
attest = [{{ type = "provenance", disabled = true }}]
tags = ["{repository}/app:1"]
"""


def test_annotations_of_images_without_attestations_are_those_that_one_machine_writes(
    machines: Make, repository: str, one_node: str
) -> None:
    made = machines((RUNNERS + ANNOTATED).format(repository=repository))
    made.run(made.plan())
    assert (done := made.merge()).returncode == 0, done.stderr
    tag = f"{repository}/app:1"
    joined = digest(tag)
    assert [row["annotations"] for row in raw(tag)["manifests"]] == [{"d": "3", "e": "4"}, {"d": "3"}]
    assert raw(f"{repository}/app@{manifests(tag)[ARM]}")["annotations"] == {"m": "2"}
    assert made.go(made.checkout(), "apply", "--builder", one_node).returncode == 0
    assert joined == digest(tag)


def test_who_joins_twice_changes_nothing(machines: Make, repository: str) -> None:
    made = machines(CHAIN.format(repository=repository))
    made.run(made.plan()[:1])
    first = made.merge()
    assert first.returncode == 1
    assert "there is no record of it" in first.stdout
    assert f"{repository}/app:1 was left as before: app@{AMD}, app@{ARM} are missing" in first.stdout
    before = digest(f"{repository}/base:1")
    assert platforms(f"{repository}/base:1") == [AMD, ARM]
    assert made.merge().returncode == 1
    assert (digest(f"{repository}/base:1"), digest(f"{repository}/app:1")) == (before, "")


def test_a_job_that_failed_keeps_its_own_tags_and_no_others_and_is_run_again(machines: Make, repository: str) -> None:
    step = "grep yes /run/secrets/word"
    made = machines(known((SECRET + APP).format(repository=repository, step=step), repository))
    first, second = made.plan()
    words = {f"base@{ARM}": "no"}
    codes = {row["build"]: made.job(row, WORD=words.get(row["build"], "yes")).returncode for row in first}
    assert codes == {f"base@{AMD}": 0, f"base@{ARM}": 1, f"other@{AMD}": 0, f"other@{ARM}": 0}
    later = {row["build"]: made.job(row, WORD="yes") for row in second}
    assert [one.returncode for one in later.values()] == [0, 1]
    assert f"app@{ARM} was not built: base@{ARM}, which it depends on, failed" in later[f"app@{ARM}"].stderr

    tags = [f"{repository}/{name}:1" for name in ("base", "app", "other")]
    assert made.merge("--publish", "together").returncode == 1
    assert not any(map(digest, tags))  # images that are published together wait for the last one
    joined = made.merge()
    assert joined.returncode == 1
    assert f"base@{ARM} failed: " in joined.stderr
    assert [bool(digest(tag)) for tag in tags] == [False, False, True]

    for row in (row for row in (*first, *second) if row["platform"] == ARM):
        assert made.job(row, WORD="yes").returncode == 0
    assert made.merge().returncode == 0
    assert [platforms(tag) for tag in tags] == [[AMD, ARM]] * 3


def test_a_job_that_is_killed_leaves_no_record_and_is_run_again(machines: Make, repository: str, start: Start) -> None:
    step = nap(30).replace("sleep 30", "sleep $(cat /run/secrets/word)")
    made = machines(known(SECRET.format(repository=repository, step=step), repository))
    ((row, *others),) = made.plan()
    folder = made.checkout()
    process = start(folder, *made.arguments(row), WORD="30", SOURCE_DATE_EPOCH=EPOCH)
    wait_for(process, "started")
    process.kill()
    process.wait()
    made.carry(row, folder)
    assert not list(made.records.rglob("*.json"))
    made.run([others], WORD="0")
    assert made.merge().returncode == 1
    assert [bool(digest(f"{repository}/{name}:1")) for name in ("base", "other")] == [False, True]
    made.run([[row]], WORD="0")
    assert made.merge().returncode == 0
    assert platforms(f"{repository}/base:1") == [AMD, ARM]


@pytest.mark.parametrize("number", range(max(1, KILLS // 6)))
def test_jobs_killed_at_any_moment_and_run_again_end_as_one_machine_would(
    machines: Make, repository: str, start: Start, one_node: str, number: int
) -> None:
    """Whatever a job had done when it ended: no tag is there before its image is, and none without a platform."""
    choose = random.Random(f"{SEED}-{number}")  # noqa: S311 which job dies is no secret
    made = machines(CHAIN.format(repository=repository))
    tags = [f"{repository}/{name}" for name in ("base:1", "mid:1", "mid:2", "app:1")]
    for row in (row for wave in made.plan() for row in wave):
        while choose.random() < SHARE:
            folder = made.checkout()
            process = start(folder, *made.arguments(row), SOURCE_DATE_EPOCH=EPOCH)
            time.sleep(choose.uniform(0.3, 2.0))
            process.kill()
            process.wait()
            made.carry(row, folder)
            if choose.random() < SHARE:
                assert made.merge().returncode in {0, 1}
            assert all(platforms(tag) == [AMD, ARM] for tag in tags if digest(tag))
        assert made.job(row).returncode == 0
    assert made.merge().returncode == 0
    joined = {tag: (manifests(tag), attestations(tag)) for tag in tags}
    assert made.go(made.checkout(), "apply", "--builder", one_node).returncode == 0
    assert joined == {tag: (manifests(tag), attestations(tag)) for tag in tags}


def test_of_an_incremental_plan_what_is_kept_is_kept(machines: Make, repository: str, one_node: str) -> None:
    made = machines(CHAIN.format(repository=repository))
    made.run(made.plan("--incremental"))
    assert (done := made.merge()).returncode == 0, done.stderr
    again = made.go(made.origin, "plan", "--incremental", "--format", "short")
    assert again.returncode == 0
    assert made.plan("--incremental") == []  # the marks are those that one machine would have written
    shutil.rmtree(made.records)

    (made.origin / "mid").write_text("2")
    base = digest(f"{repository}/base:1")
    waves = made.plan("--incremental")
    assert [[row["build"] for row in wave] for wave in waves] == [
        [f"{name}@{AMD}", f"{name}@{ARM}"] for name in ("mid", "app")
    ]
    made.run(waves)
    assert (done := made.merge()).returncode == 0, done.stderr
    assert "unchanged" in done.stdout
    assert digest(f"{repository}/base:1") == base
    assert made.merge().returncode == 0  # also when nothing is left to be done
    assert made.plan("--incremental") == []
    assert made.go(made.checkout(), "apply", "--incremental", "--builder", one_node).stdout.count("unchanged") >= 3


def test_why_a_machine_could_not_build_is_told_by_merge(machines: Make, repository: str) -> None:
    made = machines(
        f'{RUNNERS}[target.app]\ndockerfile-inline = "FROM scratch\\nCOPY base /"\ntags = ["{repository}:1"]\n'
        'secret = [{ id = "token", env = "NO_SUCH_VARIABLE" }]\n'
    )
    (one, other), *_ = made.plan()
    assert made.job(one).returncode == 3
    assert made.job(other, NO_SUCH_VARIABLE="x").returncode == 0
    done = made.merge()
    assert done.returncode == 1
    (told,) = [line for line in done.stderr.splitlines() if f"{one['build']} failed: " in line]
    assert "NO_SUCH_VARIABLE" in told


def test_what_is_needed_first_is_pulled_as_the_plan_builds_it(machines: Make, repository: str) -> None:
    spec = RUNNERS + (
        f'[target.base]\ndockerfile-inline = "FROM scratch\\nCOPY base /base"\ntags = ["{repository}/base:1"]\n'
        f'[target.app]\nneeds = ["base"]\ndockerfile-inline = "FROM {repository}/base:1\\nCOPY app /app"\n'
        f'tags = ["{repository}/app:1"]\n'
    )
    made = machines(spec)
    made.run(made.plan())
    assert (done := made.merge()).returncode == 0, done.stderr
    layers = {name: _layers(f"{repository}/{name}:1", repository) for name in ("base", "app")}
    assert layers["app"][:1] == layers["base"]


def _layers(tag: str, repository: str) -> list[str]:
    own = manifests(tag)[ARM]
    name = tag.removeprefix(f"{repository}/").partition(":")[0]
    return [layer["digest"] for layer in raw(f"{repository}/{name}@{own}")["layers"]]


# --- what is refused --------------------------------------------------------------------------------------------------


def test_a_plan_that_is_stale_builds_and_moves_nothing(machines: Make, repository: str) -> None:
    made = machines(CHAIN.format(repository=repository))
    (row, *_), *_ = made.plan()
    (made.origin / "base").write_text("2")
    done = made.job(row)
    assert (done.returncode, "has changed" in done.stderr) == (4, True)
    assert not list(made.records.rglob("*.json"))


def test_records_that_do_not_fit_move_nothing(machines: Make, repository: str) -> None:
    made = machines(CHAIN.format(repository=repository))
    made.run(made.plan("base"))
    path = next(made.records.rglob("base_linux_arm64-*.json"))
    good = path.read_text()
    other = json.loads(next(made.records.rglob("base_linux_amd64-*.json")).read_text())["pushed"][0]["digest"]
    own = json.loads(good)["pushed"][0]["digest"]

    path.write_text(good.replace(own, other))  # the image of another platform
    done = made.merge()
    assert (done.returncode, f"which is for {AMD}" in done.stderr) == (4, True)

    path.write_text(good.replace(own, f"sha256:{'0' * 64}"))  # one that is not there
    done = made.merge("--publish", "together")
    assert (done.returncode, f"{repository}/base does not have sha256:000000000000" in done.stderr) == (1, True)

    path.write_text(good[:-20])
    done = made.merge("--publish", "together")
    assert done.returncode == 1
    assert "it is not a record" in done.stderr
    assert digest(f"{repository}/base:1") == ""

    path.write_text(good)
    (made.records / "more").mkdir()
    document = json.loads(good)
    (made.records / "more" / "x.json").write_text(json.dumps({**document, "plan": f"sha256:{'1' * 64}"}))
    done = made.merge("--publish", "together")
    assert done.returncode == 0, done.stderr
    assert "x.json is left out: it is of another plan" in done.stderr
    assert platforms(f"{repository}/base:1") == [AMD, ARM]
