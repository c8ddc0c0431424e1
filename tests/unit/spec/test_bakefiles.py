"""What --bake-file gives: whose values count, that they are data, and what is kept of them."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from buildmatrix.errors import Problems, SpecError, UsageError
from buildmatrix.git.facts import Git
from buildmatrix.pipeline import plan
from buildmatrix.pipeline.saved import Written, plan_of_file, saved_text
from buildmatrix.plan.access.inputs import refuse_overwritten
from buildmatrix.plan.model import Plan
from buildmatrix.report.diagnostics.places import Places
from buildmatrix.spec.load import load, parse
from buildmatrix.spec.rows.tables import BakeFiles
from buildmatrix.spec.toml.source import Sources
from buildmatrix.template.request import Request

META = {"tags": ["a:1"], "labels": {"x": "meta", "y": "{{ name }}"}, "annotations": ["index:k=v"], "args": {"N": 3}}
ROOT = '[target._meta]\ntags = ["a:dev"]\nlabels.z = "own"\nannotations = ["index:o=w"]\n'
NO_GIT = Git(lambda _: None)


def of(name: str, said: Any) -> str:
    return json.dumps({"target": {name: said}}, indent=2)


def planned(folder: Path, spec: str, *files: str, **asked: Any) -> Plan:
    """The plan of a spec with files of --bake-file, by their texts."""
    (folder / "buildmatrix.toml").write_text(f"version = 1\n[defaults]\ndockerfile-inline = 'FROM scratch'\n{spec}")
    for number, text in enumerate(files):
        (folder / f"{number}.json").write_text(text)
    paths = tuple(str(folder / f"{number}.json") for number in range(len(files)))
    request = Request(bake_files=BakeFiles(paths=paths), **asked)
    return plan("buildmatrix.toml", Sources(folder), request, NO_GIT, files=False)


def settings(folder: Path, spec: str, *files: str, **asked: Any) -> dict[str, Any]:
    return vars(planned(folder, spec, *files, **asked).targets[0].settings)


def test_it_lies_over_its_target_and_under_the_heirs(tmp_path: Path) -> None:
    found = settings(tmp_path, f'{ROOT}[target.app]\ninherits = ["_meta"]\nlabels.x = "heir"', of("meta", META))
    assert found["tags"] == ("a:1",)
    assert found["labels"] == {"z": "own", "x": "heir", "y": "{{ name }}"}
    assert found["annotations"] == ("index:o=w", "index:k=v")
    assert found["args"] == {"N": "3"}


def test_an_heir_replaces_or_extends(tmp_path: Path) -> None:
    heir = f'{ROOT}[target.app]\ninherits = ["_meta"]\n'
    assert settings(tmp_path, heir + 'tags = ["b:1"]', of("meta", META))["tags"] == ("b:1",)
    assert settings(tmp_path, heir + 'extend.tags = ["b:1"]', of("meta", META))["tags"] == ("a:1", "b:1")


def test_overrides_and_set_lie_over_it(tmp_path: Path) -> None:
    spec = '[target.app]\nmatrix.x = ["1"]\n[[target.app.override]]\nselect.x = "1"\nlabels.x = "override"\n'
    found = settings(tmp_path, spec, of("app", META), set_options=("app.tags=c:1",))
    assert (found["tags"], found["labels"]["x"]) == (("c:1",), "override")


def test_the_exact_name_goes_before_the_abstract_one(tmp_path: Path) -> None:
    spec = '[target.app]\ninherits = ["_app"]\n[target._app]\nlabels.a = "1"\n'
    found = settings(tmp_path, spec, of("app", {"labels": {"a": "2"}}))
    assert found["labels"] == {"a": "2"}


def test_a_later_file_lies_over_an_earlier_one(tmp_path: Path) -> None:
    later = of("meta", {"tags": ["a:2"], "labels": {"x": "later"}, "annotations": ["index:l=r"]})
    found = settings(tmp_path, f'{ROOT}[target.app]\ninherits = ["_meta"]', of("meta", META), later)
    assert (found["tags"], found["labels"]["x"]) == (("a:2",), "later")
    assert found["annotations"] == ("index:o=w", "index:k=v", "index:l=r")


def test_null_says_nothing(tmp_path: Path) -> None:
    said = {"tags": None, "labels": {"z": None}, "args": None}
    found = settings(tmp_path, f'{ROOT}[target.app]\ninherits = ["_meta"]', of("meta", said))
    assert (found["tags"], found["labels"]) == (("a:dev",), {"z": "own"})


def test_it_is_never_a_template(tmp_path: Path) -> None:
    said = {"labels": {"{{ git.sha }}": "{% x %}", "a": "{# #}"}, "args": {"A": "{{ omit }}"}}
    found = settings(tmp_path, '[target._meta]\n[target.app]\ninherits = ["_meta"]', of("meta", said))
    assert (found["labels"], found["args"]) == (said["labels"], said["args"])


def test_literal_texts_are_not_warned_of(tmp_path: Path) -> None:
    said = of("app", {"labels": {"a": "${X} $${Y}"}})
    assert [one.code for one in planned(tmp_path, "[target.app]", said).warnings if "${" in one.message] != []
    (tmp_path / "x").mkdir()
    spec = Sources(tmp_path / "x", {"buildmatrix.toml": 'version = 1\nliteral = ["${X}"]\n[target.app]'})
    problems = Problems()
    load("buildmatrix.toml", spec, problems, BakeFiles(paths=(str(tmp_path / "0.json"),)))
    assert problems.found == []


def test_a_place_has_its_line(tmp_path: Path) -> None:
    (tmp_path / "spec").mkdir()
    (tmp_path / "spec" / "buildmatrix.toml").write_text("version = 1\n[target.app]\n")
    (tmp_path / "m.json").write_text(of("app", {"tags": ["a:1", "B"]}))
    sources, problems = Sources(tmp_path / "spec"), Problems()
    spec = load("buildmatrix.toml", sources, problems, BakeFiles(paths=(str(tmp_path / "m.json"),)))
    (layer,) = spec.targets["app"].overlay
    spot = Places(sources).spot(layer.place)
    assert spot is not None
    assert (spot.file, spot.line, spot.text) == (str(tmp_path / "m.json"), 3, '    "app": {')


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: path.mkdir(), "Is a directory"),
        (lambda path: path.write_bytes(b'{"target": "\xff"}'), "it is not UTF-8 text"),
        (lambda path: path.write_bytes(b" " * 5_000_000), "it is too large"),
    ],
)
def test_what_cannot_be_read_is_told(tmp_path: Path, make: Any, reason: str) -> None:
    make(tmp_path / "m.json")
    problems = Problems()
    sources = Sources(tmp_path, {"f": "version = 1\n[target.app]"})
    load("f", sources, problems, BakeFiles(paths=(str(tmp_path / "m.json"),)))
    assert [reason in one.message for one in problems.found] == [True]


def test_a_link_out_of_the_repository_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "away.json").write_text(of("app", {}))
    (tmp_path / "here" / ".git").mkdir(parents=True)
    (tmp_path / "here" / "m.json").symlink_to(tmp_path / "away.json")
    problems = Problems()
    sources = Sources(tmp_path / "here", {"f": "version = 1\n[target.app]"})
    load("f", sources, problems, BakeFiles(paths=(str(tmp_path / "here" / "m.json"),)))
    assert [one.code for one in problems.found] == ["bake-file"]


def test_a_pipe_is_read(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.write(writing, of("app", {"tags": ["a:1"]}).encode())
    os.close(writing)
    problems = Problems()
    sources = Sources(tmp_path, {"f": "version = 1\n[target.app]"})
    spec = load("f", sources, problems, BakeFiles(paths=(f"/dev/fd/{reading}",)))
    os.close(reading)
    assert (len(spec.targets["app"].overlay), problems.found) == (1, [])


def test_a_saved_plan_holds_it(tmp_path: Path) -> None:
    """It is applied where the file is gone: the run that wrote it is over."""
    (tmp_path / "run").mkdir()
    (tmp_path / "spec").mkdir()
    subprocess.run(["git", "init", "-q", tmp_path / "spec"], check=True)
    (tmp_path / "spec" / "Dockerfile").write_text("FROM scratch\n")
    (tmp_path / "spec" / "buildmatrix.toml").write_text(f'version = 1\n{ROOT}[target.app]\ninherits = ["_meta"]\n')
    (tmp_path / "run" / "m.json").write_text(of("meta", META))
    asked = Request(bake_files=BakeFiles(paths=(str(tmp_path / "run" / "m.json"),)))
    sources = Sources(tmp_path / "spec")
    saved = saved_text(plan("buildmatrix.toml", sources, asked, NO_GIT), sources, NO_GIT)
    (tmp_path / "run" / "m.json").unlink()
    (tmp_path / "plan.json").write_text(saved)
    again = Request(selectors=(str(tmp_path / "plan.json"),))
    sources = Sources(tmp_path / "spec")
    found = plan_of_file("buildmatrix.toml", sources, again, NO_GIT, Written(), named=False).plan
    assert found.targets[0].settings.tags == ("a:1",)
    both = Request(selectors=again.selectors, bake_files=asked.bake_files)
    with pytest.raises(UsageError, match="a saved plan is applied as it is"):
        plan_of_file("buildmatrix.toml", Sources(tmp_path / "spec"), both, NO_GIT, Written(), named=False)


def test_nothing_is_written_over_it(tmp_path: Path) -> None:
    found = planned(tmp_path, "[target.app]", of("app", {}))
    with pytest.raises(UsageError, match="would overwrite a file of --bake-file"):
        refuse_overwritten(found, {str(tmp_path / "0.json"): "--metadata"})


@pytest.mark.parametrize(
    ("name", "text", "hint"),
    [
        ("m.hcl", 'target "app" {\n}\n', "this is HCL, a bake file; write JSON"),
        ("m", '# one\ntarget "app" {\n}\n', "this is HCL, a bake file; write JSON"),
        ("m.yml", "services:\n  app: {}\n", "this is YAML, a compose file; write JSON"),
        ("m.toml", "version = 1\n[target.app]\n", "this is TOML: --file names a spec, --var-file variables"),
        ("m.json", '{"target": ', ""),
        ("m.json", "[1,", ""),
        ("m.json", "", ""),
        ("m.json", '{"target": {"app": {"args": {"A": NaN}}}}', ""),
        ("m.json", '{"a": ' * 200 + "1" + "}" * 200, ""),
    ],
)
def test_what_is_not_json_is_named(tmp_path: Path, name: str, text: str, hint: str) -> None:
    (tmp_path / name).write_text(text)
    problems = Problems()
    sources = Sources(tmp_path, {"f": "version = 1\n[target.app]"})
    load("f", sources, problems, BakeFiles(paths=(str(tmp_path / name),)))
    (found,) = problems.found
    assert (found.code, found.hint.partition(":")[0]) == ("bake-file", hint.partition(":")[0])
    assert found.place is not None


@pytest.mark.parametrize(
    "text",
    [
        "1",
        '"x"',
        "null",
        "[]",
        '{"target": null}',
        '{"target": 1}',
        '{"target": {"app": []}}',
        '{"target": {"app": {"tags": [1]}}}',
        '{"target": {"app": {"tags": {}}}}',
        '{"target": {"app": {"labels": {"a": []}}}}',
        '{"target": {"app": {"args": "a"}}}',
        '{"target": {"": {}}}',
        '{"target": {"a b": {"x": 1}}}',
        '{"a": "\\ud800"}',
        '{"target": {"app": {"tags": ["\\u0000"]}}}',
    ],
)
def test_any_other_json_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "m.json").write_text(text)
    problems = Problems()
    sources = Sources(tmp_path, {"f": "version = 1\n[target.app]"})
    load("f", sources, problems, BakeFiles(paths=(str(tmp_path / "m.json"),)))
    assert {(one.code, one.severity) for one in problems.found} == {("bake-file", "error")}


def test_a_bake_file_in_the_place_of_the_spec_is_sent_on() -> None:
    with pytest.raises(SpecError) as caught:
        parse("m.json", of("docker-metadata-action", {}))
    assert "--bake-file" in caught.value.diagnostics[0].hint


@pytest.mark.parametrize("path", ["cwd:///tmp/m.json", "cwd:/tmp/m.json", "cwd"])
def test_a_path_of_bake_action_is_answered(path: str) -> None:
    problems = Problems()
    load("f", Sources(Path("/"), {"f": "version = 1\n[target.app]"}), problems, BakeFiles(paths=(path,)))
    assert [one.hint for one in problems.found] == ["write the path without cwd://"]


def test_numbers_are_those_of_bake(tmp_path: Path) -> None:
    numbers = {"1e3": "1000", "3.10": "3.1", "1.0": "1", "1e-7": "0.0000001", "-0.0": "-0", "0.1": "0.1", "30": "30"}
    said = ", ".join(f'"{text}": {text}' for text in numbers)
    found = settings(tmp_path, "[target.app]", f'{{"target": {{"app": {{"args": {{{said}}}}}}}}}')
    assert found["args"] == numbers


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"target": {"app": {"tags": ["a"], "tags": ["b"]}}}', 'the key "tags" is there twice'),
        ('{"target": {"app": {"args": {"A": 1, "A": 1}}}}', 'the key "A" is there twice'),
        ("null", "the file must be a table, not null"),
    ],
)
def test_what_is_no_such_file(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SpecError) as refused:
        planned(tmp_path, "[target.app]", text)
    assert [one.message for one in refused.value.diagnostics if one.severity == "error"] == [message]


def test_standard_input_is_a_file(tmp_path: Path) -> None:
    spec = 'version = 1\n[target.app]\ndockerfile-inline = "FROM scratch"\noutput = ["type=cacheonly"]\n'
    (tmp_path / "buildmatrix.toml").write_text(spec)

    def run(text: str, *words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "buildmatrix", *words, "--bake-file", "-"]
        return subprocess.run(command, cwd=tmp_path, input=text, capture_output=True, text=True, check=False)

    assert '"args": {"N": "3"}' in run(of("app", {"args": {"N": 3}}), "render").stdout
    assert run("{", "validate").stderr.startswith("<stdin>:1:2: error: this is not JSON")
    assert run(spec, "validate", "--file", "-").stderr.startswith("error: standard input can be read once only")
