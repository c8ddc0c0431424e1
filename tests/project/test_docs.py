"""What the documentation says is true: commands exist, snippets are valid, output is real, links lead somewhere."""

import ast
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from buildmatrix import __version__
from buildmatrix.cli.application import COMMANDS, application
from buildmatrix.git.facts import GIT_NAMES
from buildmatrix.report.documents import DOCUMENTS
from buildmatrix.spec.rows.builders import DRIVER_OPTS
from buildmatrix.spec.rows.schema import file_schema

ROOT = Path(__file__).parents[2]
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "examples").glob("*/README.md")]
FORMS = sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml"))
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


def test_commands_in_the_tables_of_the_guide_exist() -> None:
    """Those that tests/e2e/test_builders.py runs are among them."""
    commands = re.findall(r"^\|.*`(buildmatrix [^`]*)`", GUIDE, re.MULTILINE)
    assert "buildmatrix builder rm two" in commands
    for line in commands:
        words = shlex.split(line)[1:]
        program().commands[words[0]].make_context(words[0], words[1:])


GUIDE = (ROOT / "docs/guide.md").read_text()
PATTERNS = re.search(r"^## Patterns\n(.*?)^## ", GUIDE, re.MULTILINE | re.DOTALL)[1]  # type: ignore[index]
SHOWN = re.findall(r"^### .*?(?=^### |\Z)", PATTERNS, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("text", TOML.findall(GUIDE.replace(PATTERNS, "")))
def test_snippets_are_valid(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for file, content in {
        "buildmatrix.toml": whole(text),
        "VERSION": "1\n",
        "NOTES.md": "new\n",
        "Dockerfile": "FROM scratch\n",
    }.items():
        (tmp_path / file).write_text(content)
    git = ["git", "-c", "user.name=x", "-c", "user.email=x"]
    subprocess.run([*git, "init", "--quiet"], cwd=tmp_path, check=True)
    subprocess.run([*git, "commit", "--quiet", "--allow-empty", "--message=x"], cwd=tmp_path, check=True)
    assert run(tmp_path, "validate", monkeypatch) == "buildmatrix.toml is valid\n"


@pytest.mark.parametrize("section", SHOWN, ids=lambda section: section.splitlines()[0])
def test_a_pattern_is_shown_as_the_file_that_is_compared_with_bake(section: str) -> None:
    folders = {(ROOT / "docs" / link).parent.resolve() for link in LINK.findall(section)}
    (folder,) = folders
    parts = re.findall(r"```(\w+)\n(.*?)```", section, re.DOTALL)
    assert parts
    for kind, text in parts:
        file = folder / {"toml": "buildmatrix.toml", "hcl": "docker-bake.hcl"}[kind]
        assert text in file.read_text()
        if kind == "toml":
            assert tomllib.loads(text).keys() <= {
                "variable",
                "defaults",
                "target",
                "group",
            }  # a table is under its header


REVIEW = re.search(r"^## Review a change\n(.*?)^## ", GUIDE, re.MULTILINE | re.DOTALL)[1]  # type: ignore[index]


def test_what_a_review_shows_is_what_is_shown() -> None:
    """The golden case has the project; only the hash of its commit is another one."""
    written = (ROOT / "tests/golden/accepted/against/stdout").read_text()
    sample = re.search(r"^    buildmatrix plan --against \S+ \(.*?(?=\n\n\|)", REVIEW, re.MULTILINE | re.DOTALL)
    assert sample
    text = re.sub(r"^    ", "", sample[0], flags=re.MULTILINE)
    assert re.sub(r"\([0-9a-f]{12}\)", "()", text) in re.sub(r"\([0-9a-f]{12}\)", "()", written)


def test_every_pattern_is_shown() -> None:
    names = re.findall(r"/patterns/([\w-]+)/docker-bake\.hcl", PATTERNS)
    assert sorted(names) == sorted(path.name for path in (ROOT / "tests/contract/patterns").iterdir())


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


# --- for whoever changes it ------------------------------------------------------------------------------------------

CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
RECIPES = [
    "setting",
    "option of apply",
    "report format",
    "template filter",
    "cache backend",
    "command",
    "check",
    "error",
]
FOLDERS = "buildmatrix|tests|docs|schemas|tools|examples|benchmarks"
PATH = re.compile(rf"`((?:{FOLDERS}|\.github|\.ci)/[\w./-]*)(?:::([\w.]+))?`")


def names_in(path: Path) -> set[str]:
    """What a module defines at its top, and what its classes do: `Problems.error`."""
    found: set[str] = set()
    pending: list[tuple[str, ast.stmt]] = [("", node) for node in ast.parse(path.read_text()).body]
    while pending:
        before, node = pending.pop()
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(before + node.name)
        if isinstance(node, ast.ClassDef):
            pending += [(f"{before}{node.name}.", inner) for inner in node.body]
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        found |= {before + name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)}
    return found


def lost(text: str) -> list[str]:
    """The paths and names of a text that are not there."""
    return [
        f"{path}::{name}" if name else path
        for path, name in PATH.findall(text)
        if not (ROOT / path).exists() or (name and name not in names_in(ROOT / path))
    ]


DOTTED = re.compile(r"`((?:[a-z_]+\.)+[A-Za-z_]+)`")
PACKAGE = ROOT / "buildmatrix"


def lost_modules(text: str) -> list[str]:
    """The modules, or names in them, that a text names with dots (`errors.Problems`) and that are not there."""
    rooms = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or path.is_dir()}
    found = [name for name in DOTTED.findall(text) if name.partition(".")[0] in rooms]
    files = {"py", "toml", "json", "md"}
    of_templates = {f"git.{name}" for name in GIT_NAMES}
    of_templates |= DRIVER_OPTS.keys()  # `limits.cpu`
    return [name for name in found if name not in of_templates and name.split(".")[-1] not in files and not leads(name)]


def leads(name: str) -> bool:
    """Whether a name with dots is a module, or something in one."""
    way, _, last = name.rpartition(".")
    for path in (module(name), module(way)):
        if path and (path == module(name) or last in names_in(path) or re.search(rf"\b{last}\b", imports(path))):
            return True
    return False


def module(name: str) -> Path | None:
    path = PACKAGE.joinpath(*name.split("."))
    return next((one for one in (path.with_suffix(".py"), path / "__init__.py") if one.is_file()), None)


def imports(path: Path) -> str:
    return "\n".join(ast.unparse(node) for node in ast.parse(path.read_text()).body if isinstance(node, ast.ImportFrom))


def test_modules_that_are_named_with_dots_are_there() -> None:
    texts = [*PACKAGE.rglob("*.py"), *(ROOT / "docs").glob("*.md"), ROOT / "CONTRIBUTING.md"]
    assert {str(path): gone for path in texts if (gone := lost_modules(path.read_text()))} == {}
    named = "`spec.rows.shapes.Table` `text.redacted` `git.sha` `codes.CODES` `spec.load` `files.py` `docker.io`"
    assert lost_modules(named) == []
    assert lost_modules("`spec.shapes` `spec.load.gone` `errors.Gone`") == [
        "spec.shapes",
        "spec.load.gone",
        "errors.Gone",
    ]


def test_modules_that_the_design_names_are_there() -> None:
    """By their way from the package: `spec/load.py`, and `spec/` for a room."""
    named = re.findall(r"`([a-z_]+(?:/[a-z_]+)*(?:/|\.py))`", (ROOT / "docs/design.md").read_text())
    there = [name for name in named if (ROOT / name).exists() or (PACKAGE / name).exists() or [*PACKAGE.rglob(name)]]
    assert named == there
    table = (ROOT / "docs/design.md").read_text().partition("| room |")[2].partition("\n\n")[0]
    first = "".join(row.split("|")[1] for row in table.splitlines()[2:])
    rooms = {path.name for path in PACKAGE.iterdir() if not path.name.startswith("__")} - {"py.typed"}
    assert rooms == {name.rstrip("/") for name in re.findall(r"`([a-z_/.]+)`", first)}


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "RELEASING.md", "SECURITY.md"])
def test_places_that_pages_for_contributors_name_are_there(page: str) -> None:
    assert lost((ROOT / page).read_text()) == []


def test_a_place_that_is_gone_is_found() -> None:
    there = "`buildmatrix/errors.py::Problems.error` `buildmatrix/template/sandbox/filters.py::FILTERS` `tests/golden`"
    assert lost(there) == []
    gone = ["buildmatrix/errors.py::Problems.gone", "buildmatrix/gone.py::error", "tests/gone"]
    assert lost(" ".join(f"`{place}`" for place in gone)) == gone


def test_each_usual_change_has_a_recipe_that_is_short_and_says_when_it_is_done() -> None:
    titles = re.findall(r"^### An? (.*)$", CONTRIBUTING, re.MULTILINE)
    assert titles == RECIPES
    for title in titles:
        recipe = CONTRIBUTING.split(f" {title}\n\n")[1].split("\n\n#")[0]
        places = PATH.findall(recipe)
        assert len(recipe.splitlines()) <= 12, title
        assert any(path.startswith("buildmatrix/") for path, _ in places), title
        done = recipe.partition(" Done when ")[2]
        assert any(path.startswith("tests/") for path, _ in PATH.findall(done)), title


def test_the_targets_of_make_are_those_that_it_says() -> None:
    makefile = (ROOT / "Makefile").read_text()
    helped = set(re.findall(r"^#   make (\w+)", makefile, re.MULTILINE))
    (phony,) = re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    rows = "".join(re.findall(r"^\| `make .*$", CONTRIBUTING, re.MULTILINE))
    assert helped == set(re.findall(r"make (\w+)", rows))
    assert helped == {*phony.split()} - {"help", "engine", "clean"}


def test_tests_that_are_shown_are_there() -> None:
    lines = re.findall(r"^    (?:\w+=\S+ )?pytest (\S+) -k (\S+)$", CONTRIBUTING, re.MULTILINE)
    assert len(lines) == 4
    for where, word in lines:
        path = ROOT / where
        texts = [path.read_text()] if path.is_file() else [str(case) for case in path.glob("*/*")]
        assert any(word in text for text in texts), word


# --- what the package says of itself ---------------------------------------------------------------------------------


def test_the_repository_has_one_address() -> None:
    urls = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["urls"]
    address = urls["Repository"]
    assert {url for url in urls.values() if url != address and not url.startswith(f"{address}/")} == set()
    for url in urls.values():
        _, is_file, path = url.partition("/blob/main/")
        assert not is_file or (ROOT / path).is_file(), url
    for page in (ROOT / "SECURITY.md", *(ROOT / ".github").rglob("*.yml")):
        for url in re.findall(r"https://github\.com/[\w.-]+/[\w.-]+", page.read_text()):
            assert url == address, page


def test_classifiers_name_each_python_from_the_first_on() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    start = "Programming Language :: Python :: 3."
    minors = [int(text.removeprefix(start)) for text in project["classifiers"] if text.startswith(start)]
    assert project["requires-python"] == f">=3.{minors[0]}"
    assert minors == list(range(minors[0], minors[-1] + 1))


def test_the_version_has_one_place() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert "version" not in project["project"]
    assert project["tool"]["hatch"]["version"]["path"] == "buildmatrix/__init__.py"
    sections = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert sections[:2] == ["Unreleased", __version__]


GITHUB = [
    *(("github-issue-config" if path.stem == "config" else "github-issue-forms", path) for path in FORMS),
    *(("github-workflows", path) for path in (ROOT / ".github/workflows").glob("*.yml")),
]


@pytest.mark.parametrize(("schema", "path"), GITHUB, ids=lambda value: getattr(value, "stem", ""))
def test_what_github_reads_has_its_shape(schema: str, path: Path) -> None:
    """By the schemas that come with check-jsonschema: nothing is asked of the network."""
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_bug_report_asks_for_what_a_bug_takes() -> None:
    form = (ROOT / ".github/ISSUE_TEMPLATE/bug.yml").read_text()
    wanted = ("buildmatrix --version", "docker buildx version", "BUILDMATRIX_TRACEBACK")
    assert [words for words in wanted if words not in form] == []
    assert {"ran", "said", "file", "versions", "log"} <= set(re.findall(r"^    id: (\w+)$", form, re.MULTILINE))


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
    "Checks": "[checks]",
    "Builder": "[builder.NAME]",
    "BuilderNode": "[[builder.NAME.node]]",
    "Variable": "[variable.NAME]",
    "CellSettings": "[target.NAME]: settings",
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
    settings = set(tables["CellSettings"]["properties"])
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


@pytest.mark.parametrize("which", ["file", *DOCUMENTS])
def test_each_schema_is_written(which: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    committed = "buildmatrix" if which == "file" else which
    monkeypatch.chdir(tmp_path)
    said = CliRunner().invoke(application(["schema"]), ["schema", which]).output
    assert said == (ROOT / f"schemas/{committed}.schema.json").read_text()
