"""Outputs that are known to fail, or to lose something, whatever is built: found by trying all combinations.

Outputs × platforms × attestations × annotations were built with buildx 0.29 on the drivers docker and remote; the
rules are those of BuildKit's exporters, and `tests/e2e/test_exports.py` holds them against a real engine.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from buildmatrix.plan.checks.values import Annotation, Fault, annotations
from buildmatrix.spec.checks.data import shown
from buildmatrix.spec.rows.outputs import DockerOutput, ImageOutput, OciOutput, RegistryOutput
from buildmatrix.spec.rows.platforms import AUTO
from buildmatrix.spec.rows.settings import ProvenanceAttest, Settings

TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
"""What Go takes for true."""

MULTI_PLATFORM = "BUILDKIT_MULTI_PLATFORM"
"""An argument by which BuildKit writes an index for one platform, too."""

ARCHIVE = "an archive for `docker load` holds one image without attestations"


def failing(settings: Settings) -> Iterator[Fault]:
    """Yield the outputs of a target that cannot be, on any builder."""
    outputs: tuple[Any, ...] = settings.output or ()
    attested = is_attested(settings)
    for index, output in enumerate(outputs):
        if isinstance(output, DockerOutput) and output.dest and (len(settings.platforms or ()) > 1 or attested):
            what = "attestations" if attested else f"{len(settings.platforms or ())} platforms"
            hint = 'write type = "oci", or leave dest out to load it into the engine'
            yield Fault(path=("output", index), message=f"{ARCHIVE}, not {what}", hint=hint, code="output")
        elif isinstance(output, OciOutput | DockerOutput | ImageOutput | RegistryOutput):
            yield from _misnamed(settings, output, index)
            loads = isinstance(output, DockerOutput) and not output.dest
            if not loads and annotations(settings) and not makes_index(settings, output):
                yield from lost_annotations(settings, index)


def _misnamed(settings: Settings, output: Any, index: int) -> Iterator[Fault]:
    """Yield the name of an output that nobody would use: buildx puts the tags in its place (0.13 to 0.29)."""
    if output.name and settings.tags and output.name.split(",") != [*settings.tags]:
        message = f"output {index + 1} would not be called {shown(output.name)}: docker gives it the target's tags"
        hint = "leave name out; or leave tags out, and give each output its own name"
        yield Fault(path=("output", index), message=message, hint=hint, code="output")


def is_attested(settings: Settings) -> bool:
    """Tell whether a target asks for attestations by itself."""
    tables: tuple[Any, ...] = settings.attest or ()
    return any(not table.disabled for table in tables)


def attests_by_default(environment: Mapping[str, str]) -> bool:
    """Tell whether buildx adds provenance that nobody asked for (unless BUILDX_NO_DEFAULT_ATTESTATIONS)."""
    return environment.get("BUILDX_NO_DEFAULT_ATTESTATIONS") not in TRUE


def writes_several(settings: Settings) -> bool:
    """Tell whether BuildKit writes for several platforms, or does as if there were some."""
    platforms = settings.platforms or ()
    return len(platforms) > 1 or AUTO in platforms or (settings.args or {}).get(MULTI_PLATFORM) in TRUE


def makes_index(settings: Settings, output: Any, *, by_default: bool = True) -> bool:
    """Tell whether an image is written as an index: several platforms, or one with attestations beside it.

    Provenance that nobody asked for goes into what is pushed or kept in a builder's store, not into archives; without
    `by_default` (BUILDX_NO_DEFAULT_ATTESTATIONS) nowhere.
    """
    tables: tuple[Any, ...] = settings.attest or ()
    asked = [table for table in tables if not table.disabled]
    if writes_several(settings):
        return True
    if isinstance(output, ImageOutput | RegistryOutput):
        return bool(asked) or (by_default and not any(isinstance(table, ProvenanceAttest) for table in tables))
    return any(not getattr(table, "inline_only", None) for table in asked)


def lost_annotations(settings: Settings, index: int) -> Iterator[Fault]:
    """Yield the annotations that the output at `index` has no place for, since it is one image and no index."""
    for found in annotations(settings):
        if isinstance(found, Annotation) and (found.path[0] == "annotations" or found.path == ("output", index)):
            if found.is_index:
                message = f"{shown(found.text)} is for an index, but output {index + 1} is one image without one"
                hint = "annotate the manifest, build several platforms, or add attestations"
                yield Fault(path=found.path, message=message, hint=hint, code="annotation")
            elif found.platform:
                message = f"{shown(found.text)} would be lost: output {index + 1} is one image and no index"
                hint = f"leave [{found.platform}] out"
                yield Fault(path=found.path, message=message, hint=hint, code="annotation")
