"""The rules of the house: what is generated is fresh, functions are short, a setting is one row."""

import ast
import json
import re
import statistics
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from functools import cache
from itertools import chain
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any, Literal, cast, get_args

import jsonschema
import pytest
import typer
from typer.testing import CliRunner

from buildmatrix import errors
from buildmatrix.cli.commands.plan import SOMETHING_TO_BUILD
from buildmatrix.cli.commands.schema import _OF, Which
from buildmatrix.cli.main import BUG, STOPPED, UNWRITTEN
from buildmatrix.cli.options import expanded
from buildmatrix.errors import Place
from buildmatrix.plan.bakefile import csv_of
from buildmatrix.plan.merging.merge import Stack
from buildmatrix.plan.policy import Policy
from buildmatrix.report.documents import DOCUMENTS, schemas
from buildmatrix.report.reference import exit_codes, table_markdown
from buildmatrix.spec.checks.data import problems
from buildmatrix.spec.rows import markers
from buildmatrix.spec.rows.marked import says, tables_of
from buildmatrix.spec.rows.markers import Where
from buildmatrix.spec.rows.options import Flag, InFile, OfTarget, Options, Otherwise, in_file, of_target
from buildmatrix.spec.rows.schema import definitions, file_schema, published_schema, table_schema
from buildmatrix.spec.rows.settings import Declared, Settings
from buildmatrix.spec.rows.shapes import (
    Doc,
    Keyword,
    NotInBake,
    Table,
    arms,
    build_table,
    is_table,
    item_of,
    plain_table,
    row_of,
    rows,
)
from buildmatrix.spec.rows.tables import File, Layer, Target, Variable
from tests.inside import exit_code

ROOT = Path(__file__).parents[2]
SCHEMA = file_schema()
MODULES = sorted((ROOT / "buildmatrix").rglob("*.py"))


def test_what_is_generated_is_fresh() -> None:
    done = subprocess.run(
        [sys.executable, "tools/generate.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


ALL = {"file": file_schema(), **schemas()}


def test_every_document_is_listed_where_its_schema_is_asked_for(capfd: pytest.CaptureFixture[str]) -> None:
    """By the command, its help and the guide; what is noted of one is of one that exists."""
    assert (get_args(Which), _OF.keys() - DOCUMENTS.keys()) == (("file", *DOCUMENTS), set())
    assert exit_code("schema", "--help") == 0
    shown = " ".join(capfd.readouterr().out.split())
    guide = (ROOT / "docs/guide.md").read_text().partition("`buildmatrix schema plan`, also ")[2].partition("; they")[0]
    assert re.findall(r"`([a-z]+)`", guide) == [name for name in DOCUMENTS if name != "plan"]
    assert [name for name in DOCUMENTS if not re.search(rf"\b{name}\b(, | \(| or |\.)", shown)] == []


@pytest.mark.parametrize("which", ALL)
def test_the_schemas_are_valid(which: str) -> None:
    jsonschema.Draft202012Validator.check_schema(ALL[which])


def test_every_setting_says_what_it_is() -> None:
    assert not [row.key for row in (*rows(Settings), *rows(File)) if not row.doc]


NO_PLACE = {
    "type", "insecure", "mode", "ignore_error", "compression", "compression_level", "force_compression",
    "oci_mediatypes", "image_manifest", "token", "ghtoken", "timeout", "blobs_prefix", "secret_access_key",
    "access_key_id", "session_token", "use_path_style", "touch_refresh", "upload_parallelism", "account_name",
}  # fmt: skip
"""What can be said of a cache and is not a part of where its manifest lies: two that differ in these alone are one."""


def test_every_row_of_a_cache_says_whether_it_is_part_of_the_place() -> None:
    """What is forgotten would make two caches in different places one, or one cache two."""
    tables = [arm for arm in arms(item_of(row_of(Settings, "cache_to").shape)) if is_table(arm)]
    unmarked = {row.attribute for table in tables for row in rows(table) if row.marker(Where) is None}
    assert unmarked == NO_PLACE
    marked = {row.attribute for table in tables for row in rows(table) if row.marker(Where)}
    assert not marked & NO_PLACE


def test_no_leaf_of_the_schema_has_alternatives() -> None:
    """`anyOf` gives messages such as "not valid under any of the given schemas"."""
    assert "anyOf" not in json.dumps(file_schema())
    assert "oneOf" not in json.dumps(file_schema())


def test_the_published_schema_says_more_and_refuses_the_same() -> None:
    """Its alternatives only name values: one of them is always true."""
    published = published_schema()
    jsonschema.Draft202012Validator.check_schema(published)
    pending: list[Any] = [published]
    while pending:
        node = pending.pop()
        if isinstance(node, dict):
            assert node.get("anyOf", [True])[-1] is True
            assert not {"oneOf", "allOf"} & node.keys()
            pending += node.values()
        elif isinstance(node, list):
            pending += node
    for file in sorted((ROOT / "tests/golden").glob("*/*/buildmatrix.toml")):
        try:
            data = tomllib.loads(file.read_text())
        except (ValueError, RecursionError):
            continue
        said, ours = ([(one.pointer, one.message) for one in problems(schema, data)] for schema in (published, SCHEMA))
        assert sorted(said, key=repr) == sorted(ours, key=repr), file


class Extended(Settings):
    """The settings with one more row."""

    colour: Annotated[str | None, Doc("A new setting."), Keyword("enum", ["red", "blue"])] = None


def test_a_setting_is_one_row() -> None:
    """Schema, loading, merging and the plain value follow from it."""
    schema = table_schema(Extended, templates=True) | {"$defs": definitions(Extended, templates=True)}
    validator = jsonschema.Draft202012Validator(schema)
    assert validator.is_valid({"colour": "red"})
    assert validator.is_valid({"colour": "{{ colour }}"})
    assert not validator.is_valid({"colour": "green"})
    loaded = build_table(Extended, {"colour": "red", "args": {"A": 1}})
    assert plain_table(loaded) == {"args": {"A": "1"}, "colour": "red"}
    assert row_of(Extended, "colour").key == "colour"


# --- a setting is one row: the program with a few more, from the file to the bake file --------------------------------

APP = 'version = 1\n[target.app]\ndockerfile-inline = "FROM scratch"\noutput = ["type=cacheonly"]\n'


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """A repository with files to name, beside one that is none of it."""
    for name in ("away/secret", "repo/.git/HEAD", "repo/notes", "repo/images/notes"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path / "repo"


@cache
def with_more_settings() -> "subprocess.Popen[str]":
    """The program that has these settings, ready to be asked; it finds neither git nor docker."""
    program = [sys.executable, str(Path(__file__).parent / "more_settings.py")]
    environment = {"PATH": "/nowhere", "PYTHONPATH": str(ROOT), "NO_COLOR": "1", "COLUMNS": "200"}
    return subprocess.Popen(program, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


@pytest.fixture(scope="module", autouse=True)
def nothing_left() -> Iterator[None]:
    yield
    if with_more_settings.cache_info().currsize:
        with with_more_settings() as program:
            assert program.stdin
            program.stdin.close()
        with_more_settings.cache_clear()


def more(repo: Path, spec: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the program that has these settings."""
    (repo / "buildmatrix.toml").write_text(spec)
    files = {name: str(repo.parent / name) for name in ("stdout", "stderr")}
    program = with_more_settings()
    assert program.stdin
    assert program.stdout
    program.stdin.write(json.dumps({"words": words, "directory": str(repo), **files}) + "\n")
    program.stdin.flush()
    code = int(program.stdout.readline())
    said = {name: Path(file).read_text() for name, file in files.items()}
    return subprocess.CompletedProcess(words, code, **said)


def settings_of(repo: Path, spec: str, *words: str) -> dict[str, Any]:
    done = more(repo, spec, "plan", "--format", "json", *words)
    assert (done.returncode, done.stderr) == (0, "")
    found: dict[str, Any] = json.loads(done.stdout)["targets"][-1]["settings"]
    return found


def rendered(repo: Path, spec: str, *words: str) -> dict[str, Any]:
    done = more(repo, spec, "render", *words)
    assert (done.returncode, done.stderr) == (0, "")
    found: dict[str, Any] = json.loads(done.stdout)["target"]["app"]
    return found


def test_a_new_setting_is_checked_merged_rendered_and_sent(repo: Path) -> None:
    assert rendered(repo, APP + 'colour = "red"\n')["colour"] == "red"
    assert 'colour: "green"' in more(repo, APP + 'colour = "green"\n', "validate").stderr
    beneath = APP + '[defaults]\ncolour = "red"\n'
    assert rendered(repo, beneath)["colour"] == "red"
    assert rendered(repo, beneath, "--set", "app.colour=blue")["colour"] == "blue"
    assert rendered(repo, APP + 'colour = "blue"\n[defaults]\ncolour = "red"\n')["colour"] == "blue"
    template = APP + 'colour = "{{ paint }}"\n[variable]\npaint = "red"\n'
    assert rendered(repo, template, "--var", "paint=blue")["colour"] == "blue"
    assert "colour" not in rendered(repo, template, "--var", "paint=")
    assert "rendered from a template" in more(repo, template, "plan", "--var", "paint=green").stderr


def test_a_new_setting_has_its_gate_and_its_reference(repo: Path) -> None:
    gated = 'requires-buildx = ">=0.20"\n' + APP + 'colour = "red"\n'
    assert "target.app.colour needs buildx 0.30, but requires-buildx admits 0.20" in more(repo, gated, "plan").stderr
    page = more(repo, APP, "reference").stdout
    assert '| `colour` | `"red"`, `"blue"` | What colour it has. Needs buildx 0.30. |' in page
    assert "| `notes-file` | string | What is to be noted. |" in page


def test_a_new_path_is_confined(repo: Path) -> None:
    """Read or written: apply has to allow what lies outside, and nothing for what lies inside."""
    outside = f"{repo.parent}/away/secret"
    for key, access in (("notes-file", "read"), ("debug-dir", "write")):
        done = more(repo, APP + f'{key} = "../away/secret"\n', "apply")
        assert done.returncode == 2
        assert f"app needs fs.{access}={outside}, which apply has to allow" in done.stderr
        allowed = more(repo, APP + f'{key} = "../away/secret"\n', "apply", f"--allow=fs.{access}={outside}")
        inside = more(repo, APP + f'{key} = "notes"\n', "apply")
        assert {allowed.returncode, inside.returncode} == {3}, allowed.stderr + inside.stderr  # no docker here


def test_a_new_path_is_part_of_what_is_built(repo: Path) -> None:
    """A fingerprint, and what a saved plan is compared with, follow the file that it names; not one that is written."""
    reads, writes = APP + 'notes-file = "notes"\n', APP + 'debug-dir = "notes"\n'
    inline = 'context = "images"\n'
    before = [more(repo, spec + inline, "fingerprint", "app").stdout for spec in (reads, writes)]
    sources = json.loads(more(repo, reads + inline, "plan", "--format", "json").stdout)["sources"]
    assert sorted(sources) == ["buildmatrix.toml", "notes"]
    (repo / "notes").write_text("other notes")
    after = [more(repo, spec + inline, "fingerprint", "app").stdout for spec in (reads, writes)]
    assert [len(one.strip()) for one in (*before, *after)] == [32] * 4
    assert (before[0] == after[0], before[1] == after[1]) == (False, True)


def test_a_new_path_is_relative_to_the_file_that_says_it(repo: Path) -> None:
    (repo / "images" / "buildmatrix.toml").write_text(APP + 'notes-file = "notes"\n')
    root = 'version = 1\ninclude = ["images/buildmatrix.toml"]\n'
    assert rendered(repo, root)["notes-file"] == "images/notes"
    assert rendered(repo, root, "--set", "app.notes-file=notes")["notes-file"] == "notes"


def test_a_new_reference_is_checked(repo: Path) -> None:
    digest = f"busybox@sha256:{'0' * 64}"
    spec = APP + f'base-image = "{digest}"\nmirrors = ["one.example/x:1", "one.example/x:1"]\n'
    assert settings_of(repo, spec) | {"base-image": digest, "mirrors": ["one.example/x:1"]} == settings_of(repo, spec)
    done = more(repo, APP + 'base-image = "No Image"\nmirrors = ["a:1", "b:"]\n', "validate")
    assert done.returncode == 2
    assert 'target.app.base-image: "No Image" is not a valid image reference' in done.stderr
    assert 'target.app.mirrors: "b:" is not a valid image reference' in done.stderr
    split = settings_of(repo, APP, "--set", "app.mirrors=a:1, b:2")
    assert split["mirrors"] == ["a:1", "b:2"]


def test_a_new_free_text_keeps_all_of_its_characters(repo: Path) -> None:
    """Nothing in it is another tool's variable, and what HCL would take for a template of its own is written for it."""
    text = '${NAME} costs $5, 100%{x}, $$, "quoted", ä\u2028\t, and $(date)'
    spec = APP + f"motto = {json.dumps(text)}\n"
    assert settings_of(repo, spec)["motto"] == text
    assert rendered(repo, spec)["motto"] == text.replace("${", "$${").replace("%{", "%%{")
    assert settings_of(repo, APP + 'motto = ""\n')["motto"] == ""


def test_a_new_setting_may_ask_for_a_privilege_or_be_of_a_result(repo: Path) -> None:
    assert "app needs security.insecure" in more(repo, APP + 'power = "all"\n', "apply").stderr
    assert more(repo, APP + 'power = "none"\n', "apply").returncode == 3
    asked = APP + 'call = "check"\ndebug-dir = "notes"\nmotto = "x"\n'
    assert {"debug-dir", "motto"} & rendered(repo, asked).keys() == {"motto"}


def marker_kinds() -> list[type]:
    return [kind for kind in vars(markers).values() if isinstance(kind, type) and kind.__module__ == markers.__name__]


@pytest.mark.parametrize("kind", marker_kinds(), ids=lambda kind: kind.__name__)
def test_each_marker_stands_at_rows_and_is_read(kind: Any) -> None:
    """One that nothing says, or nothing reads, means nothing; each says in a sentence what it is."""
    assert (kind.__doc__ or "").strip().split("\n")[0].endswith((".", ","))
    tables = (File, Variable, Target, *(inner for row in rows(Target) for inner in tables_of(row)))
    assert any(says(row, kind) for table in tables for row in rows(table))
    texts = [path.read_text() for path in MODULES if "rows" not in path.parts]
    assert any(re.search(rf"\b{kind.__name__}\b", text) for text in texts)


class More(Options):
    """The options with one more row."""

    colour: Annotated[
        Literal["red", "blue"] | None,
        Flag("--colour", help="What colour to build in.", env=("BUILDMATRIX_COLOUR",)),
        InFile(),
        OfTarget("The colour of this target."),
        Doc("The colour of all."),
        Otherwise("grey"),
    ] = None


class Coloured(of_target(More), Settings):  # type: ignore[misc]
    """The settings with what follows from that row."""


def said(*words: str, **environment: str) -> tuple[str, More]:
    """Return what a command with those options prints for these words, and the options that it got."""
    got: list[More] = []
    app = typer.Typer(rich_markup_mode=None)

    @app.command()
    @expanded("apply")
    def apply(chosen: More) -> None:
        got.append(chosen)

    output = CliRunner().invoke(app, words, env=environment).output
    return output, got[0] if got else More()


def test_an_option_of_apply_is_one_row() -> None:
    """Flag, environment, help, `[apply]`, the target's setting and the reference follow from it."""
    assert re.search(
        r"--colour <red\|blue> +What colour to build in. +\[env var:\s+BUILDMATRIX_COLOUR\]", said("--help")[0]
    )
    assert "'green' is not one of 'red', 'blue'" in said("--colour", "green")[0]
    (_, flag), (_, environment) = said("--colour", "red"), said(BUILDMATRIX_COLOUR="blue")
    assert (flag, environment, said()[1]) == (More(colour="red"), More(colour="blue"), More())
    assert said("--colour", "red", BUILDMATRIX_COLOUR="blue")[1].colour == "red"
    in_apply = in_file(More)
    for table in (in_apply, Coloured):
        validator = jsonschema.Draft202012Validator({**table_schema(table, templates=False), "$defs": SCHEMA["$defs"]})
        assert validator.is_valid({"colour": "red"})
        assert not validator.is_valid({"colour": "green"})
    assert plain_table(build_table(in_apply, {"jobs": 2, "colour": "red"})) == {"jobs": 2, "colour": "red"}
    assert '| `colour` | `"red"`, `"blue"` | The colour of all. |' in table_markdown("[apply]", in_apply, "")
    assert '| `colour` | `"red"`, `"blue"` | The colour of this target. |' in table_markdown("", Coloured, "")
    assert row_of(Coloured, "colour").marker(NotInBake)


class Patient(Options):
    """The options with one more that only files say."""

    patience: Annotated[str | None, InFile(), OfTarget("The patience with this target."), Doc("With all.")] = None


def test_an_option_without_a_flag_is_said_by_files_alone() -> None:
    got: list[Patient] = []
    app = typer.Typer(rich_markup_mode=None)

    @app.command()
    @expanded("apply")
    def apply(chosen: Patient) -> None:
        got.append(chosen)

    assert CliRunner().invoke(app, ["--patience", "much"]).exit_code
    assert not CliRunner().invoke(app, []).exit_code
    assert got == [Patient()]
    assert plain_table(build_table(in_file(Patient), {"patience": "much"})) == {"patience": "much"}
    assert "patience" in {row.attribute for row in rows(of_target(Patient))}


@pytest.mark.parametrize(
    ("flag", "own", "table", "found"),
    [
        ("red", "blue", "blue", "red"),
        (None, "red", "blue", "red"),
        (None, None, "red", "red"),
        (None, None, None, "grey"),
        ("", None, "red", "red"),
    ],
)
def test_one_rule_says_which_option_wins(flag: Any, own: Any, table: Any, found: str) -> None:
    target = SimpleNamespace(settings=Coloured(colour=own))
    policy = Policy(plan=cast("Any", SimpleNamespace(apply=in_file(More)(colour=table))), options=More(colour=flag))
    assert policy.value("colour", cast("Any", target)) == found
    assert policy.value("colour") == ((flag or table) or "grey")


@pytest.mark.parametrize(("table_of", "marker"), [(in_file, InFile()), (of_target, OfTarget("It is."))])
def test_an_option_that_a_file_may_say_has_no_default_of_its_own(table_of: Any, marker: object) -> None:
    """The command line would always say it, and the file never be obeyed."""
    made = type("Made", (Options,), {"__annotations__": {"odd": Annotated[bool, marker]}, "odd": False})
    with pytest.raises(TypeError, match="the default of odd is not None"):
        table_of(made)


FLAGS_ALONE = {
    "apply.py": {"builder"},
    "before.py": {"builder"},
    "checking.py": {"keep_going"},
    "doctor.py": {"builder"},
    "merge.py": {"builder"},
    "plan.py": {"incremental"},
    "reviewing.py": {"content_tag", "incremental"},
}
"""What asks for the flag itself: for a builder to begin with, which flags exclude each other, or a saved plan."""


def test_what_a_file_may_say_is_asked_of_the_policy() -> None:
    """`options.jobs` is what the command line says of it, not what holds."""
    elsewhere = {row.attribute for row in rows(Options) if row.marker(InFile) or row.marker(OfTarget)}
    found: dict[str, set[str]] = {}
    for path in (one for one in MODULES if re.search(r"\b(options|chosen)\.", one.read_text())):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and node.attr in elsewhere:
                owner = node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
                if owner in {"options", "chosen"}:
                    found.setdefault(path.name, set()).add(node.attr)
    assert found == FLAGS_ALONE


def test_each_setting_of_bake_is_declared_in_one_place() -> None:
    """CONTRIBUTING.md sends there; the others follow from the rows of options."""
    assert not vars(Settings).get("__annotations__")
    declared, every = ({row.attribute for row in rows(table)} for table in (Declared, Settings))
    assert every - declared == {row.attribute for row in rows(Options) if row.marker(OfTarget)}


def test_what_a_target_has_for_bake_is_no_option_of_apply() -> None:
    """`pull` is a setting of bake's and a flag of ours: they are two things."""
    target = SimpleNamespace(settings=Settings(pull=True))
    policy = Policy(plan=cast("Any", SimpleNamespace(apply=in_file(Options)())), options=Options())
    assert policy.value("pull", cast("Any", target)) is False


def test_layers_merge_by_one_rule() -> None:
    place = Place(file="f")
    lower = Settings(tags=("a",), args={"A": "1", "B": "1"}, network="none")
    upper = Settings(tags=("b",), args={"B": "2"})
    merged = Stack([Layer(settings=lower, place=place), Layer(settings=upper, place=place)]).merged().settings
    assert merged == Settings(tags=("b",), args={"A": "1", "B": "2"}, network="none")


def test_tables_are_frozen() -> None:
    settings = Settings(network="none")
    with pytest.raises(AttributeError):
        settings.network = "host"  # type: ignore[misc]
    assert settings.but({"network": "host"}) == Settings(network="host")
    assert hash(settings) == hash(Settings(network="none"))
    assert repr(settings) == "Settings(network='none')"


def test_types_of_tables_come_first_in_csv() -> None:
    output: Table = build_table(Settings, {"output": [{"type": "local", "dest": 'a,"b'}]}).output[0]
    assert csv_of(output) == 'type=local,"dest=a,""b"'


def functions() -> list[tuple[str, int]]:
    found = []
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and "cli" not in path.parts:
                body = node.body[1:] if ast.get_docstring(node) else node.body
                lines = (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0
                found.append((f"{path.name}:{node.name}", lines))
    return found


def test_functions_are_short() -> None:
    lengths = functions()
    assert statistics.median(length for _, length in lengths) <= 8
    assert not [name for name, length in lengths if length > 40]


def test_modules_are_of_a_size() -> None:
    assert not [path.name for path in MODULES if len(path.read_text().splitlines()) > 480]


def test_folders_are_of_a_size() -> None:
    sizes = Counter(path.parent for path in MODULES if path.name != "__init__.py")
    assert not [folder.name for folder, size in sizes.items() if size > 16]


def test_exit_codes_are_those_of_the_design() -> None:
    found = {
        kind.__name__: kind.exit_code
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.BuildmatrixError)
    }
    assert found == {
        "BuildmatrixError": 2,
        "BuildFailedError": 1,
        "SpecError": 2,
        "UsageError": 2,
        "EngineError": 3,
        "StaleError": 4,
        "RegistryError": 5,
        "OutOfDateError": 10,
        "StoppedError": 130,
    }
    assert {0, BUG, SOMETHING_TO_BUILD, STOPPED, UNWRITTEN, *found.values()} == set(errors.EXIT_CODES)
    for page in ("guide", "reference"):
        assert exit_codes() in (ROOT / "docs" / f"{page}.md").read_text()


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *chain.from_iterable(project["optional-dependencies"].values())]
    names = {re.split(r"[\s<>=!~\[;]", text)[0] for text in wanted}
    design = (ROOT / "docs" / "design.md").read_text()
    assert not {name for name in names if f"**{name}**" not in design}


def test_who_asks_what_lies_at_a_path_bears_every_answer() -> None:
    """A `Path` raises OSError for a name that is too long, or a directory that is closed to us: `kind_at` does not."""
    asks = re.compile(r"\.(is_file|is_dir|exists|is_fifo|is_mount)\(\)")
    assert not [path.name for path in MODULES if asks.search(path.read_text())]


def test_no_test_ends_processes_by_their_names() -> None:
    """Another home's engine, or another run's build, has the same names: processes are ended by their ids."""
    by_name = re.compile(r"\bp" + r"kill\b|\bkill" + r"all\b")
    folders = [ROOT / name for name in ("tests", "tools", "benchmarks", ".ci")]
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    assert not [path for path in files if by_name.search(path.read_text(errors="replace"))]
