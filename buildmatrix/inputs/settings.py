"""What a target's settings contribute to its fingerprint: each, but for those that a marker `NoInput` leaves out."""

from collections.abc import Collection, Iterator, Mapping
from functools import cache
from typing import Any

from buildmatrix.errors import Pointer
from buildmatrix.plan.outputs import differ, pushes_tags
from buildmatrix.spec.rows.markers import NoInput
from buildmatrix.spec.rows.settings import ImageOutput, RegistryOutput, Settings
from buildmatrix.spec.rows.shapes import Rest, Row, Table, rows

Part = tuple[str, str]
"""A name as people write it (`labels.version`, `attest.1.mode`), and a value."""

NONE: frozenset[Pointer] = frozenset()


def parts_of(settings: Settings, volatile: Collection[Pointer] = NONE) -> tuple[Part, ...]:
    """Return what the settings contribute, sorted by name; what is `volatile` is left out (as `PlannedTarget` has it).

    Of the outputs only those count that push an image: the fingerprint is kept with that. Their names count only where
    they push different images: an image does not tell of which output it is.
    """
    return tuple(sorted((*_parts(settings, (), "", volatile), *_names(settings))))


def _names(settings: Settings) -> Iterator[Part]:
    outputs: tuple[Any, ...] = (settings.output or ()) if differ(settings) else ()
    for number, output in enumerate(outputs, 1):
        if pushes_tags(output):
            yield f"output.{number}.name", output.name or ",".join(settings.tags or ())


def _parts(table: Table, pointer: Pointer, name: str, volatile: Collection[Pointer]) -> Iterator[Part]:
    kind: Any = type(table)  # mypy takes the class for one of its instances here
    for row in _counted(kind):
        value = getattr(table, row.attribute)
        if value is not None and row.marker(Rest) is not None:
            yield from _of(value, pointer, name.rstrip("."), volatile)
        elif value is not None:
            yield from _of(value, (*pointer, row.key if pointer else row.attribute), f"{name}{row.key}", volatile)


def _of(value: Any, pointer: Pointer, name: str, volatile: Collection[Pointer]) -> Iterator[Part]:
    if pointer in volatile:
        return
    if isinstance(value, Table):
        if pointer[0] != "output" or isinstance(value, ImageOutput | RegistryOutput):
            yield from _parts(value, pointer, f"{name}.", volatile)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _of(item, (*pointer, key), f"{name}.{key}", volatile)
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from _of(item, (*pointer, index), f"{name}.{index + 1}", volatile)
    else:
        yield name, str(value).lower() if isinstance(value, bool) else str(value)


@cache
def _counted(table: Any) -> tuple[Row, ...]:
    return tuple(row for row in rows(table) if row.marker(NoInput) is None)
