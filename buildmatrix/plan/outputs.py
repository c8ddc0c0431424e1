"""What is exported of a target, and where: what `--push`, `--load`, `--no-output` and `call` make of its outputs."""

from typing import Any

from buildmatrix.spec.rows.markers import NoInput, OfResult
from buildmatrix.spec.rows.outputs import (
    CacheonlyOutput,
    DockerOutput,
    ImageOutput,
    OciOutput,
    RegistryOutput,
    TarOutput,
)
from buildmatrix.spec.rows.settings import Settings
from buildmatrix.spec.rows.shapes import rows
from buildmatrix.template.request import OutputMode


def builds(settings: Settings) -> bool:
    """Tell whether a target is built; any other `call` only asks the builder something about it."""
    return settings.call in {None, "build"}


def exported_of(settings: Settings, mode: OutputMode, *, exported: bool, needed: bool = False) -> Settings:
    """Return the settings of a target as the run exports it; one that is not `exported` is built for another one.

    One that is `needed` first writes its files also where the run exports nothing: others are built from them.

    Bake would push what a question yields, an image without layers, and move the tags to it (found with 0.29).
    """
    if not exported:
        asked = settings if builds(settings) else settings.but({"call": None})
        return asked.but({"cache_to": None}) if mode == "none" else asked
    if not builds(settings):
        return settings.but({**dict.fromkeys(_OF_RESULTS), "output": (CacheonlyOutput(type="cacheonly"),)})
    made = with_outputs(settings, mode)
    kept = tuple(one for one in settings.output or () if mode == "none" and needed and is_on_disk(one))
    return made.but({"output": kept}) if kept else made


def is_on_disk(output: Any) -> bool:
    """Tell whether an output is files of this machine."""
    return getattr(output, "dest", None) not in {None, "", "-"}


_OF_RESULTS = tuple(row.attribute for row in rows(Settings) if row.marker(OfResult))


def with_outputs(settings: Settings, mode: OutputMode) -> Settings:
    """Return the settings with their outputs as the mode has them.

    `push` pushes an image that is declared already and adds a registry output where there is none; `load` does the same
    with the engine's store; other outputs stay. `none` exports nothing and writes no cache.
    """
    declared = settings.output or ()
    if mode == "push":
        return settings.but({"output": _pushed(declared)})
    if mode == "load":
        return settings.but({"output": _loaded(declared)})
    if mode == "none":
        return settings.but({"output": (CacheonlyOutput(type="cacheonly"),), "cache_to": None})
    return settings


def _pushed(declared: tuple[Any, ...]) -> tuple[Any, ...]:
    outputs = tuple(output.but({"push": True}) if isinstance(output, ImageOutput) else output for output in declared)
    if any(pushes(output) for output in outputs):
        return outputs
    return (*_others(outputs), RegistryOutput(type="registry"))


def _loaded(declared: tuple[Any, ...]) -> tuple[Any, ...]:
    if any(isinstance(output, DockerOutput) and output.dest is None for output in declared):
        return declared
    return (*_others(declared), DockerOutput(type="docker"))


def _others(outputs: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(output for output in outputs if not isinstance(output, CacheonlyOutput))


def is_archive(output: Any) -> bool:
    """Tell whether an output is one file."""
    written = isinstance(output, TarOutput | OciOutput | DockerOutput) and output.dest not in {None, "-"}
    return written and getattr(output, "tar", None) is not False


def pushes(output: Any) -> bool:
    """Tell whether an output goes to a registry."""
    return isinstance(output, RegistryOutput) or (isinstance(output, ImageOutput) and output.push is True)


def pushes_tags(output: Any) -> bool:
    """Tell whether an output goes to a registry under its tags, and not by digest alone."""
    return pushes(output) and not output.push_by_digest


def differ(settings: Settings) -> bool:
    """Tell whether outputs that push tags make different images: with another compression, with other annotations."""
    made = [_making(output) for output in settings.output or () if pushes_tags(output)]
    return any(one != made[0] for one in made[1:])


def _making(output: Any) -> dict[str, Any]:
    """Return the options by which an output makes its image."""
    return {
        row.attribute: getattr(output, row.attribute)
        for row in rows(type(output))
        if row.marker(NoInput) is None and row.attribute != "type"
    }


def writes_tags(settings: Settings, driver: str = "docker") -> bool:
    """Tell whether a target's tags are written anywhere: to a registry, a store or an archive.

    Only with the `docker` driver what has no output, or is not pushed, is in a store.
    """
    outputs: tuple[Any, ...] = settings.output or ()
    return any(_names(output, driver) for output in outputs) if outputs else driver == "docker"


def writes_names(output: Any) -> bool:
    """Tell whether an output has names of its own, which are written to a registry or a store."""
    return isinstance(output, ImageOutput | RegistryOutput) and bool(output.name) and not output.push_by_digest


def _names(output: Any, driver: str) -> bool:
    if output.type == "image" and not output.push and driver != "docker":
        return False
    return output.type in {"registry", "image", "docker", "oci"} and not getattr(output, "push_by_digest", None)
