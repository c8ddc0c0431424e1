"""One HTTP exchange with a registry, bounded in time as a whole and in size. Whatever comes back is a value.

The transport is urllib3, imported when the first registry is asked: one pool of connections, one TLS context, the
proxies of the environment, and what docker trusts. No redirection is followed here.
"""

import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import field
from functools import cache
from ipaddress import ip_address, ip_network
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from buildmatrix import __version__
from buildmatrix.oci.addresses import host_of, shown
from buildmatrix.oci.answers import Unknown
from buildmatrix.oci.errors import LARGEST, TooLargeError, trouble
from buildmatrix.oci.http.certificates import Certificates, certificates_of
from buildmatrix.records import dataclass

if TYPE_CHECKING:
    from ssl import SSLContext

    from urllib3 import BaseHTTPResponse, PoolManager

SECONDS = 10.0
"""How long one exchange may take, from looking up the host's name to the last byte."""

KEPT = 16
"""Connections that are kept open to one registry."""

_PIECE = 64 << 10


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is asked. With `insecure` no certificate is checked; `registry` has sent us there, "" if none has."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    insecure: bool = False
    registry: str = ""

    @property
    def host(self) -> str:
        """The host that is asked, with its port."""
        return host_of(self.url)


@dataclass(frozen=True, kw_only=True)
class Reply:
    """An answer in HTTP; the names of `headers` are in small letters."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""


class _Exchange:
    """An exchange on its way: who asks may give it up at any time, and then nothing is sent any more."""

    def __init__(self) -> None:
        self.found: Reply | Unknown | None = None
        self._going = threading.Lock()  # lighter than an Event, of which a run makes hundreds
        self._going.acquire()
        self._lock = threading.Lock()
        self._sock: socket.socket | None = None
        self._given_up = False

    def end(self) -> None:
        """Say that `found` is there."""
        self._going.release()

    def is_ended_within(self, seconds: float) -> bool:
        """Wait for the end, so many seconds at most."""
        return self._going.acquire(timeout=seconds)

    def hold(self, sock: socket.socket) -> None:
        """Take the connection that is about to be written to; TimeoutError if it is too late for that."""
        with self._lock:
            self._sock = sock
            if self._given_up:
                raise TimeoutError

    def give_up(self) -> None:
        with self._lock:
            self._given_up = True
            if self._sock is not None:
                with suppress(OSError):
                    socket.socket.shutdown(self._sock, socket.SHUT_RDWR)  # also below TLS: who reads wakes up


_current = threading.local()


class Transport:
    """Exchanges requests for replies. Every method may be called from any thread."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._lock = threading.Lock()
        self._waiting: SimpleQueue[tuple[_Exchange, Request, float]] = SimpleQueue()
        self._idle = 0
        self._pools: dict[tuple[str, str, Certificates, bool], PoolManager] = {}
        self._contexts: dict[tuple[Certificates, bool], SSLContext] = {}
        self._certificates: dict[tuple[str, str], Certificates] = {}

    def ask(self, request: Request, *, seconds: float = SECONDS) -> Reply | Unknown:
        """Return what is answered within so many seconds.

        The exchange goes on in a thread of its own, since neither the look-up of a name nor headers that drip can be
        bounded from within. When the time is over, its connection is ended. A thread that has ended takes the next one.
        """
        if not request.host:
            return Unknown(
                reason=f"{request.registry or 'the registry'} names {shown(request.url)}, which is no address"
            )
        exchange = _Exchange()
        self._begin(exchange, request, seconds)
        if exchange.is_ended_within(seconds) and exchange.found is not None:
            return exchange.found
        exchange.give_up()
        return Unknown(reason=f"{request.host} did not answer within {seconds:.0f} s", passes=True, silent=True)

    def has_certificates(self, host: str) -> bool:
        """Tell whether docker's configuration has certificates for a registry."""
        with self._lock:
            return self._trusted(host, host) != Certificates()

    def _begin(self, exchange: _Exchange, request: Request, seconds: float) -> None:
        """Hand an exchange to a thread that has nothing to do: there are as many as have been needed at once."""
        with self._lock:
            found = self._idle > 0
            self._idle -= found
        self._waiting.put((exchange, request, seconds))
        if not found:
            threading.Thread(target=self._work, daemon=True).start()

    def _work(self) -> None:
        while True:
            self._run(*self._waiting.get())

    def _run(self, exchange: _Exchange, request: Request, seconds: float) -> None:
        _current.exchange = exchange
        try:
            exchange.found = self._exchange(request, seconds)
        except Exception as error:  # noqa: BLE001 a registry may answer anything, and what libraries make of it is an answer
            exchange.found = trouble(error, request.host)
        finally:
            with self._lock:
                self._idle += 1  # before it is told: who asks next finds this one
            exchange.end()

    def _exchange(self, request: Request, seconds: float) -> Reply:
        answer = self._pool(request).urlopen(
            request.method,
            request.url,
            body=request.body,
            headers={"User-Agent": f"buildmatrix/{__version__}", **request.headers},
            retries=False,
            redirect=False,
            timeout=seconds + 1,  # who asks gives it up before
            preload_content=False,
            decode_content=False,
        )
        try:
            body = _read(answer)
        except BaseException:
            answer.close()
            raise
        answer.release_conn()
        headers = {name.lower(): answer.headers[name] for name in answer.headers}
        return Reply(status=answer.status, headers=headers, body=body)

    # --- pools ----------------------------------------------------------------------------------------------------

    def _pool(self, request: Request) -> "PoolManager":
        parts = urlsplit(request.url)
        proxy = self._proxy(parts.scheme, parts.hostname or "", request.host)
        with self._lock:
            secure = parts.scheme == "https"
            trusted = self._trusted(request.host, request.registry or request.host) if secure else Certificates()
            key = (parts.scheme, proxy, trusted, request.insecure)
            if key not in self._pools:
                self._pools[key] = _manager(proxy, self._tls(parts.scheme, trusted, insecure=request.insecure))
            return self._pools[key]

    def _trusted(self, host: str, registry: str) -> Certificates:
        if (host, registry) not in self._certificates:
            self._certificates[host, registry] = certificates_of(host, registry, self._environment)
        return self._certificates[host, registry]

    def _tls(self, scheme: str, trusted: Certificates, *, insecure: bool) -> "SSLContext | None":
        """Return a TLS context, made once for all: reading the authorities of a system takes 40 ms."""
        if scheme != "https" and not insecure:
            return None
        if insecure:
            import urllib3

            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)  # somebody has allowed it
        key = (trusted, insecure)
        if key not in self._contexts:
            self._contexts[key] = trusted.context(insecure=insecure)
        return self._contexts[key]

    def _proxy(self, scheme: str, hostname: str, host: str) -> str:
        """Return the proxy for a host, "" for none: as docker does it, none for this machine."""
        if hostname == "localhost" or hostname.startswith("127.") or hostname == "::1":
            return ""
        found = self._named(f"{scheme}_proxy")
        if not found:
            return ""
        return "" if _is_bypassed(hostname, host, self._named("no_proxy")) else found

    def _named(self, name: str) -> str:
        return self._environment.get(name) or self._environment.get(name.upper()) or ""


def _manager(proxy: str, context: "SSLContext | None") -> "PoolManager":
    from urllib3 import PoolManager, ProxyManager
    from urllib3.exceptions import LocationValueError, ProxySchemeUnknown

    known: Any = {"ssl_context": context} if context else {}
    try:
        made = ProxyManager(proxy, maxsize=KEPT, **known) if proxy else PoolManager(maxsize=KEPT, **known)
    except LocationValueError:
        raise ProxySchemeUnknown(None) from None
    made.pool_classes_by_scheme = _pool_classes()
    return made


@cache
def _pool_classes() -> dict[str, Any]:
    """Return urllib3's pools with connections that an exchange can end."""
    from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
    from urllib3.connection import HTTPConnection, HTTPSConnection

    class Held(HTTPConnection):
        def connect(self) -> None:
            super().connect()
            _current.exchange.hold(self.sock)

        def putrequest(self, *given: Any, **more: Any) -> None:
            if self.sock is not None:
                _current.exchange.hold(self.sock)
            super().putrequest(*given, **more)

    class HeldSecure(Held, HTTPSConnection):
        """The same over TLS: what `super()` is follows from the order of the bases."""

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Held

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = HeldSecure

    return {"http": PlainPool, "https": SecurePool}


def _read(answer: "BaseHTTPResponse") -> bytes:
    pieces, size = [], 0
    for piece in answer.stream(_PIECE, decode_content=False):
        size += len(piece)
        if size > LARGEST:
            raise TooLargeError
        pieces.append(piece)
    return b"".join(pieces)


def _is_bypassed(hostname: str, host: str, rules: str) -> bool:
    """Tell whether `NO_PROXY` names a host: whole, by its domain or network, with its port, or as `*`."""
    for rule in (text.strip().lower() for text in rules.split(",")):
        domain = rule.removeprefix("*").removeprefix(".")
        if rule and (rule in {"*", host} or hostname == domain or hostname.endswith(f".{domain}")):
            return True
        if "/" in rule and _is_within(hostname, rule):
            return True
    return False


def _is_within(hostname: str, network: str) -> bool:
    try:
        return ip_address(hostname) in ip_network(network, strict=False)
    except ValueError:
        return False
