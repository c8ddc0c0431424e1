"""The faulty registry of the end-to-end tests, in front of a tiny server that keeps what it is sent."""

import hashlib
import socket
import threading
import time
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException, HTTPResponse, IncompleteRead, RemoteDisconnected
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.e2e.faulty_registry import METHODS, Fault, FaultyRegistry

BIG = 5_000_000
"""More than the sockets between keep."""


class Upstream(ThreadingHTTPServer):
    """It says what it was asked; `arrived` is what it read of each request's body, also of half a one."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.arrived: list[bytes] = []
        self.hosts: list[str | None] = []
        self.address = f"localhost:{self.server_port}"

    def handle_error(self, *_: object) -> None:
        """Cut connections are what the tests are about."""


class Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # headers and body are two writes: the second would wait 40 ms
    server: Upstream

    def answer(self) -> None:
        body = self.body()
        self.server.arrived.append(body)
        self.server.hosts.append(self.headers["Host"])
        text = b"x" * BIG if self.path == "/big" else f"{self.command} {self.path} {len(body)}".encode()
        self.send_response_only(404 if self.path == "/missing" else 200)
        self.send_header("Docker-Distribution-Api-Version", "registry/2.0")
        self.send_header("Location", self.headers.get("X-Location", "/v2/there?state=1"))
        if self.path == "/chunked":
            self.send_header("Transfer-Encoding", "chunked")
            text = b"%x\r\n%b\r\n0\r\n\r\n" % (len(text), text)
        else:
            self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    def body(self) -> bytes:
        if self.headers["Transfer-Encoding"] is None:
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        pieces = []
        while size := int(self.rfile.readline() or b"0", 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        return b"".join(pieces)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


for _method in METHODS:
    setattr(Answers, f"do_{_method}", Answers.answer)


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def proxy(upstream: Upstream) -> Iterator[FaultyRegistry]:
    with FaultyRegistry(upstream.address) as proxy:
        yield proxy


@pytest.fixture
def client(proxy: FaultyRegistry) -> Iterator[HTTPConnection]:
    connection = HTTPConnection(proxy.address, timeout=10)
    yield connection
    connection.close()


def ask(client: HTTPConnection, method: str, path: str, body: bytes | None = None, **headers: str) -> HTTPResponse:
    client.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    return client.getresponse()


def said(client: HTTPConnection, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
    response = ask(client, method, path, body)
    return response.status, response.read()


def waited(upstream: Upstream, count: int = 1) -> list[bytes]:
    """What arrived, once so many requests have ended."""
    for _ in range(500):
        if len(upstream.arrived) >= count:
            break
        time.sleep(0.01)
    return upstream.arrived


@pytest.mark.parametrize("method", METHODS)
def test_every_method_on_one_connection(
    client: HTTPConnection, proxy: FaultyRegistry, upstream: Upstream, method: str
) -> None:
    body = None if method in {"GET", "HEAD", "DELETE"} else b"12345"
    connections = set()
    for path in ("/v2/?a=b", "/missing", "/chunked"):
        status, text = said(client, method, path, body)
        assert status == (404 if path == "/missing" else 200)
        assert text == (b"" if method == "HEAD" else f"{method} {path} {len(body or b'')}".encode())
        connections.add(client.sock)
    assert len(connections) == 1
    assert proxy.seen == [(method, "/v2/?a=b", 200), (method, "/missing", 404), (method, "/chunked", 200)]
    assert upstream.hosts == [proxy.address] * 3


def test_large_bodies(client: HTTPConnection, upstream: Upstream) -> None:
    body = bytes(range(250)) * (BIG // 250)
    assert said(client, "PUT", "/blob", body) == (200, b"PUT /blob 5000000")
    client.request("PATCH", "/blob", iter([body[:3], body[3:70_000], body[70_000:]]), encode_chunked=True)
    assert client.getresponse().read() == b"PATCH /blob 5000000"
    assert {hashlib.sha256(arrived).digest() for arrived in upstream.arrived} == {hashlib.sha256(body).digest()}
    assert said(client, "GET", "/big") == (200, b"x" * BIG)


def test_a_client_that_waits_for_100_continue(client: HTTPConnection) -> None:
    assert ask(client, "PUT", "/blob", b"123", Expect="100-continue").read() == b"PUT /blob 3"


def test_location_names_the_proxy(client: HTTPConnection, proxy: FaultyRegistry, upstream: Upstream) -> None:
    def location(sent: str) -> str | None:
        response = ask(client, "POST", "/", X_Location=sent)
        response.read()
        assert response.headers["Docker-Distribution-Api-Version"] == "registry/2.0"
        return response.headers["Location"]

    assert location("/v2/x?y=1") == "/v2/x?y=1"
    assert location(f"http://{upstream.address}/v2/x?y=1") == f"http://{proxy.address}/v2/x?y=1"
    assert location(f"http://127.0.0.1:{upstream.server_port}/v2/x") == f"http://{proxy.address}/v2/x"
    assert location("https://elsewhere.example/v2/x") == "https://elsewhere.example/v2/x"


def test_a_status_so_many_times(client: HTTPConnection, proxy: FaultyRegistry, upstream: Upstream) -> None:
    proxy.faults = [
        Fault("PUT|POST", "/manifests/", "status", status=429, headers=(("Retry-After", "1"),), times=2),
        Fault(".*", "/manifests/", "status", status=503, times=1),
    ]
    response = ask(client, "PUT", "/v2/a/manifests/1", b"0" * 100_000)
    assert (response.status, response.headers["Retry-After"]) == (429, "1")
    assert response.headers["Docker-Distribution-Api-Version"] == "registry/2.0"
    assert (
        response.read() == b'{"errors": [{"code": "TOOMANYREQUESTS", "message": "too many requests", "detail": null}]}'
    )
    assert said(client, "PUT", "/v2/a/blobs/1", b"0")[0] == 200
    answers = [said(client, "PUT", "/v2/a/manifests/1", b"0")[0] for _ in range(3)]
    assert answers == [429, 503, 200]
    assert upstream.arrived == [b"0", b"0"]
    proxy.faults = [Fault("PUT", "", "status", status=502, text="<h1>Bad Gateway</h1>")]
    assert said(client, "PUT", "/", b"0") == (502, b"<h1>Bad Gateway</h1>")
    proxy.faults = [Fault("HEAD", "", "status")]
    assert said(client, "HEAD", "/") == (500, b"")
    assert said(client, "GET", "/") == (200, b"GET / 0")
    proxy.faults = []
    assert said(client, "HEAD", "/") == (200, b"")


@pytest.mark.parametrize("chunked", [False, True])
def test_half_a_blob(client: HTTPConnection, proxy: FaultyRegistry, upstream: Upstream, *, chunked: bool) -> None:
    proxy.faults = [Fault("PUT", "/blob", "cut", after_bytes=1000, times=1)]
    body = iter([b"0" * 700] * 10) if chunked else b"0" * 7000
    headers = {} if chunked else {"Content-Length": "7000"}
    with pytest.raises(OSError, match=r"reset|[Bb]roken pipe"):  # noqa: PT012 — either call meets it
        client.request("PUT", "/blob", body, headers, encode_chunked=chunked)
        client.getresponse()
    client.close()
    assert waited(upstream) == [b"0" * 1000]
    assert proxy.seen == [("PUT", "/blob", 0)]
    assert said(client, "PUT", "/blob", b"1") == (200, b"PUT /blob 1")


def test_an_answer_lost(client: HTTPConnection, proxy: FaultyRegistry, upstream: Upstream) -> None:
    proxy.faults = [Fault("PUT|DELETE|HEAD", "", "cut", after_bytes=5)]
    for method, body in (("PUT", b"12345"), ("DELETE", None), ("HEAD", None)):
        with pytest.raises(ConnectionResetError):
            ask(client, method, "/", body)
        client.close()
    assert upstream.arrived == [b"12345", b"", b""]
    assert [status for *_, status in proxy.seen] == [0, 0, 0]


def test_half_an_answer(client: HTTPConnection, proxy: FaultyRegistry) -> None:
    proxy.faults = [Fault("GET", "/big", "cut", after_bytes=100_000, times=1), Fault("GET", "/big", "cut")]
    response = ask(client, "GET", "/big")
    with pytest.raises(IncompleteRead) as caught:
        response.read()
    assert (response.status, len(caught.value.partial)) == (200, 100_000)
    client.close()
    with pytest.raises((RemoteDisconnected, ConnectionResetError)):
        ask(client, "GET", "/big")
    client.close()
    proxy.faults = [Fault("GET", "", "cut", after_bytes=100_000)]
    assert said(client, "GET", "/") == (200, b"GET / 0")
    assert [status for *_, status in proxy.seen] == [0, 0, 200]


def test_a_stall(client: HTTPConnection, proxy: FaultyRegistry) -> None:
    proxy.faults = [Fault("GET", "/slow", "stall", seconds=0.2)]
    start = time.monotonic()
    assert said(client, "GET", "/slow")[0] == 200
    assert time.monotonic() - start >= 0.2


def test_a_registry_that_goes_away(client: HTTPConnection, proxy: FaultyRegistry) -> None:
    address = proxy.address
    assert said(client, "GET", "/")[0] == 200
    proxy.faults = [Fault("GET", "/slow", "stall", seconds=600)]
    slow = HTTPConnection(address, timeout=10)
    slow.request("GET", "/slow")
    stopping = threading.Thread(target=proxy.stop, daemon=True)
    stopping.start()
    stopping.join(60)
    assert not stopping.is_alive()  # it does not wait for the stall to end
    with pytest.raises((OSError, HTTPException)):
        slow.getresponse()
    slow.close()
    with pytest.raises((OSError, HTTPException)):
        ask(client, "GET", "/")
    client.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(address.partition(":")[2])))
    proxy.stop()
    proxy.start()
    proxy.start()
    assert proxy.address == address
    assert said(client, "GET", "/")[0] == 200


def test_no_registry_behind() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        nobody = f"localhost:{free.getsockname()[1]}"
    with FaultyRegistry(nobody) as proxy:
        client = HTTPConnection(proxy.address, timeout=10)
        assert said(client, "PUT", "/", b"0" * 100_000)[0] == 502
        client.close()
    assert proxy.seen == [("PUT", "/", 502)]


def test_requests_at_once_are_counted_once(proxy: FaultyRegistry) -> None:
    proxy.faults = [Fault("GET", "", "status", times=10)]
    answers = []

    def some() -> None:
        client = HTTPConnection(proxy.address, timeout=10)
        answers.extend([said(client, "GET", "/")[0] for _ in range(5)])
        client.close()

    threads = [threading.Thread(target=some) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [200] * 30 + [500] * 10
    assert len(proxy.seen) == 40


def test_nonsense_ends_the_connection(proxy: FaultyRegistry) -> None:
    with socket.create_connection(("127.0.0.1", int(proxy.address.partition(":")[2])), timeout=10) as client:
        client.sendall(b"PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n")
        with pytest.raises(ConnectionResetError):
            client.recv(1)


def test_tls_is_told_that_this_is_http(proxy: FaultyRegistry) -> None:
    with socket.create_connection(("127.0.0.1", int(proxy.address.partition(":")[2])), timeout=10) as client:
        client.sendall(b"\x16\x03\x01\x00\x05hello")
        assert client.recv(5) == b"HTTP/"
    assert proxy.seen == []
