"""What the documentation says is true: commands exist, snippets are valid, output is real, links lead somewhere."""

import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from buildmatrix.cli.application import COMMANDS, application
from buildmatrix.spec.rows.schema import file_schema

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "examples").glob("*/README.md")]
COMMAND = re.compile(r"^(?:    (?:\$ )?|- run: |    - )(?:\w+=\S+ )*(buildmatrix .*?)(?:  +# .*)?$", re.MULTILINE)
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")
TOML = re.compile(r"```toml\n(.*?)```", re.DOTALL)
BEFORE = """version = 1
[variable]
registry = "localhost:5000"
image = "{{ registry }}/app"
release = "1.2.3"
nightly = false
platforms = ["linux/amd64"]
pythons = ["3.12", "3.13"]
"""


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def program() -> Any:
    return typer.main.get_command(application([]))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    assert [link for link in LINK.findall(page.read_text()) if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_commands_exist(page: Path) -> None:
    for line in COMMAND.findall(page.read_text()):
        words = shlex.split(re.split(r" [|>&]|\$\{\{", line)[0], comments=True)[1:]
        if words[0] in COMMANDS:
            program().commands[words[0]].make_context(words[0], words[1:])


@pytest.mark.parametrize("text", TOML.findall((ROOT / "docs/guide.md").read_text()))
def test_snippets_are_valid(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for file, content in {"buildmatrix.toml": whole(text), "VERSION": "1\n", "Dockerfile": "FROM scratch\n"}.items():
        (tmp_path / file).write_text(content)
    git = ["git", "-c", "user.name=x", "-c", "user.email=x"]
    subprocess.run([*git, "init", "--quiet"], cwd=tmp_path, check=True)
    subprocess.run([*git, "commit", "--quiet", "--allow-empty", "--message=x"], cwd=tmp_path, check=True)
    assert run(tmp_path, "validate", monkeypatch) == "buildmatrix.toml is valid\n"


def whole(snippet: str) -> str:
    """A file around a part of one: settings are those of a target, after the variables that they use."""
    if "version = 1" in snippet:
        return snippet
    if snippet.startswith("[variable]"):
        return f"version = 1\n{snippet}\n[target.app]\n"
    if snippet.startswith("[target."):
        return BEFORE + snippet
    tags = "" if "tags" in snippet else 'tags = ["{{ image }}:1"]\n'
    return f"{BEFORE}[target.app]\n{snippet}{tags}"


def test_the_readme_shows_what_happens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    readme = (ROOT / "README.md").read_text()
    (text,) = TOML.findall(readme)
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    (tmp_path / "buildmatrix.toml").write_text(text)
    assert run(tmp_path, "plan", monkeypatch).strip() == shown(readme, "plan")
    text = text.replace(" env =", " evn =").replace("py{{ python }}-{{ os }}", "py{{ python }} {{ os }}")
    (tmp_path / "buildmatrix.toml").write_text(text.replace('"alpine" }]', '"alpin" }]'))
    assert run(tmp_path, "validate", monkeypatch).strip() == shown(readme, "validate")


@pytest.mark.parametrize("page", [ROOT / "docs" / "security.md", ROOT / "docs" / "faults.md"], ids=name)
def test_what_is_promised_has_its_tests(page: Path) -> None:
    named = re.findall(r"\b(?:tests|golden)/[\w/-]+(?:\.py)?(?:::\w+)?", page.read_text())
    assert len(named) > 5
    for where, _, test in (text.partition("::") for text in named):
        path = ROOT / (f"tests/{where}" if where.startswith("golden") else where)
        assert path.exists(), where
        assert not test or f"def {test}(" in path.read_text(), test


def shown(page: str, command: str) -> str:
    _, text = page.split(f"    $ buildmatrix {command}\n")
    lines = re.match(r"(?:    .*\n|\n)+", text)
    assert lines
    own = lines[0].split("    $ ")[0]
    return "\n".join(line.removeprefix("    ") for line in own.splitlines()).strip()


def run(folder: Path, command: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(folder)
    for variable in ("GITHUB_ACTIONS", "RELEASE", "FORCE_COLOR"):
        monkeypatch.delenv(variable, raising=False)
    return CliRunner().invoke(application([command]), [command]).output


SECTIONS = {
    "File": "The file",
    "Apply": "[apply]",
    "Variable": "[variable.NAME]",
    "Settings": "[target.NAME]: settings",
    "Target": "[target.NAME]: more keys",
    "Matrix": "[target.NAME.matrix]",
    "Override": "[[target.NAME.override]]",
}


def test_every_key_of_the_schema_stands_in_the_reference() -> None:
    sections = dict(
        part.split("\n", 1) for part in re.split(r"^## ", (ROOT / "docs/reference.md").read_text(), flags=re.MULTILINE)
    )
    schema = file_schema()
    tables = {"File": schema, **schema["$defs"]}
    settings = set(tables["Settings"]["properties"])
    missing = []
    for table, shape in tables.items():
        keys = {key for key in shape.get("properties", {}) if key != "type"}
        keys -= settings if table in {"Target", "Override"} else set()
        where = sections.get(SECTIONS.get(table, ""), "") or "".join(
            text for title, text in sections.items() if title.startswith("Tables of ")
        )
        where = "\n".join(sections.values()) if table == "Extend" else where
        missing += [f"{table}.{key}" for key in keys if not re.search(rf"^\| `{re.escape(key)}`", where, re.MULTILINE)]
    assert missing == []
    assert SECTIONS.keys() <= tables.keys()
    assert {title for title in SECTIONS.values() if title not in sections} == set()


@pytest.mark.parametrize("which", ["file", "plan", "report"])
def test_each_schema_is_written(which: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    committed = {"file": "buildmatrix", "plan": "plan", "report": "report"}[which]
    monkeypatch.chdir(tmp_path)
    said = CliRunner().invoke(application(["schema"]), ["schema", which]).output
    assert said == (ROOT / f"schemas/{committed}.schema.json").read_text()
