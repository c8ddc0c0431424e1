"""What follows from settings that cells share is worked out once for all of them."""

from collections.abc import Callable, Iterable
from operator import attrgetter, is_
from typing import Any, TypeVar

from buildmatrix.spec.rows.settings import Settings

T = TypeVar("T")

WORKS: list[tuple[frozenset[str], Callable[[Settings], Iterable[Any]]]] = []
"""The attributes that each work names, and the work itself: a test sees that it looks at no others."""


def shared(*attributes: str) -> Callable[[Callable[[Settings], Iterable[T]]], Callable[[Settings], tuple[T, ...]]]:
    """Do a work again only where one of these attributes is another object than the last time.

    Cells of a matrix hold the same objects for all that no template changes, and follow each other. The work may look
    at nothing but these attributes of the settings.
    """

    def decorate(work: Callable[[Settings], Iterable[T]]) -> Callable[[Settings], tuple[T, ...]]:
        WORKS.append((frozenset(attributes), work))
        values_of = attrgetter(attributes[0], *attributes)  # of one name alone it returns no tuple
        last: tuple[tuple[Any, ...], tuple[T, ...]] | None = None

        def once(settings: Settings) -> tuple[T, ...]:
            nonlocal last
            values, known = values_of(settings), last
            if known is None or not all(map(is_, values, known[0])):
                known = last = (values, tuple(work(settings)))
            return known[1]

        return once

    return decorate
