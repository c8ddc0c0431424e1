"""A saved plan is shown as it was saved: whatever the files say now, and also one of an older format."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from buildmatrix.errors import UsageError
from buildmatrix.plan.document.shown import readable, shown
from buildmatrix.report.plan.markdown import plan_markdown
from buildmatrix.report.plan.short import plan_short
from buildmatrix.report.plan.text import plan_text
from buildmatrix.report.style import Style
from tests.inside import exit_code

FORMATS = Path(__file__).with_name("formats")
SPEC = """version = 1
[target.base]
dockerfile-inline = "FROM scratch"
output = ["type=cacheonly"]
[target.app]
description = "Two of them."
matrix.python = [3.12, 3.13]
contexts.base = "target:base"
dockerfile-inline = "FROM base"
tags = ["example.com/app:{{ python }}"]
output = ["type=registry"]
platforms = ["linux/amd64", "linux/arm64"]
entitlements = ["network.host"]
secret = [{ id = "x", env = "NOT_SET", optional = true }]
[target.bare]
dockerfile-inline = "FROM scratch"
[apply]
jobs = 2
"""
Say = Callable[..., tuple[int, str, str]]


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "buildmatrix.toml").write_text(SPEC)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NOT_SET", raising=False)
    monkeypatch.setenv("BUILDMATRIX_TRACEBACK", "1")
    return tmp_path


@pytest.fixture
def say(capfd: pytest.CaptureFixture[str]) -> Say:
    def run(*arguments: str) -> tuple[int, str, str]:
        code = exit_code(*arguments)
        return code, *capfd.readouterr()

    return run


@pytest.mark.usefixtures("repo")
@pytest.mark.parametrize("style", ["text", "short", "markdown", "json"])
@pytest.mark.parametrize("more", [(), ("--platform", "linux/amd64")])
def test_it_is_shown_as_plan_shows_it(say: Say, style: str, more: tuple[str, ...]) -> None:
    code, planned, _ = say("plan", *more, "--format", style, "--out", "plan.json")
    assert code == 0
    code, out, err = say("show", "plan.json", "--format", style)
    assert (code, err) == (0, "")
    head = "plan.json: made from buildmatrix.toml, saved by buildmatrix 0.1.0\n\n" if style == "text" else ""
    assert out == head + planned


def test_whatever_the_files_say_now(repo: Path, say: Say) -> None:
    planned = say("plan", "app", "--out", "plan.json")[1]
    (repo / "buildmatrix.toml").unlink()
    code, out, err = say("show", "plan.json")
    assert (code, err, out.partition("\n\n")[2]) == (0, "", planned)


@pytest.mark.usefixtures("repo")
@pytest.mark.parametrize("version", [1, 2])
def test_one_of_an_older_format_is_shown_and_not_applied(say: Say, version: int) -> None:
    file = str(FORMATS / f"{version}.json")
    code, out, err = say("show", file)
    assert code == 0
    assert f"has format {version}: it can be shown, and not be applied; make it with: buildmatrix plan --out" in err
    assert "app-3-13  example.com/app:3.13" in out
    assert "contexts      base=target:base" in out
    assert "why         app-3-12 depends on it; not exported" in out
    assert "Run `buildmatrix apply` to build this." in out
    code, _, err = say("apply", file, "--dry-run")
    assert (code, f"has format {version}, and this buildmatrix reads 3" in err) == (4, True)


@pytest.mark.usefixtures("repo")
def test_one_of_a_newer_format(say: Say) -> None:
    Path("new.json").write_text('{"format_version": 4}')
    code, _, err = say("show", "new.json")
    assert (code, "new.json has format 4, and this buildmatrix reads 3 and older ones" in err) == (4, True)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is not a valid plan of buildmatrix"),
        ("[]", "it has no format_version"),
        ('{"format_version": true}', "it has no format_version"),
        ('{"format_version": 3}', "the file lacks"),
        ('{"format_version": 2}', "format 2 has no such 'file'"),
        ('{"format_version": -1, "file": "x"}', "format -1 has no such 'selectors'"),
    ],
)
def test_what_is_no_plan(text: str, said: str) -> None:
    with pytest.raises(UsageError, match="is not a valid plan of buildmatrix") as caught:
        shown(text, "plan.json")
    assert said in str(caught.value)


WRONG: tuple[Any, ...] = (None, True, -1, "x", [], {}, [[[]]], {"a": {"b": 1}})


def _ways(value: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [way, *(deeper for key, item in items for deeper in _ways(item, (*way, key)))]


@pytest.mark.parametrize("version", [1, 2])
def test_odd_values_anywhere_in_an_old_one(version: int) -> None:
    """Each value of an old plan, replaced by each of another kind: shown, or said to be no plan, and no traceback."""
    whole = json.loads((FORMATS / f"{version}.json").read_text())
    for way in _ways(whole)[1:]:
        for wrong in WRONG:
            document = json.loads(json.dumps(whole))
            at = document
            for part in way[:-1]:
                at = at[part]
            at[way[-1]] = wrong
            try:
                found = shown(json.dumps(document), "plan.json")
                for write in (plan_text, plan_short):
                    readable(found, "plan.json", partial(write, found.plan, Style(colour=False)))
                readable(found, "plan.json", partial(plan_markdown, found.plan))
            except UsageError as error:
                assert "is not a valid plan" in str(error) or "has no" in str(error)  # noqa: PT017 either is right


@pytest.mark.usefixtures("repo")
@pytest.mark.parametrize("file", ["none.json", "folder.json", ""])
def test_files_that_cannot_be_read(say: Say, file: str) -> None:
    Path("folder.json").mkdir()
    code, _, err = say("show", file)
    assert (code, "cannot be read" in err) == (2, True), err
