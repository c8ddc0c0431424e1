"""Expose a Docker Engine's embedded BuildKit as a plain gRPC unix socket.

The engine serves BuildKit behind an HTTP/1.1 upgrade on /grpc; buildx's `remote` driver speaks gRPC at once.
This makes the upgrade for every connection and then copies bytes both ways.

grpc_bridge.py LISTEN_SOCKET ENGINE_SOCKET
"""

import contextlib
import socket
import sys
import threading
from pathlib import Path

UPGRADE = b"POST /grpc HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"


def copy(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


def upgrade(engine: socket.socket) -> bytes:
    """Leave HTTP behind; returns what the engine has already said beyond it."""
    engine.sendall(UPGRADE)
    answer = b""
    while b"\r\n\r\n" not in answer:
        data = engine.recv(4096)
        if not data:
            raise ConnectionError(answer.decode(errors="replace"))
        answer += data
    head, _, rest = answer.partition(b"\r\n\r\n")
    if b" 101 " not in head.split(b"\r\n")[0]:
        raise ConnectionError(head.decode(errors="replace"))
    return rest


def serve(client: socket.socket, engine_path: str) -> None:
    with client, socket.socket(socket.AF_UNIX) as engine:
        try:
            engine.connect(engine_path)
            client.sendall(upgrade(engine))
        except OSError as error:
            print(f"{engine_path}: {error}", file=sys.stderr, flush=True)
            return
        threading.Thread(target=copy, args=(client, engine), daemon=True).start()
        copy(engine, client)


def main(listen: str, engine_path: str) -> None:
    ready = Path(listen)
    unready = ready.with_suffix(".new")
    unready.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(unready))
        listener.listen(128)
        unready.replace(ready)  # whoever sees the socket can connect to it
        while True:
            client, _ = listener.accept()
            threading.Thread(target=serve, args=(client, engine_path), daemon=True).start()


if __name__ == "__main__":
    main(*sys.argv[1:])
