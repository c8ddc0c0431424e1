"""A registry that fails on demand: an HTTP proxy in front of a real one, with rules that say which requests go wrong.

    with FaultyRegistry("localhost:5000") as proxy:
        proxy.faults = [Fault("PUT", "/manifests/", "status", status=429, headers=(("Retry-After", "1"),), times=1)]
        push(f"{proxy.address}/app:1")  # its first manifest is refused
        assert ("PUT", "/v2/app/manifests/1", 429) in proxy.seen

It listens on 127.0.0.1 only and speaks plain HTTP.
"""

import contextlib
import json
import re
import socket
import struct
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, Self
from urllib.parse import urlsplit

PIECE = 64 * 1024
MOST_PIECES = 1_000_000
"""A body whose length nobody told ends after so many, whatever its sender does."""
LONGEST_LINE = 8 * 1024
TIMEOUT = 60.0
"""Seconds that a connection may be silent."""
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
HOP_BY_HOP = {"connection", "expect", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
TLS = b"\x16"
NO_TLS = b"HTTP/1.0 400 Bad Request\r\nConnection: close\r\n\r\nThis is plain HTTP.\n"
"""BuildKit greets with TLS, and tries HTTP at localhost if the answer starts with HTTP/."""
API_VERSION = ("Docker-Distribution-Api-Version", "registry/2.0")
ERRORS = {
    401: ("UNAUTHORIZED", "authentication required"),
    403: ("DENIED", "requested access to the resource is denied"),
    429: ("TOOMANYREQUESTS", "too many requests"),
    503: ("UNAVAILABLE", "service unavailable"),
}
"""What the registry `distribution` says of a status; of others it says `unknown error`."""


@dataclass(frozen=True)
class Fault:
    """What happens to the requests that match; the first fault that matches a request and is not used up is taken.

    - `status`: the request's body is read, and after so many seconds it is answered with that status, the headers and
      a registry's error, or `text` in its place, such as `""` or a gateway's page.
    - `cut`: so many bytes of the request's body reach the registry, then both connections are reset. Where the body
      has no more bytes than that, or none at all, the registry does what it was asked, and its answer is lost. Of a
      GET, so many bytes of the answer's body reach the client and then its connection ends; 0: not even the headers.
      (Clients ask for the rest of a blob with `Range`, so if every answer is cut, they still get on.)
    - `stall`: the request is forwarded after so many seconds.
    - `raw`: the request's body is read, then it is answered with these very bytes, and the connection ends.
    - `drip`: the same, a byte every so many seconds, and then `x` for ever.
    """

    method: str
    """A regular expression for the whole method."""
    path: str
    """A regular expression that is found somewhere in the path, with its query."""
    kind: Literal["status", "cut", "stall", "raw", "drip"]
    status: int = 500
    headers: tuple[tuple[str, str], ...] = ()
    times: int = -1
    """How many requests it hits; -1: every one."""
    after_bytes: int = 0
    seconds: float = 0.0
    text: str | None = None
    raw: bytes = b""
    agent: str = ""
    """A regular expression that is found in the name of the program that asks."""

    def matches(self, method: str, path: str, agent: str) -> bool:
        asked = re.fullmatch(self.method, method) and re.search(self.path, path)
        return bool(asked and re.search(self.agent, agent))


class FaultyRegistry:
    """The proxy in front of `upstream`, a registry such as `localhost:5000` that speaks plain HTTP.

    `seen` lists the requests in the order of their answers as method, path with its query, and status: 0 for those
    that were cut, or whose client or registry broke off, and 502 where no registry answers.
    """

    def __init__(self, upstream: str) -> None:
        self.upstream = upstream
        self.seen: list[tuple[str, str, int]] = []
        self._port = 0
        self._server: Server | None = None
        self._lock = threading.Lock()
        self._faults: Sequence[Fault] = ()
        self._left: list[int] = []

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def address(self) -> str:
        """`localhost:PORT`, known from the first start on and then always the same."""
        return f"localhost:{self._port}"

    @property
    def faults(self) -> Sequence[Fault]:
        """The rules; set them as a whole, at any time, which also counts their `times` anew."""
        return self._faults

    @faults.setter
    def faults(self, faults: Sequence[Fault]) -> None:
        with self._lock:
            self._faults = tuple(faults)
            self._left = [fault.times for fault in faults]

    def start(self) -> None:
        """Listen; after a `stop`, on the same port."""
        if not self._server:
            self._server = Server(self, self._port)
            self._port = self._server.server_port
            threading.Thread(target=self._server.serve_forever, args=[0.02], daemon=True).start()

    def stop(self) -> None:
        """Be gone: nothing listens any more, every connection ends, also in the middle of a request or a stall."""
        if self._server:
            self._server.stop()
            self._server = None

    def next_fault(self, method: str, path: str, agent: str) -> Fault | None:
        """The fault that hits this request, which counts as a hit."""
        with self._lock:
            for index, fault in enumerate(self._faults):
                if self._left[index] and fault.matches(method, path, agent):
                    self._left[index] -= 1
                    return fault
        return None

    def here(self, location: str) -> str:
        """A Location, which if it names the registry is made to name the proxy."""
        parts = urlsplit(location)
        port = self.upstream.rpartition(":")[2]
        if parts.netloc in {self.upstream, f"127.0.0.1:{port}", f"localhost:{port}"}:
            return parts._replace(scheme="http", netloc=self.address).geturl()
        return location


class Server(ThreadingHTTPServer):
    """One start of the proxy: it knows its open connections."""

    daemon_threads = False  # they are waited for, when all their connections are closed
    request_queue_size = 128
    allow_reuse_port = False

    def __init__(self, proxy: FaultyRegistry, port: int) -> None:
        self.proxy = proxy
        self.stopped = threading.Event()
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__(("127.0.0.1", port), Handler)

    @contextlib.contextmanager
    def holding(self, connection: socket.socket) -> Iterator[None]:
        """End this connection too if the proxy stops meanwhile."""
        with self._lock:
            if self.stopped.is_set():
                raise ConnectionAbortedError("the proxy has stopped")
            self._open.add(connection)
        try:
            yield
        finally:
            with self._lock:
                self._open.discard(connection)

    def stop(self) -> None:
        with self._lock:
            self.stopped.set()
            for connection in (self.socket, *self._open):
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        self.shutdown()
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is nothing to print."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class Cut(Exception):  # noqa: N818 — it is asked for
    """Here the connections break."""


class Handler(BaseHTTPRequestHandler):
    """One connection of a client; the requests in it come one after the other."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = TIMEOUT
    server: Server

    def handle(self) -> None:
        with self.server.holding(self.connection):
            if self.connection.recv(1, socket.MSG_PEEK) == TLS:
                self.connection.recv(PIECE)  # what is left unread would make a reset of the goodbye
                self.connection.sendall(NO_TLS)
            else:
                super().handle()

    def log_message(self, *_: object) -> None:
        """Print nothing; `seen` tells."""

    def answer(self) -> None:
        """One request: a fault, or what the registry says to it."""
        self.noted = False
        fault = self.server.proxy.next_fault(self.command, self.path, self.headers.get("User-Agent", ""))
        try:
            if fault and fault.kind == "status":
                self.server.stopped.wait(fault.seconds)
                self.refuse(fault.status, fault.headers, fault.text)
            elif fault and fault.kind in {"raw", "drip"}:
                self.say(fault.raw, fault.seconds if fault.kind == "drip" else None)
            else:
                self.server.stopped.wait(fault.seconds if fault and fault.kind == "stall" else 0)
                self.forward(fault.after_bytes if fault and fault.kind == "cut" else None)
        except (Cut, OSError, HTTPException, ValueError):
            self.note(0)
            self.reset()

    def note(self, status: int) -> None:
        """Put this request on record, once."""
        if not self.noted:
            self.server.proxy.seen.append((self.command, self.path, status))
            self.noted = True

    def reset(self) -> None:
        """Close the client's connection so that it gets no goodbye, only a reset."""
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.rfile.close()
        self.connection.close()

    def refuse(self, status: int, headers: Sequence[tuple[str, str]] = (), instead: str | None = None) -> None:
        """Answer as a registry does that has an error."""
        for _ in self.body():
            pass
        code, message = ERRORS.get(status, ("UNKNOWN", "unknown error"))
        error = json.dumps({"errors": [{"code": code, "message": message, "detail": None}]})
        text = (error if instead is None else instead).encode()
        kind = "application/json" if text.startswith(b"{") else "text/html"
        about = {"Content-Type": kind, "Content-Length": str(len(text)), **dict([API_VERSION]), **dict(headers)}
        self.note(status)
        self.send_head(status, about.items())
        if self.command != "HEAD":
            self.wfile.write(text)

    def say(self, raw: bytes, seconds: float | None) -> None:
        """Answer with bytes that need not be HTTP; with `seconds` one at a time, and then on and on."""
        for _ in self.body():
            pass
        self.note(0)
        if seconds is None:
            self.wfile.write(raw)
        for piece in () if seconds is None else (*(raw[at : at + 1] for at in range(len(raw))), *[b"x"] * 10_000):
            self.wfile.write(piece)
            if self.server.stopped.wait(seconds):
                break
        self.hang_up()

    def send_head(self, status: int, headers: Iterable[tuple[str, str]]) -> None:
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()

    def forward(self, cut: int | None) -> None:
        """Pass the request on and the answer back; with a cut, only so many bytes of the one or the other."""
        upstream = HTTPConnection(self.server.proxy.upstream, timeout=TIMEOUT)
        try:
            upstream.connect()
        except OSError:
            self.refuse(HTTPStatus.BAD_GATEWAY)
            return
        with contextlib.closing(upstream), self.server.holding(upstream.sock):
            self.ask(upstream, None if self.command == "GET" else cut)
            response = upstream.getresponse()
            if cut is not None and not (cut and self.command == "GET"):
                raise Cut
            whole = cut is None or int(response.headers.get("Content-Length", cut + 1)) <= cut
            self.note(response.status if whole else 0)
            self.reply(response, cut)

    def ask(self, upstream: HTTPConnection, cut: int | None) -> None:
        upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():  # also Host: the registry makes its Location of it
            if name.lower() not in HOP_BY_HOP:
                upstream.putheader(name, value)
        chunked = self.chunked()
        if chunked:
            upstream.putheader("Transfer-Encoding", "chunked")
        upstream.putheader("Connection", "close")
        upstream.endheaders()
        for piece in limited(self.body(), cut):
            upstream.send(chunk(piece) if chunked else piece)
        if chunked:
            upstream.send(chunk(b""))

    def reply(self, response: HTTPResponse, cut: int | None) -> None:
        headers = [(name, value) for name, value in response.getheaders() if name.lower() not in HOP_BY_HOP]
        here = self.server.proxy.here
        rewritten = [(name, here(value) if name.lower() == "location" else value) for name, value in headers]
        no_body = self.command == "HEAD" or response.status in {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED}
        length = response.headers["Content-Length"]
        chunked = not no_body and length is None
        self.send_head(response.status, [*rewritten, *([("Transfer-Encoding", "chunked")] if chunked else [])])
        if no_body:
            return
        left = int(length or 0)
        try:
            for piece in limited(pieces_of(response), cut):
                self.wfile.write(chunk(piece) if chunked else piece)
                left -= len(piece)
        except Cut:
            self.hang_up()
            return
        if chunked:
            self.wfile.write(chunk(b""))
        elif left:
            self.hang_up()  # the registry broke off, and so do we

    def hang_up(self) -> None:
        """End the client's connection after what was sent, which a reset could overtake."""
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def chunked(self) -> bool:
        return "chunked" in self.headers.get("Transfer-Encoding", "").lower()

    def body(self) -> Iterator[bytes]:
        """The request's body in pieces, as they arrive."""
        if self.chunked():
            return self.body_in_chunks()
        return self.read(int(self.headers.get("Content-Length", 0)))

    def body_in_chunks(self) -> Iterator[bytes]:
        for _ in range(MOST_PIECES):
            size = int(self.line().partition(b";")[0], 16)
            if not size:
                break
            yield from self.read(size)
            self.line()
        for _ in range(len(METHODS) * 10):  # trailers, which nobody sends
            if not self.line():
                return
        raise ValueError("a body without an end")

    def line(self) -> bytes:
        line = self.rfile.readline(LONGEST_LINE)
        if not line.endswith(b"\n"):
            raise ConnectionAbortedError("the client broke off")
        return line.rstrip(b"\r\n")

    def read(self, left: int) -> Iterator[bytes]:
        while left > 0:
            piece = self.rfile.read1(min(left, PIECE))  # what is there already, or the first that comes
            if not piece:
                raise ConnectionAbortedError("the client broke off")
            left -= len(piece)
            yield piece


for _method in METHODS:
    setattr(Handler, f"do_{_method}", Handler.answer)


def chunk(piece: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(piece), piece)


def pieces_of(response: HTTPResponse) -> Iterator[bytes]:
    for _ in range(MOST_PIECES):
        piece = response.read1(PIECE)
        if not piece:
            return
        yield piece
    raise ValueError("a body without an end")


def limited(pieces: Iterable[bytes], most: int | None) -> Iterator[bytes]:
    """The first so many bytes; a Cut where there are more."""
    for piece in pieces:
        if most is not None and len(piece) > most:
            yield from [piece[:most]] if most else []
            raise Cut
        most = None if most is None else most - len(piece)
        yield piece
