"""The names of cells that the file gives none."""

from collections.abc import Iterable, Mapping
from itertools import islice, product
from typing import Any

from buildmatrix.patterns import regex
from buildmatrix.spec.rows.shapes import is_template, text_of
from buildmatrix.spec.rows.tables import DeclaredTarget, Matrix

MOST = 1_000
"""Cells that are looked at for a hint."""

_NOT_NAME = regex(r"[^A-Za-z0-9_]+")


def label(value: Any) -> str:
    """Return an axis's value as it stands in names and messages; of a table its `name`, `id`, or first value."""
    if isinstance(value, Mapping):
        return label(next((value[key] for key in ("name", "id") if key in value), next(iter(value.values()), "")))
    return text_of(value)


def cell_name(declared: str, cell: Mapping[str, Any], axes: Iterable[str]) -> str:
    """Return the name of a cell that the file gives none: `app-3-12-bookworm`, of its values on the axes."""
    values = [cell[axis] for axis in axes if axis in cell] or list(cell.values())
    return "-".join([declared, *(_NOT_NAME.sub("-", label(value)).strip("-") for value in values)])


def cell_hint(text: str, targets: Mapping[str, DeclaredTarget]) -> str:
    """Return how a parent is written that is called by the name of a cell; "" if no target is known to have such."""
    for name, target in targets.items():
        axes = (target.making.matrix or Matrix()).axes or {}
        if not text.startswith(f"{name}-") or target.making.name or any(map(_is_open, axes.values())):
            continue
        for values in islice(product(*axes.values()), MOST):
            cell = dict(zip(axes, values, strict=True))
            if cell and cell_name(name, cell, axes) == text:
                pairs = ",".join(f"{axis}={label(value)}" for axis, value in cell.items())
                return f'a cell is named by its values: write "{name}[{pairs}]"'
    return ""


def _is_open(values: Any) -> bool:
    return isinstance(values, str) or any(isinstance(value, str) and is_template(value) for value in values)
