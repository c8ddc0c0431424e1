"""A plan as what is compared of it: the same keys as the document that it is saved as, and no others."""

from collections.abc import Mapping
from typing import Any

from buildmatrix.plan.model import Plan, PlannedTarget
from buildmatrix.spec.credentials import without_credentials
from buildmatrix.spec.rows.settings import Settings
from buildmatrix.spec.rows.shapes import Row, plain, plain_table, row_of, rows

EMPTY: Mapping[str, Any] = {"targets": (), "apply": {}, "requires_buildx": (), "allow": ()}
"""A plan of nothing."""


def side_of(plan: Plan) -> Mapping[str, Any]:
    """Return a plan as it is compared; cells hold the same objects for what they share."""
    known: dict[int, Any] = {}
    every = rows(Settings)
    return {
        "targets": tuple(_target(target, every, known) for target in plan.targets),
        "apply": plain_table(plan.apply),
        "requires_buildx": plan.requires_buildx,
        "allow": tuple(
            {"value": one.value, "target": one.target, "automatic": one.automatic} for one in plan.entitlements
        ),
    }


def _target(target: PlannedTarget, every: tuple[Row, ...], known: dict[int, Any]) -> Mapping[str, Any]:
    settings = without_credentials(target.settings)
    return {
        "name": target.name,
        "target": target.declared,
        "cell": {axis: plain(value) for axis, value in target.cell.items()},
        "exported": target.exported,
        "depends_on": target.depends_on,
        "needs": target.needs,
        "tags_left_to": target.tags_left_to,
        "settings": _settings(settings, every, known if settings is target.settings else {}),
        "by_platform": tuple(_part(one, every) for one in target.variants),
        "volatile": [[row_of(Settings, str(name)).key, *rest] for name, *rest in target.volatile],
    }


def _part(target: PlannedTarget, every: tuple[Row, ...]) -> Mapping[str, Any]:
    """Return what differs of a target for some of its platforms."""
    return {"platforms": target.platforms, "settings": _settings(without_credentials(target.settings), every, {})}


def _settings(settings: Settings, every: tuple[Row, ...], known: dict[int, Any]) -> dict[str, Any]:
    found = {}
    for row in every:
        value = getattr(settings, row.attribute)
        if isinstance(value, str):
            found[row.key] = value
        elif value is not None:
            if id(value) not in known:
                known[id(value)] = plain(value)
            found[row.key] = known[id(value)]
    return found
