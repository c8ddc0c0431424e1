"""What the settings of a target contribute to its fingerprint: each, but for what `NoInput` or `Remark` leaves out."""

from collections.abc import Collection, Iterator, Mapping
from functools import cache
from typing import Any

from buildmatrix.errors import Pointer
from buildmatrix.plan.outputs import differ, pushes_tags
from buildmatrix.spec.rows.markers import NoInput, Remark
from buildmatrix.spec.rows.outputs import ImageOutput, RegistryOutput
from buildmatrix.spec.rows.settings import Settings
from buildmatrix.spec.rows.shapes import Rest, Row, Table, rows

Part = tuple[str, str]
"""A name as people write it (`labels.version`, `attest.1.mode`), and a value."""

NONE: frozenset[Pointer] = frozenset()


def parts_of(settings: Settings, volatile: Collection[Pointer] = NONE) -> tuple[Part, ...]:
    """Return what the settings contribute, sorted by name; of what a `Remark` is said of, without what is `volatile`.

    What is volatile is told as `PlannedTarget` tells it. Everything else counts, whatever it was made with. Of the
    outputs only those count that push an image: the fingerprint is kept with that. Their names count only where they
    push different images: an image does not tell of which output it is.
    """
    return tuple(sorted((*_Parts(volatile).of(settings), *_names(settings))))


def _names(settings: Settings) -> Iterator[Part]:
    outputs: tuple[Any, ...] = (settings.output or ()) if differ(settings) else ()
    for number, output in enumerate(outputs, 1):
        if pushes_tags(output):
            yield f"output.{number}.name", output.name or ",".join(settings.tags or ())


class _Parts:
    def __init__(self, volatile: Collection[Pointer]) -> None:
        self._volatile = volatile
        self._keys = {path[:-1]: str(path[-1]) for path in volatile}

    def of(self, table: Table, pointer: Pointer = (), name: str = "") -> Iterator[Part]:
        """Yield the parts of a table."""
        kind: Any = type(table)  # mypy takes the class for one of its instances here
        for row in _counted(kind):
            if (value := getattr(table, row.attribute)) is None:
                continue
            is_rest = row.marker(Rest) is not None
            here = pointer if is_rest else (*pointer, row.key if pointer else row.attribute)
            called = name.rstrip(".") if is_rest else f"{name}{row.key}"
            remarks = bool(self._volatile) and row.marker(Remark) is not None
            yield from self._remarks(value, here, called) if remarks else self._of(value, here, called)

    def _of(self, value: Any, pointer: Pointer, name: str) -> Iterator[Part]:
        if isinstance(value, Table):
            if pointer[0] != "output" or isinstance(value, ImageOutput | RegistryOutput):
                yield from self.of(value, pointer, f"{name}.")
        elif isinstance(value, Mapping | tuple):
            for key, called, item in _items(value):
                yield from self._of(item, (*pointer, key), f"{name}.{called}")
        else:
            yield name, str(value).lower() if isinstance(value, bool) else str(value)

    def _remarks(self, value: Any, pointer: Pointer, name: str) -> Iterator[Part]:
        """Yield what is not volatile: under the template of a key where that is, and the value is not."""
        if any(pointer[:length] in self._volatile for length in range(1, len(pointer) + 1)):
            return
        for key, called, item in _items(value):
            path = (*pointer, key)
            if path not in self._volatile:
                yield from self._of(item, path, f"{name}.{self._keys.get(path, called)}")


def _items(value: Any) -> Iterator[tuple[str | int, str | int, Any]]:
    """Yield the items of a map or list: key or index, what people call it, value."""
    if isinstance(value, Mapping):
        yield from ((key, key, item) for key, item in value.items())
    else:
        yield from ((index, index + 1, item) for index, item in enumerate(value))


@cache
def _counted(table: Any) -> tuple[Row, ...]:
    return tuple(row for row in rows(table) if row.marker(NoInput) is None)
