"""`[builder.NAME]` as it is written: a builder of buildx, its nodes, and the options that each driver has."""

from collections.abc import Mapping
from typing import Annotated, Literal, NamedTuple

from buildmatrix.errors import Place
from buildmatrix.records import dataclass
from buildmatrix.spec.rows.markers import NameOf
from buildmatrix.spec.rows.platforms import KNOWN_PLATFORMS, PLATFORM
from buildmatrix.spec.rows.shapes import Doc, Examples, Expected, Keyword, Scalar, Table

Driver = Literal["docker-container", "remote", "kubernetes", "cloud"]
CONTAINER: Driver = "docker-container"
"""What a builder has that does not say its driver."""

BUILDER_NAME = r"^(?!default$)[a-z][a-z0-9._-]*$"
"""What `docker buildx create` takes; capitals become lower-case letters (store/util.go of buildx 0.36)."""
BUILDER_WORDS = 'a name of lower-case letters, digits and ._- after a letter, which "default" is not'

NODE_NAME = r"^[a-z][a-z0-9._-]*$"
_NODE_WORDS = "a name of lower-case letters, digits and ._- after a letter"
_ONE_LINE = Keyword("pattern", r"^[^\x00-\x1f\x7f]*$")
_Text = Annotated[str, Scalar(), _ONE_LINE, Expected("a text of one line")]


class DriverOption(NamedTuple):
    """An option of drivers: which have it, and what it does; `is_path` where it names a file.

    One that is `harmless` gives a builder no more than it has without: the others say which program it is, what that
    may do, or where it runs.
    """

    drivers: tuple[Driver, ...]
    doc: str
    is_path: bool = False
    harmless: bool = False


_BOTH: tuple[Driver, ...] = ("docker-container", "kubernetes")
_DOCKER: tuple[Driver, ...] = ("docker-container",)
_REMOTE: tuple[Driver, ...] = ("remote",)
_KUBERNETES: tuple[Driver, ...] = ("kubernetes",)

ENVIRONMENT = "env."
"""How options begin that are variables of BuildKit's environment."""

DRIVER_OPTS: Mapping[str, DriverOption] = {
    "cacert": DriverOption(_REMOTE, "The certificate of the authority that signed BuildKit's.", is_path=True),
    "cert": DriverOption(_REMOTE, "The certificate that is shown to BuildKit.", is_path=True),
    "key": DriverOption(_REMOTE, "The key of `cert`.", is_path=True),
    "servername": DriverOption(_REMOTE, "The name in BuildKit's certificate, where it is not that of the endpoint."),
    "default-load": DriverOption((*_BOTH, "remote"), "Load into the engine what has no output.", harmless=True),
    "image": DriverOption(_BOTH, "The image of BuildKit."),
    "env.NAME": DriverOption(_BOTH, "A variable of BuildKit's environment."),
    "network": DriverOption(_DOCKER, "The network of the container."),
    "memory": DriverOption(_DOCKER, "The memory that the container may use.", harmless=True),
    "memory-swap": DriverOption(_DOCKER, "The memory and swap that the container may use.", harmless=True),
    "cpu-quota": DriverOption(_DOCKER, "The CPU time that the container may use in a period, in µs.", harmless=True),
    "cpu-period": DriverOption(_DOCKER, "The length of such a period, in µs.", harmless=True),
    "cpu-shares": DriverOption(_DOCKER, "The weight of the container where CPUs are scarce.", harmless=True),
    "cpuset-cpus": DriverOption(_DOCKER, "The CPUs that the container may use.", harmless=True),
    "cpuset-mems": DriverOption(_DOCKER, "The memory nodes that the container may use.", harmless=True),
    "cgroup-parent": DriverOption(_DOCKER, "The cgroup above that of the container."),
    "restart-policy": DriverOption(_DOCKER, "When docker starts the container again.", harmless=True),
    "provenance-add-gha": DriverOption(_DOCKER, "Whether provenance tells of GitHub's run.", harmless=True),
    "allow-untrusted-image": DriverOption(_DOCKER, "Whether an image of BuildKit that nobody signed will do."),
    "namespace": DriverOption(_KUBERNETES, "The namespace of the pods."),
    "replicas": DriverOption(_KUBERNETES, "How many pods there are."),
    "requests.cpu": DriverOption(_KUBERNETES, "The CPUs that a pod asks for."),
    "requests.memory": DriverOption(_KUBERNETES, "The memory that a pod asks for."),
    "requests.ephemeral-storage": DriverOption(_KUBERNETES, "The disk that a pod asks for."),
    "persistent-volume-claim.requests.storage": DriverOption(_KUBERNETES, "The size of a volume that keeps the cache."),
    "limits.cpu": DriverOption(_KUBERNETES, "The CPUs that a pod may use."),
    "limits.memory": DriverOption(_KUBERNETES, "The memory that a pod may use."),
    "limits.ephemeral-storage": DriverOption(_KUBERNETES, "The disk that a pod may use."),
    "buildkit-root-volume-memory": DriverOption(_KUBERNETES, "The size of a cache that is kept in memory."),
    "nodeselector": DriverOption(_KUBERNETES, "Labels of the machines for the pods: `kubernetes.io/arch=arm64`."),
    "tolerations": DriverOption(_KUBERNETES, "Taints that pods tolerate: `key=build,operator=exists`."),
    "annotations": DriverOption(_KUBERNETES, "Annotations of the pods."),
    "labels": DriverOption(_KUBERNETES, "Labels of the pods."),
    "serviceaccount": DriverOption(_KUBERNETES, "The service account of the pods."),
    "schedulername": DriverOption(_KUBERNETES, "The scheduler of the pods."),
    "rootless": DriverOption(_KUBERNETES, "Run BuildKit as a user who is not root."),
    "loadbalance": DriverOption(_KUBERNETES, "Which pod builds: `sticky` or `random`."),
    "qemu.install": DriverOption(_KUBERNETES, "Install QEMU for other platforms."),
    "qemu.image": DriverOption(_KUBERNETES, "The image that installs QEMU."),
    "timeout": DriverOption(_KUBERNETES, "How long to wait for pods."),
}
"""All that buildx 0.13 to 0.36 takes (driver/*/factory.go); of docker's cloud driver (from 0.37) nobody tells any."""


class NodeSettings(Table):
    """What is said of a node, or of the only one of a builder."""

    templated = False

    endpoint: Annotated[
        str | None,
        Keyword("pattern", r"^[^\s\x00-\x1f\x7f-][^\s\x00-\x1f\x7f]*$"),
        Expected("an address or a name, without spaces"),
        Doc(
            "Where BuildKit is. docker-container: a docker context, or the address of an engine (default: the current "
            "one). remote: `tcp://HOST:PORT`, `unix:///PATH`, `ssh://`, `docker-container://` or `kube-pod://`. cloud: "
            "`ORG/BUILDER`. kubernetes has none."
        ),
        Examples("tcp://arm.example.com:1234"),
    ] = None
    platforms: Annotated[
        tuple[
            Annotated[
                str,
                NameOf("platform"),
                Keyword("pattern", PLATFORM),
                Expected("a known platform (an exotic one is written with `!` behind it)", KNOWN_PLATFORMS),
            ],
            ...,
        ]
        | None,
        Doc("The platforms that it builds rather than another node (default: those that BuildKit tells)."),
        Examples(["linux/arm64"]),
    ] = None
    driver_opts: Annotated[
        Mapping[str, _Text] | None,
        Doc("Options of the driver; see below. Files are relative to this file."),
        Examples({"image": "moby/buildkit:v0.30.0", "network": "host"}),
    ] = None
    buildkitd_flags: Annotated[
        tuple[Annotated[str, Keyword("minLength", 1), _ONE_LINE, Expected("a flag")], ...] | None,
        Doc("Flags of the daemon, buildkitd; not for remote and cloud."),
        Examples(["--allow-insecure-entitlement", "security.insecure"]),
    ] = None
    buildkitd_config: Annotated[
        str | None,
        Keyword("minLength", 1),
        _ONE_LINE,
        Expected("the path of a file"),
        Doc("The daemon's configuration, relative to this file; not for remote and cloud."),
        Examples("buildkitd.toml"),
    ] = None


class BuilderNode(NodeSettings):
    """A node of a builder. What it does not say holds as the builder says it; driver options are merged."""

    name: Annotated[
        str | None,
        Keyword("pattern", NODE_NAME),
        Expected(_NODE_WORDS),
        Doc("Its name (default: the builder's, with a number behind it)."),
        Examples("arm"),
    ] = None


class Builder(NodeSettings):
    """A builder: `docker buildx create` with all that it takes."""

    driver: Annotated[Driver | None, Doc('How BuildKit runs (default: "docker-container").')] = None
    bootstrap: Annotated[bool | None, Doc("Start its nodes when it is created.")] = None
    node: Annotated[
        tuple[BuilderNode, ...] | None,
        Keyword("minItems", 1),
        Doc("Its nodes, where there are several: which builds what is said by their platforms."),
    ] = None


@dataclass(frozen=True, kw_only=True)
class DeclaredNode:
    """A node with all that holds for it; paths are absolute, and `paths` says where each stands in the file."""

    name: str
    endpoint: str
    platforms: tuple[str, ...]
    driver_opts: Mapping[str, str]
    flags: tuple[str, ...]
    config: str
    place: Place
    paths: Mapping[str, Place]


@dataclass(frozen=True, kw_only=True)
class DeclaredBuilder:
    """A builder that the file declares."""

    name: str
    driver: Driver
    bootstrap: bool
    nodes: tuple[DeclaredNode, ...]
    place: Place

    @property
    def is_plain(self) -> bool:
        """Whether it is BuildKit's own image on the current engine, without any privilege of its own.

        A node is a container that is called by it: another name may be that of another builder's, which has privileges.
        """
        named = all(node.name == f"{self.name}{number}" for number, node in enumerate(self.nodes))
        return self.driver == CONTAINER and named and not any(map(_says_more, self.nodes))


def _says_more(node: DeclaredNode) -> bool:
    harmless = all(name in DRIVER_OPTS and DRIVER_OPTS[name].harmless for name in node.driver_opts)
    return bool(node.endpoint or node.flags or node.config) or not harmless
