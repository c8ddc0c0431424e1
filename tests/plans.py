"""Plans made by hand: targets and plans with a default for everything that a test does not care about."""

import tempfile
from typing import Any

from buildmatrix.errors import Place
from buildmatrix.plan.model import Plan, PlannedTarget, Reason
from buildmatrix.spec.rows.settings import Settings


def target(name: str = "app", settings: Settings | None = None, *, file: str = "f", **values: Any) -> PlannedTarget:
    """A target that is selected and exported; `values` are attributes that differ."""
    defaults: dict[str, Any] = {
        "declared": name,
        "cell": {},
        "depends_on": (),
        "needs": (),
        "reason": Reason(kind="selected", by=""),
        "exported": True,
        "stage": 1,
        "place": Place(file=file, pointer=("target", name)),
        "origins": {},
    }
    return PlannedTarget(name=name, settings=settings or Settings(), **(defaults | values))


def plan(*targets: PlannedTarget, **values: Any) -> Plan:
    """A plan of these targets; `values` are attributes that differ."""
    defaults: dict[str, Any] = {
        "file": "f",
        "directory": tempfile.gettempdir(),
        "digests": {},
        "requires_buildx": (),
        "selectors": (),
        "platforms": (),
        "entitlements": (),
        "matrices": {},
        "warnings": (),
    }
    return Plan(targets=targets, **(defaults | values))
