"""What a run leaves at its end: the summary first, sizes once for each image, and nothing secret of its command."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest

from buildmatrix.cli.options import Filters
from buildmatrix.cli.output import doors
from buildmatrix.cli.reporting import report
from buildmatrix.cli.session import request, session
from buildmatrix.engine.outcome import BuildOutcome, Outcome
from buildmatrix.oci.answers import Absent, Answer, Descriptor, Found, Unknown
from buildmatrix.pipeline import plan as make_plan
from buildmatrix.publish.sizes import COUNTS_PULLS, MOST, MOST_PULLS, sized, with_sizes
from buildmatrix.spec.rows.options import Options

SPEC = """
version = 1
[variable]
key = { default = "", env = "KEY" }
[target.app]
dockerfile-inline = "FROM scratch"
tags = ["r.example/app:1"]
output = ["type=registry"]
cache-from = ["type=s3,bucket=b,region=r,secret_access_key={{ key }}"]
"""
INDEX = {"manifests": [{"digest": "sha256:amd"}, {"digest": "sha256:arm"}, {"digest": "sha256:proof"}]}
INDEX["manifests"][2]["platform"] = {"os": "unknown"}  # type: ignore[assignment]
SHARED = {"digest": "sha256:base", "size": 1000}


def manifest(name: str) -> dict[str, Any]:
    config = {"digest": f"sha256:config-{name}", "size": 1}
    return {"config": config, "layers": [SHARED, {"digest": f"sha256:layer-{name}", "size": 20}]}


HELD = {"sha256:amd": manifest("amd"), "sha256:arm": manifest("arm"), "sha256:lone": manifest("lone")}
HELD["sha256:empty"] = {"config": SHARED, "layers": None}  # as of FROM scratch with labels


class Answering:
    """Registries that have what `HELD` says, and indexes under any other digest."""

    def __init__(self, answer: Callable[[str, str], Answer] | None = None) -> None:
        self.asked: list[tuple[str, str]] = []
        self._answer = answer or self._held

    def get(self, repository: str, digest: str, *, tries: int) -> Answer:
        assert tries == 1
        self.asked.append((repository, digest))
        return self._answer(repository, digest)

    @staticmethod
    def _held(_: str, digest: str) -> Answer:
        body = json.dumps(HELD.get(digest, INDEX)).encode()
        return Found(descriptor=Descriptor(digest=digest, media_type=""), body=body)


def target(name: str, digest: str, *tags: str, status: Any = "built") -> BuildOutcome:
    return BuildOutcome(
        name=name, target=name, declared=name, status=status, exported=True, platforms=(), tags=tags, digest=digest
    )


def sizes(registries: Answering, *targets: BuildOutcome) -> dict[str, int]:
    found = with_sizes(Outcome(targets=targets, seconds=1), None, registries)  # type: ignore[arg-type]
    return {target.name: target.size for target in found.targets}


def pushed(name: str, digest: str, *tags: str) -> BuildOutcome:
    return target(name, digest, *tags, status="failed")  # built ones are looked for as archives, too


def test_each_image_is_asked_for_once() -> None:
    registries = Answering()
    targets = [pushed(f"t{number}", "sha256:index", f"r.example/t{number}:1") for number in range(33)]
    found = sizes(
        registries,
        *targets,
        pushed("lone", "sha256:lone", "r.example/lone:1"),
        pushed("none", "sha256:index"),
        pushed("empty", "sha256:empty", "r.example/empty:1"),
    )
    assert {found[f"t{number}"] for number in range(33)} == {1000 + 2 * 21}
    assert (found["lone"], found["none"], found["empty"]) == (1021, 0, 1000)
    assert sorted(digest for _, digest in registries.asked) == [
        "sha256:amd",
        "sha256:arm",
        "sha256:empty",
        "sha256:index",
        "sha256:lone",
    ]


@pytest.mark.parametrize(
    ("answer", "asked"),
    [
        (Unknown(reason="429", passes=True), 1),  # of the registry, no more
        (Unknown(reason="401", refused=True), 10),  # of the repository, no more
        (Absent(), 20),
    ],
)
def test_who_does_not_answer_is_not_asked_again(answer: Answer, asked: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("buildmatrix.publish.sizes.all_of", lambda work, items: {item: work(item) for item in items})
    registries = Answering(lambda *_: answer)
    targets = [pushed(f"t{number}", f"sha256:{number}", f"r.example/t{number // 2}:{number}") for number in range(20)]
    assert set(sizes(registries, *targets).values()) == {0}
    assert len(registries.asked) == asked


def test_a_registry_that_counts_pulls_is_asked_for_few() -> None:
    counted = [pushed(f"hub{number}", f"sha256:h{number}", f"acme/app:{number}") for number in range(MOST)]
    others = [pushed(f"t{number}", f"sha256:t{number}", f"r.example/app:{number}") for number in range(MOST + 9)]
    found = sized(Outcome(targets=(*counted, *others), seconds=1))
    assert COUNTS_PULLS == "docker.io"
    assert [one.name[0] for one in found].count("h") == MOST_PULLS
    assert [one.name[0] for one in found].count("t") == MOST


@pytest.fixture
def ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """End a run that was started with a command line."""
    (tmp_path / "buildmatrix.toml").write_text(SPEC)
    monkeypatch.chdir(tmp_path)
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_COLOR", "1")

    def end(
        *words: str, variables: list[str], form: Literal["text", "json"] = "text", registries: Answering | None = None
    ) -> None:
        monkeypatch.setattr(sys, "argv", ["buildmatrix", "apply", *words])
        reports = tuple(word for word in words if word.startswith("r."))
        outcome = Outcome(targets=(pushed("app", "sha256:index", "r.example/app:1"),), seconds=1)
        with doors(), session(None) as run:
            planned = make_plan(run.name, run.sources, request(filters=Filters(var=variables)), run.git)
            asked = Options(summary=form, report=reports)
            report(run, planned, outcome, asked, registries or Answering())  # type: ignore[arg-type]

    return end


def test_the_summary_comes_before_sizes(ended: Callable[..., None], capfd: pytest.CaptureFixture[str]) -> None:
    told: list[str] = []

    def answer(_: str, digest: str) -> Answer:
        told.extend(capfd.readouterr())
        return Answering._held("", digest)

    ended("--report", "r.json", variables=[], registries=Answering(answer))
    assert told[0].endswith("1 failed in 1.0s\n")
    assert told[1] == "asking for the size of 1 image …\n"
    assert json.loads(Path("r.json").read_text())["targets"][0]["size"] == 1042
    ended(variables=[], registries=Answering(lambda *_: pytest.fail("nobody wants sizes")))


def test_reports_hold_no_secret_of_the_command_line(
    ended: Callable[..., None], capfd: pytest.CaptureFixture[str]
) -> None:
    secrets = ["hunter2", "x'y", "longer-secret"]
    words = [
        "--var", "key=hunter2", "--var=key=x'y", "--set", "app.cache-to=type=s3,secret_access_key=longer-secret", "-k",
    ]  # fmt: skip
    for ending in ("json", "xml", "md", "html"):
        words += ["--report", f"r.{ending}"]
    ended(*words, variables=["key=hunter2"], form="json")
    texts = {path.name: path.read_text() for path in Path().glob("r.*")} | {"stdout": capfd.readouterr().out}
    assert len(texts) == 5
    for text in texts.values():
        assert not [secret for secret in secrets if secret in text]
        assert "buildmatrix apply --var key=*** --var=key=*** --set app.cache-to" in text
        assert " -k --report r.json" in text


@pytest.mark.parametrize("redirected", ["/dev/full", "closed"])
def test_what_cannot_be_printed_keeps_no_report(
    ended: Callable[..., None], redirected: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with Path("/dev/full" if redirected == "/dev/full" else os.devnull).open(
        "w" if redirected == "/dev/full" else "r"
    ) as to:
        stream = os.fdopen(os.dup(to.fileno()), "w", closefd=False)
        monkeypatch.setattr(sys, "stdout", stream)
        with pytest.raises(BaseException) as failed:  # noqa: PT011 typer's own
            ended("--report", "r.json", variables=[])
    assert getattr(failed.value, "exit_code", None) == 2
    why = "No space left on device" if redirected == "/dev/full" else "it is closed"
    assert f"error: standard output cannot be written: {why}\n" in capfd.readouterr().err
    assert json.loads(Path("r.json").read_text())["targets"][0]["name"] == "app"
