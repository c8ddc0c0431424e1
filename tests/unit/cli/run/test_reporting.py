"""What a run leaves at its end: the summary first, then sizes, and nothing secret of its command."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest

from buildmatrix.cli.commandline import resuming
from buildmatrix.cli.options import Adjustments
from buildmatrix.cli.output import doors
from buildmatrix.cli.run.reporting import report
from buildmatrix.cli.session import request, session
from buildmatrix.engine.outcome import BuildOutcome, Outcome
from buildmatrix.errors import BuildmatrixError, Diagnostic, StoppedError
from buildmatrix.oci.answers import Answer, Descriptor, Found
from buildmatrix.pipeline import plan as make_plan
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


class Answering:
    """Registries that hold one manifest of 42 bytes under any digest."""

    def __init__(self, told: Callable[[], object] = str) -> None:
        self._told = told

    def get(self, _: str, digest: str, *, tries: int) -> Answer:
        assert tries == 1
        self._told()
        body = json.dumps({"config": {"digest": "sha256:c", "size": 42}}).encode()
        return Found(descriptor=Descriptor(digest=digest, media_type=""), body=body)


def pushed(name: str, digest: str, *tags: str) -> BuildOutcome:
    return BuildOutcome(
        name=name, target=name, declared=name, status="failed", exported=True, platforms=(), tags=tags, digest=digest
    )


@pytest.fixture
def ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """End a run that was started with a command line."""
    (tmp_path / "buildmatrix.toml").write_text(SPEC)
    monkeypatch.chdir(tmp_path)
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_COLOR", "1")

    def end(
        *words: str,
        variables: list[str],
        form: Literal["text", "json"] = "text",
        registries: Answering | None = None,
        problem: BuildmatrixError | None = None,
    ) -> None:
        monkeypatch.setattr(sys, "argv", ["buildmatrix", "apply", *words])
        reports = tuple(word for word in words if word.startswith("r."))
        outcome = Outcome(targets=(pushed("app", "sha256:index", "r.example/app:1"),), seconds=1, problem=problem)
        with doors(), session(None) as run:
            planned = make_plan(run.name, run.sources, request(adjustments=Adjustments(var=variables)), run.git)
            asked = Options(summary=form, report=reports)
            report(run, planned, outcome, asked, registries or Answering(), lambda: resuming(planned))  # type: ignore[arg-type]

    return end


def test_the_summary_comes_before_sizes(ended: Callable[..., None], capfd: pytest.CaptureFixture[str]) -> None:
    told: list[str] = []

    ended("--report", "r.json", variables=[], registries=Answering(lambda: told.extend(capfd.readouterr())))
    assert told[0].endswith("1 failed in 1.0s\n")
    assert told[1] == "asking for the size of 1 image …\n"
    assert json.loads(Path("r.json").read_text())["targets"][0]["size"] == 42
    ended(variables=[], registries=Answering(lambda: pytest.fail("nobody wants sizes")))


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


@pytest.mark.parametrize(
    ("words", "resumed"),
    [
        ((), "--resume"),
        (("web", "-k", "-f", "my file.toml"), "--resume web -k -f 'my file.toml'"),
        (("--incremental", "--resume", "web"), "--incremental --resume web"),
        (("--jobs", "2", "--", "web"), "--resume --jobs 2 -- web"),
        (("--var", "key=hunter2"), "--resume --var key=***"),
    ],
)
def test_a_stopped_run_says_how_to_go_on(
    ended: Callable[..., None], words: tuple[str, ...], resumed: str, capfd: pytest.CaptureFixture[str]
) -> None:
    stopped = StoppedError(Diagnostic(message="stopped", code="stopped"))
    with pytest.raises(BaseException) as failed:  # noqa: PT011 typer's own
        ended(*words, variables=["key=hunter2"], problem=stopped)
    assert getattr(failed.value, "exit_code", None) == 130
    assert f"stopped\n  buildmatrix apply {resumed}\n" in "".join(capfd.readouterr())


def test_a_hint_of_its_own_stays(ended: Callable[..., None], capfd: pytest.CaptureFixture[str]) -> None:
    stopped = StoppedError(Diagnostic(message="stopped", code="stopped", hint="run its job again"))
    with pytest.raises(BaseException):  # noqa: B017, PT011 typer's own
        ended(variables=[], problem=stopped)
    said = "".join(capfd.readouterr())
    assert "run its job again" in said
    assert "--resume" not in said


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
