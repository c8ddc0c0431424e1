"""Merging: scalars replace, tables merge by key, lists replace, `extend` appends, an explicit [] clears."""

from pathlib import Path

from buildmatrix.errors import Place
from buildmatrix.git.facts import Git
from buildmatrix.pipeline import plan
from buildmatrix.plan.model import PlannedTarget
from buildmatrix.spec.toml.source import Sources
from buildmatrix.template.request import Request


def target(text: str, *set_options: str) -> PlannedTarget:
    sources = Sources(Path("/"), {"buildmatrix.toml": f"version = 1\n{text}"})
    planned = plan(
        "buildmatrix.toml",
        sources,
        Request(selectors=("app",), set_options=set_options),
        Git(lambda _: None),
        files=False,
    )
    return planned.targets[-1]


def test_a_set_is_for_the_target_where_a_group_has_its_name() -> None:
    text = '[group]\napp = ["other", "app"]\nall = ["app"]\n[target.other]\n[target.app]\n'
    assert target(text, "app.args.X=1").settings.args == {"X": "1"}
    assert target(text, "all.args.X=1").settings.args == {"X": "1"}
    swapped = '[group]\nother = ["other", "app"]\n[target.app]\n[target.other]\n'
    assert target(swapped, "other.args.X=1").settings.args is None


def test_layers_from_defaults_to_sets() -> None:
    found = target(
        """
[defaults]
network = "none"
tags = ["d:1"]
args = { A = "defaults", B = "defaults", C = "defaults", D = "defaults", E = "defaults" }
[target._one]
args = { B = "one", C = "one", D = "one", E = "one" }
tags = ["one:1"]
network = "default"
[target._two]
args = { C = "two", D = "two", E = "two" }
extend.tags = ["two:1"]
[target.app]
inherits = ["_one", "_two"]
args = { D = "app", E = "app" }
extend.tags = ["app:{{ x }}"]
[target.app.matrix]
x = ["1"]
[[target.app.override]]
select = { x = "1" }
args = { E = "override" }
extend.tags = ["override:1"]
""",
        "app.args.F=set",
        "app.tags+=set:1",
    )
    assert found.settings.args == {
        "A": "defaults",
        "B": "one",
        "C": "two",
        "D": "app",
        "E": "override",
        "F": "set",
    }
    assert found.tags == ("one:1", "two:1", "app:1", "override:1", "set:1")
    assert found.settings.network == "default"


def test_an_empty_list_clears() -> None:
    found = target('[defaults]\ntags = ["d:1"]\nplatforms = ["linux/amd64"]\n[target.app]\ntags = []\n')
    assert found.tags == ()
    assert found.platforms == ("linux/amd64",)


def test_every_item_remembers_its_home() -> None:
    found = target('[target._base]\ntags = ["a:1"]\n[target.app]\ninherits = ["_base"]\nextend.tags = ["b:1"]\n')
    assert found.place_of("tags", 0) == Place(file="buildmatrix.toml", pointer=("target", "_base", "tags", 0))
    assert found.place_of("tags", 1) == Place(file="buildmatrix.toml", pointer=("target", "app", "extend", "tags", 0))
    assert found.place_of("args", "A") == found.place


def test_needs_of_a_parent() -> None:
    found = target('[target.tools]\n[target._base]\nneeds = ["tools"]\n[target.app]\ninherits = ["_base"]\n')
    assert found.needs == ("tools",)
