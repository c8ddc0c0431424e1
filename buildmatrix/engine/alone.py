"""Buildx as a program of its own, where there is no docker: how messages speak of it then."""

import shlex
from collections.abc import Iterable
from dataclasses import replace

from buildmatrix.errors import Diagnostic
from buildmatrix.process import Programs

DOCKER_BUILDX = "docker buildx"


def command_of(programs: Programs) -> str:
    """Return what a person types for buildx."""
    alone = programs.standalone_buildx()
    if not alone:
        return DOCKER_BUILDX
    return "buildx" if alone == programs.which("buildx") else shlex.quote(alone)


def spoken(text: str, programs: Programs) -> str:
    """Return a text of ours as it is true where there is no docker; elsewhere as it is."""
    alone = programs.standalone_buildx()
    for words, instead in _words(alone, command_of(programs)) if alone else ():
        text = text.replace(words, instead)
    return text


def as_spoken(diagnostics: Iterable[Diagnostic], programs: Programs) -> tuple[Diagnostic, ...]:
    """Return problems in such words, with commands that can be typed here."""
    found = tuple(diagnostics)
    if not found or not programs.standalone_buildx():
        return found
    return tuple(
        replace(
            one,
            message=spoken(one.message, programs),
            hint=spoken(one.hint, programs),
            command=spoken(one.command, programs),
        )
        for one in found
    )


def _words(alone: str, command: str) -> tuple[tuple[str, str], ...]:
    """Return what is said of docker, and what of buildx alone."""
    return (
        ("docker has no buildx", f"{alone} is not a buildx"),
        ("update the docker-buildx plugin", "update it (github.com/docker/buildx/releases)"),
        (
            "install the docker-buildx plugin (docs.docker.com/build/install-buildx)",
            "install buildx (github.com/docker/buildx/releases)",
        ),
        (
            "install a release of the docker-buildx plugin (docs.docker.com/build/install-buildx)",
            "install a release of it (github.com/docker/buildx/releases)",
        ),
        ("update the Docker CLI and its buildx plugin", "update it (github.com/docker/buildx/releases)"),
        ("for this docker", "for this buildx"),
        ("this docker is", "this buildx is"),
        ("docker context use", "DOCKER_CONTEXT"),
        ("docker context ls", "contexts/ in docker's configuration"),
        (DOCKER_BUILDX, command),
    )
