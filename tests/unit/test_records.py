"""A dataclass that is made late is the one of the standard library, however its first instance comes about."""

from dataclasses import FrozenInstanceError, asdict, field, fields, is_dataclass, replace
from threading import Barrier, Thread

import pytest

from buildmatrix.records import dataclass


def classes() -> tuple[type, type]:
    @dataclass(frozen=True, kw_only=True)
    class Base:
        name: str
        parts: list[str] = field(default_factory=list)

    @dataclass(frozen=True, kw_only=True)
    class Child(Base):
        more: int = 1

    return Base, Child


def test_nothing_is_made_before_there_is_an_instance() -> None:
    base, child = classes()
    assert not is_dataclass(base)
    child(name="a")
    assert is_dataclass(base)


def test_a_child_is_made_from_parents_that_are_made() -> None:
    _, child = classes()
    one = child(name="a")
    assert [row.name for row in fields(one)] == ["name", "parts", "more"]
    assert one == child(name="a", parts=[], more=1)
    assert asdict(replace(one, more=2)) == {"name": "a", "parts": [], "more": 2}
    assert repr(one).endswith("Child(name='a', parts=[], more=1)")


def test_the_options_hold() -> None:
    base, _ = classes()
    with pytest.raises(TypeError, match="missing 1 required keyword-only argument: 'name'"):
        base()
    with pytest.raises(TypeError, match="takes 1 positional argument"):
        base("a")
    with pytest.raises(FrozenInstanceError):
        base(name="a").name = "b"


def test_a_class_of_its_own_below_it_makes_it_too() -> None:
    base, _ = classes()

    class Plain(base):  # type: ignore[misc, valid-type]
        pass

    assert Plain(name="a").name == "a"


def test_two_threads_may_make_the_first_instance() -> None:
    for _ in range(50):
        base, child = classes()
        gate, found = Barrier(2), list[str]()

        def make(one: type, gate: Barrier = gate, found: list[str] = found) -> None:
            gate.wait()
            found.append(one(name="a").name)

        threads = [Thread(target=make, args=[one]) for one in (base, child)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == ["a", "a"]
