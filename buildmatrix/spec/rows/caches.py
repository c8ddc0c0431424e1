"""Caches, each kind with its keys: one row for each setting, as in `settings`.

Keys and meanings are those of BuildKit's cache backends. `Where` marks what says where a cache lies.
"""

from typing import Annotated, Literal

from buildmatrix.spec.rows.markers import Credential, ImageRef, Local, Where
from buildmatrix.spec.rows.shapes import Doc, Examples, Expected, Key, Keyword, Table

Url = Annotated[str, Credential(url=True)]
AT_LEAST_1 = Keyword("minimum", 1)
GO_DURATION = (
    Keyword("pattern", r"^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$"),
    Expected("a duration such as 90s, 10m or 1h30m"),
)
Credentials = Annotated[str, Credential()]
Compression = Literal["uncompressed", "gzip", "estargz", "zstd"]
Level = Annotated[int, Keyword("minimum", 0), Keyword("maximum", 22), Expected("a level from 0 to 22")]


class Layers(Table):
    """How layers are written; alike in images, archives and caches."""

    compression: Annotated[Compression | None, Doc("How layers are compressed.")] = None
    compression_level: Annotated[Level | None, Doc("gzip and estargz: 0-9; zstd: 0-22.")] = None
    force_compression: Annotated[bool | None, Doc("Compress layers again that have another compression.")] = None
    oci_mediatypes: Annotated[bool | None, Doc("Use OCI media types instead of Docker's.")] = None


CacheMode = Literal["min", "max"]


_CACHE = (Where(), Doc("The image that holds the cache."), Examples("ghcr.io/acme/app:cache"))


class _RegistryCache(Table):
    type: Literal["registry"]
    ref: Annotated[Url, *_CACHE, ImageRef()]
    insecure: Annotated[bool | None, Key("registry.insecure"), Doc("Allow a registry without TLS.")] = None


class RegistryCacheFrom(_RegistryCache):
    """A cache in a registry."""


class _Exported(Layers):
    mode: Annotated[CacheMode | None, Doc("`max` keeps the layers of every stage.")] = None
    ignore_error: Annotated[bool | None, Doc("Do not fail the build if the cache cannot be written.")] = None


class RegistryCacheTo(_RegistryCache, _Exported):
    """A cache in a registry."""

    ref: Annotated[Url, *_CACHE, ImageRef(writes=True)]
    image_manifest: Annotated[bool | None, Doc("Write an image manifest instead of an index.")] = None


class LocalCacheFrom(Table):
    """A cache in a directory."""

    type: Literal["local"]
    src: Annotated[str, Local("cache"), Keyword("minLength", 1), Doc("The directory."), Examples(".cache")]
    digest: Annotated[str | None, Doc("The digest of the manifest to read.")] = None
    tag: Annotated[str | None, Doc("The tag in the directory; `latest` if unset.")] = None


class LocalCacheTo(_Exported):
    """A cache in a directory."""

    type: Literal["local"]
    dest: Annotated[
        str, Where(), Local("cache", writes=True), Keyword("minLength", 1), Doc("The directory."), Examples(".cache")
    ]
    tag: Annotated[str | None, Where("latest"), Doc("The tag in the directory; `latest` if unset.")] = None
    image_manifest: Annotated[bool | None, Doc("Write an image manifest instead of an index.")] = None


class _GhaCache(Table):
    type: Literal["gha"]
    scope: Annotated[str | None, Where("buildkit"), Doc("The name of the cache; `buildkit` if unset.")] = None
    url: Annotated[Url | None, Where(), Doc("The server of the cache.")] = None
    url_v2: Annotated[Url | None, Where(), Key("url_v2"), Doc("The server of the cache, version 2.")] = None
    version: Annotated[Literal["1", "2"] | None, Where(), Doc("The version of the service.")] = None
    token: Annotated[Credentials | None, Doc("The token for the server.")] = None
    timeout: Annotated[str | None, *GO_DURATION, Doc("How long the service may take, e.g. `10m`.")] = None


class GhaCacheFrom(_GhaCache):
    """GitHub Actions' cache."""


class GhaCacheTo(_GhaCache):
    """GitHub Actions' cache."""

    mode: Annotated[CacheMode | None, Doc("`max` keeps the layers of every stage.")] = None
    ignore_error: Annotated[bool | None, Doc("Do not fail the build if the cache cannot be written.")] = None
    repository: Annotated[str | None, Where(), Doc("The repository whose cache it is.")] = None
    ghtoken: Annotated[Credentials | None, Doc("A GitHub token, to look at what is there already.")] = None


class _StoredCache(Table):
    prefix: Annotated[str | None, Where(), Doc("Put before every object's name.")] = None
    manifests_prefix: Annotated[
        str | None, Where("manifests/"), Key("manifests_prefix"), Doc("Put before manifests.")
    ] = None
    blobs_prefix: Annotated[str | None, Key("blobs_prefix"), Doc("Put before blobs.")] = None
    name: Annotated[
        str | None, Where("buildkit", several=";"), Doc("The manifest's name; several with `;` between.")
    ] = None
    secret_access_key: Annotated[Credentials | None, Key("secret_access_key"), Doc("The secret key.")] = None


class _S3Cache(_StoredCache):
    type: Literal["s3"]
    region: Annotated[str | None, Where(), Doc("The region; AWS_REGION if unset."), Examples("eu-west-1")] = None
    bucket: Annotated[str | None, Where(), Doc("The bucket; AWS_BUCKET if unset."), Examples("acme-cache")] = None
    endpoint_url: Annotated[Url | None, Where(), Key("endpoint_url"), Doc("Another server than AWS.")] = None
    use_path_style: Annotated[bool | None, Key("use_path_style"), Doc("The bucket in the path of the URL.")] = None
    access_key_id: Annotated[Credentials | None, Key("access_key_id"), Doc("The key's id.")] = None
    session_token: Annotated[Credentials | None, Key("session_token"), Doc("The session's token.")] = None


class S3CacheFrom(_S3Cache):
    """A cache in an S3 bucket."""


class S3CacheTo(_S3Cache):
    """A cache in an S3 bucket."""

    mode: Annotated[CacheMode | None, Doc("`max` keeps the layers of every stage.")] = None
    ignore_error: Annotated[bool | None, Doc("Do not fail the build if the cache cannot be written.")] = None
    touch_refresh: Annotated[str | None, *GO_DURATION, Key("touch_refresh"), Doc("Renew objects older than this.")] = (
        None
    )
    upload_parallelism: Annotated[
        int | None, Keyword("minimum", 1), Expected("1 or more"), Key("upload_parallelism"), Doc("Uploads at a time.")
    ] = None


class _AzblobCache(_StoredCache):
    type: Literal["azblob"]
    account_url: Annotated[
        Url | None,
        Where(),
        Key("account_url"),
        Doc("The storage account's URL."),
        Examples("https://acme.blob.core.windows.net"),
    ] = None
    account_name: Annotated[str | None, Key("account_name"), Doc("The account's name; from its URL if unset.")] = None
    container: Annotated[str | None, Where("buildkit-cache"), Doc("The container; `buildkit-cache` if unset.")] = None


class AzblobCacheFrom(_AzblobCache):
    """A cache in Azure's blob storage."""


class AzblobCacheTo(_AzblobCache):
    """A cache in Azure's blob storage."""

    mode: Annotated[CacheMode | None, Doc("`max` keeps the layers of every stage.")] = None
    ignore_error: Annotated[bool | None, Doc("Do not fail the build if the cache cannot be written.")] = None


class InlineCacheTo(Table):
    """The cache inside the image itself."""

    type: Literal["inline"]


CacheFrom = RegistryCacheFrom | LocalCacheFrom | GhaCacheFrom | S3CacheFrom | AzblobCacheFrom
CacheTo = RegistryCacheTo | LocalCacheTo | GhaCacheTo | S3CacheTo | AzblobCacheTo | InlineCacheTo
