"""What is volatile in settings: by the templates of values, by where they stand, and as lists change."""

from buildmatrix.errors import Place
from buildmatrix.plan.merging.merge import Spread
from buildmatrix.plan.merging.volatile import NONE, Texts, Volatile, carried, chosen, numbered, present, written
from buildmatrix.spec.rows.outputs import CacheonlyOutput, RegistryOutput
from buildmatrix.spec.rows.settings import Settings
from buildmatrix.spec.toml.placed import placed


def at(*pointer: str | int) -> Place:
    return Place(file="f", pointer=pointer)


def test_a_template_is_looked_at_once() -> None:
    asked: list[str] = []

    def names_of(text: str) -> tuple[str, ...]:
        asked.append(text)
        return (text,)

    texts = Texts(frozenset({"git"}), names_of)
    assert [texts["git"], texts["git"], texts["x"], texts["x"]] == [True, True, False, False]
    assert asked == ["git", "x"]
    assert not NONE.texts["git"]


def test_the_nearest_table_says_whether_a_place_is_volatile() -> None:
    places = {("f", ("target", "_a")), ("f", ("target", "app", "override", 1))}
    volatile = Volatile(texts=NONE.texts, places=frozenset(places), sure=frozenset({("f", ("target", "app"))}))
    assert volatile.holds(at("target", "_a", "labels", "x"))
    assert volatile.holds(at("target", "app", "override", 1, "labels", "x"))
    assert not volatile.holds(at("target", "app", "override", 0, "labels", "x"))
    assert not volatile.holds(at("target", "app", "labels", "x"))
    assert not volatile.holds(at("target", "_b"))
    assert not volatile.holds(Place(file="g", pointer=("target", "_a")))
    assert not volatile.holds(None)


def test_pointers_are_to_what_there_is() -> None:
    assert present("labels", {"a": "1"}, [("a",), ("b",)]) == [("labels", "a")]
    assert present("labels", None, [("a",)]) == []
    assert present("target", "x", [()]) == [("target",)]
    tags = placed(["one", "two", "three"], [0, 2, 2])
    assert present("tags", tags, [(1,), (2,)]) == [("tags", 1), ("tags", 2)]
    assert present("output", (1, 2), [(1, "annotation.x")]) == [("output", 1, "annotation.x")]


def test_what_stands_in_a_chosen_table_is_volatile() -> None:
    spread = Spread("\0f")
    origins = {
        ("args",): at("target", "app", "args"),
        ("args", spread): at("target", "_a", "args"),
        ("args", "B"): at("target", "app", "args", "B"),
        ("tags",): at("target", "_a", "tags"),
        ("tags", 0): at("target", "app", "tags", 0),
        ("tags", 1): at("target", "_a", "tags", 0),
        ("target",): at("target", "_a", "target"),
        ("let", "x"): at("target", "_a", "let", "x"),
    }
    found = chosen(origins, Volatile(texts=NONE.texts, places=frozenset({("f", ("target", "_a"))})))
    settings = Settings(args={"A": "1", "B": "2"}, tags=("a", "b"), target="x")
    assert {*written(settings, origins, found)} == {("args", "A"), ("tags", 1), ("target",)}


def test_pointers_follow_the_items_of_a_list() -> None:
    notes = {"annotation.x": "1"}
    before = Settings(
        tags=("a", "b", "c"),
        output=(CacheonlyOutput(type="cacheonly"), RegistryOutput(type="registry", annotation=notes)),
        labels={"x": "1"},
        target="stage",
    )
    volatile = frozenset({("tags", 0), ("tags", 2), ("output", 1, "annotation.x"), ("labels", "x"), ("target",)})
    assert carried(volatile, before, before) is volatile
    fewer = before.but({"tags": ("b", "c"), "output": before.output[1:] if before.output else ()})
    assert carried(volatile, before, fewer) == {
        ("tags", 1),
        ("output", 0, "annotation.x"),
        ("labels", "x"),
        ("target",),
    }
    pushed = before.but({"output": tuple(one.but({}) for one in before.output or () if not isinstance(one, str))})
    assert carried(volatile, before, pushed) == volatile
    unset = before.but({"tags": None, "output": (CacheonlyOutput(type="cacheonly"),)})
    assert carried(volatile, before, unset) == {("labels", "x"), ("target",)}


def test_an_item_may_have_become_several_or_none() -> None:
    assert numbered([("annotations", 1), ("annotations", 2)], [1, 0, 1]) == [("annotations", 0), ("annotations", 2)]
