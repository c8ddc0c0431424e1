"""What to say of an exchange that failed in a library."""

import socket
from collections.abc import Callable
from typing import Any

from buildmatrix.oci.answers import Unknown

LARGEST = 8 << 20
"""Bytes of an answer that are read; registries take manifests of at most 4 MiB."""


class TooLargeError(Exception):
    """A body of more than `LARGEST` bytes."""


class CertificateError(Exception):
    """A client certificate that cannot be used; the message says which, and why."""


_Kinds = tuple[type[BaseException], ...]
_Say = Callable[[str, BaseException], str]


def trouble(error: Exception, host: str) -> Unknown:
    """Return what became of asking a host, by the first kind that the error or one of its causes is of."""
    from urllib3 import exceptions as of

    causes = _causes(error)
    for kinds, say, passes in _known():
        if found := next((cause for cause in causes if isinstance(cause, kinds)), None):
            return Unknown(
                reason=say(host, found),
                passes=passes,
                doubted=isinstance(found, TooLargeError),
                silent=isinstance(found, TimeoutError | of.TimeoutError),
            )
    return Unknown(reason=f"{host} answered no HTTP that can be read")


def _known() -> list[tuple[_Kinds, _Say, bool]]:
    """Return the kinds of errors, the surest first; what to say of each, and whether it may pass."""
    from http.client import InvalidURL
    from ssl import SSLError as TlsError

    from urllib3 import exceptions as of

    return [
        ((CertificateError,), lambda host, found: f"{host} was not asked: {found}", False),
        ((TooLargeError,), lambda host, _: f"{host} answered more than {LARGEST >> 20} MiB", False),
        ((of.ProxySchemeUnknown,), lambda host, _: f"the proxy that the environment names for {host} is none", False),
        ((of.ProxyError,), lambda host, _: f"the proxy on the way to {host} does not answer", True),
        ((ConnectionRefusedError,), lambda host, _: f"nothing listens at {host}", True),
        ((of.NameResolutionError, socket.gaierror), lambda host, _: f"there is no host {host}", True),
        ((TlsError,), _tls, False),
        ((of.TimeoutError, TimeoutError), lambda host, _: f"{host} did not answer in time", True),
        ((ConnectionError, of.IncompleteRead), lambda host, _: f"{host} broke the connection off", True),
        ((of.LocationValueError, InvalidURL, UnicodeError), lambda host, _: f"there can be no host {host}", False),
        ((OSError,), lambda host, found: f"{host} cannot be reached: {getattr(found, 'strerror', '') or found}", True),
    ]


def _causes(error: BaseException) -> list[BaseException]:
    """Return an error and all that it was made of; urllib3 keeps those in several places."""
    found: list[BaseException] = []
    waiting: list[Any] = [error]
    while waiting:
        one = waiting.pop()
        if isinstance(one, BaseException) and one not in found:
            found.append(one)
            waiting += [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]
    return found


def _tls(host: str, error: BaseException) -> str:
    said = str(error)
    if "CERTIFICATE_VERIFY_FAILED" in said:
        why = said.partition("verify failed: ")[2].partition(" (_ssl")[0]
        return f"the certificate of {host} is not trusted ({why or 'it cannot be verified'})"
    if any(sign in said for sign in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER", "UNEXPECTED_EOF")):
        return f"{host} speaks no TLS"
    if "CERTIFICATE_REQUIRED" in said:
        return f"{host} requires a client certificate"
    return f"{host} broke TLS off"
