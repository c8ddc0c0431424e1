"""What a registry says of a digest: platforms, and of the configuration what matters to those who build on it."""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from buildmatrix.engine.registry import Registry
from buildmatrix.lock.file import LockedImage
from buildmatrix.lock.platforms import fitting
from buildmatrix.oci.answers import Found, Unknown
from buildmatrix.oci.image import Image
from buildmatrix.oci.index import INDEXES, Listed, OddError, described_in, list_in, table_in
from buildmatrix.oci.reference import parse
from buildmatrix.records import dataclass


@dataclass(frozen=True, kw_only=True)
class Looked:
    """What was found of an image; `created` is when the youngest of its platforms was made, None if nobody says."""

    entry: LockedImage
    created: datetime | None


def look(registry: Registry, name: str, digest: str, platforms: Iterable[str]) -> Looked | Unknown:
    """Return what a digest of an image stands for; Unknown with the reason where that cannot be told.

    The configurations are read of those of `platforms` that it has, else of its first.
    """
    repository = parse(name).repository
    held = registry.content(repository, digest)
    if isinstance(held, Unknown):
        return held
    if not isinstance(held, Image) or held.kind != "image" or not held.platforms:
        return Unknown(reason=f"{name} is {held.kind if isinstance(held, Image) else 'not there'}, not an image")
    try:
        configs = [config_of(registry, repository, held, one) for one in _chosen(held, platforms)]
        if unknown := next((one for one in configs if isinstance(one, Unknown)), None):
            return unknown
        return _looked(held, [one for one in configs if not isinstance(one, Unknown)])
    except (ValueError, RecursionError, OddError):
        return Unknown(reason=f"the configuration of {name} cannot be read")


def _chosen(held: Image, platforms: Iterable[str]) -> list[Listed]:
    every = {str(one.platform): one for one in reversed(held.index.manifests) if one.platform}
    wanted = [fitting(platform, every) for platform in platforms]
    found = dict.fromkeys(one for one in wanted if one)
    return [every[one] for one in found] or [every[held.platforms[0]]]


def config_of(registry: Registry, repository: str, held: Image, one: Listed) -> Mapping[str, Any] | Unknown:
    """Return the configuration of one of an image's manifests; ValueError or OddError for what is none."""
    body = held.body
    if one.digest != held.digest:
        manifest = registry.get(repository, one.digest)
        if not isinstance(manifest, Found):
            return manifest if isinstance(manifest, Unknown) else Unknown(reason=f"{one.digest[:19]}… is not there")
        body = manifest.body
    digest = described_in(table_in(table_in(json.loads(body)).get("config"))).digest
    blob = registry.blob(repository, digest)
    if not isinstance(blob, Found):
        return blob if isinstance(blob, Unknown) else Unknown(reason=f"{digest[:19]}… is not there")
    return table_in(json.loads(blob.body))


def _looked(held: Image, configs: list[Mapping[str, Any]]) -> Looked:
    own = [table_in(one.get("config") or {}) for one in configs]
    names = {_text(line).partition("=")[0] for one in own for line in list_in({"env": one.get("Env") or []}, "env")}
    made = [moment for one in configs if (moment := _moment(one.get("created")))]
    return Looked(
        entry=LockedImage(
            digest=held.digest,
            single=None if held.media_type in INDEXES else True,
            platforms=tuple(sorted(held.platforms)),
            onbuild=any(one.get("OnBuild") for one in own),
            env=tuple(sorted(names)),
        ),
        created=max(made, default=None),
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise OddError("a variable is not text")
    return value.encode("utf-8", "replace").decode()


def _moment(value: Any) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
