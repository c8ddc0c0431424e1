"""Merging: one rule for every setting. Scalars replace, tables merge by key, lists replace; `extend` appends to lists.

The order is: defaults, parents (later ones win), the target, what `--bake-file` says of it, matching overrides,
`--set`. A parent is one in full: the overrides that hold for the cell lie right over it.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from buildmatrix.errors import Place, Pointer
from buildmatrix.graphs import ordered
from buildmatrix.records import dataclass
from buildmatrix.spec.checks.names import inside
from buildmatrix.spec.rows.settings import Settings
from buildmatrix.spec.rows.shapes import OrTemplate, given, is_template, row_of, rows
from buildmatrix.spec.rows.tables import CellSettings, DeclaredOverride, DeclaredTarget, Layer, Override, Target
from buildmatrix.spec.toml.placed import Dropped


@dataclass(frozen=True, kw_only=True)
class Merged:
    """Settings with the place of each scalar, list item and table key: `("tags", 0)`, `("args", "PYTHON")`.

    `let` are the values that their templates see, as they are written.
    """

    settings: Settings
    let: Mapping[str, Any]
    origins: Mapping[Pointer, Place]


class Over(str):
    """A template that lies over another value, which counts where the template gives none.

    `below` is that value, perhaps such a template itself, with its place.
    """

    __slots__ = ("below",)
    below: tuple[Any, Place]

    @classmethod
    def of(cls, text: str, below: tuple[Any, Place]) -> "Over":
        """Return the template over a value; over what it lies already, where there is such."""
        made = cls(text)
        if isinstance(text, Over):
            value, place = text.below
            below = (_over(value, below), place)
        made.below = below
        return made


def _over(value: Any, below: tuple[Any, Place]) -> Any:
    """Return a value as it lies over another: only a template may give none."""
    return Over.of(value, below) if isinstance(value, str) and is_template(value) else value


class Spread(str):
    """The key of a template that gives a whole table (`args = "{{ row.args }}"`): unlike any other."""

    __slots__ = ()


@dataclass(kw_only=True)
class _Scalar:
    value: Any
    place: Place


@dataclass(kw_only=True)
class _Map:
    items: dict[str, tuple[Any, Place]]
    place: Place


@dataclass(kw_only=True)
class ListPart:
    """Items by their places: one that comes twice, by two parents, is one. `extends` what is below, or replaces it."""

    items: dict[Place, Any]
    place: Place
    extends: bool


_Part = _Scalar | _Map | ListPart
_Items = dict[str, tuple[Any, Place]]


class Stack:
    """Layers that lie over each other, as one: what they do together to whatever is below them."""

    def __init__(self, layers: Iterable[Layer] = ()) -> None:
        """Lay the layers over each other."""
        self._parts: dict[str, _Part] = {}
        for layer in layers:
            self.lay(layer)

    def lay(self, layer: Layer) -> None:
        """Lay one more over them."""
        for attribute, value in given(layer.settings).items():
            if attribute in _ATTRIBUTES:
                self._over(attribute, _part(attribute, value, layer))

    def lay_all(self, other: "Stack") -> None:
        """Lay another stack over this one, which costs what is in it, and not how many layers it was made of."""
        for attribute, part in other._parts.items():  # noqa: SLF001 one of our own
            self._over(attribute, part)

    def _over(self, attribute: str, part: _Part) -> None:
        below = self._parts.get(attribute)
        if isinstance(part, _Map) and isinstance(below, _Map):
            self._parts[attribute] = _Map(items=_merged(below.items, part.items), place=below.place)
        elif isinstance(part, _Scalar) and isinstance(below, _Scalar):
            self._parts[attribute] = _Scalar(value=_over(part.value, (below.value, below.place)), place=part.place)
        elif isinstance(part, ListPart) and part.extends and isinstance(below, ListPart):
            fresh = {place: item for place, item in part.items.items() if place not in below.items}
            place = below.place if below.items else part.place
            self._parts[attribute] = ListPart(items=below.items | fresh, place=place, extends=below.extends)
        else:
            self._parts[attribute] = part

    def list_of(self, attribute: str) -> ListPart | None:
        """Return the list that the layers make of a setting; None where it is not one, or they have none."""
        part = self._parts.get(attribute)
        return part if isinstance(part, ListPart) else None

    def merged(self) -> Merged:
        """Return the settings that they make with nothing below."""
        found: dict[str, Any] = {}
        origins: dict[Pointer, Place] = {}
        for attribute, part in self._parts.items():
            origins[attribute,] = part.place
            match part:
                case _Scalar():
                    found[attribute] = part.value
                case _Map():
                    found[attribute] = {key: value for key, (value, _) in part.items.items()}
                    origins.update({(attribute, key): place for key, (_, place) in part.items.items()})
                case ListPart():
                    found[attribute] = tuple(part.items.values())
                    origins.update({(attribute, index): place for index, place in enumerate(part.items)})
        let = found.pop("let", {})
        return Merged(settings=Settings(**found), let=let, origins=origins)


def _merged(below: _Items, items: _Items) -> _Items:
    """Merge tables by key. Where a name is known only when it is rendered, what lies above also comes behind."""
    above = {key: (_over(value, below[key]) if key in below else value, place) for key, (value, place) in items.items()}
    if any(isinstance(key, Spread) or is_template(key) for key in (*below, *above)):
        below = {key: item for key, item in below.items() if key not in above}
    return below | above


def _part(attribute: str, value: Any, layer: Layer) -> _Part:
    row = row_of(CellSettings, attribute)
    place = inside(layer.place, row.key)
    if isinstance(value, str) and row.marker(OrTemplate) is not None:
        return _Map(items={Spread(f"\0{place.file}{place.pointer}"): (value, place)}, place=place)
    if isinstance(value, Mapping):
        return _Map(items={key: (item, inside(place, key)) for key, item in value.items()}, place=place)
    if isinstance(value, tuple):
        items = {inside(place, index): item for index, item in enumerate(value) if not isinstance(item, Dropped)}
        return ListPart(items=items, place=place, extends=layer.extend)
    return _Scalar(value=value, place=place)


class Line:
    """A target as it holds for a cell: the overrides that do, and its parents, each as it holds. Known by identity.

    Of a cell that is inherited, its `values` of the axes are what `let` would give. `chosen` are the parents that
    something volatile chose; it `depends` where that is so of any above, too.
    """

    __slots__ = ("chosen", "depends", "overrides", "parents", "target", "values")

    def __init__(
        self,
        target: DeclaredTarget,
        overrides: tuple[DeclaredOverride, ...],
        parents: tuple["Line", ...],
        values: Mapping[str, Any] | None = None,
        chosen: frozenset["Line"] = frozenset(),
    ) -> None:
        self.target, self.overrides, self.parents, self.values = target, overrides, parents, values
        self.chosen = chosen
        self.depends: bool = bool(chosen) or any(parent.depends for parent in parents)

    def layers(self) -> Iterator[Layer]:
        """Yield the layers of the target itself, overrides last."""
        yield from _layers(self.target.table, self.target.place)
        yield from self.target.overlay
        for override in self.overrides:
            yield from _layers(override.table, override.place)
        if self.values:
            let = {axis: quoted(value) for axis, value in self.values.items()}
            yield Layer(settings=CellSettings(let=let), place=self.target.place)


class Heritage:
    """Lays the layers of lines over each other; what parents come to is worked out once, before their descendants."""

    def __init__(self) -> None:
        """Begin with nothing known."""
        self._known: dict[Line, Stack] = {}

    def of(self, line: Line) -> Stack:
        """Return, in a stack of its own: the file's defaults, the parents in full, the target and its overrides."""
        return self._over(Stack(line.target.defaults), line)

    def whole(self, line: Line) -> Stack:
        """Return the same without the file's defaults, as an heir has it."""
        return self._over(Stack(), line)

    def _over(self, found: Stack, line: Line) -> Stack:
        found.lay_all(self.above(line))
        for layer in line.layers():
            found.lay(layer)
        return found

    def above(self, line: Line) -> Stack:
        """Return the parents of a line, in full, laid over each other: not to be changed."""
        for one in ordered([line], lambda one: () if one in self._known else one.parents):
            if one not in self._known:
                self._known[one] = self._inherited(one)
        return self._known[line]

    def _inherited(self, line: Line) -> Stack:
        found = Stack()
        for parent in line.parents:
            found.lay_all(self._known[parent])
            for layer in parent.layers():
                found.lay(layer)
        return found


def _layers(table: Target | Override, place: Place) -> Iterator[Layer]:
    yield Layer(settings=table, place=place)
    if table.extend is not None:
        yield Layer(settings=table.extend, place=inside(place, "extend"), extend=True)


def quoted(value: Any) -> Any:
    """Return a value as `let` has it to be that value: text that looks like a template is in quotes within one."""
    if isinstance(value, str) and is_template(value):
        return f"{{{{ {json.dumps(value)} }}}}"
    if isinstance(value, Mapping):
        return {key: quoted(item) for key, item in value.items()}
    return [quoted(item) for item in value] if isinstance(value, list | tuple) else value


_ATTRIBUTES = frozenset(row.attribute for row in rows(CellSettings))
