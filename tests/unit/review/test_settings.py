"""Settings as names and values, and what differs between two sets of them."""

from typing import Any

import pytest

from buildmatrix.review.model import Setting
from buildmatrix.review.settings import Teller, differences, makes_image


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        ({"pull": True}, {"pull": False}, [("pull", "true", "false")]),
        ({}, {"target": ""}, [("target", None, "")]),
        ({"args": {"A": "1", "B": "1"}}, {"args": {"A": "2", "C": ""}}, "args.A 1 2, args.C None , args.B 1 None"),
        ({"tags": ["a", "b"]}, {"tags": ["b", "c"]}, [("tags", "a", "c")]),
        ({"tags": ["a", "b"]}, {"tags": ["b", "a"]}, []),
        ({"cache-from": ["a", "b"]}, {"cache-from": ["b", "a"]}, [("cache-from", "a, b", "b, a")]),
        ({"tags": ["a"]}, {"tags": ["a", "b", "a"]}, [("tags", None, "b"), ("tags", None, "a")]),
        ({"tags": []}, {}, []),
        (
            {"output": [{"type": "local", "dest": "a"}]},
            {"output": [{"type": "local", "dest": "b,c"}]},
            [("output", "type=local,dest=a", 'type=local,dest="b,c"')],
        ),
    ],
)
def test_differences(before: dict[str, Any], after: dict[str, Any], found: Any) -> None:
    told = [tuple(one) for one in differences(Teller().told(before), Teller().told(after))]
    if isinstance(found, str):
        assert ", ".join(" ".join(map(str, one)) for one in told) == found
    else:
        assert told == found


def test_what_is_volatile_is_left_out() -> None:
    settings = {
        "labels": {"rev": "1", "x": "1"},
        "tags": ["a", "b"],
        "output": [{"type": "image", "annotation.d": "1"}],
    }
    volatile: list[list[str | int]] = [["labels", "rev"], ["tags", 1], ["output", 0, "annotation.d"], ["target"]]
    found = Teller().told({**settings, "target": "t"}, volatile)
    assert found == {"labels.x": "1", "tags": ("a",), "output": ("type=image",)}


def test_targets_have_their_new_names() -> None:
    settings = {"contexts": {"a": "target:old", "b": "old"}, "needs": ["old", "other"], "args": {"A": "old"}}
    found = Teller({"old": "new"}).told(settings)
    assert found == {"contexts.a": "target:new", "contexts.b": "old", "needs": ("new", "other"), "args.A": "old"}


def test_a_value_that_cells_share_is_told_once() -> None:
    teller, shared = Teller(), {"A": "1"}
    assert teller.told({"args": shared}) == {"args.A": "1"} == teller.told({"args": shared})


@pytest.mark.parametrize(
    ("name", "is_of_image"),
    [("args.A", True), ("labels.a.b", True), ("base debian:12", True), ("tags", False), ("description", False)],
)
def test_what_makes_the_image(name: str, is_of_image: bool) -> None:
    assert makes_image(Setting(name, "1", "2")) is is_of_image
