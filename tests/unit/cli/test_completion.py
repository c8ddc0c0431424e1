"""What a shell is offered, from the file and from nowhere else; the shells themselves are in test_install.py."""

import json
import os
import time
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from buildmatrix.cli import completion
from buildmatrix.cli.bash import joined
from buildmatrix.limits import TooMuchError

SPEC = """version = 1
[variable]
registry = "localhost:5000"
release = { default = "dev", choices = ["dev", "stable"] }
debug = false
sha = { env = "NO_SUCH_VARIABLE" }
[group]
nightly = ["app"]
[target._base]
[target.app]
matrix.python = ["3.12", "3.13"]
platforms = ["linux/amd64", "linux/arm64"]
dockerfile-inline = "FROM scratch"
tags = ["{{ registry }}/app:{{ sha }}"]
entitlements = ["network.host"]
[target.docs]
platforms = ["linux/riscv64"]
context = "../elsewhere"
"""


def ctx(**params: object) -> Any:
    return SimpleNamespace(params=params)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "buildmatrix.toml").write_text(SPEC)
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BUILDMATRIX_FILE", raising=False)
    return tmp_path


def test_names_also_where_variables_have_no_value() -> None:
    assert completion.complete_targets(ctx(), "") == ["nightly", "app", "docs", "app-3-12", "app-3-13"]
    assert completion.complete_targets(ctx(), "!app-") == ["!app-3-12", "!app-3-13"]


def test_platforms_are_those_of_the_file(folder: Path) -> None:
    assert completion.complete_platforms(ctx(), "") == ["linux/amd64", "linux/arm64", "linux/riscv64"]
    assert completion.complete_platforms(ctx(), "linux/amd64,linux/r") == ["linux/amd64,linux/riscv64"]
    (folder / "buildmatrix.toml").write_text("version = 1\n[target.app]\n")
    assert "linux/s390x" in completion.complete_platforms(ctx(), "linux/")


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("", ["registry=", "release=", "debug=", "sha="]),
        ("re", ["registry=", "release="]),
        ("reg", ["registry="]),
        ("rel", ["release=dev", "release=stable"]),
        ("release=s", ["release=stable"]),
        ("debug=", ["debug=true", "debug=false"]),
        ("x", []),
    ],
)
def test_variables(typed: str, offered: list[str]) -> None:
    assert completion.complete_variables(ctx(), typed) == offered


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("", ["*.", "nightly.", "app.", "docs.", "app-3-12.", "app-3-13."]),
        ("app-", ["app-3-12.", "app-3-13."]),
        ("docs.ta", ["docs.target=", "docs.tags=", "docs.tags+="]),
        ("docs.arg", ["docs.args."]),
        ("docs.netw", ["docs.network=default", "docs.network=host", "docs.network=none"]),
        ("*.call=c", ["*.call=check"]),
        ("*.pull=", ["*.pull=true", "*.pull=false"]),
        ("docs.target=x", []),
    ],
)
def test_settings(typed: str, offered: list[str]) -> None:
    assert completion.complete_sets(ctx(), typed) == offered


def test_the_only_name_has_its_keys_at_once() -> None:
    assert {"docs.tags=", "docs.tags+=", "docs.args."} < set(completion.complete_sets(ctx(), "do"))


def test_what_has_to_be_allowed(folder: Path) -> None:
    assert completion.complete_allowances(ctx(), "") == ["network.host", f"fs.read={folder.parent}/elsewhere"]


def test_builders_are_read_from_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    monkeypatch.delenv("BUILDX_CONFIG", raising=False)
    assert completion.complete_builders("") == ["default"]
    for path, text in (
        ("buildx/instances/many", "{}"),
        ("contexts/meta/0a/meta.json", json.dumps({"Name": "far"})),
        ("contexts/meta/0b/meta.json", "none"),
    ):
        (tmp_path / "docker" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "docker" / path).write_text(text)
    assert completion.complete_builders("") == ["default", "far", "many"]
    assert completion.complete_builders("m") == ["many"]


def test_builders_that_are_created_are_those_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert completion.complete_declared(ctx(), "") == []
    (tmp_path / "buildmatrix.toml").write_text("version = 1\n[builder.many]\n[builder.far]\n")
    assert completion.complete_declared(ctx(), "") == ["many", "far"]
    assert completion.complete_declared(ctx(), "m") == ["many"]
    (tmp_path / "buildmatrix.toml").write_text("version = 1\n[builder.many]\nx = 1\n")
    assert completion.complete_declared(ctx(), "") == []


def test_the_file_and_the_variables_are_those_of_the_command(folder: Path) -> None:
    (folder / "other.toml").write_text(
        'version = 1\nvariable.kinds = { type = "list", default = ["a"] }\ntarget.o.matrix.kind = "{{ kinds }}"\n'
    )
    assert completion.complete_targets(ctx(file="other.toml"), "o") == ["o", "o-a"]
    assert completion.complete_targets(ctx(file="other.toml", var=["kinds=x,y"]), "o-") == ["o-x", "o-y"]


def test_a_signal_that_is_swallowed_comes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def swallow() -> None:
        with suppress(TooMuchError):
            time.sleep(10)
        time.sleep(10)

    monkeypatch.setattr(completion, "SECONDS", 0.1)
    with pytest.raises(TooMuchError), completion._in_time():
        swallow()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the signal may come in a destructor
@pytest.mark.parametrize("trouble", ["toml", "pipe", "git"])
def test_nothing_is_offered_and_nobody_waits(folder: Path, trouble: str, monkeypatch: pytest.MonkeyPatch) -> None:
    file = folder / "buildmatrix.toml"
    file.unlink()
    if trouble == "toml":
        file.write_text("version = ")
    elif trouble == "pipe":
        os.mkfifo(file)
    elif trouble == "git":
        (folder / "git").write_text("#!/bin/sh\nexec sleep 1000\n")
        (folder / "git").chmod(0o755)
        monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
        monkeypatch.setattr(completion, "SECONDS", 0.5)
        file.write_text('version = 1\ntarget.app.matrix.sha = "{{ [git.sha] }}"\n')
    assert completion.complete_targets(ctx(), "") == []
    assert completion.complete_sets(ctx(), "app") == []
    assert completion.complete_variables(ctx(), "") == []


@pytest.mark.parametrize(
    ("words", "whole", "before"),
    [
        (["b", "plan", "ap"], ["b", "plan", "ap"], ""),
        (["b", "--var", "a", "="], ["b", "--var", "a="], "a="),
        (["b", "--var", "a", "=", ""], ["b", "--var", "a="], "a="),
        (["b", "--var", "a", "=", "x"], ["b", "--var", "a=x"], "a="),
        (["b", "--var", "a", "=", "x", "ap"], ["b", "--var", "a=x", "ap"], ""),
        (["b", "app[os", "=", "alpine,py", "=", "3"], ["b", "app[os=alpine,py=3"], "app[os=alpine,py="),
    ],
)
def test_words_that_bash_splits_at_a_sign_are_whole(words: list[str], whole: list[str], before: str) -> None:
    assert joined(words) == (whole, before)


@pytest.mark.parametrize(
    "value",
    ["\\\\$(touch it)", "$(touch it)", "`touch it`", "b c", "/etc/pass*", "a;b", "a'b", 'a"b', "{a,b}", "~root"],
)
def test_nothing_that_a_shell_would_evaluate_is_offered(folder: Path, value: str) -> None:
    """Zsh evaluates the words that it is given as answers, and bash expands patterns in them."""
    spec = SPEC.replace('["dev", "stable"]', json.dumps(["dev", "stable", value])).replace(
        '"../elsewhere"', json.dumps(f"../x{value}")
    )
    (folder / "buildmatrix.toml").write_text(spec)
    assert completion.complete_variables(ctx(), "release=") == ["release=dev", "release=stable"]
    assert not [one for one in completion.complete_allowances(ctx(), "fs") if value in one]
