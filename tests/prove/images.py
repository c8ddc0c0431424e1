"""What two images have to be the same in: their layers' contents and their configurations, without times.

`Image` is found in an OCI layout that a real build wrote, or in a registry; blobs are read once.
"""

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

OURS = "dev.buildmatrix."
WHITEOUT, OPAQUE, DIRECTORY = ".wh.", ".wh..wh..opq", "5"
BINDINGS = {
    "docker.container.image.v1": "oci.image.config.v1",
    "docker.image.rootfs.diff.tar": "oci.image.layer.v1.tar",
}
_UMASKED = (
    *((mode, 0o644) for mode in (0o666, 0o664, 0o660, 0o640, 0o600)),
    *((mode, 0o755) for mode in (0o777, 0o775, 0o770, 0o750, 0o700)),
)
UMASKED = dict(_UMASKED)
"""What a mode is where nobody looks at what a umask took."""

Blob = Callable[[str], bytes]


Entry = tuple[Any, ...]
"""A name, and all that an archive says of it but for times."""


class Layer(NamedTuple):
    """A layer's contents, sorted: as they are, and without what a umask takes."""

    strict: list[Entry]
    lenient: list[Entry]


class Image(NamedTuple):
    """An image for one platform, as texts that are equal for equal images.

    `lenient` is without what a umask takes, `contents` also without how its layers are packed: what a parent was pushed
    as, its children have.
    """

    strict: str
    lenient: str
    contents: str
    attested: str


class Store:
    """Reads images; layers that were read are known by their digests."""

    def __init__(self) -> None:
        self._layers: dict[str, Layer] = {}

    def images(self, top: str, blob: Blob, hidden: frozenset[str], *, timed: bool) -> dict[str, Image]:
        """Return the images below a digest, by platform; `hidden` are labels that do not count."""
        found = json.loads(blob(top))
        below = [(one, json.loads(blob(one["digest"]))) for one in found.get("manifests", [])]
        attested: dict[str, list[str]] = {}
        for one, made in below:
            if (of := one.get("annotations", {}).get("vnd.docker.reference.digest")) is not None:
                attested[of] = sorted(_statement(json.loads(blob(layer["digest"]))) for layer in made["layers"])
        images = [(one["digest"], made) for one, made in below if not _is_attestation(one)]
        if "manifests" not in found:
            images = [(top, found)]
        return dict(self._image(made, blob, hidden, attested.get(digest, []), timed=timed) for digest, made in images)

    def _image(
        self, made: Mapping[str, Any], blob: Blob, hidden: frozenset[str], attested: list[str], *, timed: bool
    ) -> tuple[str, Image]:
        config = json.loads(blob(made["config"]["digest"]))
        media = [_media(one) for one in made["layers"]]
        layers = [self._layer(one, blob) for one in made["layers"]]
        strict = _digests([layer.strict for layer in layers])
        lenient = _digests([layer.lenient for layer in layers])
        annotations = {key: value for key, value in made.get("annotations", {}).items() if not key.startswith(OURS)}
        platform = "/".join(config[key] for key in ("os", "architecture", "variant") if config.get(key))
        said = [_config(config, hidden, timed=timed), annotations]
        return platform, Image(
            strict=_text(said, [*zip(media, strict, strict=True)]),
            lenient=_text(said, [*zip(media, lenient, strict=True)]),
            contents=_text(said, lenient),
            attested=json.dumps(attested),
        )

    def _layer(self, one: Mapping[str, Any], blob: Blob) -> Layer:
        digest = one["digest"]
        if digest not in self._layers:
            data = blob(digest)
            data = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
            entries = sorted(_entries(data))
            lenient = [(name, kind, UMASKED.get(mode, mode), *rest) for name, kind, mode, *rest in entries]
            self._layers[digest] = Layer(entries, lenient)
        return self._layers[digest]


def _text(*parts: Any) -> str:
    return json.dumps(parts, sort_keys=True, indent=1)


def _statement(said: Mapping[str, Any]) -> str:
    """Return the kind of an attestation, and what it tells of: what it tells has times in it."""
    return " ".join([said["predicateType"], *sorted(said["predicate"])])


def _is_attestation(one: Mapping[str, Any]) -> bool:
    return bool(one.get("platform", {}).get("os") == "unknown")


def _media(one: Mapping[str, Any]) -> str:
    text: str = one["mediaType"]
    for docker, oci in BINDINGS.items():
        text = text.replace(docker, oci)
    return text.replace(".tar.gzip", ".tar+gzip")


def _config(config: Mapping[str, Any], hidden: frozenset[str], *, timed: bool) -> dict[str, Any]:
    left = {
        key: value for key, value in config.items() if key not in {"created", "rootfs"} or (timed and key == "created")
    }
    left["history"] = [
        {key: value for key, value in one.items() if key != "created"} for one in config.get("history", [])
    ]
    inner = dict(left.get("config", {}))
    inner["Labels"] = {key: value for key, value in (inner.get("Labels") or {}).items() if key not in hidden}
    return {**left, "config": inner}


def _digests(layers: list[list[Entry]]) -> list[str]:
    """Return a digest of what each layer adds to those below.

    A file that is copied over itself is in a layer or not, by whether both have one time: by what was in BuildKit's
    cache, that is.
    """
    below: dict[str, Entry] = {}
    found = []
    for layer in layers:
        found.append(_digest([entry for entry in layer if below.get(entry[0]) != entry]))
        for entry in layer:
            _lay(below, entry)
    return found


def _lay(below: dict[str, Entry], entry: Entry) -> None:
    """Lay an entry over what is there; a whiteout, or what is no directory, takes away what it hides."""
    folder, _, base = entry[0].rpartition("/")
    if base == OPAQUE:
        _hide(below, f"{folder}/")
    elif base.startswith(WHITEOUT):
        hidden = f"{folder}/{base[len(WHITEOUT) :]}".lstrip("/")
        if below.pop(hidden, ("", DIRECTORY))[1] == DIRECTORY:
            _hide(below, f"{hidden}/")
    else:
        before = below.get(entry[0])
        if before and before[1] == DIRECTORY != entry[1]:
            _hide(below, f"{entry[0]}/")
        below[entry[0]] = entry


def _hide(below: dict[str, Entry], around: str) -> None:
    for name in [name for name in below if name.startswith(around)]:
        del below[name]


def _digest(entries: list[Entry]) -> str:
    return hashlib.sha256(repr(entries).encode("utf-8", "surrogateescape")).hexdigest()


def _entries(data: bytes) -> Iterator[Entry]:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for one in archive:
            held = archive.extractfile(one) if one.isreg() else None
            body = hashlib.sha256(held.read()).hexdigest() if held else ""
            more = sorted(
                (key, value) for key, value in one.pax_headers.items() if key not in {"mtime", "atime", "ctime"}
            )
            yield one.name, one.type.decode(), one.mode, one.uid, one.gid, one.linkname, body, repr(more)


class Layout(NamedTuple):
    """An OCI layout as a directory."""

    folder: Path

    @property
    def top(self) -> str:
        digest: str = json.loads((self.folder / "index.json").read_text())["manifests"][0]["digest"]
        return digest

    def blob(self, digest: str) -> bytes:
        return (self.folder / "blobs" / digest.replace(":", "/")).read_bytes()
