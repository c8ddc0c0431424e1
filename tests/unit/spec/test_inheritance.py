"""What makes cells is inherited by the rules of merging."""

from buildmatrix.errors import Place
from buildmatrix.spec.inheritance import with_makings
from buildmatrix.spec.rows.tables import DeclaredTarget, Making, Matrix, Override, Target


def makings(**tables: Target) -> dict[str, Making]:
    declared = {
        name: DeclaredTarget(name=name, table=table, place=place(name), defaults=()) for name, table in tables.items()
    }
    return {name: target.making for name, target in with_makings(declared).items()}


def place(*path: str | int) -> Place:
    return Place(file="f", pointer=("target", *path))


def override(**select: str) -> Override:
    return Override(select=select)


BASE = Target(
    name="{{ target }}-{{ os }}",
    matrix=Matrix(axes={"os": ("a", "b"), "size": ("s",)}, exclude=({"os": "a"},)),
    override=(override(os="b"),),
)


def test_a_child_has_all_that_it_does_not_say() -> None:
    found = makings(_base=BASE, app=Target(inherits=("_base",)))["app"]
    assert (found.name, found.matrix) == (BASE.name, BASE.matrix)
    assert [one.owner for one in found.overrides] == ["_base"]
    assert found.place("matrix", "os") == place("_base", "matrix", "os")
    assert found.place("name") == place("_base", "name")


def test_axes_merge_and_lists_replace_and_overrides_add_up() -> None:
    own = Target(
        inherits=("_base",),
        name="x-{{ os }}",
        matrix=Matrix(axes={"libc": ("m",), "os": ("c",)}, exclude=()),
        override=(override(libc="m"),),
    )
    found = makings(app=own, _base=BASE)["app"]
    assert found.matrix is not None
    assert list((found.matrix.axes or {}).items()) == [("os", ("c",)), ("size", ("s",)), ("libc", ("m",))]
    assert (found.matrix.exclude, found.matrix.include, found.name) == ((), None, "x-{{ os }}")
    assert [one.place for one in found.overrides] == [place("_base", "override", 0), place("app", "override", 0)]
    assert found.place("matrix", "os") == place("app", "matrix", "os")
    assert found.place("matrix", "size") == place("_base", "matrix", "size")
    assert found.place("matrix", "include") == place("app", "matrix", "include")


def test_a_parent_by_two_ways_gives_its_overrides_once() -> None:
    found = makings(
        _base=BASE,
        _left=Target(inherits=("_base",)),
        _right=Target(inherits=("_base",)),
        app=Target(inherits=("_left", "_right", "gone")),
    )["app"]
    assert [one.owner for one in found.overrides] == ["_base"]


def test_in_a_cycle_each_has_its_own() -> None:
    found = makings(
        a=Target(inherits=("b",), name="a"), b=Target(inherits=("a",)), c=Target(inherits=("a",)), d=Target(name="d")
    )
    assert [found[name].name for name in "abcd"] == ["a", None, "a", "d"]


def test_a_chain_may_be_long() -> None:
    many = {f"t{number}": Target(inherits=(f"t{number - 1}",)) for number in range(1, 5_000)}
    assert makings(t0=BASE, **many)["t4999"].matrix == BASE.matrix
