"""The client of registries, against servers that answer what registries should, and what they should not."""

import base64
import json
import re
import shutil
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn
from unittest.mock import Mock

import pytest

from buildmatrix.oci.answers import Absent, Answer, Found, Unknown
from buildmatrix.oci.errors import LARGEST
from buildmatrix.oci.http import client, transport
from buildmatrix.oci.http.client import Client
from buildmatrix.oci.http.parallel import all_of
from buildmatrix.process import Programs
from tests.e2e.faulty_registry import Fault, FaultyRegistry

INDEX = "application/vnd.oci.image.index.v1+json"
CONTENT = b'{"manifests": []}'
DIGEST = "sha256:" + sha256(CONTENT).hexdigest()
OTHER = "sha256:" + "0" * 64


class Registry(BaseHTTPRequestHandler):
    """A registry that has one index under the tag 1, and keeps what is put; it wants what its server's `wants` says."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # headers and body are two writes: the second would wait 40 ms
    server: "Server"

    def answer(self) -> None:
        self.server.asked.append((self.command, self.path, self.headers["Authorization"]))
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        here = f"http://{self.headers['Host']}"
        if self.path.startswith("/token"):
            self.token(body.decode())
        elif self.headers["Authorization"] not in self.server.proofs:
            challenge = (
                'Basic realm="r"' if self.server.wants == "basic" else f'Bearer realm="{here}/token",service="s"'
            )
            self.reply(401, {"WWW-Authenticate": challenge})
        elif self.command == "DELETE":
            self.reply(202)
        elif self.command == "POST":
            self.reply(202, {"Location": self.server.elsewhere})
        elif self.command == "PUT":
            self.server.put[self.path] = body, self.headers["Content-Type"]
            self.reply(201, {"Docker-Content-Digest": "sha256:" + sha256(body).hexdigest()})
        elif self.path.endswith(("/manifests/1", DIGEST)):
            self.reply(200, {"Docker-Content-Digest": DIGEST, "Content-Type": INDEX}, CONTENT)
        elif self.path.endswith("/blobs/" + OTHER):
            self.reply(307, {"Location": self.server.elsewhere})
        else:
            self.reply(404, {"Content-Type": "application/json"}, b'{"errors": [{"code": "MANIFEST_UNKNOWN"}]}')

    def token(self, body: str) -> None:
        given = self.headers["Authorization"]
        known = given == BASIC or "grant_type=refresh_token&refresh_token=mine" in body
        self.reply(200 if known else 401, {}, json.dumps({"token": "t"}).encode())

    def reply(self, code: int, headers: dict[str, str] | None = None, body: bytes = b"") -> None:
        self.send_response(code)
        for key, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(body if self.command != "HEAD" else b"")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


for _method in ("HEAD", "GET", "PUT", "DELETE", "POST"):
    setattr(Registry, f"do_{_method}", Registry.answer)


BASIC = "Basic " + base64.b64encode(b"user:secret").decode()


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, wants: str) -> None:
        self.wants, self.elsewhere = wants, ""
        self.proofs: tuple[str | None, ...] = {"": (None,), "basic": (BASIC,), "bearer": ("Bearer t",)}[wants]
        self.asked: list[tuple[str, str, str | None]] = []
        self.put: dict[str, tuple[bytes, str]] = {}
        super().__init__(("127.0.0.1", 0), Registry)
        self.host = f"localhost:{self.server_port}"


@contextmanager
def registry(wants: str = "") -> Iterator[Server]:
    server = Server(wants)
    threading.Thread(target=server.serve_forever, args=[0.02], daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def asker(folder: Path, config: dict[str, Any] | None = None, **environment: str) -> Client:
    (folder / "config.json").write_text(json.dumps(config or {}))
    return Client(Programs({"DOCKER_CONFIG": str(folder), **environment}))


def login(host: str) -> dict[str, Any]:
    return {"auths": {host: {"auth": BASIC.removeprefix("Basic ")}}}


@pytest.mark.parametrize("wants", ["", "basic", "bearer"])
def test_it_is_asked_in_the_name_of_who_is_logged_in(tmp_path: Path, wants: str) -> None:
    with registry(wants) as server:
        asked = asker(tmp_path, login(server.host))
        found = asked.head(f"{server.host}/app:1")
        assert isinstance(found, Found)
        assert (found.digest, found.descriptor.media_type, found.descriptor.size) == (DIGEST, INDEX, len(CONTENT))
        assert asked.head(f"{server.host}/app:2") == Absent()
        whole = asked.get(f"{server.host}/app", DIGEST)
        assert isinstance(whole, Found)
        assert whole.body == CONTENT
        assert isinstance(asked.put(f"{server.host}/app:new", CONTENT, INDEX), Found)
        assert server.put == {"/v2/app/manifests/new": (CONTENT, INDEX)}
        assert asked.delete(f"{server.host}/app:1") == Absent()
        assert asked.get(f"{server.host}/app", OTHER) == Absent()
    gone = asker(tmp_path).head(f"{server.host}/app:1", tries=1)
    assert isinstance(gone, Unknown)
    assert (gone.reason, gone.passes) == (f"nothing listens at {server.host}", True)


@pytest.mark.parametrize("wants", ["", "basic", "bearer"])
def test_an_upload_is_begun_and_cancelled(tmp_path: Path, wants: str) -> None:
    with registry(wants) as server:
        asked, proof = asker(tmp_path, login(server.host)), server.proofs[0]
        server.elsewhere = f"http://{server.host}/v2/app/blobs/uploads/one?_state=x"
        assert asked.try_upload(f"{server.host}/app") is None
        last = ("DELETE", "/v2/app/blobs/uploads/one?_state=x", proof)
        assert server.asked[-2:] == [("POST", "/v2/app/blobs/uploads/", proof), last]
        server.elsewhere = "two"
        assert asked.try_upload(f"{server.host}/app") is None
        assert server.asked[-1] == ("DELETE", "/v2/app/blobs/uploads/two", proof)
        assert asked.who(server.host) == "user"
        if wants:
            refused = asker(tmp_path).try_upload(f"{server.host}/app")
            assert isinstance(refused, Unknown)
            assert refused.refused
            assert asker(tmp_path).who(server.host) == ""


@pytest.mark.parametrize("location", ["", "http://elsewhere.example/x", "//", "http://[x"])
def test_nobody_else_is_asked_to_cancel_an_upload(tmp_path: Path, location: str) -> None:
    with registry() as server:
        server.elsewhere = location
        assert asker(tmp_path).try_upload(f"{server.host}/app") is None
        assert [method for method, _, _ in server.asked] == ["POST"]


@pytest.mark.parametrize("wants", ["basic", "bearer"])
def test_nobody_is_logged_in(tmp_path: Path, wants: str) -> None:
    with registry(wants) as server:
        found = asker(tmp_path).head(f"{server.host}/app:1")
        assert isinstance(found, Unknown)
        assert (found.refused, found.passes) == (True, False)
        assert "answered 401" in found.reason


def test_one_login_for_many_questions(tmp_path: Path) -> None:
    with registry("bearer") as server:
        asked = asker(tmp_path, login(server.host))
        for repository in ("a", "a", "b", "b"):
            assert isinstance(asked.head(f"{server.host}/{repository}:1"), Found)
        paths = [path.partition("?")[0] for _, path, _ in server.asked]
        a, b = "/v2/a/manifests/1", "/v2/b/manifests/1"
        assert paths == [a, "/token", a, a, "/token", b, b]


def test_an_identity_token_and_the_environment(tmp_path: Path) -> None:
    with registry("bearer") as server:
        identity = {"auths": {server.host: {"identitytoken": "mine"}}}
        assert isinstance(asker(tmp_path, identity).head(f"{server.host}/app:1"), Found)
        given = asker(tmp_path, DOCKER_AUTH_CONFIG=json.dumps(login(server.host)))
        assert isinstance(given.head(f"{server.host}/app:1"), Found)


@pytest.mark.parametrize(
    "answer", ['{"Username": "user", "Secret": "secret"}', '{"Username": "<token>", "Secret": "mine"}']
)
def test_a_credential_helper_is_asked_once(tmp_path: Path, answer: str) -> None:
    helper = tmp_path / "docker-credential-test"
    helper.write_text(f"#!/bin/sh\ncat >/dev/null\necho x >>{tmp_path}/calls\necho '{answer}'\n")
    helper.chmod(0o755)
    with registry("bearer") as server:
        asked = asker(tmp_path, {"credHelpers": {server.host: "test"}}, PATH=f"{tmp_path}:/usr/bin:/bin")
        assert isinstance(asked.head(f"{server.host}/app:1"), Found)
        assert isinstance(asked.head(f"{server.host}/other:1"), Found)
    assert (tmp_path / "calls").read_text() == "x\n"


@pytest.mark.parametrize(
    ("script", "words", "calls"),
    [
        ("exec sleep 60", "docker-credential-test did not answer within 1 s", 1),
        ("echo 'the keychain is locked' >&2; exit 1", "docker-credential-test failed: the keychain is locked", 6),
        ("exit 3", "docker-credential-test failed: exit code 3", 6),
        ("echo 'credentials not found in native keychain'; exit 1", "answered 401", 6),
        ("", "docker-credential-test is not installed, or not in PATH", 0),
    ],
)
def test_a_helpers_trouble_is_told_and_costs_its_time_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, words: str, calls: int
) -> None:
    monkeypatch.setattr("buildmatrix.oci.http.credentials.SECONDS", 1.0)
    (tmp_path / "calls").touch()
    if script:
        (helper := tmp_path / "docker-credential-test").write_text(f"#!/bin/sh\necho x >>{tmp_path}/calls\n{script}\n")
        helper.chmod(0o755)
    with registry("basic") as server:
        asked = asker(tmp_path, {"credsStore": "test"}, PATH=f"{tmp_path}:/usr/bin:/bin")
        began = time.monotonic()
        tags = (f"{server.host}/app:1", f"{server.host}/other:1")
        for found in (*map(asked.head, tags), asked.delete(tags[0])):
            assert isinstance(found, Unknown)
            assert found.reason.endswith(words)
            assert found.refused
        assert time.monotonic() - began < 5
    assert (tmp_path / "calls").read_text() == "x\n" * calls


@pytest.mark.parametrize("name", ["a\\u0000b", "/"])
def test_a_helper_that_is_none_is_no_traceback(tmp_path: Path, name: str) -> None:
    with registry("basic") as server:
        asked = asker(tmp_path)
        (tmp_path / "config.json").write_text(f'{{"credsStore": "{name}"}}')
        asked = Client(Programs({"DOCKER_CONFIG": str(tmp_path)}))
        assert isinstance(asked.head(f"{server.host}/app:1"), Unknown)


@pytest.mark.parametrize(
    "text", ["[]", "{", '{"auths": []}', '{"auths": {"HOST": {"auth": "%%%"}}}', '{"credsStore": 1}']
)
def test_a_broken_configuration_is_nobody(tmp_path: Path, text: str) -> None:
    with registry("basic") as server:
        asked = asker(tmp_path)
        (tmp_path / "config.json").write_text(text.replace("HOST", server.host))
        asked = Client(Programs({"DOCKER_CONFIG": str(tmp_path)}))
        assert isinstance(asked.head(f"{server.host}/app:1"), Unknown)


def test_who_we_are_is_not_told_elsewhere(tmp_path: Path) -> None:
    with registry("basic") as server, registry() as other:
        server.elsewhere = f"http://{other.host}/v2/x/blobs/{DIGEST}"
        found = asker(tmp_path, login(server.host)).blob(f"{server.host}/app", OTHER)
        assert isinstance(found, Unknown)  # the content is not what the digest names
        assert [proof for _, _, proof in other.asked] == [None]
        server.elsewhere = f"http://{server.host}/v2/app/blobs/{OTHER}"  # in a circle
        found = asker(tmp_path, login(server.host)).blob(f"{server.host}/app", OTHER)
        assert isinstance(found, Unknown)
        assert "from one place to the next" in found.reason


# --- odd answers ------------------------------------------------------------------------------------------------------

TEXT = (("Content-Type", INDEX),)
HUGE = b"HTTP/1.1 200 OK\r\nX-Huge: " + b"x" * 70_000 + b"\r\n\r\n"
MANY = b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 300 + b"\r\n"
LONG = b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n" + b"x" * (9 << 20)
ODD = {
    "bad-status-line": (Fault(".*", "", "raw", raw=b"SSH-2.0-OpenSSH_9\r\n\r\n"), "answered no HTTP"),
    "status-of-letters": (Fault(".*", "", "raw", raw=b"HTTP/1.1 abc OK\r\n\r\n"), "answered no HTTP"),
    "nothing": (Fault(".*", "", "raw"), "broke the connection off"),
    "huge-header": (Fault(".*", "", "raw", raw=HUGE), "answered no HTTP"),
    "many-headers": (Fault(".*", "", "raw", raw=MANY), "answered no HTTP"),
    "never-ending": (Fault(".*", "", "raw", raw=b"HTTP/1.1 100 Continue\r\n\r\n" * 9), "broke the connection off"),
    "dripping": (Fault(".*", "", "drip", raw=b"HTTP/1.1 200 OK\r\nX: ", seconds=0.05), "did not answer within 1 s"),
    "silent": (Fault(".*", "", "stall", seconds=9), "did not answer within 1 s"),
    "302-to-nowhere": (Fault(".*", "", "status", status=302), "answered 302"),
    "302-to-a-file": (
        Fault(".*", "", "status", status=302, headers=(("Location", "file:///etc/passwd"),)),
        "answered 302",
    ),
    "302-in-circles": (Fault(".*", "", "status", status=302, headers=(("Location", "/v2/"),)), "from one place"),
    "404-of-a-gateway": (Fault(".*", "", "status", status=404, text="<html>"), "a page that is not a registry's"),
    "200-of-a-gateway": (Fault(".*", "", "status", status=200, text="<html>"), "without a digest"),
    "no-digest": (Fault("HEAD", "", "status", status=200, headers=TEXT, text=""), ""),
    "strange-digest": (
        Fault("HEAD", "", "status", status=200, headers=(("Docker-Content-Digest", "sha256:abc"),), text=""),
        "a digest that cannot be right",
    ),
    "204": (Fault(".*", "", "status", status=204, text=""), "answered 204"),
    "401-without-a-word": (Fault(".*", "", "status", status=401), "answered 401"),
    "401-with-an-odd-realm": (
        Fault(".*", "", "status", status=401, headers=(("WWW-Authenticate", 'Bearer realm="file:///x"'),)),
        "which is not safe",
    ),
    "403": (Fault(".*", "", "status", status=403), "answered 403"),
    "500": (Fault(".*", "", "status", status=500), "answered 500"),
}


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is asked again is asked at once; servers of the tests take the time that they are told."""
    monkeypatch.setattr(client, "time", SimpleNamespace(monotonic=time.monotonic, sleep=lambda _: None))


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, impatient: None) -> None:
    """Nothing is waited for longer than a second."""
    del impatient
    real = transport.Transport.ask
    monkeypatch.setattr(transport.Transport, "ask", lambda self, request: real(self, request, seconds=1.0))
    monkeypatch.setattr(client, "SECONDS", 1.0)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("name", ODD)
def test_an_odd_answer_is_unknown_and_says_what_it_was(tmp_path: Path, name: str) -> None:
    fault, words = ODD[name]
    with registry() as server, FaultyRegistry(server.host) as proxy:
        proxy.faults = [fault]
        asked = asker(tmp_path)
        began = time.monotonic()
        questions: list[Callable[[], Answer]] = [
            lambda: asked.head(f"{proxy.address}/app:1"),
            lambda: asked.get(f"{proxy.address}/app", DIGEST),
            lambda: asked.put(f"{proxy.address}/app:1", CONTENT, INDEX),
            lambda: asked.delete(f"{proxy.address}/app:new"),
        ]
        head, got, put, deleted = all_of(lambda ask: ask(), questions).values()
        assert time.monotonic() - began < 30
        if name == "no-digest":  # the content tells it
            assert isinstance(head, Found)
            assert head.digest == DIGEST
            return
        assert isinstance(head, Unknown)
        assert words in head.reason
        assert proxy.address in head.reason
        if fault.method == ".*":
            assert [type(one) for one in (got, put)] == [Unknown, Unknown]
            assert isinstance(deleted, Unknown) or name in {"204", "404-of-a-gateway", "200-of-a-gateway"}


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (405, "", "the registry refuses to delete tags"),
        (400, "UNSUPPORTED", "the registry refuses to delete tags"),
        (400, "DIGEST_INVALID", "the registry refuses to delete tags"),
        (400, "NAME_INVALID", "answered 400 (NAME_INVALID)"),
        (403, "DENIED", "answered 403 (DENIED)"),
    ],
)
def test_why_a_tag_is_not_deleted(tmp_path: Path, status: int, code: str, words: str) -> None:
    with registry() as server, FaultyRegistry(server.host) as proxy:
        text = json.dumps({"errors": [{"code": code}]}) if code else ""
        proxy.faults = [Fault("DELETE", "", "status", status=status, text=text)]
        found = asker(tmp_path).delete(f"{proxy.address}/app:1")
        assert isinstance(found, Unknown)
        assert found.reason.endswith(words)


def test_a_registry_that_stays_silent_is_given_up_for_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = transport.Transport.ask
    monkeypatch.setattr(transport.Transport, "ask", lambda self, request: real(self, request, seconds=0.2))
    with registry() as server, FaultyRegistry(server.host) as proxy:
        asked, tag = asker(tmp_path), f"{proxy.address}/app:1"
        proxy.faults = [Fault("HEAD", "", "stall", seconds=30)]
        said = [asked.head(tag) for _ in range(5)]
        waited = f"{proxy.address} did not answer within 0 s"
        given_up = f"{proxy.address} does not answer any more"
        assert [one.reason for one in said if isinstance(one, Unknown)] == [waited] * 3 + [given_up] * 2
        assert isinstance(asked.head(f"{server.host}/app:1"), Found)  # another one is asked
        monkeypatch.setattr(client, "SECONDS", 0.0)  # the while is over
        proxy.faults = []
        assert isinstance(asked.head(tag), Found)


NO_ADDRESSES = [
    "http://[::1/token", "http://[bad", "http://[v1.x]/t", "http:///t", "http://", "//", "http://h:99999999/t", "http://h:-1/t",
    "http://h:abc/t", "http://user:pw@/t", "http://user:pw@[::1/t", "http://a b/t", "http://" + "a" * 70 + ".invalid/t",
    "http://a..b/t",
]  # fmt: skip


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("address", NO_ADDRESSES)
def test_what_is_no_address_is_unknown(tmp_path: Path, address: str) -> None:
    header = {"realm": ("WWW-Authenticate", f'Bearer realm="{address}",service="s"'), "place": ("Location", address)}
    for kind, status in (("realm", 401), ("place", 307)):
        with registry() as server, FaultyRegistry(server.host) as proxy:
            proxy.faults = [Fault(".*", "/v2/", "status", status=status, headers=(header[kind],))]
            asked = asker(tmp_path)
            head, put = asked.head(f"{proxy.address}/app:1"), asked.put(f"{proxy.address}/app:1", CONTENT, INDEX)
        for found in (head, put):
            assert isinstance(found, Unknown)
            assert "pw" not in found.reason
            assert found.reason.split()[0] in {proxy.address, "there"}, found.reason


def test_a_password_in_an_address_is_not_repeated(tmp_path: Path) -> None:
    with registry() as server, FaultyRegistry(server.host) as proxy:
        for address in ("ftp://user:pw@h/t", "https://user:pw@localhost:1/t", f"http://user:pw@{proxy.address}/none"):
            challenge = f'Bearer realm="{address}",service="s"'
            proxy.faults = [Fault(".*", "", "status", status=401, headers=(("WWW-Authenticate", challenge),))]
            found = asker(tmp_path).head(f"{proxy.address}/app:1", tries=1)
            assert isinstance(found, Unknown)
            assert "pw" not in found.reason
            assert any(words in found.reason for words in ("//h/t", "localhost:1", "which logs in")), found.reason


@pytest.mark.parametrize("proxy", ["http://[bad", "http://h:99999999", "nonsense://x"])
def test_a_proxy_that_is_no_address_is_named_as_such(tmp_path: Path, proxy: str) -> None:
    found = asker(tmp_path, https_proxy=proxy).head("registry.invalid/app:1", tries=1)
    assert isinstance(found, Unknown)
    assert found.reason == "the proxy that the environment names for registry.invalid is none"


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("body", [CONTENT + b" ", b"", b"{", LONG], ids=["another", "empty", "half", "endless"])
def test_content_is_what_its_digest_names(tmp_path: Path, body: bytes) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {INDEX}\r\nDocker-Content-Digest: {DIGEST}\r\n"
    raw = body if body is LONG else f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
    with registry() as server, FaultyRegistry(server.host) as proxy:
        proxy.faults = [Fault("GET", "", "raw", raw=raw)]
        found = asker(tmp_path).get(f"{proxy.address}/app", DIGEST)
        assert isinstance(found, Unknown), found


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    "text", ["[]", "{}", "", "<html>", '{"token": 1}', '{"token": "a\\nb"}', "[" * 100_000, '{"token": ""}']
)
def test_an_odd_server_of_tokens(tmp_path: Path, text: str) -> None:
    with registry() as server, FaultyRegistry(server.host) as proxy:
        challenge = f'Bearer realm="http://{proxy.address}/token",service="s"'
        proxy.faults = [
            Fault("GET", "/token", "status", status=200, text=text),
            Fault(".*", "/v2/", "status", status=401, headers=(("WWW-Authenticate", challenge),)),
        ]
        found = asker(tmp_path).head(f"{proxy.address}/app:1")
        assert isinstance(found, Unknown)
        assert "answered no token" in found.reason


@pytest.mark.usefixtures("impatient")
def test_what_may_pass_is_asked_again(tmp_path: Path) -> None:
    with registry() as server, FaultyRegistry(server.host) as proxy:
        asked = asker(tmp_path)
        proxy.faults = [Fault("HEAD", "", "status", status=503, times=2)]
        assert isinstance(asked.head(f"{proxy.address}/app:1"), Found)
        assert len(proxy.seen) == 3
        proxy.faults = [Fault("HEAD", "", "status", status=429, headers=(("Retry-After", "300"),))]
        limited = asked.head(f"{proxy.address}/app:1")
        assert isinstance(limited, Unknown)
        assert (limited.passes, limited.wait) == (True, 300.0)
        assert len(proxy.seen) == 4  # nobody waits for five minutes
        proxy.faults = [Fault("HEAD", "", "status", status=403)]
        assert isinstance(asked.head(f"{proxy.address}/app:1"), Unknown)
        assert len(proxy.seen) == 5


@pytest.mark.usefixtures("quick")
def test_nothing_is_written_after_the_time_is_over(tmp_path: Path) -> None:
    with registry() as server, FaultyRegistry(server.host) as proxy:
        proxy.faults = [Fault("PUT", "", "stall", seconds=2)]
        assert isinstance(asker(tmp_path).put(f"{proxy.address}/app:new", CONTENT, INDEX), Unknown)


@pytest.mark.parametrize(
    ("rules", "bypassed"),
    [
        ("", False),
        ("*", True),
        ("example.org", True),
        (".example.org", True),
        ("r.example.org:5000", True),
        ("le.org", False),
        ("10.0.0.0/8", False),
    ],
)
def test_proxies_of_the_environment(rules: str, bypassed: bool) -> None:
    found = transport.Transport({"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": rules})
    assert found._proxy("https", "r.example.org", "r.example.org:5000") == ("" if bypassed else "http://proxy:3128")
    assert not found._proxy("http", "localhost", "localhost:5000")


@pytest.mark.parametrize(
    ("rules", "bypassed"),
    [("10.0.0.0/8", True), ("10.1.2.3", True), ("fd00::/8, 11.0.0.0/8", False), ("10.1/x", False)],
)
def test_no_proxy_takes_networks(rules: str, bypassed: bool) -> None:
    found = transport.Transport({"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": rules})
    assert bool(found._proxy("https", "10.1.2.3", "10.1.2.3:5000")) != bypassed


# --- TLS --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def secure(tmp_path: Path, unavailable: Callable[[str], NoReturn]) -> Iterator[tuple[Server, Path]]:
    """A registry with TLS, and the certificate that proves it."""
    if shutil.which("openssl") is None:
        unavailable("no openssl to make a certificate with")
    key, proof = tmp_path / "key.pem", tmp_path / "proof.pem"
    name = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", str(key), "-out", str(proof), *name]
    subprocess.run(made, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(proof, key)
    with registry() as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        yield server, proof


def test_certificates_count(secure: tuple[Server, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server, proof = secure
    monkeypatch.setattr(client, "_LOCAL", re.compile("nothing is local"))
    name = f"{server.host}/app:1"
    stranger = asker(tmp_path).head(name)
    assert isinstance(stranger, Unknown)
    assert "is not trusted (self-signed certificate)" in stranger.reason
    allowed = Client(Programs({"DOCKER_CONFIG": str(tmp_path)}), [server.host])
    assert isinstance(allowed.head(name), Found)
    monkeypatch.setenv("SSL_CERT_FILE", str(proof))
    assert isinstance(asker(tmp_path).head(name), Found)


@pytest.mark.parametrize("where", ["DOCKER_CONFIG", "HOME", "XDG_CONFIG_HOME"])
def test_authorities_of_dockers_configuration(
    secure: tuple[Server, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    server, proof = secure
    monkeypatch.setattr(client, "_LOCAL", re.compile("nothing is local"))
    folders = {"DOCKER_CONFIG": "", "HOME": ".docker", "XDG_CONFIG_HOME": "docker"}
    folder = tmp_path / folders[where] / "certs.d" / server.host
    folder.mkdir(parents=True)
    (folder / "broken.crt").write_text("this is none")
    environment = {"HOME": "/nowhere", where: str(tmp_path)}
    stranger = Client(Programs(environment)).head(f"{server.host}/app:1")
    assert isinstance(stranger, Unknown)
    (folder / "own.crt").write_bytes(proof.read_bytes())
    assert isinstance(Client(Programs(environment)).head(f"{server.host}/app:1"), Found)
    (folder / "client.cert").write_bytes(proof.read_bytes())
    for text, words in (("", "has no key"), ("no key", "cannot be read")):
        if text:
            (folder / "client.key").write_text(text)
        lacking = Client(Programs(environment)).head(f"{server.host}/app:1")
        assert isinstance(lacking, Unknown)
        assert f"{server.host} was not asked: the client certificate {folder}/client.cert" in lacking.reason
        assert words in lacking.reason


def test_what_may_do_without_tls_is_asked_with_it_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_LOCAL", re.compile("nothing is local"))
    with registry() as server:
        plain = asker(tmp_path).head(f"{server.host}/app:1")
        assert isinstance(plain, Unknown)
        assert plain.reason == f"{server.host} speaks no TLS"
        allowed = Client(Programs({"DOCKER_CONFIG": str(tmp_path)}), [server.host])
        found = all_of(allowed.head, [f"{server.host}/app:1", f"{server.host}/b:1", f"{server.host}/c:1"])
        assert all(isinstance(one, Found) for one in found.values())


def test_a_proxy_that_is_none(tmp_path: Path) -> None:
    found = asker(tmp_path, HTTPS_PROXY="nonsense").head("r.example.org/app:1")
    assert isinstance(found, Unknown)
    assert found.reason == "the proxy that the environment names for r.example.org is none"


@pytest.mark.parametrize(
    "text",
    ["", "<html>", "{}", '{"errors": []}', '{"errors": [{"code": "UNKNOWN"}]}', '{"errors": [{"code": 404}]}'],
)
def test_a_404_that_no_registry_explains_is_no_word_of_absence(tmp_path: Path, text: str) -> None:
    with registry("") as server, FaultyRegistry(server.host) as proxy:
        proxy.faults = [Fault(".*", "/manifests/", "status", status=404, text=text)]
        found = asker(tmp_path).head(f"{proxy.address}/app:1")
        assert isinstance(found, Unknown)
        assert found.doubted
        assert "404" in found.reason


def test_a_head_that_says_404_is_looked_after(tmp_path: Path) -> None:
    with registry("") as server, FaultyRegistry(server.host) as proxy:
        proxy.faults = [Fault("HEAD", "/manifests/", "status", status=404)]
        found = asker(tmp_path).head(f"{proxy.address}/app:1")
        assert isinstance(found, Found)
        assert found.digest == DIGEST
        assert asker(tmp_path).head(f"{proxy.address}/app:2") == Absent()


def test_authorities_are_read_once_and_connections_are_kept(
    secure: tuple[Server, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To read a system's authorities takes 40 ms, and a handshake a few round trips."""
    server, proof = secure
    monkeypatch.setattr(client, "_LOCAL", re.compile("nothing is local"))
    monkeypatch.setenv("SSL_CERT_FILE", str(proof))
    made, met = Mock(wraps=ssl.create_default_context), Mock(wraps=server.get_request)
    monkeypatch.setattr(ssl, "create_default_context", made)
    monkeypatch.setattr(server, "get_request", met)
    asked = asker(tmp_path)
    asked._transport.ask(transport.Request(method="HEAD", url="http://localhost:1/"))
    for _ in range(20):
        assert isinstance(asked.head(f"{server.host}/app:1"), Found)
        assert isinstance(asked.get(f"{server.host}/app", DIGEST), Found)
    assert (made.call_count, met.call_count) == (1, 1)
    assert isinstance(asked.allowing(["elsewhere.example"]).head(f"{server.host}/app:1"), Found)
    assert (made.call_count, met.call_count) == (1, 1)
    insecure = asked.allowing([server.host])
    assert isinstance(insecure.head(f"{server.host}/app:1"), Found)
    assert made.call_count == 1  # it looks at no authority
    names = [f"{server.host}/app{number}:1" for number in range(40)]
    assert all(isinstance(one, Found) for one in all_of(asked.head, names, at_once=4).values())
    assert met.call_count <= 2 + 4


def test_more_than_a_registry_may_answer_is_no_word_of_absence(tmp_path: Path) -> None:
    with registry("") as server, FaultyRegistry(server.host) as proxy:
        proxy.faults = [Fault("GET", "/manifests/", "status", status=200, text="x" * (LARGEST + 1))]
        found = asker(tmp_path).get(f"{proxy.address}/app", f"sha256:{'0' * 64}")
        assert isinstance(found, Unknown)
        assert found.doubted, found
