"""Merging: one rule for every setting. Scalars replace, tables merge by key, lists replace; `extend` appends to lists.

The order is: defaults, parents (later ones win), the target, matching overrides, `--set`.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from buildmatrix.errors import Place, Pointer
from buildmatrix.spec.model import DeclaredTarget, Layer, Override, Spec
from buildmatrix.spec.names import inside
from buildmatrix.spec.settings import Settings
from buildmatrix.spec.shapes import given, row_of


@dataclass(frozen=True, kw_only=True)
class Merged:
    """Settings with the place of each scalar, list item and table key: `("tags", 0)`, `("args", "PYTHON")`."""

    settings: Settings
    origins: Mapping[Pointer, Place]


def layers_of(spec: Spec, target: DeclaredTarget) -> list[Layer]:
    """Return what lies under a target's overrides, outermost first: defaults, parents in full, the target itself."""
    return [*target.defaults, *_own_layers(spec, target)]


def _own_layers(spec: Spec, target: DeclaredTarget) -> Iterator[Layer]:
    for parent in target.table.inherits or ():
        if parent in spec.targets:
            yield from _own_layers(spec, spec.targets[parent])
    yield Layer(settings=target.table, place=target.place)
    if target.table.extend is not None:
        yield Layer(settings=target.table.extend, place=inside(target.place, "extend"), extend=True)


def override_layers(target: DeclaredTarget, indices: Iterable[int]) -> Iterator[Layer]:
    """Return the layers of some of a target's overrides."""
    overrides: tuple[Override, ...] = target.table.override or ()
    for index in indices:
        place = inside(target.place, "override", index)
        yield Layer(settings=overrides[index], place=place)
        if overrides[index].extend is not None:
            yield Layer(settings=overrides[index].extend, place=inside(place, "extend"), extend=True)


def merge(layers: Iterable[Layer]) -> Merged:
    """Lay the layers over each other."""
    found: dict[str, Any] = {}
    origins: dict[Pointer, Place] = {}
    for layer in layers:
        for attribute, value in given(layer.settings).items():
            if attribute in _ATTRIBUTES:
                _lay(found, origins, attribute, value, layer)
    return Merged(settings=Settings(**found), origins=origins)


def _lay(found: dict[str, Any], origins: dict[Pointer, Place], attribute: str, value: Any, layer: Layer) -> None:
    place = inside(layer.place, row_of(Settings, attribute).key)
    if isinstance(value, Mapping):
        found[attribute] = {**found.get(attribute, {}), **value}
        origins.setdefault((attribute,), place)
        origins.update({(attribute, key): inside(place, key) for key in value})
    elif isinstance(value, tuple):
        _lay_list(found, origins, attribute, value, layer)
    else:
        found[attribute] = value
        origins[attribute,] = place


def _lay_list(
    found: dict[str, Any], origins: dict[Pointer, Place], attribute: str, value: tuple[Any, ...], layer: Layer
) -> None:
    place = inside(layer.place, row_of(Settings, attribute).key)
    start: tuple[Any, ...] = found.get(attribute, ()) if layer.extend else ()
    known = [origins[attribute, index] for index in range(len(start))]
    places = [inside(place, index) for index in range(len(value))]
    fresh = [(item, where) for item, where in zip(value, places, strict=True) if where not in known]
    found[attribute] = (*start, *(item for item, _ in fresh))
    if not start:
        origins[attribute,] = place
    origins.update({(attribute, index): where for index, where in enumerate([*known, *(where for _, where in fresh)])})


_ATTRIBUTES = frozenset(Settings.__annotations__)
