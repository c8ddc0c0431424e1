"""Registries of our own for a test: Debian's `docker-registry` (distribution), with passwords, tokens or TLS.

Each listens on a free port of 127.0.0.1, keeps its files in the test's directory, and is ended by its own process id.
"""

import base64
import json
import os
import shutil
import socket
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import parse_qs, urlsplit

import pytest

USER, PASSWORD = "someone", "hunter2-of-a-test"
HASHED = "$2b$04$cz6dsXH9VllSxIx5IQpbOOTAHnp9HKgHmT4ZNy3CvZR1wBcAapIbS"
"""The password by bcrypt, as htpasswd writes it: the registry takes nothing else."""


@dataclass(frozen=True)
class Registry:
    """A registry that runs: `host` is `localhost:PORT`, `folder` where its files and certificates are."""

    host: str
    folder: Path


def program() -> str:
    """The registry's program: from PATH, or the engine's packages; "" if there is none."""
    home = Path(os.environ.get("ENGINE_HOME", "/nowhere"), "packages", "root", "usr", "bin")
    return shutil.which("docker-registry", path=f"{os.environ.get('PATH', '')}:{home}") or ""


def needed(unavailable: Callable[[str], NoReturn]) -> None:
    for name, there in (("docker-registry", program()), ("openssl", shutil.which("openssl"))):
        if not there:
            unavailable(f"no {name}: apt-get install {name}")


@contextmanager
def running(folder: Path, **config: Any) -> Iterator[Registry]:
    """Run a registry with these parts of its configuration beside what every one needs."""
    process, port = _started(folder, config)
    try:
        yield Registry(f"localhost:{port}", folder)
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _started(folder: Path, config: dict[str, Any]) -> "tuple[subprocess.Popen[bytes], int]":
    """Start it; the port that was free may be another's by then, so that it is tried again on the next one."""
    log = folder / "registry.log"
    for _ in range(5):
        port = _free_port()
        path = folder / "registry.yml"  # JSON is YAML
        storage = {"filesystem": {"rootdirectory": str(folder / "registry")}, "delete": {"enabled": True}}
        http = {"addr": f"127.0.0.1:{port}", **config.get("http", {})}
        path.write_text(json.dumps({"version": "0.1", "storage": storage, **config, "http": http}))
        with log.open("wb") as file:
            process = subprocess.Popen([program(), "serve", str(path)], stdout=file, stderr=file)
        if _listens(process, port):
            return process, port
        process.kill()
        process.wait()
    pytest.fail(f"the registry does not start: {log.read_text()[-2000:]}", pytrace=False)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _listens(process: "subprocess.Popen[bytes]", port: int) -> bool:
    until = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
        except OSError:
            time.sleep(0.05)
        else:
            time.sleep(0.05)  # it may be another's port: then ours is about to end
            return process.poll() is None
    return False


# --- who may ask ------------------------------------------------------------------------------------------------------


def basic(folder: Path) -> dict[str, Any]:
    """The part of a configuration that wants a password."""
    (folder / "htpasswd").write_text(f"{USER}:{HASHED}\n")
    return {"htpasswd": {"realm": "test", "path": str(folder / "htpasswd")}}


@contextmanager
def tokens(folder: Path) -> Iterator[dict[str, Any]]:
    """The part of a configuration that wants tokens, of a server that gives them to who knows the password."""
    authority(folder)
    with TokenServer(folder) as server:
        threading.Thread(target=server.serve_forever, args=[0.02], daemon=True).start()
        realm = f"http://localhost:{server.server_port}/token"
        yield {
            "token": {"realm": realm, "service": "s", "issuer": "i", "rootcertbundle": str(folder / "ca.pem")},
        }
        server.shutdown()


class TokenServer(ThreadingHTTPServer):
    """A server of tokens, which are signed by the key of the authority in a directory."""

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), TokenHandler)
        self.folder = folder

    def token(self, scopes: list[str]) -> str:
        """Return a JSON web token (RS256) that allows what is asked for."""
        access = []
        for kind, name, actions in (scope.split(":", 2) for scopes_ in scopes for scope in scopes_.split()):
            access.append({"type": kind, "name": name, "actions": actions.split(",")})
        now = int(time.time())
        lines = (self.folder / "ca.pem").read_text().split("-----")[2].split()
        header = {"typ": "JWT", "alg": "RS256", "x5c": ["".join(lines)]}
        claims: dict[str, Any] = {"iss": "i", "sub": USER, "aud": "s", "jti": uuid.uuid4().hex, "access": access}
        claims |= {"iat": now - 60, "nbf": now - 60, "exp": now + 600}
        signed = b".".join(_encoded(json.dumps(part).encode()) for part in (header, claims))
        command = ["openssl", "dgst", "-sha256", "-sign", str(self.folder / "ca.key")]
        signature = subprocess.run(command, input=signed, capture_output=True, check=True).stdout
        return b".".join([signed, _encoded(signature)]).decode()


class TokenHandler(BaseHTTPRequestHandler):
    server: TokenServer

    def do_GET(self) -> None:
        given = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        self.answer(parse_qs(urlsplit(self.path).query), known=self.headers["Authorization"] == f"Basic {given}")

    def do_POST(self) -> None:
        """Answer as OAuth does, which BuildKit tries first."""
        fields = parse_qs(self.rfile.read(int(self.headers.get("Content-Length", 0))).decode())
        self.answer(fields, known=(fields.get("username"), fields.get("password")) == ([USER], [PASSWORD]))

    def answer(self, fields: dict[str, list[str]], *, known: bool) -> None:
        token = self.server.token(fields.get("scope", [])) if known else ""
        body = json.dumps({"token": token, "access_token": token, "expires_in": 600}).encode() if known else b""
        self.send_response(200 if known else 401)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _encoded(text: bytes) -> bytes:
    return base64.urlsafe_b64encode(text).rstrip(b"=")


# --- TLS --------------------------------------------------------------------------------------------------------------


def authority(folder: Path) -> None:
    """Make a certificate authority: `ca.pem`, `ca.key`."""
    _certificate(folder, "ca", "-addext", "keyUsage=critical,keyCertSign,digitalSignature")


def signed(folder: Path, name: str) -> None:
    """Make a certificate for localhost, or of a client, that the authority has signed."""
    by = ["-CA", str(folder / "ca.pem"), "-CAkey", str(folder / "ca.key")]
    _certificate(folder, name, *by, "-addext", "basicConstraints=critical,CA:FALSE")


def _certificate(folder: Path, name: str, *more: str) -> None:
    files = ["-keyout", str(folder / f"{name}.key"), "-out", str(folder / f"{name}.pem")]
    names = ["-subj", f"/CN={name}", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *files, *names, *more]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def tls(folder: Path, *, clients: bool = False) -> dict[str, Any]:
    """The part of a configuration that speaks TLS with a certificate of an authority of our own."""
    authority(folder)
    signed(folder, "server")
    more = {"clientcas": [str(folder / "ca.pem")]} if clients else {}
    return {"tls": {"certificate": str(folder / "server.pem"), "key": str(folder / "server.key"), **more}}
