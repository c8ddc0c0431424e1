"""Which files of a directory an output has made, and which were there before."""

from pathlib import Path

import pytest

from buildmatrix.plan.model import Plan, PlannedTarget
from buildmatrix.spec.rows.settings import LocalOutput, Settings
from buildmatrix.state import made
from buildmatrix.state.made import Made
from buildmatrix.state.result import Entry
from tests import plans


def target(dest: str, **settings: object) -> PlannedTarget:
    return plans.target("gen", Settings(output=(LocalOutput(type="local", dest=dest),), **settings))  # type: ignore[arg-type]


def write(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)


def plan(folder: Path, *targets: PlannedTarget) -> Plan:
    return plans.plan(*targets, directory=str(folder))


def test_what_was_there_before_is_somebodys(tmp_path: Path) -> None:
    gen = target("src")
    write(tmp_path, "src/by-hand", "src/written-over")
    first = Made(plan(tmp_path, gen), {})
    write(tmp_path, "src/gen/a", "src/b", "src/written-over")
    (tmp_path / "src" / "link").symlink_to("gen")
    wrote = first.of(gen, "gen")
    assert wrote == {"src": ("b", "gen/", "gen/a", "link")}
    entry = Entry(status="built", wrote=wrote)
    second, unaware = Made(plan(tmp_path, gen), {"gen": entry}), Made(plan(tmp_path, gen), {})
    (tmp_path / "src" / "b").unlink()
    write(tmp_path, "src/c")
    assert second.of(gen, "gen") == {"src": ("c", "gen/", "gen/a", "link")}
    assert unaware.of(gen, "gen") == {"src": ("c",)}, "without a record nobody knows"
    told = {one: second(str(tmp_path / "src" / one)) for one in ("by-hand", "written-over", "gen/a", "c")}
    assert told == {"by-hand": False, "written-over": False, "gen/a": True, "c": True}
    assert not second(str(tmp_path / "other"))


def test_only_where_a_context_is(tmp_path: Path) -> None:
    for folder in ("app", "out"):
        (tmp_path / folder).mkdir()
    gen = target("out", context="app")
    found = Made(plan(tmp_path, gen), {})
    write(tmp_path, "out/a")
    assert found.of(gen, "gen") is None
    within = target("app/out", context="app")
    found = Made(plan(tmp_path, within), {})
    write(tmp_path, "app/out/a")
    assert found.of(within, "gen") == {"app/out": ("a",)}


def test_of_too_many_files_all_are_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gen = target("src")
    found = Made(plan(tmp_path, gen), {})
    write(tmp_path, *(f"src/{number}" for number in range(5)))
    monkeypatch.setattr(made, "MOST", 4)
    assert found.of(gen, "gen") is None
