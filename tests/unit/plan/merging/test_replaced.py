"""Which lists of parents are told to be replaced: each once, with all that replace it."""

from pathlib import Path

import pytest

from buildmatrix.git.facts import Git
from buildmatrix.pipeline import listed, validate
from buildmatrix.spec.rows.tables import BakeFiles
from buildmatrix.spec.toml.source import Sources
from buildmatrix.template.request import Request

BASE = 'version = 1\n[target._base]\nssh = ["default"]\nsecret = ["id=a"]\nulimits = ["core=0:0"]\n'
NO_GIT = Git(lambda _: None)


def said(text: str, *paths: str) -> list[str]:
    request = Request(bake_files=BakeFiles(paths=paths))
    found = validate("f", Sources(Path("/"), {"f": text}), request, NO_GIT)
    return [one.message for one in found if one.code == "replaced-list"]


@pytest.mark.parametrize(
    ("heir", "warned"),
    [
        ('secret = ["id=b"]', True),
        ('secret = [{ id = "b" }]', True),
        ('secret = ["id=a,env=X"]', False),
        ('secret = [{ id = "a", env = "X" }, "id=b"]', False),
        ("secret = []", False),
        ('secret = []\nextend.secret = ["id=b"]', False),
        ('extend.secret = ["id=b"]', False),
        ('secret = ["id=b"]\nextend.secret = ["id=a"]', True),
        ('secret = ["id=b,=,"]', True),
        ('ssh = ["default=a.key"]', False),
        ('ulimits = ["core=1:1"]', True),
        ('tags = ["a:1"]\noutput = ["type=cacheonly"]\nplatforms = ["linux/amd64"]', False),
    ],
)
def test_one_heir(heir: str, warned: bool) -> None:
    assert bool(said(f'{BASE}[target.app]\ninherits = ["_base"]\n{heir}\n')) == warned


def test_many_heirs_are_one_line() -> None:
    heirs = "".join(f'[target.t{n:03}]\ninherits = ["_base"]\nsecret = ["id=b"]\n' for n in range(300))
    named = ", ".join(f"t{n:03}" for n in range(8))
    assert said(BASE + heirs) == [f"target._base.secret is replaced in 300 targets that inherit it: {named}, …"]


def test_what_is_replaced_already_is_not_replaced_again() -> None:
    heirs = '[target.a]\ninherits = ["_base"]\nsecret = ["id=b"]\n[target.b]\ninherits = ["a"]\n'
    assert said(BASE + heirs) == ["target._base.secret is replaced in one target that inherits it: a"]
    assert said(BASE + heirs + 'secret = ["id=c"]\n')[1:] == [
        "target.a.secret is replaced in one target that inherits it: b"
    ]


def test_parents_that_replace_each_other() -> None:
    other = '[target._other]\nsecret = ["id=b"]\n[target.app]\ninherits = ["_base", "_other"]\n'
    assert said(BASE + other) == ["target._base.secret is replaced in one target that inherits it: app"]
    common = '[target._l]\ninherits = ["_base"]\n[target._r]\ninherits = ["_base"]\n'
    assert said(f'{BASE}{common}[target.app]\ninherits = ["_l", "_r"]\n') == []


def test_a_matrix_is_one_target() -> None:
    heir = '[target.app]\ninherits = ["_base"]\nsecret = ["id={{ v }}"]\nmatrix.v = ["1", "2"]\n'
    assert said(BASE + heir) == ["target._base.secret is replaced in one target that inherits it: app"]


def test_a_cycle_of_parents_is_only_told_as_that() -> None:
    assert said('version = 1\n[target.a]\ninherits = ["b"]\nssh = ["x"]\n[target.b]\ninherits = ["a"]\n') == []


def test_what_a_bake_file_gives_may_be_replaced(tmp_path: Path) -> None:
    (tmp_path / "m.json").write_text('{"target": {"base": {"annotations": ["index:a=1"]}}}')
    heir = '[target.app]\ninherits = ["_base"]\nannotations = ["index:b=1"]\n'
    found = said(BASE + heir, str(tmp_path / "m.json"))
    assert found == ["target.base.annotations is replaced in one target that inherits it: app"]


def test_a_list_is_not_warned_of() -> None:
    sources = Sources(Path("/"), {"f": f'{BASE}[target.app]\ninherits = ["_base"]\nsecret = ["id=b"]\n'})
    assert [one for one in listed("f", sources, Request(), NO_GIT)[1] if one.code == "replaced-list"] == []
