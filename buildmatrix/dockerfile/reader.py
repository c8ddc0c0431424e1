"""What is asked of a Dockerfile's text. Each text is read once, and nothing of what reads it is imported before that.

Of a Dockerfile that is refused, or that another frontend than docker's reads, nothing is known: BuildKit says the rest.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

from buildmatrix.dockerfile.directives import SYNTAX, is_dockers, is_dockers_name

if TYPE_CHECKING:
    from buildmatrix.dockerfile.model import Dockerfile


@lru_cache(maxsize=1024)
def read(text: str) -> "Dockerfile | None":
    """Return the model of a text by docker's own rules, whatever frontend it asks for; None where it is refused."""
    from buildmatrix.dockerfile.parser import dockerfile_of

    return dockerfile_of(text)


def known(text: str) -> "Dockerfile | None":
    """Return the model of a text that has stages and that docker's own frontend reads, else None."""
    file = read(text) if text and is_dockers(text) else None
    return file if file is not None and file.stages else None


def known_with(text: str, args: Mapping[str, str]) -> "Dockerfile | None":
    """Return what `known` does, by the frontend that an argument of the build asks for, if one does."""
    if SYNTAX not in args:
        return known(text)
    file = read(text) if is_dockers_name(args[SYNTAX].strip()) else None
    return file if file is not None and file.stages else None


@lru_cache(maxsize=1024)
def stage_names(text: str) -> tuple[str, ...] | None:
    """Return the names of the stages in lower case, as they are compared; None where they cannot be known."""
    file = known(text)
    return None if file is None else tuple(stage.name for stage in file.stages if stage.name)


@lru_cache(maxsize=1024)
def foreign_names(text: str) -> frozenset[str]:
    """Return what a Dockerfile depends on or copies from beside its own stages, in lower case: images and contexts.

    Nothing where a variable names one: it may be any.
    """
    file = known(text)
    if file is None:
        return frozenset()
    used = (one for stage in file.stages for one in stage.references if one.kind != "add")
    named = {one.name.lower() for one in used if not (one.kind == "copy" and one.name.isdecimal())}
    names = named | {stage.base.lower() for stage in file.stages}
    if any("$" in name for name in names):
        return frozenset()
    return frozenset(names - {stage.name for stage in file.stages} - {"scratch"})


@lru_cache(maxsize=1024)
def base_names(text: str) -> frozenset[str]:
    """Return what the stages of a Dockerfile depend on, in lower case."""
    file = known(text)
    return frozenset() if file is None else frozenset(stage.base.lower() for stage in file.stages)


def only_base(text: str) -> str:
    """Return what the only stage of a Dockerfile depends on, in small letters; "" where there are several, or none."""
    file = known(text)
    return file.stages[0].base.lower() if file is not None and len(file.stages) == 1 else ""


@lru_cache(maxsize=1024)
def words(text: str) -> frozenset[str]:
    """Return the words of a text, without a look at what they mean: an ARG's name is one of them."""
    return frozenset(re.findall(r"\w+", text))


@lru_cache(maxsize=1024)
def argument_names(text: str) -> frozenset[str]:
    """Return the arguments that a Dockerfile itself declares, before its first FROM and in its stages."""
    file = known(text)
    stages = file.stages if file is not None else ()
    return frozenset(arg.name for args in ((file.args if file else ()), *(one.args for one in stages)) for arg in args)


@lru_cache(maxsize=1024)
def copied_names(text: str) -> frozenset[str]:
    """Return what COPY and ADD take from the main context by its name, as written: no patterns, and no variables."""
    file = known(text)
    every = (one for stage in (file.stages if file else ()) for one in stage.instructions)
    copies = (one for one in every if one.keyword in {"COPY", "ADD"} and not one.values("from"))
    names = (name.strip("\"'") for one in copies for name in one.args[:-1])
    return frozenset(name for name in names if not set(name) & set("$*?[\\<:"))


def is_predefined(argument: str) -> bool:
    """Tell whether BuildKit knows an argument that no ARG declares."""
    from buildmatrix.dockerfile.arguments import PREDEFINED
    from buildmatrix.dockerfile.recipe import EPOCH
    from buildmatrix.dockerfile.variables import PROXIES

    return argument in PREDEFINED | PROXIES or argument == EPOCH or argument.startswith("BUILDKIT_")


def runs_programs(text: str, target: str | None, platform: str, args: Mapping[str, str]) -> bool:
    """Tell whether the stage that a target builds, or one that it is made of, has a RUN for the target's platform.

    A stage of another platform, such as `FROM --platform=$BUILDPLATFORM`, does not count.
    """
    file = known(text) if SYNTAX not in args else None
    stage = None if file is None else file.stage(target)
    if file is None or stage is None:
        return False
    from buildmatrix.dockerfile.graph import graph_of

    graph = graph_of(file, args, platform)
    made_of = (one for one in graph.reachable(stage) if graph.is_for_target(one))
    return any(step.keyword == "RUN" for one in made_of for step in graph.instructions(one))
