"""Checksums of what a server gives, and commits of what git tells."""

import hashlib
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from buildmatrix.errors import Place
from buildmatrix.lock import fetching
from buildmatrix.lock.fetching import Fetching, checksum_of, chosen
from buildmatrix.lock.sources import Source
from buildmatrix.oci.answers import Unknown
from buildmatrix.process import Programs

A, B = "a" * 40, "b" * 40


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status = {"/file": 200, "/moved": 302, "/away": 302}.get(self.path, 404)
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/file" if self.path == "/moved" else "file:///etc/passwd")
        self.end_headers()
        self.wfile.write(b"content" if status == 200 else b"")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("no_proxy", "*")
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as made:
        threading.Thread(target=made.serve_forever, args=[0.02], daemon=True).start()
        yield f"http://127.0.0.1:{made.server_port}"
        made.shutdown()


def test_a_checksum_is_that_of_what_is_there_at_last(server: str) -> None:
    expected = f"sha256:{hashlib.sha256(b'content').hexdigest()}"
    assert checksum_of(f"{server}/file") == checksum_of(f"{server}/moved") == expected


def test_what_does_not_come_is_told(server: str) -> None:
    assert checksum_of(f"{server}/gone") == Unknown(reason="its server answered 404")
    assert isinstance(checksum_of(f"{server}/away"), Unknown)
    assert checksum_of("http://127.0.0.1:9/x") == Unknown(reason="it cannot be fetched: Connection refused")


def test_what_is_too_large_is_not_read_to_its_end(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "LARGEST", 3)
    assert checksum_of(f"{server}/file") == Unknown(reason="it has more than 0 GiB")


@pytest.mark.parametrize(
    ("told", "name", "found"),
    [
        (f"{A}\tHEAD\n", "HEAD", A),
        (f"{A}\trefs/heads/main\n{B}\trefs/heads/x/main\n", "main", A),
        (f"{A}\trefs/tags/v1\n{B}\trefs/tags/v1^{{}}\n", "v1", B),
        (f"{A}\trefs/heads/v1\n{A}\trefs/tags/v1\n", "v1", A),
        (f"{A}\trefs/heads/v1\n{B}\trefs/tags/v1\n", "refs/tags/v1", B),
    ],
)
def test_the_commit_that_a_name_stands_for(told: str, name: str, found: str) -> None:
    assert chosen(told, name) == found


def test_a_name_that_means_two_or_nothing_is_told() -> None:
    both = chosen(f"{A}\trefs/heads/v1\n{B}\trefs/tags/v1\n", "v1")
    assert both == Unknown(reason="v1 is both a branch and a tag: write refs/heads/v1 or refs/tags/v1")
    assert chosen("", "v1") == Unknown(reason="its repository has no v1")


def test_git_is_asked_of_no_files_and_by_no_other_program() -> None:
    for url in ("ext::sh -c touch% /tmp/x", "file:///etc"):
        found = Fetching(Programs(os.environ))(Source(url, "git", Place(file="f")))
        assert isinstance(found, Unknown)
        assert "not allowed" in found.reason
