"""What a target can be told: one row for each setting.

Adding a setting is adding one row here and regenerating the schema and the reference. Meanings and keys are those of
bake (docs.docker.com/build/bake/reference) and of BuildKit's exporters, cache backends, secrets, ssh and attestations.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Literal

from buildmatrix.spec.rows.caches import CacheFrom, CacheTo, Url
from buildmatrix.spec.rows.limits import LIMITS
from buildmatrix.spec.rows.markers import (
    AddedByBake,
    Credential,
    FreeText,
    FromMetadata,
    ImageRef,
    Local,
    NameOf,
    NoInput,
    OddKeys,
    OfImage,
    OfResult,
    Pair,
    Privilege,
    Remark,
    Short,
)
from buildmatrix.spec.rows.options import Options, of_target
from buildmatrix.spec.rows.outputs import Output, Text
from buildmatrix.spec.rows.platforms import AUTO, KNOWN_PLATFORMS, PLATFORM_OR_AUTO
from buildmatrix.spec.rows.shapes import (
    Alone,
    Doc,
    Examples,
    Expected,
    Keys,
    Keyword,
    NotInBake,
    OrTemplate,
    Rest,
    Since,
    Table,
)

NAME = r"^[A-Za-z0-9_-]+$"
ENV_NAME = (
    Keyword("pattern", r"^[^\s\x1c-\x1f${}%=]+$"),  # only Python's \s has those four
    Expected("the name of an environment variable"),
)
Name = Annotated[str, Keyword("pattern", NAME), Expected("a name of letters, digits, `-` and `_`")]
Platform = Annotated[
    str,
    NameOf("platform"),
    Keyword("pattern", PLATFORM_OR_AUTO),
    Expected("a known platform (an exotic one is written with `!` behind it)", KNOWN_PLATFORMS),
]


class Secret(Table):
    """A file or an environment variable that `RUN --mount=type=secret` sees; its value is never written anywhere."""

    id: Annotated[str, Keyword("minLength", 1), Doc("The name in the Dockerfile."), Examples("github-token")]
    type: Annotated[Literal["file", "env"] | None, NoInput(), Doc("Where it comes from.")] = None
    src: Annotated[str | None, Local("secret"), NoInput(), Keyword("minLength", 1), Doc("The file.")] = None
    env: Annotated[str | None, NoInput(), *ENV_NAME, Doc("The environment variable: its name.")] = None
    optional: Annotated[
        bool | None,
        NotInBake(),
        NoInput(),
        Doc("Build without it where its file or environment variable is not there."),
    ] = None


class Ssh(Table):
    """An agent or keys for `RUN --mount=type=ssh`."""

    id: Annotated[
        str,
        Keyword("pattern", r"^[^=,]+$"),
        Expected("a name without `=` and `,`"),
        Doc("The name."),
        Examples("default"),
    ]
    paths: Annotated[
        tuple[Annotated[str, Local("key", several=",")], ...] | None,
        NoInput(),
        Doc("Sockets or keys; the running agent if unset."),
    ] = None


class ProvenanceAttest(Table):
    """How the image was built, as SLSA provenance."""

    type: Literal["provenance"]
    disabled: Annotated[bool | None, Doc("Leave it out.")] = None
    mode: Annotated[Literal["min", "max"] | None, Doc("`max` tells all, build arguments included.")] = None
    version: Annotated[Literal["v0.2", "v1"] | None, Doc("The version of SLSA provenance.")] = None
    builder_id: Annotated[str | None, Doc("The builder's identity, a URL.")] = None
    filename: Annotated[str | None, Doc("The file's name in a local or tar output.")] = None
    reproducible: Annotated[bool | None, Doc("Leave out what changes between runs.")] = None
    inline_only: Annotated[bool | None, Doc("Only inline in the image.")] = None


VARIABLE = r"^[A-Z][A-Z0-9_]*$"
"""Keys that BuildKit hands to the generator of an attestation as environment variables."""


class SbomAttest(Table):
    """What is in the image, as SPDX."""

    type: Literal["sbom"]
    disabled: Annotated[bool | None, Doc("Leave it out.")] = None
    generator: Annotated[str | None, ImageRef(), Doc("The image that makes it.")] = None
    scan_arg: Annotated[
        Mapping[str, Text] | None,
        Rest(VARIABLE),
        Doc("In capitals: environment variables of the generator, such as `EXTRA_SCANNERS`."),
    ] = None


Attest = ProvenanceAttest | SbomAttest
Csv = Annotated[str, Keyword("minLength", 1)]


class Declared(Table):
    """What a target is, and what has to be there before it. How `apply` builds it is said by rows of options.py."""

    description: Annotated[str | None, NoInput(), OfImage(), FreeText(), Doc("What the target is."), Since("0.16")] = (
        None
    )
    context: Annotated[
        Url | None,
        Local("context"),
        NoInput(known=True),
        Doc("The build context: a directory, or a Git or HTTP URL. The file's own directory if unset."),
        Examples(".", "images/base", "https://github.com/acme/app.git#main"),
    ] = None
    contexts: Annotated[
        Mapping[str, Annotated[str, Local("context"), Keyword("minLength", 1)]] | None,
        OrTemplate(),
        Credential(url=True),
        OddKeys(values=r"[a-z][a-z0-9+.-]*://|target:|[\w.-]+@[\w.-]+:"),
        Keys(r"^[^\r\n]+$", "a name in one line"),
        NoInput(known=True),
        Doc(
            "Named contexts: a directory, `docker-image://REF`, `oci-layout://DIR`, a URL, "
            "or `target:NAME` to build on another target."
        ),
        Examples({"base": "target:base", "src": "../src", "golang": "docker-image://golang:1.25"}),
    ] = None
    dockerfile: Annotated[
        str | None,
        Local(beside="context"),
        NoInput(known=True),
        Doc("The Dockerfile, relative to the context."),
        Examples("Dockerfile", "alpine.Dockerfile"),
    ] = None
    dockerfile_inline: Annotated[
        str | None,
        FreeText(),
        NoInput(known=True),
        Doc("The text of a Dockerfile, instead of a file."),
        Examples("FROM busybox\n"),
    ] = None
    target: Annotated[
        str | None,
        NameOf("stage"),
        NoInput(known=True),
        Doc("The stage of the Dockerfile to build."),
        Examples("runtime"),
    ] = None
    args: Annotated[
        Mapping[str, Text] | None,
        OrTemplate(),
        Keys(r"^[^=\r\n]+$", "a name without `=`, in one line"),
        FromMetadata(),
        NoInput(known=True),
        Doc("Build arguments."),
        Examples({"PYTHON": "3.13"}),
    ] = None
    labels: Annotated[
        Mapping[str, Text] | None,
        OrTemplate(),
        OddKeys("description", "name"),
        Keys(r"^[^=\r\n]+$", "a name without `=`, in one line"),
        FromMetadata(),
        Remark(),
        Doc("Labels of the image."),
    ] = None
    annotations: Annotated[
        tuple[
            Annotated[
                str,
                Pair(),
                Keyword("pattern", r"^[^=\r\n]+="),
                Expected("`key=value`, with `manifest:` or `index:` before the key if wanted"),
            ],
            ...,
        ]
        | None,
        OfResult(),
        AddedByBake(),
        FromMetadata(),
        Remark(),
        Doc("Annotations, `[TYPE:]KEY=VALUE` with TYPE manifest, index, manifest-descriptor or index-descriptor."),
        Since("0.12"),
        Examples(["index:org.opencontainers.image.title=app"]),
    ] = None
    tags: Annotated[
        tuple[Annotated[str, ImageRef(writes=True)], ...] | None,
        OfResult(),
        OfImage(),
        FromMetadata(),
        NoInput(),
        Doc("Names of the image. Every non-empty line of a rendered tag is a tag; repeats fall away."),
        Examples(["ghcr.io/acme/app:{{ release }}"]),
    ] = None
    platforms: Annotated[
        tuple[Platform, ...] | None,
        Alone(AUTO),
        NoInput(known=True),
        Doc(
            'The platforms to build for; one that is not known has `!` behind it. `"auto"` for those that all base '
            "images have."
        ),
        Examples(["linux/amd64", "linux/arm64"], AUTO),
    ] = None
    output: Annotated[
        tuple[Output | Csv, ...] | None,
        Short("local", "dest"),
        OfResult(),
        OfImage(),
        Doc("Where the result goes: tables, or bake's CSV strings."),
        Examples([{"type": "registry"}], ["type=local,dest=out"]),
    ] = None
    cache_from: Annotated[
        tuple[CacheFrom | Csv, ...] | None,
        Short("registry", "ref"),
        AddedByBake(),
        NoInput(),
        Doc("Caches to read."),
        Examples([{"type": "registry", "ref": "ghcr.io/acme/app:cache"}]),
    ] = None
    cache_to: Annotated[
        tuple[CacheTo | Csv, ...] | None,
        Short("registry", "ref"),
        OfResult(),
        NoInput(),
        Doc("Caches to write."),
        Examples([{"type": "registry", "ref": "ghcr.io/acme/app:cache", "mode": "max"}]),
    ] = None
    secret: Annotated[
        tuple[Secret | Csv, ...] | None,
        AddedByBake(by="id"),
        Doc("Secrets for `RUN --mount=type=secret`."),
        Examples([{"id": "token", "env": "GITHUB_TOKEN"}, {"id": "npmrc", "src": ".npmrc"}]),
    ] = None
    ssh: Annotated[
        tuple[Ssh | Csv, ...] | None,
        AddedByBake(by="id"),
        Doc("Agents or keys for `RUN --mount=type=ssh`."),
        Examples([{"id": "default"}]),
    ] = None
    attest: Annotated[
        tuple[Attest | Csv, ...] | None,
        OfResult(),
        AddedByBake(by="type"),
        Doc("Attestations to add."),
        Examples([{"type": "provenance", "mode": "max"}, {"type": "sbom"}]),
    ] = None
    network: Annotated[
        Literal["default", "host", "none"] | None,
        Privilege({"host": "network.host"}),
        Doc("The network of RUN."),
        Since("0.17"),
    ] = None
    no_cache: Annotated[bool | None, NoInput(), Doc("Build without the cache.")] = None
    no_cache_filter: Annotated[
        tuple[Annotated[str, NameOf("stage")], ...] | None,
        AddedByBake(),
        NoInput(),
        Doc("Stages to build without the cache."),
    ] = None
    pull: Annotated[bool | None, NoInput(), Doc("Ask the registry for newer base images.")] = None
    shm_size: Annotated[
        str | None,
        Keyword("pattern", r"^[0-9]+(\.[0-9]+)? ?([bB]|[kmgtpKMGTP]([iI]?[bB])?)?$"),
        Expected("a size such as 64m or 1g"),
        Doc("The size of /dev/shm."),
        Since("0.13"),
        Examples("64m"),
    ] = None
    ulimits: Annotated[
        tuple[
            Annotated[
                str,
                Pair(),
                Keyword("pattern", rf"^({'|'.join(LIMITS)})=(-1|[0-9]+)(:(-1|[0-9]+))?$"),
                Expected("`name=soft` or `name=soft:hard` with a limit such as nofile", LIMITS),
            ],
            ...,
        ]
        | None,
        AddedByBake(),
        Doc("Limits of RUN, `name=soft:hard`."),
        Since("0.13"),
        Examples(["nofile=1024:2048"]),
    ] = None
    extra_hosts: Annotated[
        Mapping[str, str] | None,
        OrTemplate(),
        OddKeys(values=r"(host-gateway|[0-9.]+|[0-9a-fA-F:]*:[0-9a-fA-F:.]*)\Z"),
        Keys(r"^[^\r\n]+$", "a name in one line"),
        Doc("Lines for /etc/hosts: name to address, or to `host-gateway`."),
        Since("0.25"),
        Examples({"db": "10.0.0.5"}),
    ] = None
    entitlements: Annotated[
        tuple[
            Annotated[
                str,
                NameOf("privilege"),
                Privilege(),
                Keyword("pattern", r"^(network\.host|security\.insecure|device(=.+)?)$"),
                Expected(
                    "network.host, security.insecure or device=…", ("network.host", "security.insecure", "device")
                ),
            ],
            ...,
        ]
        | None,
        AddedByBake(),
        NoInput(),
        Doc("Privileges that the build needs; `apply` must allow each."),
        Since("0.17"),
        Examples(["network.host"]),
    ] = None
    call: Annotated[
        Literal["build", "check", "outline", "targets"] | None,
        NoInput(),
        OfImage(),
        Doc("What the builder does: build, or only check or describe."),
        Since("0.16"),
    ] = None
    needs: Annotated[
        tuple[Annotated[str, NameOf("target"), Keyword("minLength", 1)], ...] | None,
        NotInBake(),
        NoInput(known=True),
        OfImage(),
        Doc("Targets to build first, for order only; a selector each."),
        Examples(["base"]),
    ] = None
    shared_tags: Annotated[
        tuple[Annotated[str, Keyword("minLength", 1)], ...] | None,
        NotInBake(),
        NoInput(),
        OfImage(),
        Doc(
            "Tags that other targets or cells may write too, as names or globs, if each of them says so: the last one "
            "in the plan's order gets the tag."
        ),
        Examples(["ghcr.io/acme/app:latest"], ["*:latest"]),
    ] = None
    rebuild: Annotated[
        str | None,
        NotInBake(),
        FreeText(),
        Doc("Any text: another one builds the target again, without the cache (`--incremental`)."),
        Examples("2026-11-27: the mirror was broken"),
    ] = None


if TYPE_CHECKING:

    class OfApply(Table):
        """Made below."""
else:
    OfApply = of_target(Options)


class Settings(OfApply, Declared):
    """The settings of a target, each optional. None is unset; an empty list or text clears what was inherited."""
