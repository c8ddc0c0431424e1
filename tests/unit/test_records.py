"""A dataclass of ours is the one of the standard library, but for what type checkers see to."""

import dataclasses
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, field, fields, replace
from threading import Barrier
from typing import Any

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


class Said:
    x: int = 1

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 7

    def __repr__(self) -> str:
        return "said"


class Empty:
    pass


class Odd:
    a: int
    b: int = field(default=0, compare=False)
    c: int = field(default=0, hash=False)
    d: int = field(default=0, repr=False)
    e: int = field(default=0, compare=False, hash=True)


def both(of: type, **options: Any) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """A class, decorated by ours and by the standard library."""
    standard = {**options, "unsafe_hash": options.get("frozen", False) and options.get("eq", True)}
    standard.pop("frozen", None)
    copies = [type(of.__name__, (), {k: v for k, v in vars(of).items() if k != "__dict__"}) for _ in range(2)]
    return dataclass(**options)(copies[0]), dataclasses.dataclass(**standard)(copies[1])


VALUES = [{"a": a, name: n} for a in (1, 2) for name in "bcde" for n in (0, 1)]


@pytest.mark.parametrize("slots", [False, True])
def test_it_compares_and_shows_as_the_standard_librarys(slots: bool) -> None:
    ours, theirs = both(Odd, frozen=True, slots=slots)
    for one in VALUES:
        assert repr(ours(**one)) == repr(theirs(**one))
        for two in VALUES:
            assert (ours(**one) == ours(**two)) is (theirs(**one) == theirs(**two))
            assert (hash(ours(**one)) == hash(ours(**two))) is (hash(theirs(**one)) == hash(theirs(**two)))
    assert ours(a=1) != theirs(a=1)


def test_what_a_class_says_itself_stays() -> None:
    for made in both(Said, frozen=False):
        assert (made() == made(2), repr(made())) == (True, "said")
    for made in both(Said, frozen=False, eq=False, repr=False):
        assert hash(made()) == 7


def test_a_class_without_fields_and_one_that_is_compared_by_identity() -> None:
    for made in both(Empty, frozen=True):
        assert made() == made()
        assert hash(made()) == hash(made())
        assert repr(made()) == "Empty()"
    for made in both(Empty, frozen=True, eq=False):
        assert made() != made()
    for made in both(Empty, repr=False):
        assert "Empty object at" in repr(made())


class Made:
    first: int
    _first: int = 2
    many: list[int] = field(default_factory=lambda: [1])
    fixed: int = field(default=7, init=False)
    fresh: dict[str, int] = field(default_factory=dict, init=False)
    last: int = field(default=3, kw_only=True)
    late: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self.late = self.first + self.last


class Strict:
    name: str = field(kw_only=True)
    value: int


@pytest.mark.parametrize("slots", [False, True])
@pytest.mark.parametrize("given", [((1,), {}), ((1, 5, [9]), {"last": 4}), ((), {"first": 1, "_first": 0, "last": 0})])
def test_it_is_made_as_the_standard_librarys(slots: bool, given: tuple[tuple[Any, ...], dict[str, Any]]) -> None:
    placed, named = given
    ours, theirs = (made(*placed, **named) for made in both(Made, slots=slots))
    assert (repr(ours), ours.late) == (repr(theirs), theirs.late)
    assert ours.many is not type(ours)(1).many


@pytest.mark.parametrize(
    ("of", "placed", "named"),
    [(Made, (), {}), (Made, (1, 2, [], 4), {}), (Made, (1,), {"fixed": 1}), (Strict, (1,), {}), (Strict, ("a", 1), {})],
)
def test_what_is_missing_or_too_much_is_refused_in_the_same_words(
    of: type, placed: tuple[Any, ...], named: dict[str, Any]
) -> None:
    said = []
    for made in both(of):
        for _ in range(2):  # the first instance, and the next
            with pytest.raises(TypeError) as error:
                made(*placed, **named)
            said.append(str(error.value))
    assert len(set(said)) == 1


def test_many_threads_may_make_the_first_instance() -> None:
    for _ in range(50):
        made, _unused = both(Made)
        start = Barrier(4)

        def one(made: Callable[..., Any] = made, start: Barrier = start) -> Any:
            start.wait()
            return made(1, last=2)

        with ThreadPoolExecutor(4) as pool:
            found = [future.result() for future in [pool.submit(one) for _ in range(4)]]
        assert all(each == found[0] and each.late == 3 for each in found)
