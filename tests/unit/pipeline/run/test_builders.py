"""What the file declares, and the builder of a run that has to be made first."""

import json
from pathlib import Path
from typing import Any

import pytest

from buildmatrix.errors import BuildmatrixError, EngineError, SpecError, UsageError
from buildmatrix.pipeline.run.builders import Declared, declared, not_removed, planned, ready, removal
from buildmatrix.spec.toml.source import Sources
from tests.programs import Scripted, said

PLAIN = "[builder.plain]\ndriver-opts = { memory = '1g' }\n"
FAR = "[builder.far]\ndriver = 'remote'\nendpoint = 'tcp://h:1'\n"


def file(text: str, folder: Path) -> Declared:
    return declared("f", Sources(folder, {"f": f"version = 1\n{text}"}))


def docker(folder: Path, code: int = 0) -> Scripted:
    done = said(code=code, stderr="x\nERROR: it said no\n" if code else "")
    answers: dict[str, Any] = {f"docker buildx {name}": done for name in ("create", "inspect", "use", "rm")}
    answers["docker buildx version"] = said("v0.30.0")
    return Scripted(answers, {"BUILDX_CONFIG": str(folder)}, path="/usr/bin/docker")


@pytest.mark.parametrize(
    ("text", "given", "name"),
    [
        (FAR + PLAIN, "plain", "plain"),
        (FAR, None, "far"),
        (FAR + PLAIN, None, ""),
        ("apply.builder = 'plain'\n" + FAR + PLAIN, None, "plain"),
        ("apply.builder = 'elsewhere'\n" + FAR, None, "elsewhere"),
        ("", None, ""),
    ],
)
def test_which_builder_is_meant(text: str, given: str | None, name: str, tmp_path: Path) -> None:
    assert file(text, tmp_path).name(given) == name


@pytest.mark.parametrize(
    ("text", "given", "message"),
    [
        ("", None, "the file declares no builder"),
        (FAR + PLAIN, None, "the file declares several builders"),
        (FAR, "fra", 'the file declares no builder "fra"'),
    ],
)
def test_one_that_is_not_declared_cannot_be_created(text: str, given: str | None, message: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as raised:
        file(text, tmp_path).builder(given)
    assert raised.value.diagnostics[0].message == message
    assert raised.value.diagnostics[0].hint


def test_a_file_that_is_wrong_is_refused_but_one_without_a_target_is_not(tmp_path: Path) -> None:
    assert list(file(FAR, tmp_path).builders) == ["far"]
    with pytest.raises(SpecError):
        file("[builder.far]\ndriver = 'remote'\n", tmp_path)


def test_a_file_that_a_builder_needs_is_looked_for_when_it_is_made(tmp_path: Path) -> None:
    one = file("[builder.b]\nbuildkitd-config = 'gone.toml'\n", tmp_path).builders["b"]
    with pytest.raises(SpecError) as raised:
        planned(one, docker(tmp_path))
    (found,) = raised.value.diagnostics
    assert found.message == f"builder.b: {tmp_path}/gone.toml does not exist"
    assert found.place
    assert found.place.pointer == ("builder", "b", "buildkitd-config")


def test_one_of_another_driver_is_left_alone(tmp_path: Path) -> None:
    """It is somebody's, and its cache would go with it, perhaps for one that cannot be made."""
    (tmp_path / "instances").mkdir()
    kept = {"Name": "far", "Driver": "docker-container", "Nodes": [{"Name": "far0", "Endpoint": "default"}]}
    (tmp_path / "instances/far").write_text(json.dumps(kept))
    with pytest.raises(UsageError) as raised:
        planned(file(FAR, tmp_path).builders["far"], docker(tmp_path))
    (found,) = raised.value.diagnostics
    assert found.message == 'builder "far" is there with the driver docker-container, and the file declares remote'
    assert "buildmatrix builder rm far" in found.hint


def test_one_whose_node_is_called_like_that_of_another_is_not_plain(tmp_path: Path) -> None:
    text = "[builder.mine]\n[[builder.mine.node]]\nname = 'privileged0'\n"
    assert [file(one, tmp_path).builders["mine"].is_plain for one in ("[builder.mine]\n", text)] == [True, False]


def test_what_is_created_is_started_where_the_file_says_so(tmp_path: Path) -> None:
    one = file("[builder.b]\nbootstrap = true\n", tmp_path).builders["b"]
    assert [step.words[0] for step in planned(one, docker(tmp_path), current=True).steps] == [
        "create",
        "inspect",
        "use",
    ]
    kept(tmp_path, "b", "docker-container", {"Name": "b0"})
    assert planned(one, docker(tmp_path)).steps == ()
    assert [step.words for step in planned(one, docker(tmp_path), start=True).steps] == [
        ("inspect", "--bootstrap", "b")
    ]


def kept(folder: Path, name: str, driver: str, *nodes: dict[str, str]) -> None:
    (folder / "instances").mkdir(exist_ok=True)
    (folder / "instances" / name).write_text(json.dumps({"Name": name, "Driver": driver, "Nodes": nodes}))


def test_what_is_not_there_need_not_be_removed(tmp_path: Path) -> None:
    assert removal("b", docker(tmp_path), keep_state=True) == ()
    kept(tmp_path, "b", "docker-container")
    assert [step.words for step in removal("b", docker(tmp_path), keep_state=True)] == [("rm", "--keep-state", "b")]
    assert [step.words for step in removal("b", docker(tmp_path), keep_state=False)] == [("rm", "b")]


@pytest.mark.parametrize(("name", "hint"), [("default", "docker buildx prune"), ("far", "docker context rm far")])
def test_dockers_own_builder_is_not_removed(name: str, hint: str) -> None:
    """`ls` lists it, and buildx keeps nothing of it."""
    inspected = said(f"Name: {name}\nDriver: docker\nError: no engine\n")
    programs = Scripted({f"docker buildx inspect {name}": inspected}, {}, path="/usr/bin/docker")
    (found,) = not_removed(name, programs).diagnostics
    assert found.message == f'builder "{name}" is docker\'s own, which cannot be removed'
    assert hint in found.hint


def test_a_builder_that_nobody_knows_is_not_removed() -> None:
    none = said(stderr='ERROR: no builder "b" found', code=1)
    programs = Scripted(
        {"docker buildx inspect b": none, "docker buildx version": said("github.com/docker/buildx v0.29.1 x\n")},
        {},
        path="/usr/bin/docker",
    )
    (found,) = not_removed("b", programs).diagnostics
    assert found.message == 'there is no builder "b"'


# --- the builder of a run ---------------------------------------------------------------------------------------------


def test_a_plain_builder_is_made_and_told(tmp_path: Path) -> None:
    told: list[str] = []
    programs = docker(tmp_path)
    assert ready("plain", file(PLAIN, tmp_path).builders, (), programs, told.append)
    assert told == ["created plain (docker-container)"]
    assert programs.asked == [
        "docker buildx create --name plain --driver docker-container --node plain0 --driver-opt memory=1g"
    ]


@pytest.mark.parametrize("name", [None, "", "other", "there"])
def test_no_other_is_made(name: str | None, tmp_path: Path) -> None:
    kept(tmp_path, "there", "remote")
    programs = docker(tmp_path)
    found = file(f"{PLAIN}[builder.there]\n", tmp_path)
    assert not ready(name, found.builders, (), programs, print)
    assert programs.asked == []


@pytest.mark.parametrize(
    "text",
    [
        "driver = 'remote'\nendpoint = 'tcp://h:1'",
        "driver = 'kubernetes'",
        "driver = 'cloud'\nendpoint = 'a/b'",
        "endpoint = 'tcp://h:1'",
        "driver-opts.image = 'evil'",
        "driver-opts.network = 'host'",
        "driver-opts.'env.X' = 'y'",
        "buildkitd-flags = ['--debug']",
        "buildkitd-config = 'c.toml'",
        "[[builder.b.node]]\ndriver-opts.image = 'evil'",
    ],
)
def test_one_that_may_do_more_has_to_be_allowed(text: str, tmp_path: Path) -> None:
    (tmp_path / "c.toml").touch()
    found, programs = file(f"[builder.b]\n{text}\n", tmp_path).builders, docker(tmp_path)
    for allowed in ((), ("builder=c",), ("network.host",)):
        with pytest.raises(UsageError) as raised:
            ready("b", found, allowed, programs, print)
        assert raised.value.diagnostics[0].hint.endswith("or add --allow=builder=b")
    assert programs.asked == []
    assert ready("b", found, ("builder=b",), programs, print)


def test_what_buildx_refuses_is_told_with_its_command(tmp_path: Path) -> None:
    with pytest.raises(EngineError) as raised:
        ready("plain", file("[builder.plain]\n", tmp_path).builders, (), docker(tmp_path, code=1), print)
    (one,) = raised.value.diagnostics
    assert one.message == "buildx could not make the builder: it said no"
    assert one.hint == "the command was: docker buildx create --name plain --driver docker-container --node plain0"
    assert isinstance(raised.value, BuildmatrixError)


def test_a_driver_that_buildx_does_not_have_is_said_where_it_is_to_be_had(tmp_path: Path) -> None:
    programs = docker(tmp_path)
    programs.answers["docker buildx create"] = said(stderr='ERROR: failed to find driver "cloud"\n', code=1)
    found = file("[builder.c]\ndriver = 'cloud'\nendpoint = 'a/b'\n", tmp_path).builders
    with pytest.raises(EngineError) as raised:
        ready("c", found, ("builder=c",), programs, print)
    assert raised.value.diagnostics[0].hint.startswith("update buildx: the cloud driver comes with 0.37")
