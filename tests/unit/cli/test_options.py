"""Commands get their options from tables: typer sees the rows, the command gets the tables."""

import inspect
from typing import Annotated, Any

import pytest
import typer
from typer.testing import CliRunner

from buildmatrix.cli.application import COMMANDS, application
from buildmatrix.cli.options import Adjustments, Outputs, Selection, expanded
from buildmatrix.cli.session import request
from buildmatrix.spec.rows.options import Flag, InFile, Options
from buildmatrix.spec.rows.shapes import rows


def parsed(*words: str) -> dict[str, Any]:
    """Return what a command with options of its own between the tables gets for these words."""
    got: dict[str, Any] = {}
    app = typer.Typer(rich_markup_mode=None)

    @app.command()
    @expanded("plan")
    def command(
        *,
        selection: Selection,
        every: Annotated[bool, typer.Option("--all")] = False,
        adjustments: Adjustments,
        outputs: Outputs,
        chosen: Options,
    ) -> None:
        """Show what came."""
        got.update(selection=selection, every=every, adjustments=adjustments, outputs=outputs, chosen=chosen)

    assert CliRunner().invoke(app, words).exit_code == 0
    return got


def test_a_command_gets_tables() -> None:
    words = ("app", "!b", "--all", "-f", "x.toml", "--var", "A=1", "--var", "B=2", "--push", "--allow", "fs=*")
    assert parsed(*words) == {
        "selection": Selection(selectors=["app", "!b"], file="x.toml"),
        "every": True,
        "adjustments": Adjustments(var=["A=1", "B=2"]),
        "outputs": Outputs(push=True),
        "chosen": Options(allow=("fs=*",)),
    }
    assert parsed()["chosen"] == Options()


OF_PLAN = ["builder", "locked", "allow", "incremental", "content_tag"]
"""The options of apply that plan has, too."""


def test_the_rows_stand_where_their_table_does() -> None:
    @expanded("plan")
    def command(*, selection: Selection, every: bool = False, chosen: Options) -> None:
        """Take them."""

    assert list(inspect.signature(command).parameters) == ["selectors", "file", "every", *OF_PLAN]


def test_each_option_is_of_a_command_that_there_is() -> None:
    program: Any = typer.main.get_command(application([]))
    for row in rows(Options):
        flag = row.marker(Flag)
        if flag is None:
            assert row.marker(InFile)  # said by files alone
            continue
        assert flag.help
        assert set(flag.commands) <= set(COMMANDS)
        for command in flag.commands:
            known = {name for one in program.commands[command].params for name in (*one.opts, *one.secondary_opts)}
            assert {name for text in flag.names for name in text.split("/")} <= known


@pytest.mark.parametrize("option", ["--jobs", "--retries"])
def test_numbers_have_a_least_one(option: str) -> None:
    said = CliRunner().invoke(application(["apply"]), ["apply", option, "-1"]).output
    assert f"Invalid value for '{option}'" in said


def test_a_wrong_value_is_told_of_what_gave_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUILDMATRIX_JOBS", "x")
    said = CliRunner().invoke(application(["apply"]), ["apply"]).output
    assert "Invalid value for 'BUILDMATRIX_JOBS': 'x' is not a whole number." in said
    said = CliRunner().invoke(application(["apply"]), ["apply", "--jobs", "y"]).output
    assert "Invalid value for '--jobs': 'y' is not a whole number." in said
    monkeypatch.setenv("BUILDMATRIX_COLOR", "pink")
    said = CliRunner().invoke(application(["plan"]), ["plan"]).output
    assert "Invalid value for 'BUILDMATRIX_COLOR': 'pink'" in said


@pytest.mark.parametrize(
    ("value", "paths"),
    [
        ("a.json:b c.json", ["a.json", "b c.json"]),
        ("cwd:///p/m.json", ["cwd:///p/m.json"]),
        ("x.json:cwd:///p/m.json:y.json", ["x.json", "cwd:///p/m.json", "y.json"]),
        ("./a.json:", ["./a.json"]),
        (":", []),
        ("", []),
    ],
)
def test_bake_files_of_the_environment(value: str, paths: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUILDMATRIX_BAKE_FILE", value)
    assert list(request(adjustments=parsed()["adjustments"]).bake_files.paths) == paths


def test_an_empty_bake_file_is_none() -> None:
    adjustments = parsed("--bake-file", "", "--bake-file", "./a.json")["adjustments"]
    assert request(adjustments=adjustments).bake_files.paths == ("./a.json",)
