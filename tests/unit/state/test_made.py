"""Which files of a directory an output has made, and which were there before."""

from pathlib import Path

import pytest

from buildmatrix.plan.model import Plan, PlannedTarget
from buildmatrix.spec.rows.outputs import LocalOutput
from buildmatrix.spec.rows.settings import Settings
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


def rewrite(folder: Path, *names: str) -> None:
    """Write as an output does: each file anew, in the place of what was there."""
    for name in names:
        (folder / name).unlink(missing_ok=True)
        (folder / f"{name}.new").write_text(name)
        (folder / f"{name}.new").rename(folder / name)


def names(wrote: dict[str, dict[str, str]] | None) -> dict[str, list[str]]:
    return {dest: list(some) for dest, some in (wrote or {}).items()}


def entry(wrote: dict[str, dict[str, str]] | None) -> dict[str, Entry]:
    return {"gen": Entry(status="built", wrote=wrote)}


def test_what_was_there_before_is_somebodys(tmp_path: Path) -> None:
    gen = target("src")
    write(tmp_path, "src/by-hand", "src/written-over")
    first = Made(plan(tmp_path, gen), {})
    write(tmp_path, "src/gen/a", "src/b")
    rewrite(tmp_path, "src/written-over")
    (tmp_path / "src" / "link").symlink_to("gen")
    wrote = first.of("gen")
    assert names(wrote) == {"src": ["b", "gen/", "gen/a", "link"]}
    second, unaware = Made(plan(tmp_path, gen), entry(wrote)), Made(plan(tmp_path, gen), {})
    (tmp_path / "src" / "b").unlink()
    write(tmp_path, "src/c")
    rewrite(tmp_path, "src/gen/a")
    assert names(second.of("gen")) == {"src": ["c", "gen/", "gen/a"]}
    assert names(unaware.of("gen")) == {"src": ["c"]}, "without a record nobody knows"
    told = {one: second(str(tmp_path / "src" / one)) for one in ("by-hand", "written-over", "gen/a", "link", "c")}
    assert told == {"by-hand": False, "written-over": False, "gen/a": True, "link": True, "c": True}
    assert not second(str(tmp_path / "other"))


def test_what_was_changed_by_hand_is_a_source(tmp_path: Path) -> None:
    gen = target("src")
    first = Made(plan(tmp_path, gen), {})
    write(tmp_path, "src/a", "src/b", "src/folder/c")
    wrote = first.of("gen")
    (tmp_path / "src" / "a").write_text("x")
    (tmp_path / "src" / "folder").chmod(0o700)
    second = Made(plan(tmp_path, gen), entry(wrote))
    told = [one for one in ("a", "b", "folder/", "folder/c") if second(str(tmp_path / "src") + f"/{one}")]
    assert told == ["b", "folder/c"]
    rewrite(tmp_path, "src/a", "src/b")
    assert list(names(second.of("gen"))["src"]) == ["a", "b"], "it is the output's again"
    (tmp_path / "src" / "b").write_text("changed while the run goes on")
    second.of("gen")
    assert not Made(plan(tmp_path, gen), entry(second.of("gen")))(str(tmp_path / "src" / "b"))


def test_only_what_the_last_result_wrote_is_made(tmp_path: Path) -> None:
    gen = target("src")
    first = Made(plan(tmp_path, gen), {})
    write(tmp_path, "src/a", "src/b")
    earlier = entry(first.of("gen"))
    second = Made(plan(tmp_path, gen), earlier)
    assert second(str(tmp_path / "src/b"))
    assert second.unwritten({}) == frozenset(), "its last result counts until there is another"
    rewrite(tmp_path, "src/a")
    now = entry(second.of("gen"))
    assert second.unwritten(now) == {str(tmp_path / "src/b")}
    third = Made(plan(tmp_path, gen), now)
    assert [one for one in "ab" if third(str(tmp_path / "src" / one))] == ["a"]
    for others in (plan(tmp_path, target("other")), plan(tmp_path, plans.target("new", gen.settings))):
        assert not Made(others, now)(str(tmp_path / "src/a")), "nobody writes there, or somebody else"


def test_only_where_a_context_is(tmp_path: Path) -> None:
    for folder in ("app", "out"):
        (tmp_path / folder).mkdir()
    gen = target("out", context="app")
    found = Made(plan(tmp_path, gen), {})
    write(tmp_path, "out/a")
    assert found.of("gen") is None
    within = target("app/out", context="app")
    found = Made(plan(tmp_path, within), {})
    write(tmp_path, "app/out/a")
    assert names(found.of("gen")) == {"app/out": ["a"]}


def test_of_too_many_files_all_are_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gen = target("src")
    found = Made(plan(tmp_path, gen), {})
    write(tmp_path, *(f"src/{number}" for number in range(5)))
    monkeypatch.setattr(made, "MOST", 4)
    assert found.of("gen") is None
