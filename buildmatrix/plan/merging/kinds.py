"""How the value of a setting is treated, as follows from its row."""

from functools import cache
from typing import Any, Literal, get_origin

from buildmatrix.records import dataclass
from buildmatrix.spec.rows.marked import says
from buildmatrix.spec.rows.markers import FreeText, NameOf
from buildmatrix.spec.rows.settings import Settings
from buildmatrix.spec.rows.shapes import Keyword, NotInBake, is_list, is_map, item_of, row_of, unwrap


@dataclass(frozen=True, kw_only=True)
class Kind:
    """What follows from a setting's row.

    `unchecked`: no schema could refuse a text there. `empty_is_unset`: "" is
    no text, since bake takes it for none. `lists` is what it lists the names of; "" where it is no such list.
    """

    unchecked: bool
    empty_is_unset: bool
    lists: str


@cache
def kind_of(attribute: str) -> Kind:
    """Return the kind of a setting."""
    row = row_of(Settings, attribute)
    free, name = says(row, FreeText), says(row, NameOf)
    is_text = row.shape is str or get_origin(row.shape) is Literal
    return Kind(
        unchecked=_takes_any_text(row.shape, row.markers),
        empty_is_unset=is_text and free is None and row.marker(NotInBake) is None,
        lists=name.what if name and is_list(row.shape) else "",
    )


def _takes_any_text(shape: Any, markers: tuple[object, ...]) -> bool:
    if is_list(shape) or is_map(shape):
        return _takes_any_text(*unwrap(item_of(shape)))
    return shape is str and not any(isinstance(marker, Keyword) for marker in markers)
