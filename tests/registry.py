"""A registry in memory that speaks the real protocol: what a test wants of it is done before each request."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from buildmatrix.oci.image import OCI_INDEX
from buildmatrix.oci.index import digest_of

LIE = "sha256:" + "0" * 64


class Server(ThreadingHTTPServer):
    """A registry: `tags` to digests, `content` by digest, `uploads` that were begun and neither ended nor cancelled.

    `before` is called with each request and may answer it.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.host = f"localhost:{self.server_port}"
        self.tags: dict[str, str] = {}
        self.content: dict[str, bytes] = {}
        self.before: Callable[[str, str], int | None] = lambda *_: None
        self.can_delete = True
        self.uploads = 0

    def add(self, *platforms: str, note: str = "", **annotations: str) -> str:
        rows = [
            {
                "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "digest": digest_of(f"{platform} {note}".encode()),
                "size": 1,
                "platform": {"os": "linux", "architecture": platform},
            }
            for platform in platforms
        ]
        document: dict[str, Any] = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": rows}
        document["annotations"] = {"note": note, **annotations}
        body = json.dumps(document).encode()
        self.content[digest_of(body)] = body
        return digest_of(body)

    def platforms(self, tag: str) -> dict[str, str]:
        rows = json.loads(self.content[self.tags[tag]])["manifests"]
        return {row["platform"]["architecture"]: row["digest"] for row in rows}


ABSENT = b'{"errors": [{"code": "MANIFEST_UNKNOWN"}]}'


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # headers and body are two writes: the second would wait 40 ms
    server: Server

    def answer(self) -> None:
        name = self.path.rpartition("/")[2]
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if status := self.server.before(self.command, name):
            self.reply(*((200, LIE) if status == 299 else (status,)))
        elif self.command == "POST":
            self.server.uploads += 1
            self.reply(202, location=f"{self.path}{self.server.uploads}?state=x")
        elif "/blobs/uploads/" in self.path:
            self.server.uploads -= 1
            self.reply(204)
        elif self.command == "PUT":
            self.server.content[digest_of(body)] = body
            self.server.tags[name] = digest_of(body)
            self.reply(201)
        elif self.command == "DELETE":
            gone = self.server.can_delete and self.server.tags.pop(name, "")
            self.reply(202 if gone else 405)
        else:
            digest = name if ":" in name else self.server.tags.get(name, "")
            self.reply(200 if digest in self.server.content else 404, digest if digest in self.server.content else "")

    def reply(self, status: int, digest: str = "", *, location: str = "") -> None:
        body = self.server.content.get(digest, ABSENT if status == 404 else b"")
        self.send_response(status)
        told = {"Content-Length": str(len(body)), "Content-Type": _kind(body)}
        told |= {"Location": location} if location else {}
        for key, value in {**told, **({"Docker-Content-Digest": digest} if digest else {})}.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(b"" if self.command == "HEAD" else body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _kind(body: bytes) -> str:
    """What content says that it is; an index where it says nothing."""
    try:
        return str(json.loads(body)["mediaType"])
    except (ValueError, KeyError, TypeError):
        return OCI_INDEX


for _method in ("HEAD", "GET", "POST", "PUT", "DELETE"):
    setattr(Handler, f"do_{_method}", Handler.answer)


@contextmanager
def registry_in_memory() -> Iterator[Server]:
    """Start one, which is gone afterwards."""
    with Server() as made:
        threading.Thread(target=made.serve_forever, args=[0.02], daemon=True).start()
        yield made
        made.shutdown()
