"""Images in a registry in memory, with their configurations."""

import json
from typing import Any

from buildmatrix.engine.registry import Registry
from buildmatrix.oci.image import OCI_INDEX
from buildmatrix.oci.index import digest_of
from buildmatrix.process import Programs
from tests.registry import Server

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"


def asking() -> Registry:
    return Registry(Programs({"DOCKER_CONFIG": "/nowhere"}))


def put(server: Server, document: Any) -> tuple[str, int]:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    server.content[digest_of(body)] = body
    return digest_of(body), len(body)


def image(server: Server, platform: str = "linux/amd64", created: str = "", **config: Any) -> str:
    """Put a manifest and its configuration; returns its digest."""
    system, name, *variant = platform.split("/")
    described = {"os": system, "architecture": name, "config": config, **({"created": created} if created else {})}
    described |= {"variant": variant[0]} if variant else {}
    digest, size = put(server, described)
    table = {"mediaType": CONFIG, "digest": digest, "size": size}
    return put(server, {"schemaVersion": 2, "mediaType": MANIFEST, "config": table, "layers": []})[0]


def index(server: Server, **images: str) -> str:
    """Put an index of images by platform (`linux_arm64=DIGEST`); returns its digest."""
    rows = []
    for platform, digest in images.items():
        system, name, *variant = platform.split("_")
        table = {"os": system, "architecture": name, **({"variant": variant[0]} if variant else {})}
        rows.append(
            {"mediaType": MANIFEST, "digest": digest, "size": len(server.content.get(digest, b"")), "platform": table}
        )
    return put(server, {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": rows})[0]
