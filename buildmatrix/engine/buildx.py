"""What docker and buildx say of themselves: versions, the builder, its nodes and platforms."""

import json
import re
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from buildmatrix.engine.alone import command_of
from buildmatrix.engine.failures.unreachable import broken_plugin, no_buildx, unreachable, untold, without_docker
from buildmatrix.engine.remembered import Remembered
from buildmatrix.errors import Diagnostic, EngineError, did_you_mean
from buildmatrix.oci.platform import normalized, of_machine
from buildmatrix.patterns import regex
from buildmatrix.process import BINARY, Answer, Completed, Programs
from buildmatrix.records import dataclass
from buildmatrix.spec.checks.data import shown
from buildmatrix.spec.toml.plain import table_of

if TYPE_CHECKING:
    from packaging.version import Version

_VERSION = regex(r"^\S+/buildx v?(?:(?P<number>\d+\.\d+(?:\.\d+)?)(?![\d.])|(?P<other>\S+))", re.MULTILINE)
"""Its line of `docker buildx version`, among what docker and its plugins may say besides. Distributions write
`0.13.1+ds1`, Docker Desktop `v0.29.1-desktop.1`, builds from a commit that."""

_FIELD = regex(r"^\s*([A-Z][A-Za-z ]+?):[ \t]+(.*)$")

CONTAINERD = "org.mobyproject.buildkit.worker.containerd.namespace:"
"""A label of nodes whose worker is containerd's: the engine's own one has it only with containerd's image store."""

_DISK = ("Reserved Space", "Max Used Space", "Min Free Space", "Keep Bytes")
"""What the last rule of a node says of its disk; the last of them is 0.13's word for the first."""

BUILDX = ("docker", "buildx")


@dataclass(frozen=True, kw_only=True)
class Node:
    """A node of a builder; `platforms` are empty before it runs for the first time, `own` are those it was made for.

    `on_containerd` says that it keeps its images with containerd: known for certain only where it is true.
    `endpoint` is an address or the name of a docker context, `buildkit` its version, `status` one of buildx's words
    (running, inactive, stopped); "" where buildx does not tell. `disk` says how much its cache may take, in buildx's
    words: `Max Used Space`.
    """

    name: str
    error: str
    platforms: tuple[str, ...]
    own: tuple[str, ...] = ()
    on_containerd: bool = False
    endpoint: str = ""
    buildkit: str = ""
    status: str = ""
    disk: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Builder:
    """A builder: its driver (docker, docker-container, kubernetes, remote), nodes, and what is wrong with it."""

    name: str
    driver: str
    error: str
    nodes: tuple[Node, ...]

    @property
    def platforms(self) -> frozenset[str]:
        """The platforms of all nodes; empty if a node has not said yet."""
        if any(not node.platforms for node in self.nodes):
            return frozenset()
        return frozenset(platform for node in self.nodes for platform in node.platforms)

    def node_of(self, platform: str) -> str:
        """Return the name of the node that builds a platform, as buildx chooses it, "" if none does.

        That is the first that was made for it, else the first that has it (found with 0.29).
        """
        if len(self.nodes) == 1:
            return self.nodes[0].name
        made = (node.name for node in self.nodes if platform in node.own)
        return next(made, "") or next((node.name for node in self.nodes if platform in node.platforms), "")


@dataclass(frozen=True, kw_only=True)
class Buildx:
    """Which buildx there is: its version (`buildx`), and the command to which those of `docker buildx` are given.

    That is the plugin itself where docker has told its path, since docker starts it twice for each command.
    """

    buildx: "Version"
    program: tuple[str, ...] = BUILDX


class Probe:
    """The questions to docker that every `apply` asks. They are asked at once, and answered while the plan is made.

    Docker starts a plugin twice for each command, so the builder is asked of the plugin where docker finds it. Which
    one that is, docker itself tells meanwhile: what another has said does not count, and docker's own is asked then.
    What docker told is remembered; of the engine it is asked only where that matters then. Where there is no docker,
    but buildx as a program of its own, nothing is asked that only docker could tell.
    """

    def __init__(self, programs: Programs, builder: str | None) -> None:
        """Ask for the builder (None: the current one), and for what docker knows of its plugins and its engine."""
        self._programs, self._asked = programs, builder
        self.alone = programs.standalone_buildx()
        self._found = self.alone or programs.docker_plugin("buildx")
        self._memory = Remembered(programs, "" if self.alone else self._found)
        with ExitStack() as stack:
            self._inspected = stack.enter_context(programs.begin(self._inspect(self._found)))
            self._stack = stack.pop_all()
        if not self._memory.plugin and not self.alone:
            _ = self._info

    @cached_property
    def _info(self) -> Answer:
        return self._stack.enter_context(self._programs.begin(["docker", "info", "--format", "{{json .}}"]))

    def _inspect(self, plugin: str) -> list[str]:
        return [*([plugin] if plugin else BUILDX), "inspect", *([self._asked] if self._asked else [])]

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the questions that nobody waited for."""
        self._stack.close()

    def look(self) -> "tuple[Version, Builder]":
        """Return the version of buildx and the builder that bake will use; EngineError if none answers."""
        try:
            return self._looked()
        except EngineError as error:
            if error.diagnostics[0].code == "missing" and (named := self._programs.environment.get(BINARY)):
                raise without_docker(named) from None
            why = str(self._plugin.get("Err") or "")
            if not why or error.diagnostics[0].code not in {"missing", "buildx"}:
                raise
            raise broken_plugin(str(self._plugin.get("Path") or ""), why) from None

    def remembered(self) -> Buildx | None:
        """Return which buildx it is by what docker told an earlier run; None if that is not certain."""
        found = _VERSION.search(_words_of(self._memory.plugin))
        if not found or not found["number"] or self.program() == BUILDX:
            return None
        from packaging.version import Version

        return Buildx(buildx=Version(found["number"]), program=self.program())

    def _looked(self) -> "tuple[Version, Builder]":
        done = self._answer()
        builder = parse_builder(done.stdout)
        failed = builder.error or next((node.error for node in builder.nodes if node.error), "")
        version = version_of(self._version(is_well=done.code == 0 and not failed))
        found = self._judged(builder, done, failed)
        if self.program() != BUILDX and not self.alone:
            self._memory.keep(self._plugin)
        return version, found

    def _answer(self) -> Completed:
        """Return what buildx says of the builder: the one that docker would start."""
        if self._found and self.program() == BUILDX:
            with self._programs.begin(self._inspect("")) as asked:
                return asked.result()
        return self._inspected.result()

    def _version(self, *, is_well: bool) -> Completed:
        """Return what buildx says of its version: docker has told it where all is well, and a start is saved."""
        told = _words_of(self._plugin) if is_well else ""
        found = _VERSION.search(told)
        if found and found["number"]:  # who builds it may have put anything there
            return Completed(code=0, stdout=told, stderr="")
        with self._programs.begin([*(self.program() if self.alone else BUILDX), "version"]) as asked:
            return asked.result()

    def _judged(self, builder: Builder, done: Completed, failed: str) -> Builder:
        environment = self._programs.environment
        if done.code != 0 and self._asked and "no builder" in done.stderr:
            hint = did_you_mean(self._asked, self._names()) or "see docker buildx ls"
            raise EngineError(Diagnostic(message=f'there is no builder "{self._asked}"', code="builder", hint=hint))
        if done.code != 0 or failed or not builder.nodes:
            said = failed or done.stderr.strip().removeprefix("ERROR: ")
            raise unreachable(said, self.trouble, environment, (builder.name, builder.driver))
        return builder

    def _names(self) -> list[str]:
        """Return the names of all builders."""
        listed = self._programs.run([*(self.program() if self.alone else BUILDX), "ls"]).stdout.splitlines()[1:]
        return [line.split()[0].rstrip("*") for line in listed if line and not line.startswith((" ", "\\"))]

    def trouble(self) -> str:
        """Return what docker itself said of the trouble, "" if nothing."""
        if self.alone:
            return ""
        try:
            lines = self._info.result().stderr.strip().splitlines()
        except EngineError:
            return ""
        return lines[-1].removeprefix("Failed to initialize: ") if lines else ""

    def has_containerd_store(self, builder: Builder) -> bool | None:
        """Tell whether the engine keeps its images with containerd: those may be of several platforms.

        None where nobody can tell: there is no docker to ask.
        """
        if any(node.on_containerd for node in builder.nodes):
            return True
        return None if self.alone else "io.containerd" in json.dumps(self.told.get("DriverStatus"))

    def program(self) -> tuple[str, ...]:
        """Return the command to which those of buildx are given: the plugin itself where it is known to be docker's."""
        if self.alone:
            return (self.alone,)
        return (self._found,) if self._found and self._found == self._plugin.get("Path") else BUILDX

    @property
    def command(self) -> str:
        """What a person types for buildx."""
        return command_of(self._programs)

    @property
    def words(self) -> str:
        """Which buildx it is."""
        return self.alone or str(self._plugin.get("Path") or "docker's plugin")

    @property
    def asked(self) -> str:
        """The builder that was named, "" for the current one."""
        return self._asked or ""

    @property
    def is_asked(self) -> bool:
        """Whether a builder was named, in place of the current one."""
        return self._asked is not None

    @property
    def _plugin(self) -> dict[str, Any]:
        """What docker tells of its buildx plugin."""
        return self._memory.plugin or self._told_plugin

    @cached_property
    def _told_plugin(self) -> dict[str, Any]:
        client = self.told.get("ClientInfo")
        plugins = client.get("Plugins") if isinstance(client, dict) else None
        tables = [one for one in plugins if isinstance(one, dict)] if isinstance(plugins, list) else []
        return next((one for one in tables if one.get("Name") == "buildx"), {})

    def own_platform(self) -> str:
        """Return the engine's own platform, "" if docker does not tell."""
        system, machine = str(self.told.get("OSType") or ""), str(self.told.get("Architecture") or "")
        return of_machine(system, machine) if system and machine else ""

    def insecure_registries(self) -> frozenset[str]:
        """Return the registries that the engine may ask without TLS, as its configuration names them."""
        configured = self.told.get("RegistryConfig") or {}
        found = configured.get("IndexConfigs") or {} if isinstance(configured, dict) else {}
        return frozenset(name for name, one in found.items() if isinstance(one, dict) and one.get("Secure") is False)

    @cached_property
    def told(self) -> dict[str, Any]:
        """What docker tells of itself and its engine (`docker info`); {} where it tells nothing."""
        if self.alone:
            return {}
        try:
            said = self._info.result().stdout.splitlines()
            return table_of(next((line for line in said if line.startswith("{")), "{}"))
        except EngineError:
            return {}

    def version(self) -> "Version":
        """Return the version of buildx, whatever its builder does; EngineError if it tells none."""
        return version_of(self._version(is_well=False))


def _words_of(plugin: Mapping[str, Any]) -> str:
    """Return what buildx would say of its version, by what docker tells of the plugin."""
    return f"github.com/docker/buildx {plugin.get('Version') or ''}\n"


def version_of(done: Completed) -> "Version":
    """Return the version that `docker buildx version` told; EngineError if it told none."""
    from packaging.version import Version

    found = _VERSION.search(done.stdout)
    if done.code != 0 or found is None:
        raise no_buildx(done)
    if not found["number"] or found["number"] == "0.0.0":
        raise untold(shown(found["other"] or "v0.0.0"))
    return Version(found["number"])


def parse_builder(text: str) -> Builder:
    """Return the builder that `docker buildx inspect` describes."""
    head, _, rest = text.partition("\nNodes:")
    fields = _fields(head)
    blocks = [block for block in re.split(r"\n(?=Name:)", "\n" + rest.strip()) if block.strip()]
    nodes = tuple(map(_node, blocks))
    return Builder(
        name=fields.get("Name", ""), driver=fields.get("Driver", ""), error=fields.get("Error", ""), nodes=nodes
    )


def _node(block: str) -> Node:
    fields = _fields(block)
    platforms = [name.strip() for name in fields.get("Platforms", "").split(",") if name.strip()]
    return Node(
        name=fields.get("Name", ""),
        error=fields.get("Error", ""),
        platforms=tuple(normalized(name.rstrip("*")) for name in platforms),
        own=tuple(normalized(name.rstrip("*")) for name in platforms if name.endswith("*")),
        on_containerd=CONTAINERD in block,
        endpoint=fields.get("Endpoint", ""),
        buildkit=fields.get("BuildKit version", fields.get("BuildKit", "")),
        status=fields.get("Status", ""),
        disk={name: text for name, text in _fields(block.rpartition("GC Policy rule#")[2]).items() if name in _DISK},
    )


def _fields(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in text.splitlines():
        if match := _FIELD.match(line):
            found.setdefault(match[1], match[2].strip())
    return found
