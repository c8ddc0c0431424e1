"""What the configurations of external images say: their ONBUILDs and variables, which a Dockerfile's COPY may use.

Each is read once: a digest never changes its meaning, so it is kept under the user's cache directory.
"""

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from buildmatrix.cache import cache_directory, keep_small, note_use, read_table, write_table
from buildmatrix.dockerfile.links import Config, full
from buildmatrix.engine.registry import Registry
from buildmatrix.lock.known import config_of
from buildmatrix.lock.pins import Pins
from buildmatrix.lock.platforms import fitting
from buildmatrix.oci.answers import Unknown
from buildmatrix.oci.http.parallel import all_of
from buildmatrix.oci.image import Image
from buildmatrix.oci.index import OddError, list_in, table_in
from buildmatrix.oci.reference import parse

FOLDER, FORMAT = "configs", 1
MOST_FILES = 4096
MOST_BYTES = 1 << 22


def configs(
    pins: Pins,
    registry: Registry,
    environment: Mapping[str, str],
    platforms: Iterable[str],
    spared: Collection[str] = (),
) -> dict[str, Config]:
    """Return the configurations of all pinned images, by full name; those that nobody knows are left out.

    Where a source policy takes another image in place of one, it is that one's configuration. Registries that are
    `spared` are not asked: what was kept before is known of their images.
    """
    wanted, kept = frozenset(platforms), _Kept(environment)
    taken = {full(pin.name): (pin.instead or pin.name, pin.digest) for pin in pins.pins if pin.digest}
    found = all_of(lambda name: _config(*taken[name], registry, wanted, kept, spared), taken)
    return {name: config for name, config in found.items() if config is not None}


def _config(
    name: str, digest: str, registry: Registry, wanted: frozenset[str], kept: "_Kept", spared: Collection[str]
) -> Config | None:
    said = kept.read(digest)
    if said is None or not wanted <= said.keys():
        if parse(name).host in spared:
            return None
        asked = _asked(parse(name).repository, digest, registry, wanted)
        if asked is None:
            return None
        said = {**(said or {}), **asked}
        kept.write(digest, said)
    return _common([said[platform] for platform in sorted(wanted) if said[platform] is not None])


def _asked(repository: str, digest: str, registry: Registry, wanted: frozenset[str]) -> dict[str, Config | None] | None:
    """Return what an image says for each wanted platform, None where it has none such; None if nobody knows."""
    held = registry.content(repository, digest)
    if not isinstance(held, Image):
        return None
    every = {str(one.platform): one for one in reversed(held.index.manifests) if one.platform}
    found: dict[str, Config | None] = {}
    try:
        for platform in wanted:
            taken = fitting(platform, every)
            config = config_of(registry, repository, held, every[taken]) if taken else {}
            if isinstance(config, Unknown):
                return None
            found[platform] = _said(config) if taken else None
    except (ValueError, RecursionError, OddError):
        return None
    return found


def _said(config: Mapping[str, Any]) -> Config:
    own = table_in(config.get("config") or {})
    env = [_text(line).partition("=") for line in list_in({"env": own.get("Env") or []}, "env")]
    onbuild = list_in({"onbuild": own.get("OnBuild") or []}, "onbuild")
    return Config(tuple(map(_text, onbuild)), {name: value for name, _, value in env})


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise OddError("a part of a configuration is not text")
    return value


def _common(found: list[Config | None]) -> Config | None:
    """Return what holds for each platform; None where their ONBUILDs differ, or none is known."""
    known = [one for one in found if one is not None]
    if not known or any(one.onbuild != known[0].onbuild for one in known):
        return None
    names = {name for one in known for name in one.env}
    return Config(known[0].onbuild, {name: _same([one.env.get(name) for one in known]) for name in names})


def _same(values: list[str | None]) -> str | None:
    return values[0] if all(value == values[0] for value in values) else None


class _Kept:
    """The files of the user's cache directory: one for each digest."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        folder = cache_directory(environment)
        self._folder = folder / FOLDER if folder else None

    def read(self, digest: str) -> dict[str, Config | None] | None:
        if self._folder is None:
            return None
        known = read_table(self._path(digest), MOST_BYTES)
        if known.get("format") != FORMAT:
            return None
        try:
            note_use(self._path(digest))
            return {str(name): _restored(one) for name, one in known["platforms"].items()}
        except (ValueError, KeyError, TypeError, AttributeError):
            return None

    def write(self, digest: str, said: Mapping[str, Config | None]) -> None:
        if self._folder is None:
            return
        plain = {name: one and {"onbuild": list(one.onbuild), "env": dict(one.env)} for name, one in said.items()}
        write_table(self._path(digest), {"format": FORMAT, "platforms": plain})
        keep_small(self._folder, files=MOST_FILES)

    def _path(self, digest: str) -> Path:
        return Path(self._folder or "", f"{digest.replace(':', '-')}.json")


def _restored(one: Any) -> Config | None:
    return None if one is None else Config(tuple(one["onbuild"]), dict(one["env"]))
