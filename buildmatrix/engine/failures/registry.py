"""What to do about what a registry said, to BuildKit or to us: by its own words, the surest sign first."""

import re

from buildmatrix.oci.answers import Unknown
from buildmatrix.patterns import regex

_HOST = regex(
    r'(?:Head|Get|Put|Post|Patch|fetch|authorize|token:?) "?https?://([^/"\s]+)|failed to push ([^/\s]+)/'
    r"|(?:HEAD|GET|PUT|POST|PATCH) request to https?://([^/\s]+)"
)

LOST_LAYER = r"failed to push .*(did not match uploaded content|blob unknown to registry)"
"""What a registry says at a push of a layer that it had taken; of one that is read this is no passing fault."""

UNKNOWN_TROUBLE = r"failed to push [^ ]+: (errors: )?(unknown|unavailable)"
"""A push that a registry could not do, for it does not say what."""

_HINTS: tuple[tuple[str, str], ...] = (
    (
        r"x509: |failed to verify certificate|certificate (is not|has expired)",
        (
            "the builder does not trust its certificate: give it the authority's, in /etc/docker/certs.d/{host}/ca.crt "
            'for the docker driver, else by [registry."{host}"] ca = ["ca.crt"] in the file of docker buildx create '
            "--buildkitd-config"
        ),
    ),
    (r"remote error: tls: ", "{host} does not take the builder's certificate, or wants one: see its own configuration"),
    (
        r"HTTP response to HTTPS|does not look like a TLS handshake",
        "{host} speaks no TLS: add it to the engine's insecure-registries",
    ),
    (
        r"connection re(?:fused|set)|no such host|timeout|i/o|no route to host|network is unreachable|\bEOF\b",
        "is {host} there, and can the builder reach it?",
    ),
    (r"\b429\b|toomanyrequests", "the registry limits how much you may ask: log in, or wait"),
    (
        r"\b413\b|too large",
        "{host}, or a proxy before it, limits how large a layer may be (nginx: client_max_body_size)",
    ),
    (r"\b40[13]\b|unauthorized|denied|insufficient_scope|authorization failed", "{login}"),
    (
        LOST_LAYER,
        "{host} lost a layer, as some do where several images bring it at once: run apply again, or give --retries 2",
    ),
    (r"\b404\b|not found|name unknown|NAME_UNKNOWN", "is the name right, and does {host} want it made first?"),
    (
        rf"{UNKNOWN_TROUBLE}|\b5\d\d\b|Internal Server Error|Bad Gateway",
        "{host} has trouble of its own: wait, or see its log",
    ),
    (
        r"\b4\d\d\b|manifest invalid|MANIFEST_INVALID|unsupported",
        (
            "{host} does not take what it was sent: is it a registry, and does it store OCI indexes and attestations? "
            'attest = [{{ type = "provenance", disabled = true }}] leaves those out'
        ),
    ),
)


def registry_hint(said: str) -> str:
    """Return what to do about a registry's refusal."""
    found = _HOST.search(said)
    host = next((group for group in found.groups() if group), "") if found else ""
    login = f"log in: docker login {host}".rstrip() + ", and check that you may push there"
    hint = next((text for sign, text in _HINTS if re.search(sign, said, re.IGNORECASE)), "{login}")
    return hint.format(host=host or "the registry", login=login)


def doubt_hint(held: Unknown, host: str) -> str:
    """Return what to do where a registry did not tell us what it holds."""
    if held.refused:
        return f"log in: docker login {host}"
    if held.passes:
        return "wait until the registry answers, and run apply again"
    if "is not trusted" in held.reason:
        return f"put its authority's certificate into /etc/docker/certs.d/{host}/ca.crt"
    if "requires a client certificate" in held.reason:
        return f"put one that you may read, with its key, into /etc/docker/certs.d/{host}: client.cert and client.key"
    if "speaks no TLS" in held.reason:
        return '"registry.insecure" = true in the output allows a registry without TLS'
    return f"see whether {host} is a registry that you may read (docker login {host})"
