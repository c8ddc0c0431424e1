"""What is looked at of docker, buildx, the engine and the builder."""

import platform
import posixpath
import shlex
from collections.abc import Iterator
from dataclasses import replace

from buildmatrix.engine.buildx import Builder
from buildmatrix.engine.checks.model import Scene, Verdict, verdict
from buildmatrix.engine.checks.nodes import REMOTE, silent_nodes
from buildmatrix.engine.failures.unreachable import SILENT, unreachable, without_tls
from buildmatrix.engine.versions import OLDEST_BUILDKIT, gate_found, is_older, named_by
from buildmatrix.errors import Diagnostic, EngineError, some
from buildmatrix.oci.platform import of_machine
from buildmatrix.process import docker_directory

KNOWN = "0.29.1"
"""The newest buildx that we have run."""

GET_DOCKER = "curl -fsSL https://get.docker.com | sudo sh"

OF_AN_ENGINE = frozenset({"docker", "docker-container"})
"""Drivers that need a Docker Engine."""


def docker(scene: Scene) -> Verdict:
    """Tell which docker there is, or that buildx does without one."""
    if scene.probe.alone:
        return Verdict(words=f"there is none: buildx is used alone ({scene.probe.alone})")
    try:
        done = scene.programs.run(["docker", "--version"])
    except EngineError as error:
        return verdict(replace(one, command=GET_DOCKER) for one in error.diagnostics)
    said = (done.stdout.strip().splitlines() or ["it does not tell its version"])[0]
    return Verdict(words=f"{said} ({scene.programs.docker()})")


def buildx(scene: Scene) -> Verdict:
    """Tell whether the buildx is new enough: for us, for the file, and for each setting of the plan."""
    try:
        version = scene.version
    except EngineError as error:
        if scene.is_without_docker:
            return Verdict(unknown="there is neither docker nor buildx alone")
        return verdict(replace(one, command=install(scene)) for one in error.diagnostics)
    found = gate_found(scene.plan, version)
    too_old = (replace(one, command=install(scene)) if one.code == "buildx" else one for one in found)
    return verdict(too_old, words=f"{version} ({scene.probe.words})")


def install(scene: Scene) -> str:
    """Return the command that gets a buildx that works, as far as we know, and that the file admits; "" for none."""
    version = named_by(scene.plan.requires_buildx if scene.plan else (), KNOWN)
    if not version:
        return ""
    machine = of_machine(platform.system(), platform.machine()).replace("/", "-")
    to = scene.probe.alone or str(docker_directory(scene.programs.environment) / "cli-plugins" / "docker-buildx")
    file, url = (
        shlex.quote(to),
        f"https://github.com/docker/buildx/releases/download/v{version}/buildx-v{version}.{machine}",
    )
    return f"mkdir -p {shlex.quote(posixpath.dirname(to))} && curl -fsSLo {file} {url} && chmod +x {file}"


def engine(scene: Scene) -> Verdict:
    """Tell whether the Docker Engine answers, where one is needed."""
    if scene.probe.alone:
        return Verdict(words="not asked: only docker could ask it")
    told = scene.probe.told
    if told.get("ServerVersion"):
        return Verdict(words=f"{told['ServerVersion']}, {scene.probe.own_platform() or 'of an unknown platform'}")
    if not told and scene.is_without_docker:
        return Verdict(unknown="there is no docker to ask it")
    if (builder := scene.answering) and builder.driver not in OF_AN_ENGINE:
        return Verdict(words=f'none answers, and builder "{builder.name}" ({builder.driver}) needs none')
    errors = told.get("ServerErrors")
    said = str(errors[0]) if isinstance(errors, list) and errors else scene.probe.trouble()
    found = unreachable(said, scene.probe.trouble, scene.programs.environment).diagnostics
    return verdict(_mended(found, scene))


def _mended(found: tuple[Diagnostic, ...], scene: Scene) -> Iterator[Diagnostic]:
    """Yield why the engine does not answer, with the command that starts it, or that goes back to the one here."""
    environment = scene.programs.environment
    address = environment.get("DOCKER_HOST", "")
    for one in found:
        command = one.command or without_tls(one.message, environment)
        if "permission denied" in one.message:
            command = "sudo usermod -aG docker $USER"
        elif one.message.startswith(SILENT):
            named = next((name for name in ("DOCKER_HOST", "DOCKER_CONTEXT") if environment.get(name)), "")
            is_here = address in {"", "unix:///var/run/docker.sock", "unix:///run/docker.sock"}
            command = "sudo systemctl start docker" if is_here or not named else f"unset {named}"
        yield replace(one, command=command)


def builder(scene: Scene) -> Verdict:
    """Tell which builder there is, and how its nodes are."""
    try:
        found = scene.builder
    except EngineError as error:
        if scene.is_without_docker or error.diagnostics[0].code in {"missing", "buildx"}:
            return Verdict(unknown="there is no buildx to ask")
        if _what(error.diagnostics[0]) in map(_what, engine(scene).problems):
            return Verdict(unknown="the engine does not answer")
        if context(scene).errors:
            return Verdict(unknown="the docker context cannot be used")
        return verdict(replace(one, command=one.command or _other_builder(one, scene)) for one in error.diagnostics)
    silent = "does not answer" if found.driver == REMOTE else "not started yet"
    nodes = [f"{node.name}: {some(sorted(node.platforms), 8) or silent}" for node in found.nodes]
    return verdict(silent_nodes(found, scene.plan), words=f'"{found.name}" ({found.driver}); {"; ".join(nodes)}')


def _what(one: Diagnostic) -> str:
    """Return what is wrong, without docker's own words: its programs say the same otherwise."""
    return one.message.partition(": ")[0]


def declared(scene: Scene) -> Verdict:
    """Tell whether the builder is as the file declares it, and which other declared ones are missing.

    Where the one to use is missing, which is an error of the builder, nobody knows how it would be.
    """
    from buildmatrix.engine.builders.declared import CREATE, difference, warning
    from buildmatrix.engine.builders.stored import stored

    builders = scene.plan.builders if scene.plan else {}
    if not builders:
        return Verdict(words="the file declares none")
    used = scene.probe.asked or (scene.answering.name if scene.answering else "")
    differs = difference(builders.get(used), scene.programs)
    kept = {name: stored(name, scene.programs.environment) for name in builders} if scene.tells else {}
    words = some(
        f"{name}: {'there' if found else f'not created yet ({CREATE} {name})'}" for name, found in kept.items()
    )
    if used in kept and kept[used] is None:
        return Verdict(unknown=words)
    return verdict([warning(builders[used], differs)] if differs else (), words=words)


def _other_builder(one: Diagnostic, scene: Scene) -> str:
    """Return the command that goes back from a builder that is not there, or does not answer, to docker's own."""
    if one.code == "disk":
        return ""
    if "BUILDX_BUILDER" in scene.programs.environment:
        return "unset BUILDX_BUILDER"
    if scene.probe.alone and one.message.startswith(SILENT) and "DOCKER_HOST" in scene.programs.environment:
        return "unset DOCKER_HOST"
    return f"{scene.probe.command} use default" if one.code == "engine" and not scene.probe.is_asked else ""


def buildkit(scene: Scene) -> Verdict:
    """Tell which BuildKit the nodes run, and whether it takes what we hand to it."""
    found = scene.builder
    told = {node.name: node.buildkit for node in found.nodes if node.buildkit}
    if told and all("0.0.0" in version for version in told.values()):
        return Verdict(unknown=f"it does not tell its version: {some(told.values(), 1)}")
    if not told and found.driver == REMOTE:
        return Verdict(unknown="the builder does not answer")
    if not told:
        return Verdict(unknown=f'builder "{found.name}" has not told its version: {_start(found, scene)} starts it')
    old = [name for name, version in told.items() if is_older(version, OLDEST_BUILDKIT)]
    words = some(f"{version} ({name})" for name, version in told.items())
    return verdict((_old_buildkit(name, told[name]) for name in old), words=words)


def _start(found: Builder, scene: Scene) -> str:
    return f"{scene.probe.command} inspect --bootstrap {found.name}"


def _old_buildkit(name: str, version: str) -> Diagnostic:
    message = f"BuildKit {version} of node {name} is too old: it does not obey the digests that pin base images"
    hint = f"update it to {OLDEST_BUILDKIT} or newer, or make a new builder"
    return Diagnostic(message=message, code="buildx", hint=hint, severity="warning")


# --- where images are seen --------------------------------------------------------------------------------------------


def context(scene: Scene) -> Verdict:
    """Tell which docker context is used, and whether what the builder keeps is seen there."""
    if scene.probe.alone:
        host = scene.programs.environment.get("DOCKER_HOST")
        return Verdict(words=f"without docker: DOCKER_HOST is {host}" if host else "without docker, and no DOCKER_HOST")
    try:
        done = scene.programs.run(["docker", "context", "inspect", "--format", "{{.Name}} {{.Endpoints.docker.Host}}"])
    except EngineError as error:
        return Verdict(unknown=error.diagnostics[0].message)
    if done.code:
        return verdict([_no_context(done.stderr.strip().removeprefix("ERROR: "), scene)])
    name, _, host = done.stdout.strip().partition(" ")
    found = scene.answering
    return verdict(_elsewhere(found, name, scene) if found else (), words=_seen(found, name, host))


def _no_context(said: str, scene: Scene) -> Diagnostic:
    environment = scene.programs.environment
    named = next((name for name in ("DOCKER_HOST", "DOCKER_CONTEXT") if environment.get(name)), "")
    command = f"unset {named}" if named else "docker context use default"
    return Diagnostic(
        message=f"the docker context cannot be used: {said}",
        code="engine",
        hint="see docker context ls",
        command=without_tls(said, environment) or command,
    )


def _elsewhere(found: Builder, name: str, scene: Scene) -> Iterator[Diagnostic]:
    """Yield that the docker driver of another context keeps what is built: `docker images` shows this one's."""
    endpoint = found.nodes[0].endpoint
    if found.driver != "docker" or endpoint in {"", name}:
        return
    message = f'builder "{found.name}" keeps its images in docker context "{endpoint}", and docker uses "{name}"'
    set_here = next((one for one in ("DOCKER_HOST", "DOCKER_CONTEXT") if scene.programs.environment.get(one)), "")
    command = f"unset {set_here}" if set_here else f"docker context use {endpoint}"
    if scene.programs.environment.get("BUILDX_BUILDER") == found.name:
        command = "unset BUILDX_BUILDER"
    hint = "what is built there is not seen by docker images here: use one context for both"
    yield Diagnostic(message=message, code="engine", hint=hint, command=command, severity="warning")


def _seen(found: Builder | None, name: str, host: str) -> str:
    words = f'"{name}" ({host})' if host else f'"{name}"'
    if found is None:
        return words
    if found.driver == "docker":
        return f"{words}, which has what the builder builds"
    return f'{words}; what builder "{found.name}" ({found.driver}) builds is seen there with --load only'
