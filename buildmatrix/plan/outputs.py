"""Where results go: what `--push`, `--load` and `--no-output` make of the declared outputs, as with bake."""

from typing import Any

from buildmatrix.plan.request import OutputMode
from buildmatrix.spec.settings import CacheonlyOutput, DockerOutput, ImageOutput, RegistryOutput, Settings


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


def pushes(output: Any) -> bool:
    """Tell whether an output goes to a registry."""
    return isinstance(output, RegistryOutput) or (isinstance(output, ImageOutput) and output.push is True)


def pushes_tags(output: Any) -> bool:
    """Tell whether an output goes to a registry under its tags, and not by digest alone."""
    return pushes(output) and not output.push_by_digest


def writes_tags(settings: Settings) -> bool:
    """Tell whether a target's tags are written anywhere: to a registry, a store or an archive."""
    outputs: tuple[Any, ...] = settings.output or ()
    named = ("registry", "image", "docker", "oci")
    return not outputs or any(
        output.type in named and not getattr(output, "push_by_digest", None) for output in outputs
    )
