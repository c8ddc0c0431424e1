"""How large images are: what a registry holds of them, or the archive; looked up only for reports."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from buildmatrix.engine.outcome import BuildOutcome, Outcome
from buildmatrix.engine.registry import Registry
from buildmatrix.files import kind_at
from buildmatrix.oci.answers import Found, Unknown
from buildmatrix.oci.http.parallel import all_of
from buildmatrix.oci.reference import parse
from buildmatrix.plan.model import Plan

MOST, MOST_PULLS = 500, 50
"""Images whose sizes are looked up: two or three manifests are read for each. On Docker Hub each counts as a pull."""

COUNTS_PULLS = "docker.io"


def sized(outcome: Outcome) -> list[BuildOutcome]:
    """Return the targets of which a registry is asked, each image once."""
    pushed = [target for target in outcome.targets if target.tags and target.digest and target.status != "unchanged"]
    images = {target.digest: target for target in pushed[::-1]}
    counted = [target for target in images.values() if parse(target.tags[0]).host == COUNTS_PULLS]
    others = [target for target in images.values() if parse(target.tags[0]).host != COUNTS_PULLS]
    return [*others[::-1][:MOST], *counted[::-1][:MOST_PULLS]]


def with_sizes(outcome: Outcome, plan: Plan, registry: Registry) -> Outcome:
    """Return the outcome with the sizes that are known; nothing fails for want of one.

    `plan` has the targets as they are asked for: builders of several nodes build them in other parts.
    """
    images = {target.digest: target for target in sized(outcome)}
    finder = _Finder(registry)
    found = all_of(lambda digest: finder.size(images[digest]), images)
    targets = tuple(
        replace(
            target, size=(found.get(target.digest, 0) if target.tags else 0) or _archive(target, plan) or target.size
        )
        for target in outcome.targets
    )
    return replace(outcome, targets=targets)


def _archive(target: BuildOutcome, plan: Plan) -> int:
    if target.status not in {"built", "cached"}:
        return 0
    whole = plan.by_name.get(target.target)  # None for what is only depended on: it writes nothing
    dests = (getattr(output, "dest", None) for output in (whole.settings.output if whole else None) or ())
    paths = [Path(plan.directory, dest) for dest in dests if dest]
    return sum(path.stat().st_size for path in paths if kind_at(path) == "file")


class _Finder:
    """Reads manifests, each once; where that was refused or not answered, nothing more is asked."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._read: dict[str, dict[str, Any]] = {}
        self._silent: set[str] = set()

    def size(self, target: BuildOutcome) -> int:
        """Return the bytes of all manifests' configurations and layers, each layer once; 0 if one cannot be read."""
        repository = parse(target.tags[0]).repository
        try:
            top = self._manifest(repository, target.digest)
            rows = [row for row in top.get("manifests") or () if row.get("platform", {}).get("os") != "unknown"]
            manifests = [self._manifest(repository, row["digest"]) for row in rows] or [top]
            blobs = {blob["digest"]: int(blob["size"]) for manifest in manifests for blob in _blobs(manifest)}
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            return 0
        return sum(blobs.values())

    def _manifest(self, repository: str, digest: str) -> dict[str, Any]:
        if digest not in self._read:
            host = parse(repository).host
            if self._silent & {repository, host}:
                raise LookupError(digest)
            found = self._registry.get(repository, digest, tries=1)
            if isinstance(found, Unknown):
                self._silent.add(host if found.passes else repository)
            self._read[digest] = json.loads(found.body if isinstance(found, Found) else b"")
        return self._read[digest]


def _blobs(manifest: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    config = manifest.get("config")
    return [*([config] if config else []), *(manifest.get("layers") or ())]
