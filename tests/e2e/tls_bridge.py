"""TLS before a socket of BuildKit: who comes has to show a certificate of the test's own authority."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def tls_bridge(path: str, folder: Path) -> Iterator[int]:
    """Forward a port of 127.0.0.1 to the socket `path`, with the certificates of `folder`; yields the port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem", folder / "server.key")
    context.load_verify_locations(folder / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    context.set_alpn_protocols(["h2"])  # else gRPC of the client goes away
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=_accept, args=[listening, context, path], daemon=True).start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)


def _accept(listening: socket.socket, context: ssl.SSLContext, path: str) -> None:
    while True:
        try:
            plain, _ = listening.accept()
        except OSError:
            return
        threading.Thread(target=_serve, args=[plain, context, path], daemon=True).start()


def _serve(plain: socket.socket, context: ssl.SSLContext, path: str) -> None:
    with suppress(OSError), socket.socket(socket.AF_UNIX) as behind:
        behind.connect(path)
        with context.wrap_socket(plain, server_side=True) as before:
            before.settimeout(0.02)  # one thread for both ways: a TLS connection is not for two threads
            behind.settimeout(0.02)
            while _passed(before, behind) and _passed(behind, before):
                pass


def _passed(source: socket.socket, target: socket.socket) -> bool:
    """Pass on what has come; False at the end."""
    try:
        data = source.recv(65536)
    except TimeoutError:
        return True
    if data:
        blocking = target.gettimeout()
        target.settimeout(60)
        target.sendall(data)
        target.settimeout(blocking)
    return bool(data)
