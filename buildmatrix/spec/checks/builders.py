"""`[builder.NAME]`: nodes with all that holds for them, and what buildx would refuse of them or pass over."""

import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from buildmatrix.errors import Place, Pointer, Problems, did_you_mean
from buildmatrix.oci.platform import normalized
from buildmatrix.patterns import regex
from buildmatrix.spec.rows.builders import (
    CONTAINER,
    DRIVER_OPTS,
    ENVIRONMENT,
    Builder,
    BuilderNode,
    DeclaredBuilder,
    DeclaredNode,
    Driver,
)
from buildmatrix.spec.rows.tables import File
from buildmatrix.text import hide, hide_in_url

SCHEMES = ("docker-container", "kube-pod", "npipe", "ssh", "tcp", "unix")
"""Addresses that the driver remote takes (driver/remote/util/endpoint.go of buildx 0.36)."""

_SECRET = regex("token|secret|password|passwd|credential", re.IGNORECASE)

OF_A_NODE = ("endpoint", "platforms")
"""What each node says for itself, where there are several."""


def builders_of(file: File, name: str, directory: Path, problems: Problems) -> Mapping[str, DeclaredBuilder]:
    """Return the builders that the root file `name` declares; what is wrong is added to `problems`."""
    return {key: _Reader(key, table, name, directory, problems).read() for key, table in (file.builder or {}).items()}


class _Reader:
    """Reads one builder."""

    def __init__(self, name: str, table: Builder, file: str, directory: Path, problems: Problems) -> None:
        self.name, self.table, self.file, self.directory, self.problems = name, table, file, directory, problems
        self.driver: Driver = table.driver or CONTAINER

    def read(self) -> DeclaredBuilder:
        """Return the builder, checked."""
        nodes = tuple(self._nodes())
        for node in nodes:
            self._check(node)
        self._check_together(nodes)
        return DeclaredBuilder(
            name=self.name,
            driver=self.driver,
            bootstrap=bool(self.table.bootstrap),
            nodes=nodes,
            place=self._place(part_is_key=True),
        )

    def _place(self, *path: str | int, part_is_key: bool = False) -> Place:
        return Place(file=self.file, pointer=("builder", self.name, *path), part="key" if part_is_key else "value")

    def _error(self, message: str, place: Place, hint: str) -> None:
        self.problems.error("builder", f"builder.{self.name}: {message}", place, hint=hint)

    # --- what holds for a node ----------------------------------------------------------------------------------------

    def _nodes(self) -> Iterator[DeclaredNode]:
        if self.table.node is None:
            yield self._node(BuilderNode(), 0, ())
            return
        for attribute in OF_A_NODE:
            if getattr(self.table, attribute) is not None:
                hint = f"write it in each [[builder.{self.name}.node]]"
                self._error(f"{attribute} is said by each node, where there are nodes", self._place(attribute), hint)
        for index, node in enumerate(self.table.node):
            yield self._node(node, index, ("node", index))

    def _node(self, node: BuilderNode, index: int, way: Pointer) -> DeclaredNode:
        taken = {one.name for one in self.table.node or () if one.name}
        names = (f"{self.name}{number}" for number in range(len(taken) + index + 1))
        free = [name for name in names if name not in taken]
        opts = {**self._opts(self.table, ()), **(self._opts(node, way) if way else {})}
        config, at = self._said("buildkitd_config", node, way)
        paths = {key: place for key, (_, place) in opts.items() if key in DRIVER_OPTS and DRIVER_OPTS[key].is_path}
        values = {key: self._absolute(value) if key in paths else value for key, (value, _) in opts.items()}
        return DeclaredNode(
            name=node.name or free[self._unnamed(index)],
            endpoint=self._said("endpoint", node, way)[0] or "",
            platforms=tuple(map(normalized, self._said("platforms", node, way)[0] or ())),
            driver_opts=values,
            flags=self._flags(node, way),
            config=self._absolute(config) if config else "",
            place=self._place(*way, part_is_key=not way),
            paths={values[key]: place for key, place in paths.items()}
            | ({self._absolute(config): at} if config else {}),
        )

    def _flags(self, node: BuilderNode, way: Pointer) -> tuple[str, ...]:
        """Return the flags as the daemon gets them: one text may hold a flag and its value, as a shell takes it."""
        given, place = self._said("buildkitd_flags", node, way)
        try:
            return tuple(word for flag in given or () for word in shlex.split(flag))
        except ValueError:
            self._error("a quote in buildkitd-flags is not closed", place, "close it, or leave it out")
            return ()

    def _unnamed(self, index: int) -> int:
        """Return how many nodes before this one have no name of their own."""
        return sum(1 for one in (self.table.node or ())[:index] if not one.name)

    def _said(self, attribute: str, node: BuilderNode, way: Pointer) -> tuple[Any, Place]:
        """Return a setting and its place: the node's, else the builder's."""
        key = attribute.replace("_", "-")
        own = getattr(node, attribute)
        return (own, self._place(*way, key)) if own is not None else (getattr(self.table, attribute), self._place(key))

    def _opts(self, table: Any, way: Pointer) -> dict[str, tuple[str, Place]]:
        for key, value in (table.driver_opts or {}).items():
            hide_in_url(value)
            if key.startswith(ENVIRONMENT) and _SECRET.search(key):
                hide(value)
        return {key: (value, self._place(*way, "driver-opts", key)) for key, value in (table.driver_opts or {}).items()}

    def _absolute(self, path: str) -> str:
        return str(self.directory / path)

    # --- what is wrong with it ----------------------------------------------------------------------------------------

    def _check(self, node: DeclaredNode) -> None:
        self._check_opts(node)
        self._check_endpoint(node)
        if self.driver == "remote":
            self._check_tls(node)
        for value, key in ((node.flags, "buildkitd-flags"), (node.config, "buildkitd-config")):
            if value and self.driver in {"remote", "cloud"}:
                what = f"the {self.driver} driver does not start buildkitd, and cannot set its {key.split('-')[1]}"
                hint = "leave it out: who runs that BuildKit sets it"
                self._error(what, self._where(node, key), hint)

    def _where(self, node: DeclaredNode, key: str) -> Place:
        """Return the place of a node's key, or of the builder's where that says it."""
        way = node.place.pointer[2:]
        number = next((part for part in way if isinstance(part, int)), None)
        table: Any = self.table.node[number] if number is not None and self.table.node else self.table
        own = getattr(table, key.replace("-", "_")) is not None
        return self._place(*(way if own else ()), key)

    def _check_opts(self, node: DeclaredNode) -> None:
        for key in node.driver_opts if self.driver != "cloud" else ():
            known = "env.NAME" if key.startswith(ENVIRONMENT) and len(key) > len(ENVIRONMENT) else key
            if known not in DRIVER_OPTS or self.driver not in DRIVER_OPTS[known].drivers:
                self._error(f'the {self.driver} driver has no option "{key}"', self._opt(node, key), self._hint(known))

    def _opt(self, node: DeclaredNode, key: str) -> Place:
        way = node.place.pointer[2:]
        number = next((part for part in way if isinstance(part, int)), None)
        inner = self.table.node[number].driver_opts if number is not None and self.table.node else None
        place = self._place(*(way if key in (inner or {}) else ()), "driver-opts", key)
        return Place(file=place.file, pointer=place.pointer, part="key")

    def _hint(self, key: str) -> str:
        known = [name for name, one in DRIVER_OPTS.items() if self.driver in one.drivers]
        if key in DRIVER_OPTS:
            having = " and ".join(DRIVER_OPTS[key].drivers)
            return f"{having} {'have' if ' and ' in having else 'has'} it; known here: {', '.join(known)}"
        return did_you_mean(key, known) or f"known here: {', '.join(known)}"

    def _check_endpoint(self, node: DeclaredNode) -> None:
        if self.driver == "kubernetes" and node.endpoint:
            hint = "leave it out: kubectl's current context is taken, and driver-opts has the namespace"
            self._error("the kubernetes driver takes no endpoint", self._where(node, "endpoint"), hint)
        elif self.driver in {"remote", "cloud"} and not node.endpoint:
            hint = f'write endpoint = "{"tcp://HOST:PORT" if self.driver == "remote" else "ORG/BUILDER"}"'
            self._error(f"the {self.driver} driver needs an endpoint for node {node.name}", node.place, hint)
        elif self.driver == "remote" and not re.match(rf"({'|'.join(SCHEMES)}):", node.endpoint):
            hint = _schemed(node.endpoint)
            message = f'"{node.endpoint}" is not an address that the remote driver takes'
            self._error(message, self._where(node, "endpoint"), hint)
        elif self.driver == "cloud" and not re.fullmatch(r"[^/]+/[^/]+", node.endpoint):
            message = f'"{node.endpoint}" is not a builder of Docker Build Cloud'
            self._error(message, self._where(node, "endpoint"), "write ORG/BUILDER")

    def _check_tls(self, node: DeclaredNode) -> None:
        given = node.driver_opts.keys() & {"cacert", "cert", "key", "servername"}
        lacking = {"cacert"} if given else set[str]()
        if given & {"cert", "key"}:
            lacking |= {"cert", "key"}
        for key in sorted(lacking - given):
            message = f'TLS for node {node.name} needs the option "{key}"'
            self._error(message, self._where(node, "driver-opts"), f'add {key} = "FILE"')

    def _check_together(self, nodes: tuple[DeclaredNode, ...]) -> None:
        """Refuse what two nodes share: buildx would keep one of them, or take a platform away from the first."""
        names: set[str] = set()
        endpoints: dict[str, str] = {}
        platforms: dict[str, str] = {}
        for node in nodes:
            if node.name in names:
                place = self._place(*node.place.pointer[2:])
                self._error(f'two nodes are called "{node.name}"', place, "give one another name")
            names.add(node.name)
            if self.driver != "kubernetes" and (node.endpoint or self.driver == CONTAINER):
                if node.endpoint in endpoints:
                    what = f"the endpoint {node.endpoint}" if node.endpoint else "the current docker context"
                    message = f"nodes {endpoints[node.endpoint]} and {node.name} both have {what}"
                    self._error(message, self._place(*node.place.pointer[2:]), "buildx takes an endpoint once")
                endpoints.setdefault(node.endpoint, node.name)
            for platform in node.platforms:
                if (other := platforms.setdefault(platform, node.name)) != node.name:
                    message = f"{platform} is given to nodes {other} and {node.name}"
                    hint = "leave it with one: buildx takes it away from the first"
                    self._error(message, self._where(node, "platforms"), hint)


def _schemed(endpoint: str) -> str:
    scheme, sign, _ = endpoint.partition("://")
    near = did_you_mean(scheme, SCHEMES) if sign else ""
    if near:
        return near
    if sign or not re.fullmatch(r"[\w.-]+(:\d+)?|/.*", endpoint):
        return f"write one of {', '.join(f'{name}://' for name in SCHEMES)}"
    return f'write "unix://{endpoint}"' if endpoint.startswith("/") else f'write "tcp://{endpoint}"'
