"""Each setting is part of the fingerprint, unless its row says that it is not."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal, get_args, get_origin

import pytest

from buildmatrix.errors import Pointer
from buildmatrix.inputs.settings import Part, parts_of
from buildmatrix.spec.rows.marked import tables_of
from buildmatrix.spec.rows.markers import NoInput
from buildmatrix.spec.rows.outputs import ImageOutput, LocalOutput, RegistryOutput
from buildmatrix.spec.rows.settings import Secret, Settings, Ssh
from buildmatrix.spec.rows.shapes import Rest, Row, Table, is_list, is_map, item_of, rows, unwrap


@pytest.mark.parametrize(
    ("settings", "parts"),
    [
        ({}, {}),
        ({"labels": {"a.b": "1", "c": "2"}}, {"labels.a.b": "1", "labels.c": "2"}),
        ({"network": "none", "shm_size": "64m"}, {"network": "none", "shm-size": "64m"}),
        ({"annotations": ("index:a=b",)}, {"annotations.1": "index:a=b"}),
        (
            {"output": (RegistryOutput(type="registry", compression="zstd", name="r/a"),)},
            {"output.1.type": "registry", "output.1.compression": "zstd"},
        ),
        (
            {"output": (ImageOutput(type="image", push=True, rewrite_timestamp=True),)},
            {"output.1.type": "image", "output.1.rewrite-timestamp": "true"},
        ),
        ({"output": (LocalOutput(type="local", dest="out"),)}, {}),
        ({"secret": (Secret(id="a", env="A"),)}, {"secret.1.id": "a"}),
        ({"ssh": (Ssh(id="default", paths=("/k",)),)}, {"ssh.1.id": "default"}),
        ({"tags": ("a",), "description": "x", "no_cache": True, "pull": True, "timeout": "1m", "retries": 2}, {}),
        ({"context": ".", "dockerfile": "D", "args": {"A": "1"}, "target": "t", "contexts": {"a": "b"}}, {}),
    ],
)  # fmt: skip
def test_what_counts(settings: dict[str, Any], parts: dict[str, str]) -> None:
    assert dict(parts_of(Settings(**settings))) == parts


def test_what_is_volatile_is_left_out() -> None:
    noted = RegistryOutput(type="registry", annotation={"annotation.a": "1", "annotation.b": "2"})
    settings = Settings(
        labels={"revision": "abc", "title": "app"}, annotations=("a=1", "revision=abc"), output=(noted,)
    )
    volatile: set[Pointer] = {("labels", "revision"), ("annotations", 1), ("output", 0, "annotation.b")}
    assert dict(parts_of(settings, volatile)) == {
        "labels.title": "app",
        "annotations.1": "a=1",
        "output.1.type": "registry",
        "output.1.annotation.a": "1",
    }


def test_nothing_but_labels_and_annotations_may_be_left_out() -> None:
    """Whatever is volatile: each setting counts with its value, also one that is added some day."""
    left_out = {name for name, before, after in changed_settings() if _told(before) == _told(after)}
    assert left_out == {"labels", "annotations", "output.image.annotation", "output.registry.annotation"}
    assert {name for name, before, after in changed_settings() if parts_of(before) == parts_of(after)} == set()


def _told(settings: Settings) -> tuple[Part, ...]:
    return parts_of(settings, frozenset(_pointers(settings, ())))


def _pointers(value: Any, pointer: Pointer) -> Iterator[Pointer]:
    """Yield pointers to all there is in a value, and to the keys of what it holds."""
    if pointer:
        yield from (pointer, (*pointer, "{{ key }}"))
    for key, item in _items(value, is_top=not pointer):
        yield from _pointers(item, (*pointer, key))


def _items(value: Any, *, is_top: bool) -> Iterator[tuple[str | int, Any]]:
    if isinstance(value, Table):
        for row in rows(type(value)):
            item = getattr(value, row.attribute)
            if row.marker(Rest):
                yield from (item or {}).items()
            elif item is not None:
                yield (row.attribute if is_top else row.key), item
    elif isinstance(value, tuple):
        yield from enumerate(value)
    elif isinstance(value, Mapping):
        yield from value.items()


def changed_settings() -> Iterator[tuple[str, Settings, Settings]]:
    """Yield settings with one value that counts, and with another one, by the value's name."""
    for row in rows(Settings):
        if row.marker(NoInput) is not None:
            continue
        for table in tables_of(row):
            if row.attribute == "output" and table not in {ImageOutput, RegistryOutput}:
                continue
            for inner in rows(table):
                pair = [_table(table, inner, number) for number in (0, 1)]
                if inner.marker(NoInput) is None and pair[0] != pair[1]:
                    kind = getattr(pair[0], "type", None) or ""
                    name = ".".join(filter(None, (row.attribute, kind, inner.attribute)))
                    one, other = (Settings(**_one(row.attribute, (made,))) for made in pair)
                    yield name, one, other
        if not tables_of(row):
            one, other = (Settings(**{row.attribute: _sample(row.shape, number)}) for number in (0, 1))
            yield row.attribute, one, other


def _one(name: str, value: Any) -> dict[str, Any]:
    return {name: value}


def _table(table: Any, changed: Row, number: int) -> Any:
    fixed = {row.attribute: _sample(row.shape, 0) for row in rows(table) if row.attribute in {"type", "id"}}
    push = {"push": True} if table is ImageOutput else {}
    return table(**fixed | push | {changed.attribute: _sample(changed.shape, number)})


def _sample(shape: Any, number: int) -> Any:
    """Return one of two values of a shape."""
    bare, _ = unwrap(shape)
    if get_origin(bare) is Literal:
        return get_args(bare)[min(number, len(get_args(bare)) - 1)]
    if is_list(shape):
        return (_sample(item_of(shape), number),)
    if is_map(shape):
        return {"k": _sample(item_of(shape), number)}
    return bool(number) if bare is bool else number if bare is int else f"v{number}"


def test_what_is_volatile_by_its_key_alone_counts_with_its_value() -> None:
    def told(key: str, value: str) -> tuple[Part, ...]:
        return parts_of(Settings(labels={key: value, "b": "1"}), {("labels", key, "{{ git.short }}")})

    assert told("abc", "1") == told("def", "1") == (("labels.b", "1"), ("labels.{{ git.short }}", "1"))
    assert told("abc", "1") != told("abc", "2")


@pytest.mark.parametrize("place", [("output", 0), ("output", 0, "annotation.a")])
def test_the_rest_of_a_volatile_output_counts(place: Pointer) -> None:
    output = RegistryOutput(type="registry", annotation={"annotation.a": "1"}, compression="zstd")
    found = parts_of(Settings(output=(output,)), {place})
    assert dict(found) == {"output.1.type": "registry", "output.1.compression": "zstd"}


def test_names_count_where_outputs_push_different_images() -> None:
    def names(**second: Any) -> dict[str, str]:
        outputs = (RegistryOutput(type="registry"), ImageOutput(type="image", push=True, name="r/a:b", **second))
        return {key: text for key, text in parts_of(Settings(tags=("r/a:1",), output=outputs)) if key.endswith("name")}

    assert names() == {}
    assert names(compression="zstd") == {"output.1.name": "r/a:1", "output.2.name": "r/a:b"}
    assert names(compression="zstd", push_by_digest=True) == {}
