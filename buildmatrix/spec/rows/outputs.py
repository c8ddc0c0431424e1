"""What becomes of a build: one class for each kind of output, one row for each of its keys.

Meanings and keys are those of BuildKit's exporters (docs.docker.com/build/exporters).
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from buildmatrix.spec.rows.caches import Layers
from buildmatrix.spec.rows.markers import ImageRef, Local, NoInput, Remark
from buildmatrix.spec.rows.shapes import Doc, Examples, Key, Keyword, Rest, Scalar, Table

Text = Annotated[str, Scalar()]
Annotation = Rest(r"^annotation[-\[.]")
RESULT = Local("result", writes=True)
Split = Annotated[bool | None, Doc("A directory for each platform (the default with several).")]
Prefix = Annotated[str | None, Doc("A prefix for the files of attestations.")]


class LocalOutput(Table):
    """The root file system as a directory; with several platforms a directory for each."""

    type: Literal["local"]
    dest: Annotated[
        str,
        Local("result", writes=True, tree=True),
        NoInput(),
        Keyword("minLength", 1),
        Doc("The directory."),
        Examples("out"),
    ]
    platform_split: Split = None
    attestation_prefix: Prefix = None


class TarOutput(Table):
    """The root file system as a tar archive."""

    type: Literal["tar"]
    dest: Annotated[str, RESULT, NoInput(), Keyword("minLength", 1), Doc("The file."), Examples("out.tar")]
    platform_split: Split = None
    attestation_prefix: Prefix = None


class _ImageKeys(Layers):
    name: Annotated[
        str | None,
        ImageRef(writes=True, several=True),
        NoInput(),
        Doc("The image's name, for a target without `tags`: docker takes those where it has both."),
    ] = None
    annotation: Annotated[Mapping[str, Text] | None, Annotation, Remark(), Doc("Annotations of the image.")] = None
    rewrite_timestamp: Annotated[bool | None, Doc("Set the time of files to SOURCE_DATE_EPOCH.")] = None
    oci_artifact: Annotated[bool | None, Doc("Write attestations as OCI artifacts.")] = None


class OciOutput(_ImageKeys):
    """An OCI image layout, as an archive or as a directory."""

    type: Literal["oci"]
    dest: Annotated[
        str, RESULT, NoInput(), Keyword("minLength", 1), Doc("The file or directory."), Examples("image.tar")
    ]
    tar: Annotated[bool | None, NoInput(), Doc("`false` writes a directory.")] = None


class DockerOutput(_ImageKeys):
    """An image in the engine's own store, or with `dest` an archive for `docker load`."""

    type: Literal["docker"]
    dest: Annotated[
        str | None, RESULT, NoInput(), Keyword("minLength", 1), Doc("A file instead of the engine's store.")
    ] = None
    tar: Annotated[bool | None, NoInput(), Doc("`false` writes a directory.")] = None
    context: Annotated[str | None, NoInput(), Doc("The docker context to load into.")] = None


class _StoredImage(_ImageKeys):
    push: Annotated[bool | None, NoInput(), Doc("Push it to its registry.")] = None
    push_by_digest: Annotated[bool | None, NoInput(), Doc("Push without a tag.")] = None
    insecure: Annotated[bool | None, NoInput(), Key("registry.insecure"), Doc("Allow a registry without TLS.")] = None
    dangling_name_prefix: Annotated[str | None, NoInput(), Doc("Name an image without tags `PREFIX@DIGEST`.")] = None
    name_canonical: Annotated[bool | None, NoInput(), Doc("Add `name@digest` as a name.")] = None
    unpack: Annotated[bool | None, NoInput(), Doc("Unpack it after the build (containerd).")] = None
    store: Annotated[bool | None, NoInput(), Doc("Keep it in the builder's image store (containerd).")] = None


class ImageOutput(_StoredImage):
    """An image in the builder's store; with `push` in a registry too."""

    type: Literal["image"]


class RegistryOutput(_StoredImage):
    """An image pushed to the registry that its tags name."""

    type: Literal["registry"]


class CacheonlyOutput(Table):
    """Nothing but the build cache."""

    type: Literal["cacheonly"]


Output = LocalOutput | TarOutput | OciOutput | DockerOutput | ImageOutput | RegistryOutput | CacheonlyOutput
