"""Platforms that targets take from what they are made from, with a bases teller made by hand."""

from pathlib import Path

import pytest

from buildmatrix.errors import Problems, SpecError
from buildmatrix.git.facts import Git
from buildmatrix.plan.auto import Bases, Doubt, Named
from buildmatrix.plan.model import Plan, PlannedTarget
from buildmatrix.plan.planning import make_plan
from buildmatrix.spec.load import load
from buildmatrix.spec.toml.source import Sources
from buildmatrix.template.request import Request

HEAD = 'version = 1\n[defaults]\noutput = ["type=cacheonly"]\ndockerfile-inline = "FROM x"\n'
AMD, ARM = "linux/amd64", "linux/arm64"


def planned(tmp_path: Path, text: str, bases: Bases | None, **asked: tuple[str, ...]) -> Plan:
    (tmp_path / "buildmatrix.toml").write_text(HEAD + text)
    sources, problems = Sources(tmp_path), Problems()
    spec = load("buildmatrix.toml", sources, problems)
    found = make_plan(spec, Request(**asked), Git(tmp_path, {}), problems, files=False, bases=bases)  # type: ignore[arg-type]
    problems.raise_if_any()
    return found


def always(*platforms: str) -> Bases:
    return lambda *_: {"x:latest": platforms}


def platforms(plan: Plan) -> dict[str, tuple[str, ...]]:
    return {target.name: target.platforms for target in plan.targets}


def test_a_target_has_the_platforms_of_its_base_in_order(tmp_path: Path) -> None:
    found = planned(tmp_path, '[target.app]\nplatforms = "auto"', always(ARM, AMD))
    assert platforms(found) == {"app": (AMD, ARM)}


def test_platforms_of_linux_are_taken_where_there_are_some(tmp_path: Path) -> None:
    text = '[target.app]\nplatforms = "auto"'
    assert platforms(planned(tmp_path, text, always(AMD, "windows/amd64"))) == {"app": (AMD,)}
    assert platforms(planned(tmp_path, text, always("windows/amd64"))) == {"app": ("windows/amd64",)}


def test_a_chain_has_what_all_of_it_has(tmp_path: Path) -> None:
    text = """
[target.app]
platforms = "auto"
contexts.mid = "target:mid"
[target.mid]
platforms = "auto"
contexts.low = "target:low"
[target.low]
platforms = ["linux/arm64"]
"""
    assert platforms(planned(tmp_path, text, always(AMD, ARM))) == {"low": (ARM,), "mid": (ARM,), "app": (ARM,)}


def test_a_long_chain_is_no_deep_walk(tmp_path: Path) -> None:
    links = "".join(f'[target.t{n}]\ncontexts.low = "target:t{n - 1}"\n' for n in range(1, 1100))
    found = planned(tmp_path, f'platforms = "auto"\n[target.t0]\n{links}', always(ARM), selectors=("t1099",))
    assert {target.platforms for target in found.targets} == {(ARM,)}


def test_a_platform_that_is_asked_for_is_one_of_them(tmp_path: Path) -> None:
    text = '[target.app]\nplatforms = "auto"\ntags = ["localhost:1/a"]\noutput = ["type=registry"]\n'
    found = planned(tmp_path, text, always(AMD, ARM), platforms=(ARM,))
    assert platforms(found) == {"app": (ARM,)}
    assert found.targets[0].carried_over == (AMD,)


def test_a_child_takes_it_from_a_parent_and_may_say_otherwise(tmp_path: Path) -> None:
    text = """
[target._p]
platforms = "auto"
[target.a]
inherits = ["_p"]
[target.b]
inherits = ["_p"]
platforms = ["linux/s390x"]
"""
    assert platforms(planned(tmp_path, text, always(AMD))) == {"a": (AMD,), "b": ("linux/s390x",)}


def test_what_a_needed_target_writes_is_told(tmp_path: Path) -> None:
    told: list[Named] = []

    def bases(_: PlannedTarget, written: Named) -> Named:
        told.append(written)
        return {"x": (AMD,)}

    text = '[target.a]\nplatforms = "auto"\nneeds = ["b"]\n[target.b]\ntags = ["acme/b"]\nplatforms = ["linux/arm64"]\n'
    planned(tmp_path, text, bases)
    assert told == [{"docker.io/acme/b:latest": (ARM,)}]


def test_without_anybody_who_knows_it_stays_open(tmp_path: Path) -> None:
    text = '[target.a]\nplatforms = "auto"\n[target.b]\nplatforms = "auto"\ncontexts.a = "target:a"\n'
    assert platforms(planned(tmp_path, text, None)) == {"a": ("auto",), "b": ("auto",)}
    assert platforms(planned(tmp_path, text, lambda *_: None)) == {"a": ("auto",), "b": ("auto",)}


def test_cells_that_lack_the_same_are_told_once(tmp_path: Path) -> None:
    text = '[target.a]\nplatforms = "auto"\nmatrix.n = [1, 2, 3]\n'
    with pytest.raises(SpecError) as caught:
        planned(tmp_path, text, lambda *_: Doubt("nobody knows"))
    assert len(caught.value.diagnostics) == 1


def test_a_cycle_is_a_cycle_still(tmp_path: Path) -> None:
    text = 'platforms = "auto"\n[target.a]\ncontexts.b = "target:b"\n[target.b]\ncontexts.a = "target:a"\n'
    with pytest.raises(SpecError) as caught:
        planned(tmp_path, text, always(AMD))
    assert "cycle" in {one.code for one in caught.value.diagnostics}


def test_what_a_platform_leaves_out_is_told_by_what_it_is_built_for(tmp_path: Path) -> None:
    text = '[target.a]\nplatforms = "auto"\n[target.b]\nplatforms = ["linux/s390x"]\n'
    found = planned(tmp_path, text, always(AMD, ARM), platforms=("linux/s390x", "linux/riscv64"))
    assert platforms(found) == {"b": ("linux/s390x",)}
    (warning,) = [one for one in found.warnings if one.code == "platform"]
    assert warning.hint == "they are built for linux/amd64, linux/arm64, linux/s390x"
