"""A dataclass of ours is the one of the standard library, but for what type checkers see to."""

from dataclasses import asdict, field, fields, replace

import pytest

from buildmatrix.records import dataclass


@dataclass(frozen=True, kw_only=True)
class Base:
    name: str
    parts: list[str] = field(default_factory=list, hash=False)


@dataclass(frozen=True, kw_only=True)
class Child(Base):
    more: int = 1


@dataclass(kw_only=True)
class Changing:
    name: str


def test_fields_and_values_are_those_of_a_dataclass() -> None:
    one = Child(name="a")
    assert [row.name for row in fields(one)] == ["name", "parts", "more"]
    assert one == Child(name="a", parts=[], more=1)
    assert asdict(replace(one, more=2)) == {"name": "a", "parts": [], "more": 2}
    assert repr(one) == "Child(name='a', parts=[], more=1)"
    with pytest.raises(TypeError, match="missing 1 required keyword-only argument: 'name'"):
        Base()  # type: ignore[call-arg]


def test_what_is_frozen_has_a_hash_and_nothing_else_has() -> None:
    assert hash(Child(name="a")) == hash(Child(name="a"))
    with pytest.raises(TypeError, match="unhashable"):
        hash(Changing(name="a"))
