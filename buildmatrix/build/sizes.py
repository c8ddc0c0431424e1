"""How large images are: what a registry holds of them, or the archive; looked up only for reports."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from buildmatrix.build.outcome import Outcome, TargetOutcome
from buildmatrix.oci.answers import Found
from buildmatrix.oci.client import Registries
from buildmatrix.oci.parallel import all_of
from buildmatrix.oci.reference import split
from buildmatrix.plan.model import Plan

MOST = 50
"""Images whose sizes are looked up: each manifest is read for it."""


def with_sizes(outcome: Outcome, plan: Plan, registries: Registries) -> Outcome:
    """Return the outcome with the sizes that are known; nothing fails for want of one."""
    pushed = [target for target in outcome.targets if target.tags and target.digest and target.status != "kept"]
    wanted = {target.name: target for target in pushed[:MOST]}
    finder = _Finder(registries)
    found = all_of(lambda name: finder.size(wanted[name]), wanted)
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
    def __init__(self, registries: Registries) -> None:
        self._registries = registries

    def size(self, target: TargetOutcome) -> int:
        """Return the bytes of all manifests' configurations and layers, each layer once; 0 if one cannot be read."""
        repository = split(target.tags[0])[0]
        try:
            top = self._read(repository, target.digest)
            rows = [row for row in top.get("manifests", ()) if row.get("platform", {}).get("os") != "unknown"]
            manifests = [self._read(repository, row["digest"]) for row in rows] or [top]
            blobs = {blob["digest"]: int(blob["size"]) for manifest in manifests for blob in _blobs(manifest)}
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            return 0
        return sum(blobs.values())

    def _read(self, repository: str, digest: str) -> dict[str, Any]:
        found = self._registries.get(repository, digest)
        read: dict[str, Any] = json.loads(found.body if isinstance(found, Found) else b"")
        return read


def _blobs(manifest: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    config = manifest.get("config")
    return [*([config] if config else []), *manifest.get("layers", ())]
