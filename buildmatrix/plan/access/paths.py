"""Which strings are paths of this machine, and paths of an included file as seen from the root file."""

import posixpath
from collections.abc import Mapping
from typing import Any

from buildmatrix.errors import Place
from buildmatrix.patterns import regex
from buildmatrix.spec.rows.markers import Local
from buildmatrix.spec.rows.shapes import Table, is_list, is_map, item_of, row_of, rows, unwrap

_REMOTE = regex(r"^([A-Za-z][A-Za-z0-9+.-]*://|[A-Za-z0-9_.-]+@[^/:]+:|github\.com/|target:|-$)")
_LAYOUT = "oci-layout://"


def is_local(text: str) -> bool:
    """Tell whether a context is a directory of this machine: no URL, Git address, image, target or standard input."""
    return _REMOTE.match(text) is None


def folder_of(place: Place) -> str:
    """Return the directory that a setting's paths are relative to: its file's; the root file's ("") for one of `--set`.

    A `--set` is named whole where a file would be, slashes of its value included; it is below no table of a file.
    """
    return posixpath.dirname(place.file) if place.pointer[:1] in {("target",), ("defaults",)} else ""


def rebased(text: str, folder: str) -> str:
    """Return a path, relative to `folder` (itself relative to the root file's), as relative to the root file's."""
    if text.startswith(_LAYOUT):
        return _LAYOUT + rebased(text.removeprefix(_LAYOUT), folder)
    if not folder or not is_local(text) or posixpath.isabs(text):
        return text
    joined = posixpath.normpath(posixpath.join(folder, text))
    return joined if not text.endswith("/") else joined + "/"


def rebase(table: type[Table], attribute: str, value: Any, folder: str) -> Any:
    """Return a setting's value with its local paths rebased; `folder` is that of the file that says it."""
    if not folder:
        return value
    row = row_of(table, attribute)
    return _rebase(row.shape, row.markers, value, folder)


def _rebase(shape: Any, markers: tuple[object, ...], value: Any, folder: str) -> Any:
    if isinstance(value, str):
        of_file = any(isinstance(marker, Local) and not marker.beside for marker in markers)
        return rebased(value, folder) if of_file else value
    if isinstance(value, tuple) and is_list(shape):
        return tuple(_rebase(*unwrap(item_of(shape)), item, folder) for item in value)
    if isinstance(value, Mapping) and is_map(shape):
        return {key: _rebase(*unwrap(item_of(shape)), item, folder) for key, item in value.items()}
    if isinstance(value, Table):
        own = type(value)
        return value.but(
            {row.attribute: _rebase(row.shape, row.markers, getattr(value, row.attribute), folder) for row in rows(own)}
        )
    return value
