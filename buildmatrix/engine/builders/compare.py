"""In what a builder differs from what the file declares."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from buildmatrix.engine.builders.stored import StoredBuilder, StoredNode, buildx_directory
from buildmatrix.records import dataclass
from buildmatrix.spec.rows.builders import ENVIRONMENT, DeclaredBuilder, DeclaredNode, Driver

NETWORK = "--allow-insecure-entitlement=network.host"
"""What buildx adds to the flags of a daemon that allows nothing else (builder/builder.go of 0.29)."""

CONFIG, INSIDE = "buildkitd.toml", "/etc/buildkit"
DEFAULT_CONFIG = "buildkitd.default.toml"
"""The configuration that buildx takes where none is given, in its own directory."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """What differs: of a node, or of the whole builder ("").

    `kind` tells a node that is `missing` or `extra` from one that is `other`; another `driver` is somebody's builder.
    """

    kind: Literal["missing", "extra", "other", "driver"]
    node: str
    words: str


def differences(
    declared: DeclaredBuilder, found: StoredBuilder, environment: Mapping[str, str]
) -> tuple[Difference, ...]:
    """Return in what a builder differs from what the file says of it, in the order of its nodes."""
    if declared.driver != found.driver:
        return (Difference(kind="driver", node="", words=_change("driver", found.driver, declared.driver)),)
    there = {node.name: node for node in found.nodes}
    wanted = [node.name for node in declared.nodes]
    return (
        *(one for node in declared.nodes for one in _of_node(node, there.get(node.name), declared.driver, environment)),
        *(Difference(kind="extra", node=name, words="not declared") for name in there if name not in wanted),
    )


def _of_node(
    declared: DeclaredNode, found: StoredNode | None, driver: Driver, environment: Mapping[str, str]
) -> Iterator[Difference]:
    if found is None:
        yield Difference(kind="missing", node=declared.name, words="missing")
        return
    for words in _others(declared, found, driver, environment):
        yield Difference(kind="other", node=declared.name, words=words)


def _others(declared: DeclaredNode, found: StoredNode, driver: Driver, environment: Mapping[str, str]) -> Iterator[str]:
    if not _is_endpoint(declared.endpoint, found.endpoint, driver):
        yield _change("endpoint", found.endpoint, declared.endpoint)
    if set(declared.platforms) != set(found.platforms):
        yield _change("platforms", ", ".join(found.platforms), ", ".join(declared.platforms))
    yield from _options(declared.driver_opts, found.driver_opts)
    if _flags(declared.flags) != _flags(found.flags):
        yield _change("buildkitd-flags", " ".join(_flags(found.flags)), " ".join(_flags(declared.flags)))
    config = declared.config or str(buildx_directory(environment) / DEFAULT_CONFIG)
    if driver in {"docker-container", "kubernetes"} and not _is_config(config, found.files):
        yield "buildkitd-config: it has another one" if found.files else "buildkitd-config: it has none"


def _change(what: str, was: str, wanted: str) -> str:
    return f"{what}: {was or 'none'}, declared: {wanted or 'none'}"


def _options(declared: Mapping[str, str], found: Mapping[str, str]) -> Iterator[str]:
    for key in dict.fromkeys((*declared, *found)):
        if declared.get(key) == found.get(key):
            continue
        if key.startswith(ENVIRONMENT) and key in declared and key in found:
            yield f"driver-opts.{key}: it has another value"  # which may be a secret, also the one that was
        elif key.startswith(ENVIRONMENT):
            yield f"driver-opts.{key}: {'missing' if key in declared else 'not declared'}"
        else:
            yield _change(f"driver-opts.{key}", found.get(key, ""), declared.get(key, ""))


def _is_endpoint(declared: str, found: str, driver: Driver) -> bool:
    """Tell whether an endpoint is the declared one; that of pods, and the current engine, are chosen by buildx."""
    if driver == "kubernetes" or declared in {"", found}:
        return True
    if driver == "cloud":
        return declared in found
    return driver == "docker-container" and (declared == "default" or found.startswith(f"{declared}:"))


def _flags(flags: tuple[str, ...]) -> list[str]:
    return [flag for flag in flags if flag != NETWORK]


def _is_config(path: str, found: Mapping[str, bytes]) -> bool:
    """Tell whether the daemon's configuration is that of a file, none where there is no such file."""
    data = _toml(_read(path))
    if data is None:
        return not found
    wanted = _moved(data)
    return _toml(found.get(CONFIG, b"")) == data and {key: found[key] for key in found if key != CONFIG} == wanted


def _moved(data: dict[str, Any]) -> dict[str, bytes | None]:
    """Let a configuration name the certificates of registries as buildx does, which copies them; return those."""
    import re

    files: dict[str, bytes | None] = {}
    registries = data.get("registry")
    for name, registry in registries.items() if isinstance(registries, dict) else ():
        folder = f"certs/{re.sub(r'[^a-zA-Z0-9.-]+', '_', name)}"
        pairs = registry.get("keypair", [])
        for table, key in [(registry, "ca"), *((pair, key) for pair in pairs for key in ("key", "cert"))]:
            if key in table:
                paths = table[key] if isinstance(table[key], list) else [table[key]]
                named = [f"{folder}/{Path(path).name}" for path in paths]
                files |= {name: _read(path) for name, path in zip(named, paths, strict=True)}
                moved = [f"{INSIDE}/{name}" for name in named]
                table[key] = moved if isinstance(table[key], list) else moved[0]
    return files


def _toml(text: bytes | None) -> dict[str, Any] | None:
    import tomli

    try:
        return None if text is None else tomli.loads(text.decode())
    except ValueError:
        return None


def _read(path: str) -> bytes | None:
    try:
        return Path(path).read_bytes()
    except OSError:
        return None
