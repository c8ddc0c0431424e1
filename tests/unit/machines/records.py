"""Records and plans made by hand, for the tests of this directory."""

from typing import Any

from buildmatrix.machines.record import PushedImage, RecordDocument
from buildmatrix.plan.builds import BuildPlan
from buildmatrix.plan.model import PlannedTarget
from buildmatrix.spec.rows.outputs import RegistryOutput
from buildmatrix.spec.rows.settings import Settings
from buildmatrix.state.decisions.assigned import assigned
from tests import plans

AMD, ARM = "linux/amd64", "linux/arm64"
RUNNERS = {"default": ("ubuntu",), ARM: ("arm",)}
PUSHED = (RegistryOutput(type="registry"),)
PLAN = f"sha256:{'a' * 64}"


def target(
    name: str, *links: str, platforms: tuple[str, ...] = (AMD, ARM), output: tuple[Any, ...] = PUSHED, **values: Any
) -> PlannedTarget:
    """A target that is pushed to r/NAME, and built upon others."""
    contexts = {link: f"target:{link}" for link in links} or None
    settings = Settings(contexts=contexts, platforms=platforms, output=output, tags=(f"r/{name}:1",))
    return plans.target(name, settings, **{"depends_on": links, **values})


def jobs(*targets: PlannedTarget) -> BuildPlan:
    """The Builds of a plan, for two machines."""
    return assigned(plans.plan(*targets, runners=RUNNERS), None)


def digest(number: int) -> str:
    """A digest."""
    return f"sha256:{number:064x}"


def record(key: str, number: int = 1, **values: Any) -> RecordDocument:
    """A good record of a Build, as the plan of `target` says it; `values` are what differs."""
    name, _, platform = key.partition("@")
    defaults: dict[str, Any] = {
        "format_version": 1,
        "plan": PLAN,
        "build": key,
        "target": name,
        "platforms": tuple(platform.split("+")) if platform else (),
        "status": "built",
        "pushed": (PushedImage(repository=f"r/{name}", digest=digest(number), media_type="m", size=9),),
        "built_on": {},
        "annotations": {},
        "metadata": {},
        "overtaken": None,
        "started": "2026-11-27T10:00:00.000Z",
        "ended": "2026-11-27T10:00:05.000Z",
        "seconds": 4.0,
        "builder": "b",
        "reason": None,
        "hint": None,
        "failed_step": None,
        "excerpt": None,
        "log": None,
    }
    return RecordDocument(**(defaults | values))


def failed(key: str, status: str = "failed", **values: Any) -> RecordDocument:
    """A record of a Build that is not there."""
    return record(key, status=status, pushed=(), reason="exit code: 1", **values)
