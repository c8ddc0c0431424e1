"""Markers are found wherever they stand: at a setting, at the items of its list, in the tables that it holds."""

from typing import Any

import pytest

from buildmatrix.spec.rows.marked import holding, leaves, marked, rows_with, says
from buildmatrix.spec.rows.markers import Credential, ImageRef, Local, NameOf, Privilege
from buildmatrix.spec.rows.settings import Settings
from buildmatrix.spec.rows.shapes import build_table, row_of, rows
from buildmatrix.spec.rows.tables import File, Target

SAID = {
    "context": "images",
    "contexts": {"src": "../src"},
    "tags": ["one", "two"],
    "output": [{"type": "local", "dest": "out"}, {"type": "image", "name": "a,b"}, "type=local,dest=not-parsed"],
    "ssh": [{"id": "default"}, {"id": "two", "paths": ["key,more", "socket"]}],
    "attest": [{"type": "sbom", "generator": "scanner"}],
    "network": "host",
}


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        (
            Local,
            [
                (("context",), "images"),
                (("contexts", "src"), "../src"),
                (("output", 0, "dest"), "out"),
                (("ssh", 1, "paths", 0), "key,more"),
                (("ssh", 1, "paths", 1), "socket"),
            ],
        ),
        (
            ImageRef,
            [
                (("tags", 0), "one"),
                (("tags", 1), "two"),
                (("output", 1, "name"), "a,b"),
                (("attest", 0, "generator"), "scanner"),
            ],
        ),
        (Privilege, [(("network",), "host")]),
    ],
)
def test_each_value_has_its_pointer_and_its_marker(kind: Any, found: list[Any]) -> None:
    settings = build_table(Settings, SAID)
    assert [(pointer, value) for pointer, value, _ in marked(settings, kind)] == found
    assert all(isinstance(marker, kind) for *_, marker in marked(settings, kind))


def test_the_marker_is_that_of_the_table_that_stands_there() -> None:
    """Both say an image; only one writes it, and may have no digest."""
    registry = [{"type": "registry", "ref": "cache"}]
    settings = build_table(Settings, {"cache-from": registry, "cache-to": registry})
    assert [marker.writes for *_, marker in marked(settings, ImageRef)] == [False, True]


def test_what_holds_a_marker_is_told_from_what_says_it() -> None:
    assert {"output", "ssh"} <= {row.attribute for row in holding(Settings, Local)}
    assert not {"output", "ssh"} & {row.attribute for row in rows_with(Settings, Local)}
    assert says(row_of(Settings, "contexts"), Local)
    assert not says(row_of(Settings, "secret"), Local)
    assert not list(marked(Settings(), Local))


def test_leaves_are_those_of_a_list_of_a_map_and_a_text_itself() -> None:
    assert [list(leaves(value)) for value in (("a", "b"), {"k": "a"}, "a")] == [
        [((0,), "a"), ((1,), "b")],
        [(("k",), "a")],
        [((), "a")],
    ]


def test_markers_that_are_kinds_of_others_are_found_as_both() -> None:
    named = {row.attribute for row in rows_with(Target, NameOf)}
    assert {row.attribute for row in rows_with(Target, ImageRef)} < named
    assert says(next(row for row in rows(File) if row.attribute == "include"), NameOf)
    assert not says(row_of(Settings, "description"), Credential)
