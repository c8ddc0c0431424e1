"""Where the targets of a run stand in its graph: in layers from left to right, each right of all that it needs."""

from collections.abc import Iterator, Mapping, Sequence
from graphlib import CycleError
from itertools import pairwise

from buildmatrix.engine.outcome import BuildOutcome
from buildmatrix.graphs import levels
from buildmatrix.records import dataclass
from buildmatrix.report.run.words import duration

MOST = 60
"""Targets that are drawn; more are listed."""

LONGEST_NAME = 30
ROOMY, DENSE = (44, 14), (26, 7)
"""Pixels: a box's height, and from box to box; dense where more than `MANY` would stand above each other."""

MANY = 12
ACROSS, BEND = 64, 8
"""Pixels from layer to layer, and what an edge takes that passes one by."""

LETTER, PADDING = 7.3, 42
WIDE = 1000
"""Pixels that targets without any edge fill before they start a new line."""


@dataclass(frozen=True, kw_only=True)
class Box:
    """A target's box; `x` and `y` are its left upper corner."""

    target: BuildOutcome
    name: str
    note: str
    x: int
    y: int
    width: int


@dataclass(frozen=True, kw_only=True)
class Graph:
    """All boxes, and the edges as SVG paths, each with whether it is of `needs` only.

    `box` is the height of a box; where it is `roomy`, there is a second line in it.
    """

    width: int
    height: int
    box: int
    roomy: bool
    boxes: tuple[Box, ...]
    edges: tuple[tuple[str, bool], ...]


def graph_of(targets: Sequence[BuildOutcome]) -> Graph | None:
    """Return the graph, or None where there are no targets, or too many, or (in a plan made by hand) a cycle."""
    if not 0 < len(targets) <= MOST:
        return None
    try:
        return _graph(targets)
    except CycleError:
        return None


def _graph(targets: Sequence[BuildOutcome]) -> Graph:
    known = {target.name for target in targets}
    firsts = {
        target.name: tuple(name for name in dict.fromkeys((*target.depends_on, *target.needs)) if name in known)
        for target in targets
    }
    used = {name for names in firsts.values() for name in names}
    joined = [target for target in targets if firsts[target.name] or target.name in used]
    layered = _Layered(joined, {target.name: firsts[target.name] for target in joined})
    height, between = layered.size
    alone = [target for target in targets if target not in joined]
    boxes = [*layered.boxes(), *_grid(alone, layered.bottom + 2 * between if joined else 0, layered.size)]
    return Graph(
        width=max(box.x + box.width for box in boxes),
        height=max(box.y for box in boxes) + height,
        box=height,
        roomy=layered.size == ROOMY,
        boxes=tuple(boxes),
        edges=tuple(layered.edges()),
    )


def _name(target: BuildOutcome) -> str:
    name = target.name
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME // 2]}…{name[-LONGEST_NAME // 2 + 1 :]}"


def _note(target: BuildOutcome) -> str:
    """Return `built · 12.4s · 2 platforms`."""
    time = duration(target.seconds) if target.seconds else ""
    platforms = f"{len(target.platforms)} platforms" if len(target.platforms) > 1 else ""
    return " · ".join(text for text in (target.status, time, platforms) if text)


def _width(target: BuildOutcome) -> int:
    return round(max(len(_name(target)), 0.9 * len(_note(target))) * LETTER) + PADDING


def _box(target: BuildOutcome, x: float, y: float, width: int) -> Box:
    return Box(target=target, name=_name(target), note=_note(target), x=round(x), y=round(y), width=width)


def _grid(targets: Sequence[BuildOutcome], top: float, size: tuple[int, int]) -> Iterator[Box]:
    """Yield the boxes of targets that nothing joins, line by line."""
    width, between = max(map(_width, targets), default=1), ROOMY[1]
    columns = max(1, WIDE // (width + between))
    for number, target in enumerate(targets):
        line, column = divmod(number, columns)
        yield _box(target, column * (width + between), top + line * sum(size), width)


class _Layered:
    """The layers of what is joined. An edge over several layers runs through a bend in each of those between.

    A bend is an item of its layer as a target is; edges from one target share theirs.
    """

    def __init__(self, targets: Sequence[BuildOutcome], firsts: Mapping[str, tuple[str, ...]]) -> None:
        self._targets = {target.name: target for target in targets}
        self._firsts = firsts
        self._layer = _layers(firsts)
        self._routes = {(first, name): self._route(first, name) for name, few in firsts.items() for first in few}
        self.rows = self._rows()
        self.size = ROOMY if max(map(len, self.rows), default=0) <= MANY else DENSE
        self._neighbours = self._joined()
        self._order()
        self._middle = self._places()
        self._lefts, self._widths = self._columns()

    @property
    def bottom(self) -> float:
        """The lowest box's lower edge."""
        return max((self._middle[name] for name in self._targets), default=0) + self.size[0] / 2

    def _route(self, first: str, name: str) -> list[str]:
        between = range(self._layer[first] + 1, self._layer[name])
        return [first, *(f"{first}\0{number}" for number in between), name]

    def _rows(self) -> list[list[str]]:
        rows: list[dict[str, None]] = [{} for _ in range(max(self._layer.values(), default=-1) + 1)]
        for name, number in self._layer.items():
            rows[number][name] = None
        for route in self._routes.values():
            for item in route[1:-1]:
                rows[int(item.partition("\0")[2])][item] = None
        return [list(row) for row in rows]

    def _joined(self) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
        """Return what is left of each item, and what is right of it."""
        lefts: dict[str, dict[str, None]] = {item: {} for row in self.rows for item in row}
        rights: dict[str, dict[str, None]] = {item: {} for row in self.rows for item in row}
        for route in self._routes.values():
            for one, other in pairwise(route):
                lefts[other][one] = None
                rights[one][other] = None
        return {item: list(few) for item, few in lefts.items()}, {item: list(few) for item, few in rights.items()}

    def _order(self) -> None:
        """Sort each layer by where its neighbours stand, there and back again: fewer edges cross."""
        for sweep in range(6):
            near = self._neighbours[sweep % 2]
            place = {item: index / max(1, len(row) - 1) for row in self.rows for index, item in enumerate(row)}
            for row in self.rows if sweep % 2 == 0 else self.rows[::-1]:
                wanted = {item: _mean([place[other] for other in near[item]], place[item]) for item in row}
                row.sort(key=wanted.__getitem__)
                place |= {item: index / max(1, len(row) - 1) for index, item in enumerate(row)}

    def _places(self) -> dict[str, float]:
        """Return the middle of each item: near its neighbours', and not over the one above."""
        middle: dict[str, float] = {}
        for row in self.rows:
            middle |= self._spread(row, dict.fromkeys(row, 0.0))
        for sweep in range(6):
            near = self._neighbours[sweep % 2]
            for row in self.rows if sweep % 2 == 0 else self.rows[::-1]:
                wanted = {item: _mean([middle[one] for one in near[item]], middle[item]) for item in row}
                middle |= self._spread(row, wanted)
        top = min((middle[item] - self._room(item) / 2 for item in middle), default=0)
        return {item: y - top for item, y in middle.items()}

    def _room(self, item: str) -> float:
        return self.size[0] if item in self._targets else BEND

    def _spread(self, row: Sequence[str], wanted: Mapping[str, float]) -> dict[str, float]:
        """Return middles as near to the wanted ones as the order and the room that each item takes allow."""
        found: dict[str, float] = {}
        last = ""
        for item in row:
            least = found[last] + (self._room(last) + self._room(item)) / 2 + self.size[1] if last else wanted[item]
            found[item] = max(wanted[item], least)
            last = item
        shift = _mean([wanted[item] - found[item] for item in row], 0)
        return {item: y + shift for item, y in found.items()}

    def _columns(self) -> tuple[list[float], list[int]]:
        """Return each layer's left edge, and its width."""
        widths = [max(_width(self._targets[item]) for item in row if item in self._targets) for row in self.rows]
        lefts = [float(sum(widths[:number]) + ACROSS * number) for number in range(len(widths))]
        return lefts, widths

    def boxes(self) -> Iterator[Box]:
        """Yield the boxes, in the targets' order."""
        for name, target in self._targets.items():
            number = self._layer[name]
            yield _box(target, self._lefts[number], self._middle[name] - self.size[0] / 2, self._widths[number])

    def edges(self) -> Iterator[tuple[str, bool]]:
        """Yield each edge's path, and whether only the order is meant."""
        for (first, name), route in self._routes.items():
            yield self._path(route), first not in self._targets[name].depends_on

    def _path(self, route: Sequence[str]) -> str:
        number = self._layer[route[0]]
        x, y = self._lefts[number] + self._widths[number], self._middle[route[0]]
        path = f"M{x:.0f} {y:.0f}"
        for item in route[1:]:
            number += 1
            to_x, to_y = self._lefts[number], self._middle[item]
            end = to_x - 5 if item == route[-1] else to_x
            path += f"C{x + ACROSS / 2:.0f} {y:.0f} {to_x - ACROSS / 2:.0f} {to_y:.0f} {end:.0f} {to_y:.0f}"
            x, y = to_x + self._widths[number], to_y
            path += "" if item == route[-1] else f"H{x:.0f}"
        return path


def _layers(firsts: Mapping[str, tuple[str, ...]]) -> dict[str, int]:
    """Return each target's layer: one more than the highest of what it needs."""
    return levels(firsts)


def _mean(numbers: Sequence[float], otherwise: float) -> float:
    return sum(numbers) / len(numbers) if numbers else otherwise
