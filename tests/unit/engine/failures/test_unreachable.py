"""Why docker, an engine, a builder or a registry cannot be used: told by what it is. The texts are from real runs."""

import re
from dataclasses import replace

import pytest

from buildmatrix.engine.buildx import Builder, Node, version_of
from buildmatrix.engine.drivers import skipped_gha_caches
from buildmatrix.engine.emulation import platform_hint
from buildmatrix.engine.failures.registry import doubt_hint, registry_hint
from buildmatrix.engine.failures.unreachable import unreachable
from buildmatrix.errors import Diagnostic, EngineError
from buildmatrix.oci.answers import Unknown
from buildmatrix.process import Completed
from buildmatrix.spec.rows.caches import GhaCacheFrom, GhaCacheTo, RegistryCacheTo
from buildmatrix.spec.rows.settings import Settings
from tests import plans


def said(words: str, docker: str = "", builder: tuple[str, str] = ("", ""), host: str = "tcp://h:1") -> Diagnostic:
    (found,) = unreachable(words, lambda: docker, {"DOCKER_HOST": host}, builder).diagnostics
    return found


@pytest.mark.parametrize("why", ["1.20 is too old. Minimum", "1.99 is too new. Maximum"])
def test_a_version_that_somebody_told_docker_is_not_that_of_docker(why: str) -> None:
    words = f"Error response from daemon: client version {why} supported API version is 1.24"
    (found,) = unreachable(words, str, {"DOCKER_API_VERSION": why[:4]}).diagnostics
    assert found.message.startswith(f"the Docker Engine does not speak the API of DOCKER_API_VERSION={why[:4]}: ")
    assert (found.hint[:8], found.command) == ("unset it", "unset DOCKER_API_VERSION")


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (
            (
                "Error response from daemon: client version 1.43 is too old. Minimum supported API version is 1.44, "
                "please upgrade your client to a newer version"
            ),
            "this docker is too old for the Docker Engine at tcp://h:1",
            "update the Docker CLI",
        ),
        (
            "Error response from daemon: client version 1.50 is too new. Maximum supported API version is 1.41",
            "the Docker Engine at tcp://h:1 is too old for this docker",
            "DOCKER_API_VERSION=1.41",
        ),
        (
            (
                "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock: "
                'Head "http://%2Fvar%2Frun%2Fdocker.sock/_ping": dial unix: connect: permission denied'
            ),
            "you may not use the Docker Engine",
            "usermod -aG docker",
        ),
        (
            "Error response from daemon: Client sent an HTTP request to an HTTPS server.",
            "the Docker Engine at tcp://h:1 wants TLS",
            "DOCKER_TLS_VERIFY=1",
        ),
        (
            'error during connect: Head "https://h:1/_ping": http: server gave HTTP response to HTTPS client',
            "the Docker Engine at tcp://h:1 speaks no TLS",
            "unset DOCKER_TLS_VERIFY",
        ),
        (
            (
                'error during connect: Head "https://h:1/_ping": tls: failed to verify certificate: x509: '
                "certificate signed by unknown authority"
            ),
            "the certificate of the Docker Engine at tcp://h:1 is not trusted",
            "ca.pem is that of the engine's authority",
        ),
        (
            'error during connect: Head "https://h:1/_ping": remote error: tls: unknown certificate authority',
            "does not take the certificate that it was shown",
            "made for it",
        ),
        (
            "Error response from daemon: 404 page not found",
            "what answers at tcp://h:1 is not a Docker Engine",
            "address",
        ),
        (
            "Error reading JSON: invalid character 'p' after top-level value",
            "what answers at tcp://h:1 is not a Docker Engine",
            "address",
        ),
        (
            "Cannot connect to the Docker daemon at tcp://h:1. Is the docker daemon running?",
            "no Docker Engine answers at tcp://h:1",
            "start it",
        ),
        (
            'error during connect: Head "http://h:1/_ping": dial tcp: lookup h on 10.0.0.1:53: no such host',
            "no Docker Engine answers at tcp://h:1",
            "start it",
        ),
    ],
)
def test_an_engine(words: str, message: str, hint: str) -> None:
    found = said(words)
    assert message in found.message
    assert found.message.endswith(words)
    assert hint in found.hint
    assert "log in" not in found.hint.replace("then log in again", "")


@pytest.mark.parametrize(
    ("words", "docker", "message"),
    [
        (
            'docker endpoint for "default" not found',
            "unable to resolve docker endpoint: open /certs/ca.pem: no such file or directory",
            "the certificates for the Docker Engine at tcp://h:1 cannot be read: unable to resolve docker",
        ),
        (
            'no builder "nosuch" found',
            'unable to resolve docker endpoint: context "nosuch": context not found: open /x/meta.json: no such file',
            "the docker context does not exist",
        ),
        (
            'docker endpoint for "default" not found',
            "unable to resolve docker endpoint: invalid bind address format: ftp://x",
            "this is not a valid address of a Docker Engine",
        ),
        (
            'docker endpoint for "default" not found',
            "",
            'no Docker Engine answers at tcp://h:1: docker endpoint for "d',
        ),
    ],
)
def test_what_buildx_leaves_out_docker_tells(words: str, docker: str, message: str) -> None:
    assert said(words, docker).message.startswith(message)


def test_a_builder_that_is_no_engines() -> None:
    refused = "listing workers: failed to list workers: Unavailable: connection error: dial tcp 127.0.0.1:1: refused"
    found = said(refused, builder=("far", "remote"))
    assert found.message.startswith('builder "far" does not answer: ')
    assert "buildkitd" in found.hint
    assert "cacert=" in said("x509: certificate signed by unknown authority", builder=("far", "remote")).hint
    assert "kubectl" in said(refused, builder=("far", "kubernetes")).hint
    assert said(refused, builder=("many", "docker-container")).message.startswith("no Docker Engine answers")


@pytest.mark.parametrize(
    ("out", "err", "code"),
    [
        (
            "",
            "Error: unrecognized command `podman buildx version`\nTry 'podman buildx --help' for more information\n",
            125,
        ),
        ("buildah 1.33.7\n", "Emulate Docker CLI using podman. Create /etc/containers/nodocker to quiet msg.\n", 0),
    ],
)
def test_podman_in_dockers_place(out: str, err: str, code: int) -> None:
    with pytest.raises(EngineError, match="docker is podman here, which has no bake") as caught:
        version_of(Completed(code=code, stdout=out, stderr=err))
    assert "podman's socket" in caught.value.diagnostics[0].hint


# --- registries -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (
            (
                'failed to do request: Head "https://r:5000/v2/x/manifests/1": tls: failed to verify certificate: '
                "x509: certificate signed by unknown authority"
            ),
            r'/etc/docker/certs\.d/r:5000/ca\.crt .* \[registry\."r:5000"\]',
        ),
        (
            'failed to do request: Head "https://r:5000/v2/x": http: server gave HTTP response to HTTPS client',
            "r:5000 speaks no TLS",
        ),
        (
            "failed to push r:5000/x:1: unexpected status from POST request to http://r:5000/v2/: 400 Bad Request",
            "take",
        ),
        (
            "failed to push r:5000/x:1: unexpected status from PUT request to http://r:5000/v2/: 413 Too Large",
            "a proxy",
        ),
        ("failed to push r:5000/x:1: unexpected status: 404 Not Found", "is the name right"),
        ("failed to push r:5000/x:1: unexpected status: 500 Internal Server Error", "trouble of its own"),
        ("failed to push r:5000/x:1: denied: requested access to the resource is denied", "docker login r:5000"),
        ("failed to push r:5000/x:1: unexpected status: 401 Unauthorized", "docker login r:5000"),
        ("failed to push r:5000/x:1: errors: unknown: provided digest did not match uploaded content", "lost a layer"),
        ("failed to push r:5000/x:1: errors: unknown: unknown error", "r:5000 has trouble of its own"),
        ("failed to push r:5000/x:1: denied: blob unknown to registry policy", "docker login r:5000"),
        ("r/x:1: failed open: unexpected status: 404 Not Found: blob unknown to registry", "is the name right"),
        ("toomanyrequests: You have reached your pull rate limit", "log in, or wait"),
        ('failed to do request: Head "https://r:5000/v2/x": dial tcp: connect: connection refused', "is r:5000 there"),
    ],
)
def test_a_registry(words: str, hint: str) -> None:
    found = registry_hint(words)
    assert re.search(hint, found)
    assert ("log in" in found) == ("login" in hint or "log in" in hint)


@pytest.mark.parametrize(
    ("held", "hint"),
    [
        (Unknown(reason="r answered 401", refused=True), "log in: docker login r"),
        (Unknown(reason="r answered 503", passes=True), "wait until"),
        (
            Unknown(reason="the certificate of r is not trusted (self-signed certificate)"),
            "/etc/docker/certs.d/r/ca.crt",
        ),
        (Unknown(reason="r requires a client certificate"), "/etc/docker/certs.d/r: client.cert and client.key"),
        (Unknown(reason="r speaks no TLS"), '"registry.insecure" = true'),
        (Unknown(reason="r answered 400"), "see whether r is a registry"),
    ],
)
def test_a_registry_that_does_not_tell(held: Unknown, hint: str) -> None:
    assert hint in doubt_hint(held, "r")


# --- platforms and caches ---------------------------------------------------------------------------------------------

TARGET = plans.target()
BUILDER = Builder(
    name="b", driver="remote", error="", nodes=(Node(name="b0", error="", platforms=("linux/386", "linux/amd64")),)
)


@pytest.mark.parametrize(
    ("platform", "emulator"),
    [
        ("linux/arm64", "arm64"),
        ("linux/arm/v7", "arm"),
        ("linux/arm/v5", "arm"),
        ("linux/riscv64", "riscv64"),
        ("linux/mips64le", "mips64le"),
        ("linux/amd64/v3", ""),
        ("linux/mips", ""),
        ("windows/amd64", ""),
        ("darwin/arm64", ""),
        ("wasi/wasm", ""),
    ],
)
def test_a_platform_that_no_node_has(platform: str, emulator: str) -> None:
    target = replace(TARGET, settings=Settings(platforms=("linux/amd64", platform)))
    lines = platform_hint(platform, target, BUILDER).splitlines()
    first = f"give it QEMU:     docker run --privileged --rm tonistiigi/binfmt --install {emulator}"
    assert lines[0] == (first if emulator else lines[0])
    assert any("tonistiigi" in line for line in lines) is bool(emulator)
    assert (
        f"add a node:{' ' * (4 if emulator else 7)}docker buildx create --append --name b --platform {platform}"
        in "\n".join(lines)
    )
    assert lines[-1] == "or leave it out:  buildmatrix apply --platform linux/amd64"
    alone = replace(TARGET, settings=Settings(platforms=(platform,)))
    assert platform_hint(platform, alone, BUILDER).endswith("buildmatrix apply '!app'")


GIVEN = {"ACTIONS_RUNTIME_TOKEN": "t", "ACTIONS_RESULTS_URL": "https://u"}


def warnings(settings: Settings, environment: dict[str, str]) -> list[str]:
    plan = plans.plan(replace(TARGET, settings=settings), directory=".")
    return [one.message for one in skipped_gha_caches(plan, environment)]


def test_a_gha_cache_that_buildx_would_pass_over_in_silence() -> None:
    both = Settings(cache_from=(GhaCacheFrom(type="gha"),), cache_to=(GhaCacheTo(type="gha"),))
    (said,) = warnings(both, {})
    without = "ACTIONS_RUNTIME_TOKEN and ACTIONS_RESULTS_URL"
    assert said == f"target.app.cache-from: buildx passes a gha cache over without {without}"
    assert warnings(both, GIVEN) == []
    assert warnings(both, {"ACTIONS_RUNTIME_TOKEN": "t", "ACTIONS_CACHE_URL": "https://u"}) == []
    own = GhaCacheTo(type="gha", url="https://u", token="t")  # noqa: S106 none
    assert warnings(Settings(cache_to=(own,)), {}) == []
    assert warnings(Settings(cache_to=(RegistryCacheTo(type="registry", ref="r/x:c"),)), {}) == []
