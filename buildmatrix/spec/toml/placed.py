"""Lists of which items are gone, or have become several, and that know nevertheless where each was written."""

from collections.abc import Iterable, Sequence
from typing import Any


class Placed(tuple[Any, ...]):  # noqa: SLOT001 a tuple has no slots to give
    """A list with the index that each item had as it was written; equal to any other list of these items."""

    sources: tuple[int, ...]


def placed(items: Iterable[Any], sources: Iterable[int]) -> tuple[Any, ...]:
    """Return items as a list, with the indices of those that they came from where these are not their own."""
    found, known = tuple(items), tuple(sources)
    if known == tuple(range(len(found))):
        return found
    made = Placed(found)
    made.sources = known
    return made


def sources_of(items: Sequence[Any]) -> Sequence[int]:
    """Return the index that each item had as it was written."""
    return items.sources if isinstance(items, Placed) else range(len(items))


def source_of(items: Any, index: int) -> int:
    """Return the index that an item had as it was written; its own for what is no such list."""
    return items.sources[index] if isinstance(items, Placed) and index < len(items.sources) else index


def first_of_each(items: Sequence[Any]) -> tuple[Any, ...]:
    """Return a list without its repeats."""
    kept: dict[Any, int] = {}
    for item, source in zip(items, sources_of(items), strict=True):
        kept.setdefault(item, source)
    return placed(kept, kept.values())


class Dropped(str):
    """Stands in a list of texts for an item that was refused, so that the others keep their places."""

    __slots__ = ()


class DroppedTable(dict[str, Any]):
    """Stands in the list of a target's overrides for one that was refused."""

    def __init__(self) -> None:
        """Make a table that is accepted: it selects something."""
        super().__init__(select={"_": "_"})


def without_dropped(items: Sequence[Any]) -> tuple[Any, ...]:
    """Return a list without the items that were refused."""
    kept = [index for index, item in enumerate(items) if not isinstance(item, Dropped | DroppedTable)]
    return placed((items[index] for index in kept), kept)
