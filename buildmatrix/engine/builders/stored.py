"""What buildx keeps of a builder, in a file for each: `inspect` tells the same mixed with what its nodes say."""

import json
from base64 import b64decode
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from buildmatrix.errors import Diagnostic, EngineError
from buildmatrix.oci.platform import platform_of
from buildmatrix.process import docker_directory
from buildmatrix.records import dataclass

LIMIT = 8 << 20
"""Bytes of such a file that are read."""


@dataclass(frozen=True, kw_only=True)
class StoredNode:
    """A node as it was created: `platforms` are those that it was made for, `files` the daemon's configuration."""

    name: str
    endpoint: str
    platforms: tuple[str, ...]
    driver_opts: Mapping[str, str]
    flags: tuple[str, ...]
    files: Mapping[str, bytes]


@dataclass(frozen=True, kw_only=True)
class StoredBuilder:
    """A builder as it was created."""

    name: str
    driver: str
    nodes: tuple[StoredNode, ...]


def buildx_directory(environment: Mapping[str, str]) -> Path:
    """Return where buildx keeps its builders."""
    return Path(environment.get("BUILDX_CONFIG") or docker_directory(environment) / "buildx")


def instances(environment: Mapping[str, str]) -> Path:
    """Return the directory of the files, each called like its builder."""
    return buildx_directory(environment) / "instances"


def stored(name: str, environment: Mapping[str, str]) -> StoredBuilder | None:
    """Return a builder, None if buildx has none of that name; EngineError if what it keeps cannot be read."""
    path = instances(environment) / name
    try:
        with path.open("rb") as file:
            return _builder(json.loads(file.read(LIMIT)))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        why = getattr(error, "strerror", "") or "it is not as buildx writes it"
        message = f'what buildx keeps of builder "{name}" cannot be read: {why}'
        hint = f"{path} is the file; docker buildx rm {name} removes it"
        raise EngineError(Diagnostic(message=message, code="builder", hint=hint)) from None


def _builder(data: Mapping[str, Any]) -> StoredBuilder:
    return StoredBuilder(name=data["Name"], driver=data["Driver"], nodes=tuple(map(_node, data.get("Nodes") or ())))


def _node(data: Mapping[str, Any]) -> StoredNode:
    return StoredNode(
        name=data["Name"],
        endpoint=str(data.get("Endpoint") or ""),
        platforms=tuple(map(_platform, data.get("Platforms") or ())),
        driver_opts={str(key): str(value) for key, value in (data.get("DriverOpts") or {}).items()},
        flags=tuple(map(str, data.get("Flags") or data.get("BuildkitdFlags") or ())),
        files={str(key): b64decode(value or "") for key, value in (data.get("Files") or {}).items()},
    )


def _platform(data: Mapping[str, str]) -> str:
    return str(platform_of(data.get("os", ""), data.get("architecture", ""), data.get("variant", "")))
