"""Why docker, its engine or a builder cannot be used: told by what it is, from what docker said (28.2, buildx 0.29)."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from buildmatrix.engine.builders.stored import buildx_directory
from buildmatrix.errors import Diagnostic, EngineError
from buildmatrix.patterns import regex
from buildmatrix.process import Completed

PLUGIN = "install the docker-buildx plugin (docs.docker.com/build/install-buildx)"

_PODMAN = regex(r"\bpodman\b|\bbuildah\b", re.IGNORECASE)
_NOTHING = regex(r"docker endpoint for .* not found|no builder .* found")
"""What buildx says where docker itself could not begin: only docker tells why."""


def no_buildx(done: Completed) -> EngineError:
    """Return what to say where `docker buildx version` tells no version."""
    if _PODMAN.search(done.stdout + done.stderr):
        hint = (
            "install Docker's own CLI with its buildx plugin (docs.docker.com/engine/install):\n"
            "with DOCKER_HOST it builds on podman's socket, too, in a builder of its own"
        )
        return EngineError(Diagnostic(message="docker is podman here, which has no bake", code="buildx", hint=hint))
    return EngineError(Diagnostic(message="docker has no buildx", code="buildx", hint=PLUGIN))


def untold(said: str) -> EngineError:
    """Return what to say of a buildx that tells no version, but `said`."""
    message = f"the buildx here does not tell its version, but says {said}"
    hint = PLUGIN.replace("install", "install a release of", 1)
    return EngineError(Diagnostic(message=message, code="buildx", hint=hint))


def without_docker(named: str) -> EngineError:
    """Return what to say where there is no docker, nor what BUILDX_BIN names."""
    message = f"there is no docker here, and BUILDX_BIN names {named}, which is not a program that can be started"
    hint = "let it name a buildx (github.com/docker/buildx/releases), or unset it"
    return EngineError(Diagnostic(message=message, code="missing", hint=hint))


_CAUSES = (
    ("permission denied", "it is not executable"),
    ("exec format error", "it is no program for this machine"),
    ("no such file or directory", "it is not there, or the interpreter in its first line is not"),
    ("invalid metadata", "it does not answer as a plugin of docker does"),
)
"""What docker says of a plugin that it cannot use (found with 28.5), and what that means."""


def broken_plugin(path: str, why: str) -> EngineError:
    """Return what to say of a buildx plugin that docker has found and cannot use, `why` being docker's words."""
    cause = next((meaning for words, meaning in _CAUSES if words in why), why)
    message = f"docker cannot use its buildx plugin {path}: {cause}" if path else f"docker cannot use buildx: {cause}"
    return EngineError(Diagnostic(message=message, code="buildx", hint=PLUGIN))


class _Kind(NamedTuple):
    """A kind of trouble: its sign, what is wrong (`{at}` is where), and what to do, with groups of the sign."""

    sign: str
    message: str
    hint: str


_CERTIFICATES = "DOCKER_CERT_PATH names a directory with ca.pem, cert.pem and key.pem"

_TOO_NEW, _TOO_OLD = r"client version \S+ is too new", r"client version \S+ is too old"

_PEM = r"(?:ca|cert|key)\.pem"

_KINDS = (
    _Kind(
        rf"{_TOO_NEW}\. Maximum supported API version is ([0-9.]+)",
        "the Docker Engine{at} is too old for this docker",
        r"update the engine, or try DOCKER_API_VERSION=\1",
    ),
    _Kind(
        _TOO_OLD,
        "this docker is too old for the Docker Engine{at}",
        "update the Docker CLI and its buildx plugin",
    ),
    _Kind(
        "permission denied",
        "you may not use the Docker Engine{at}",
        "join the group docker (sudo usermod -aG docker $USER, then log in again), or use an engine of your own: "
        "docs.docker.com/engine/security/rootless",
    ),
    _Kind(
        "HTTP request to an HTTPS server",
        "the Docker Engine{at} wants TLS",
        f"set DOCKER_TLS_VERIFY=1; {_CERTIFICATES}",
    ),
    _Kind(
        "HTTP response to HTTPS client|does not look like a TLS handshake",
        "the Docker Engine{at} speaks no TLS",
        "unset DOCKER_TLS_VERIFY and DOCKER_TLS, if nobody else can reach it",
    ),
    _Kind(
        r"remote error: tls: ",
        "the Docker Engine{at} does not take the certificate that it was shown",
        f"{_CERTIFICATES}, made for it",
    ),
    _Kind(
        _PEM,
        "the certificates for the Docker Engine{at} cannot be read",
        f"{_CERTIFICATES}; without TLS, unset DOCKER_TLS_VERIFY",
    ),
    _Kind(
        r"x509: |tls: ",
        "the certificate of the Docker Engine{at} is not trusted",
        f"{_CERTIFICATES}: ca.pem is that of the engine's authority",
    ),
    _Kind(r"context .*not found", "the docker context does not exist", "see docker context ls"),
    _Kind(
        "invalid bind address", "this is not a valid address of a Docker Engine", "write unix://…, tcp://… or ssh://…"
    ),
    _Kind(
        r"page not found|invalid character|malformed HTTP|Bad Request|Error response from daemon",
        "what answers{at} is not a Docker Engine, or cannot be used as one",
        "is that its address (DOCKER_HOST, docker context ls)?",
    ),
)
"""The surest sign first. What has none of them is taken for silence."""

SILENT = "no Docker Engine answers"
"""How it is said that nobody answers."""

_SILENT = _Kind("", f"{SILENT}{{at}}", "start it, or name another with DOCKER_HOST, docker context use, or --builder")

FAR = {
    "remote": "is its buildkitd running there, and can this machine reach it?",
    "kubernetes": "do its pods run (kubectl get pods), and does kubectl reach the cluster?",
}
"""By driver: what to do where a builder that is not an engine's does not answer."""

_FAR_TLS = "give it its certificates: docker buildx create --driver remote --driver-opt cacert=…,cert=…,key=…"


def unreachable(
    said: str, told: Callable[[], str], environment: Mapping[str, str], builder: tuple[str, str] = ("", "")
) -> EngineError:
    """Return what to say where the builder does not answer: `said` is buildx's word, `told` what docker itself says.

    `builder` is its name and its driver.
    """
    if _NOTHING.search(said) and (words := told()):
        said = words
    if (unwritten := _unwritten(said, environment)) is not None:
        return EngineError(unwritten)
    name, driver = builder
    if driver in FAR:
        hint = _FAR_TLS if driver == "remote" and re.search("x509: |tls: ", said) else FAR[driver]
        return EngineError(Diagnostic(message=f'builder "{name}" does not answer: {said}', code="engine", hint=hint))
    if (version := environment.get("DOCKER_API_VERSION")) and re.search(f"{_TOO_NEW}|{_TOO_OLD}", said):
        return EngineError(_other_version(version, said))
    kind = next((one for one in _KINDS if re.search(one.sign, said)), _SILENT)
    tried = environment.get("DOCKER_HOST") or environment.get("DOCKER_CONTEXT")
    found = re.search(kind.sign, said)
    message = f"{kind.message.format(at=f' at {tried}' if tried else '')}: {said}"
    return EngineError(Diagnostic(message=message, code="engine", hint=found.expand(kind.hint) if found else kind.hint))


_OF_A_FILE = regex(r"\b(?:mkdir|mkdirat|open|openat|stat|lstat|rename|chmod|symlink) (/[^:]*): ")
"""What Go says of a file that it cannot make or open."""


def _unwritten(said: str, environment: Mapping[str, str]) -> Diagnostic | None:
    """Return what to say where buildx cannot write to its own directory, None if that is not its trouble."""
    folder = buildx_directory(environment)
    found = _OF_A_FILE.search(said)
    if not found or not (Path(found[1]).is_relative_to(folder) or folder.is_relative_to(found[1])):
        return None
    return Diagnostic(
        message=f"buildx cannot use {folder}, where it keeps its builders: {said}",
        code="disk",
        hint="set BUILDX_CONFIG to a directory that can be written",
        command="unset BUILDX_CONFIG" if environment.get("BUILDX_CONFIG") else "",
    )


def _other_version(version: str, said: str) -> Diagnostic:
    """Return what to say where somebody told docker which API to speak: it is not docker's own age that is wrong."""
    return Diagnostic(
        message=f"the Docker Engine does not speak the API of DOCKER_API_VERSION={version}: {said}",
        code="engine",
        hint="unset it: docker and its engine find one that both speak",
        command="unset DOCKER_API_VERSION",
    )


def without_tls(said: str, environment: Mapping[str, str]) -> str:
    """Return the command where docker wants certificates for an engine of this machine, which needs none; "" else."""
    is_here = environment.get("DOCKER_HOST", "unix://").startswith("unix://")
    named = " ".join(name for name in ("DOCKER_TLS_VERIFY", "DOCKER_TLS") if environment.get(name))
    return f"unset {named}" if is_here and named and re.search(_PEM, said) else ""
