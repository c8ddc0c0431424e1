"""The model of a Dockerfile, where the corpus does not show it."""

import pytest

from buildmatrix.dockerfile.model import Arg, Dockerfile, Heredoc, Reference, Stage
from buildmatrix.dockerfile.parser import dockerfile_of
from tests.unit.dockerfile.corpus import TAKEN


def model(text: str) -> Dockerfile:
    file = dockerfile_of(text)
    assert file is not None
    return file


def stage(text: str) -> Stage:
    return model(text).stages[-1]


def test_a_stage() -> None:
    found = stage("# syntax=docker/dockerfile:1\n\nFROM --platform=$BUILDPLATFORM a:1 AS One\nARG A B=x\nRUN a\n")
    assert (found.number, found.name, found.base, found.platform) == (0, "one", "a:1", "$BUILDPLATFORM")
    assert found.head.text == "FROM --platform=$BUILDPLATFORM a:1 AS One"
    assert found.args == (Arg(name="A", default=None, line=4), Arg(name="B", default="x", line=4))
    assert [(one.keyword, one.line) for one in found.instructions] == [("ARG", 4), ("RUN", 5)]


def test_a_dockerfile() -> None:
    file = model("# syntax=docker/dockerfile:1\n# escape=`\nARG A=1\nFROM x\nRUN a `\n\n b\n")
    assert (file.syntax, file.escape) == ("docker/dockerfile:1", "`")
    assert file.args == (Arg(name="A", default="1", line=3),)
    assert [(one.message, one.line) for one in file.warnings] == [("Empty continuation line found in: RUN a  b", 7)]


def test_the_stage_of_a_target() -> None:
    file = model("FROM a AS x\nFROM b AS X\nFROM c AS y\n")
    numbers = [found.number if (found := file.stage(name)) else None for name in (None, "", "Y", "x", "0", "z")]
    assert numbers == [2, 2, 2, 1, None, None]


def test_references() -> None:
    found = [(one.kind, one.name, one.line) for one in model(TAKEN["copies"]).stages[1].references]
    assert found == [
        ("copy", "one", 3),
        ("copy", "0", 4),
        ("copy", "docker.io/library/alpine:3", 5),
        ("add", "https://example.com/a.tgz", 8),
        ("add", "https://github.com/moby/buildkit.git#v0.12.5", 9),
        ("add", "git@git.example.com:foo/bar.git", 10),
    ]
    assert [one.name for one in stage(TAKEN["mounts"]).references] == ["tools", "alpine:3"]


@pytest.mark.parametrize(
    ("mount", "name"),
    [
        ("from=a", "a"),
        ("type=bind,From=a,target=/x", "a"),
        ('type=bind,"from=a,b"', "a"),  # the quotes go first, as BuildKit has it
        (r"type=bind,\"from=a,b\"", "a,b"),
        ("type=bind,source=from=a", ""),
        ("from=", ""),
    ],
)
def test_what_is_mounted(mount: str, name: str) -> None:
    assert [one.name for one in stage(f"FROM x\nRUN --mount={mount} a\n").references] == [name][: bool(name)]


def test_what_is_no_flag_names_nothing() -> None:
    text = "FROM x\nRUN a --mount=from=b\nCOPY a --from=b /\nENV C=--from=d\nADD --from=e f g https://x/\n"
    assert stage(text).references == ()


def test_triggers_are_what_they_hold() -> None:
    script, long, run, plain = model(TAKEN["triggers with scripts"]).stages[0].instructions
    assert (script.keyword, script.onbuild, script.text) == ("RUN", True, "ONBUILD RUN cat <<EOF")
    content = "FROM not-a-stage AS fake\nONBUILD RUN neither\n"
    assert script.heredocs == (Heredoc(name="EOF", content=content, chomp=False, expand=True),)
    assert (long.onbuild, long.text, long.args) == (True, "Onbuild  run echo a   b", ("echo a   b",))
    assert (run.onbuild, run.heredocs[0].content) == (False, "ONBUILD  RUN no trigger\n")
    assert (plain.onbuild, plain.text) == (False, "RUN a ONBUILD RUN b")


def test_what_triggers_use_is_marked() -> None:
    found = model(TAKEN["triggers"]).stages[0]
    assert found.references == (Reference(kind="copy", name="assets", line=5, onbuild=True),)
    assert found.args == ()
    assert found.instructions[3].flags == ("--from=assets", "--chown=1:1")


def test_here_documents() -> None:
    run, tabs, two, *_ = model(TAKEN["scripts"]).stages[0].instructions
    assert (run.line, run.end_line) == (2, 7)
    assert run.heredocs[0].content.startswith("set -e\n# no comment of ours\nFROM not-a-stage")
    assert (tabs.heredocs[0].chomp, tabs.heredocs[0].expand) == (True, False)
    assert [one.name for one in two.heredocs] == ["A", "B"]


@pytest.mark.parametrize(
    "trigger", ["ONBUILD", "ONBUILD \\\n  RUN a", "ONBUILD ONBUILD RUN a", "ONBUILD RUNS a", "COPY a \\\nONBUILD RUN /"]
)
def test_a_trigger_that_holds_nothing_plain_is_unknown(trigger: str) -> None:
    assert dockerfile_of(f"FROM x\n{trigger}\n") is None
