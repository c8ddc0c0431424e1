"""Selectors: names, groups, globs, cells, and what is taken away."""

from pathlib import Path

import pytest

from buildmatrix.errors import Problems
from buildmatrix.git.facts import Git
from buildmatrix.pipeline import plan
from buildmatrix.plan.cells.select import Selection, SelectorError
from buildmatrix.plan.planning import expand
from buildmatrix.spec.load import load
from buildmatrix.spec.toml.source import Sources
from buildmatrix.template.request import Request

SPEC = """
version = 1
[target._base]
[target.tools]
[target.app]
[target.app.matrix]
python = ["3.12", 3.13]
os = ["bookworm", { id = "alpine", libc = "musl" }]
[target.app-docs]
[group]
default = ["images", "!app-3-12-*"]
images = ["app", "tools"]
"""


@pytest.fixture
def selection() -> Selection:
    problems = Problems()
    spec = load("buildmatrix.toml", Sources(Path("/"), {"buildmatrix.toml": SPEC}), problems)
    found = expand(spec, Request(), Git(lambda _: None), problems)
    assert not problems.found
    return found.selection


APP = ["app-3-12-bookworm", "app-3-12-alpine", "app-3-13-bookworm", "app-3-13-alpine"]


@pytest.mark.parametrize(
    ("selectors", "names"),
    [
        ([], ["tools", *APP[2:]]),
        (["app"], APP),
        (["tools", "app-docs"], ["tools", "app-docs"]),
        (["app-docs", "tools"], ["tools", "app-docs"]),
        (["app-3-12-alpine"], ["app-3-12-alpine"]),
        (["app*"], [*APP, "app-docs"]),
        (["*-alpine"], [APP[1], APP[3]]),
        (["app[python=3.12]"], APP[:2]),
        (["app[python=3.13,os=alpine]"], APP[3:]),
        (["app[os=book*]"], [APP[0], APP[2]]),
        (["app*[os=alpine]"], [APP[1], APP[3]]),
        (["images[os=alpine]"], [APP[1], APP[3]]),
        (["images"], ["tools", *APP]),
        (["app", "!app[os=alpine]"], [APP[0], APP[2]]),
        (["!app"], ["tools"]),
        (["*", "!images"], ["app-docs"]),
        (["!app", "app-3-13-alpine"], ["app-3-13-alpine"]),
    ],
)
def test_selection(selection: Selection, selectors: list[str], names: list[str]) -> None:
    assert list(selection.select(selectors)) == names


def test_a_group_or_the_target_of_its_name() -> None:
    problems = Problems()
    text = """
version = 1
[group]
web = ["base", "web"]
app = ["app[os=alpine]", "base"]
[target.base]
[target.web]
needs = ["app"]
[target.app]
matrix.os = ["alpine", "bookworm"]
[target.docs]
matrix.os = ["alpine"]
contexts = { web = "target:web", app = "target:app[=]", one = "target:app[os=bookworm]" }
"""
    spec = load("buildmatrix.toml", Sources(Path("/"), {"buildmatrix.toml": text}), problems)
    found = expand(spec, Request(), Git(lambda _: None), problems).selection
    assert not problems.found
    assert found.names("web") == ("base", "web")
    assert found.names_for("web", {}, target_first=True) == ("web",)
    assert found.names_for("app[=]", {"os": "alpine"}, target_first=True) == ("app-alpine",)
    assert found.names_for("app[os=bookworm]", {}, target_first=True) == ("app-bookworm",)
    assert found.names_for("app", {}) == ("app-alpine", "base")


def test_each_says_what_took_it(selection: Selection) -> None:
    assert selection.select(["app-3-12-alpine", "app"])["app-3-12-alpine"] == "app-3-12-alpine"
    assert selection.select(["app-3-12-alpine", "app"])["app-3-13-alpine"] == "app"


@pytest.mark.parametrize(
    ("selector", "message", "hint"),
    [
        ("ap", '"ap" matches no target and no group', 'did you mean "app"?'),
        ("x*", '"x*" matches no target and no group', "known here: default, images, tools, app, app-docs"),
        ("_base", '"_base" is abstract (its name starts with _) and is never built', "known here: default, images"),
        ("app[pyton=3.12]", '"app[pyton=3.12]" matches no cell', 'did you mean "python"?'),
        ("app[os=alpin]", '"app[os=alpin]" matches no cell', 'did you mean "alpine"?'),
        ("app[os=x]", '"app[os=x]" matches no cell', "values of os: bookworm, alpine"),
        ("tools[os=x]", '"tools[os=x]" matches no cell', "axes here: none"),
        ("app[os]", '"app[os]" is not a valid selector', "write name[axis=value,axis=value]"),
        ("app[", '"app[" is not a valid selector', "write a name, a glob such as app-*, or app[axis=value]"),
        ("", '"" is not a valid selector', "write a name"),
    ],
)
def test_misses(selection: Selection, selector: str, message: str, hint: str) -> None:
    with pytest.raises(SelectorError) as caught:
        selection.select([selector])
    assert caught.value.message == message
    assert caught.value.hint.startswith(hint)


def test_needs_takes_the_target_where_a_group_has_its_name() -> None:
    text = """
version = 1
[group]
x = ["x", "y"]
[target.x]
[target.y]
needs = ["x"]
"""
    sources = Sources(Path("/"), {"f": text})
    found = plan("f", sources, Request(selectors=("x",)), Git(lambda _: None), files=False)
    assert {one.name: one.needs for one in found.targets} == {"x": (), "y": ("x",)}
