"""What programs and files of others say may be anything: nothing of it ends a run."""

import base64
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from buildmatrix.engine.answers import answer_of, failure_of
from buildmatrix.engine.buildx import Builder, Probe
from buildmatrix.engine.progress.reader import Progress
from buildmatrix.engine.registry import Registry
from buildmatrix.errors import EngineError, StaleError
from buildmatrix.git.facts import Git
from buildmatrix.inputs.fingerprint import Fingerprints
from buildmatrix.pipeline import plan, validate
from buildmatrix.plan.builds import builds_of
from buildmatrix.plan.model import Plan
from buildmatrix.process import Programs
from buildmatrix.spec.toml.source import Sources
from buildmatrix.state.present import Present, outputs_of
from buildmatrix.state.record import ResultFile
from buildmatrix.state.resume import Remembered, resumed
from buildmatrix.template.request import Request
from tests.fuzz.mutations import dumped

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
STATUS: dict[str, list[dict[str, Any]]] = {
    "vertexes": [
        {
            "digest": "sha256:1",
            "name": "[a 1/2] RUN x",
            "started": "2024-01-01T00:00:00.123456789Z",
            "completed": "2024-01-01T00:00:01Z",
            "error": "e",
            "cached": True,
        }
    ],
    "statuses": [{"vertex": "sha256:1", "id": "exporting manifest sha256:" + "0" * 64, "total": 10, "current": 5}],
    "logs": [{"vertex": "sha256:1", "data": base64.b64encode(b"line\n").decode(), "timestamp": "x"}],
    "warnings": [
        {
            "vertex": "sha256:1",
            "short": base64.b64encode(b"Rule: no (line 2)").decode(),
            "url": "https://x",
            "range": [{"start": {"line": 2}, "end": {"line": 2}}],
        }
    ],
}
WORDS = st.sampled_from(["", "[", "{", "x", "2024-01-01T00:00:00", "sha256:1", "@@@", "aGk", "\u00e9"])


@settings(deadline=None)  # a machine under load is no fault of a line
@given(st.data())
def test_any_line_of_progress_may_be_anything(data: st.DataObject) -> None:
    status: dict[str, Any] = json.loads(json.dumps(STATUS))
    for kind, items in list(status.items()):
        for key in list(items[0]):
            if data.draw(st.booleans()):
                items[0][key] = data.draw(ANYTHING | WORDS)
            elif data.draw(st.booleans()):
                del items[0][key]
        if data.draw(st.booleans()):
            status[kind] = data.draw(ANYTHING | st.just([*items, *items]) | st.just([None, 1, items[0]]))
    told: list[Any] = []
    progress = Progress(["a", "b"], told.append)
    for _ in range(2):
        progress.line(json.dumps(status))
    assert list(progress.steps("a", 0.0, lambda _: "")) is not None


@pytest.mark.parametrize("line", ["{" * 50_000, '{"vertexes":' + "[" * 50_000, '{"vertexes": null}', "{}", '{"a'])
def test_lines_that_are_nearly_json(line: str) -> None:
    Progress(["a"], lambda _: None).line(line)


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    folder = tmp_path_factory.mktemp("project")
    text = 'version = 1\n[target.app]\ndockerfile-inline = "FROM scratch"\noutput = ["type=cacheonly"]\n'
    return plan("f", Sources(folder, {"f": text}), Request(), Git(lambda _: None))


BUILDER = Builder(name="b", driver="remote", error="", nodes=())


@given(st.data())
def test_the_last_result_may_be_anything(planned: Plan, data: st.DataObject) -> None:
    builds = builds_of(planned)
    file, known = ResultFile(builds), Fingerprints(planned, {}, {}, {}, "linux/amd64").of
    prints = dict(known("app").fingerprints)
    entry: dict[str, Any] = {"status": "built", "fingerprints": prints, "tags": ["a"], "size": 1, "seconds": 1.5}
    entry |= {
        "log": "",
        "files": {},
        "builder": "b remote",
        "digest": "",
        "outputs": outputs_of(planned.by_name["app"]),
    }
    entry |= {"made": 1, "pins": {"a": "b"}}
    for key in list(entry):
        if data.draw(st.booleans()):
            entry[key] = data.draw(ANYTHING)
    whole: Any = {"format_version": 2, "targets": {"app": entry}}
    file.path.parent.mkdir(exist_ok=True)
    file.path.write_text(json.dumps(data.draw(st.just(whole) | ANYTHING)))
    try:
        present = Present(planned, lambda: BUILDER, Programs({}), Registry(Programs({})))
        last = Remembered(plan=planned, entries=file.known(), known=known, present=present, max_age=lambda _: 1, now=3)
        for outcome in resumed(builds, last).unchanged.values():
            assert isinstance(outcome.seconds, int | float)
            assert isinstance(outcome.size, int)
    except StaleError:
        pass


@given(st.data())
def test_an_answer_may_be_anything(planned: Plan, data: st.DataObject) -> None:
    settings = planned.by_name["app"].settings.but({"call": data.draw(st.sampled_from(["check", "outline"]))})
    target = replace(planned.by_name["app"], settings=settings)
    some: dict[str, Any] = {
        "ruleName": "A",
        "detail": "b",
        "url": "c",
        "location": {"ranges": [{"start": {"line": 3}}]},
    }
    for key in list(some):
        if data.draw(st.booleans()):
            some[key] = data.draw(ANYTHING)
    whole: Any = {"warnings": [some], "buildError": some}
    result = data.draw(st.just(whole) | ANYTHING)
    found = answer_of(target, "/plan", {"result.json": result, "result.txt": data.draw(ANYTHING)})
    assert found is not None
    for one in found.findings:
        assert isinstance(one.text, str)
        assert one.line >= 0
    assert failure_of(target, found).problem.exit_code == 1


@pytest.mark.parametrize("text", ["[" * 100_000, "", "\xff", "[]", '{"targets": {"app": 5}}', '{"targets": []}'])
def test_results_that_are_none(planned: Plan, text: str) -> None:
    file = ResultFile(builds_of(planned))
    file.path.parent.mkdir(exist_ok=True)
    file.path.write_bytes(text.encode("latin-1"))
    with pytest.raises(StaleError):
        file.known()


@pytest.mark.parametrize(
    ("mode", "text"), [(0o755, "\x7fELF nonsense"), (0o644, "#!/bin/sh\n"), (0o755, "#!/nowhere\n")]
)
def test_a_docker_that_cannot_be_executed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int, text: str
) -> None:
    docker = tmp_path / "docker"
    docker.write_text(text)
    docker.chmod(mode)
    monkeypatch.setenv("PATH", str(tmp_path))
    programs = Programs(os.environ)
    with Probe(programs, None) as probe:
        assert probe.program() == ("docker", "buildx")
        with pytest.raises(EngineError, match=r"docker (cannot be started|is not installed)"):
            probe.look()
    with pytest.raises(EngineError, match=r"docker (cannot be started|is not installed)"):
        programs.watch(["docker"], cwd=tmp_path, on_line=None)


KEYS = ["target", "variable", "defaults", "group", "literal", "version", "app", "matrix", "args", "secret", "override"]
KEYS += [
    "include",
    "exclude",
    "contexts",
    "output",
    "cache-to",
    "env",
    "src",
    "type",
    "default",
    "choices",
    "tags",
    "os",
]
LEAVES = st.sampled_from(["", "$A", "${{ os }}", "{{ os }}", "app", "env", "type=env,src=$A", 0, 1, True, 1.5])
TABLES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3),
    max_leaves=12,
)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(KEYS), TABLES, max_size=4))
@example({"variable": "$A"})
@example({"variable": ["$A"]})
@example({"target": [["$A"]]})
@example({"target": {"app": {"matrix": "$A", "secret": [["$A"]], "args": ["$A"]}}})
def test_a_table_may_be_anything_that_toml_has(data: dict[str, Any]) -> None:
    sources = Sources(Path("/"), {"f": dumped(data)})
    for found in validate("f", sources, Request(), Git(lambda _: None)):
        assert found.message
