"""How large images are: what a registry holds of them, or the archive; looked up only for reports."""

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from buildmatrix.build.outcome import Outcome, TargetOutcome
from buildmatrix.errors import EngineError
from buildmatrix.oci.reference import split
from buildmatrix.plan.model import Plan
from buildmatrix.process import Programs

MOST = 50
"""Images whose sizes are looked up: it takes a call of docker for each manifest."""

AT_ONCE = 6


def with_sizes(outcome: Outcome, plan: Plan, programs: Programs, builder: str | None) -> Outcome:
    """Return the outcome with the sizes that are known; nothing fails for want of one."""
    pushed = [target for target in outcome.targets if target.tags and target.digest and target.status != "kept"]
    finder = _Finder(programs, builder)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = dict(zip((target.name for target in pushed[:MOST]), pool.map(finder.size, pushed[:MOST]), strict=True))
    targets = tuple(
        replace(target, size=found.get(target.name) or _archive(target, plan) or target.size)
        for target in outcome.targets
    )
    return replace(outcome, targets=targets)


def _archive(target: TargetOutcome, plan: Plan) -> int:
    if target.status not in {"built", "cached"}:
        return 0
    dests = (getattr(output, "dest", None) for output in plan.by_name[target.name].settings.output or ())
    paths = [Path(plan.directory, dest) for dest in dests if dest]
    return sum(path.stat().st_size for path in paths if path.is_file())


class _Finder:
    def __init__(self, programs: Programs, builder: str | None) -> None:
        self._programs = programs
        self._builder = ["--builder", builder] if builder else []

    def size(self, target: TargetOutcome) -> int:
        """Return the bytes of all manifests' configurations and layers, each layer once."""
        repository = split(target.tags[0])[0]
        top = self._raw(f"{repository}@{target.digest}")
        rows = [row for row in top.get("manifests", ()) if row.get("platform", {}).get("os") != "unknown"]
        manifests = [self._raw(f"{repository}@{row['digest']}") for row in rows] or [top]
        blobs = {blob["digest"]: blob["size"] for manifest in manifests for blob in _blobs(manifest)}
        return sum(blobs.values())

    def _raw(self, reference: str) -> dict[str, Any]:
        command = ["docker", "buildx", "imagetools", "inspect", *self._builder, "--raw", reference]
        try:
            found: dict[str, Any] = json.loads(self._programs.run(command).stdout)
        except (EngineError, ValueError):
            return {}
        return found


def _blobs(manifest: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    config = manifest.get("config")
    return [*([config] if config else []), *manifest.get("layers", ())]
