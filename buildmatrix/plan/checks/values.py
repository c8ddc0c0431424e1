"""The inner grammar of values: what buildx's own parsers would refuse later, for all of a call and without a place.

Each check looks at the settings of one target alone. What it finds was found by trying with buildx 0.29.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from ipaddress import ip_address
from typing import Any

from buildmatrix.errors import Pointer, did_you_mean
from buildmatrix.oci.reference import fault as fault_of_reference
from buildmatrix.oci.reference import parse
from buildmatrix.patterns import regex
from buildmatrix.plan.merging.shared import shared
from buildmatrix.plan.outputs import pushes
from buildmatrix.records import dataclass
from buildmatrix.spec.checks.data import shown
from buildmatrix.spec.rows.caches import Layers
from buildmatrix.spec.rows.marked import holding, leaves, marked, says, tables_of
from buildmatrix.spec.rows.markers import ImageRef
from buildmatrix.spec.rows.platforms import AUTO, PLATFORM, platform_hint
from buildmatrix.spec.rows.settings import Settings
from buildmatrix.spec.rows.shapes import Table, rows

LEVELS = ("manifest", "index", "manifest-descriptor", "index-descriptor")
_DIGEST = regex(r"sha256:[0-9a-f]{64}|[a-z0-9]+:[0-9a-f]{32,}")
_LEVEL = regex(r"(?P<name>[a-z-]*)(?:\[(?P<platform>[A-Za-z0-9_/-]+)\])?")
_OPTION = regex(r"annotation(?:-(?P<name>[a-z-]+))?(?:\[(?P<platform>[A-Za-z0-9_/-]+)\])?\.(?P<key>\S+)")
_SCHEME = regex(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_HOST = regex(r"[A-Za-z0-9_.-]+")
_SIZE = regex(r"([0-9.]+) ?([kmgtp]?)", re.IGNORECASE)
FETCHED = ("http", "https", "git", "ssh")
NAMED = (*FETCHED, "docker-image", "oci-layout", "cwd")
LARGEST = 2**63 - 1
DIGEST = "sha256: and 64 hexadecimal digits"
FASTEST = 9
"""The highest level of gzip and estargz."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What is wrong with a value: the path of attribute and index or key, what, and what to write instead."""

    path: Pointer
    message: str
    hint: str = ""
    code: str = "value"


Check = Callable[[Settings], Iterable[Fault]]
_CHECKS: list[tuple[tuple[str, ...], Check]] = []


def _check(*attributes: str) -> Callable[[Check], Check]:
    """Make a function one of the checks, done again only where one of these settings is another (`shared`)."""

    def register(work: Check) -> Check:
        _CHECKS.append((attributes, shared(*attributes)(work)))
        return _CHECKS[-1][1]

    return register


# --- images and contexts --------------------------------------------------------------------------------------------


_NAMED = tuple((row.attribute, marker) for row in rows(Settings) if (marker := says(row, ImageRef)))
_IN_TABLES = tuple(row.attribute for row in holding(Settings, ImageRef) if not says(row, ImageRef))


def _named_images(settings: Settings) -> Iterator[Fault]:
    """Look at settings that are references themselves: tags differ from cell to cell, and nothing of them is shared."""
    for attribute, marker in _NAMED:
        value = getattr(settings, attribute)
        for path, text in leaves(value) if value else ():
            if found := _of_image(text, marker, (attribute, *path)):
                yield from found


@_check(*_IN_TABLES)
def _references(settings: Settings) -> Iterator[Fault]:
    for attribute, index, table in tables(settings, _IN_TABLES):
        for path, text, marker in marked(table, ImageRef):
            yield from _of_image(text, marker, (attribute, index, *path))


def _of_image(text: str, marker: ImageRef, pointer: Pointer) -> list[Fault]:
    found = []
    for one in text.split(",") if marker.several else (text,):
        if reason := image_fault(one, digest=not marker.writes):
            message = f"{shown(one)} is not a valid image reference"
            found.append(Fault(path=pointer, message=message, hint=reason, code="reference"))
    return found


def image_fault(text: str, *, digest: bool) -> str:
    """Return what is wrong with a reference of an image, "" if nothing is; with `digest` it may have one."""
    bare, sign, hexed = text.partition("@") if digest else (text, "", "")
    if sign and _DIGEST.fullmatch(hexed) is None:
        return f"{shown(hexed)} is not a valid digest: {DIGEST}"
    return fault_of_reference(bare)


@_check("context", "contexts")
def _contexts(settings: Settings) -> Iterator[Fault]:
    scheme = _SCHEME.match(settings.context or "")
    if scheme and scheme[1] not in FETCHED:
        hint = 'write contexts.NAME = "…"' if scheme[1] in NAMED else did_you_mean(scheme[1], FETCHED)
        message = f"{shown(settings.context)} is neither a directory nor a URL that is fetched"
        yield Fault(path=("context",), message=message, hint=hint)
    for key, value in (settings.contexts or {}).items():
        yield from (Fault(path=("contexts", key), message=text, hint=hint) for text, hint in _named(value))


def _named(value: str) -> Iterator[tuple[str, str]]:
    scheme = _SCHEME.match(value)
    kind, rest = (scheme[1], value[scheme.end() :]) if scheme else ("", value)
    if kind and kind not in NAMED:
        hint = did_you_mean(kind, NAMED) or f"known: {', '.join(NAMED)}"
        yield f"{shown(value)} has the unknown scheme {kind}://", hint
    elif kind == "docker-image" and (reason := image_fault(rest, digest=True)):
        yield f"{shown(rest)} is not a valid image reference", reason
    elif kind == "oci-layout" and (reason := _layout_fault(rest)):
        yield f"{shown(value)} names no layout", reason


def _layout_fault(text: str) -> str:
    path, sign, digest = text.partition("@")
    if not path:
        return "write oci-layout://FOLDER, with :TAG or @DIGEST behind it if wanted"
    return f"{shown(digest)} is not a valid digest: {DIGEST}" if sign and not _is_digest(digest) else ""


def _is_digest(text: str) -> bool:
    return _DIGEST.fullmatch(text) is not None


# --- annotations ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Annotation:
    """An annotation as it is written, and where: one of its levels, and the platform that it is for, "" for all."""

    path: Pointer
    text: str
    level: str
    platform: str

    @property
    def is_index(self) -> bool:
        """Whether it is for an index, which an image of one platform may not have."""
        return self.level.startswith("index")


@shared("annotations", "output")
def annotations(settings: Settings) -> Iterator[Annotation | Fault]:
    """Return every annotation of a target and of its outputs, once for each level; a fault for what is none."""
    for index, text in enumerate(settings.annotations or ()):
        head, sign, key = text.partition("=")[0].partition(":")
        levels = [_LEVEL.fullmatch(level) for level in head.split(",")] if sign else [_LEVEL.fullmatch("")]
        yield from _read(("annotations", index), text, levels, key if sign else head, empty=not sign)
    for index, output in enumerate(settings.output or ()):
        for key, value in (getattr(output, "annotation", None) or {}).items():
            option = _OPTION.fullmatch(key)
            yield from _read(("output", index), f"{key}={value}", [option], option["key"] if option else "", empty=True)


def _read(
    path: Pointer, text: str, found: list[re.Match[str] | None], key: str, *, empty: bool
) -> Iterator[Annotation | Fault]:
    if not key or re.search(r"\s", key):
        yield Fault(path=path, message=f"{shown(text)} has no key", hint="a key is not empty, and has no spaces")
        return
    for level in found:
        name = (level["name"] or "") if level else ""
        if level is None or (name not in LEVELS and not (empty and not name)):
            message = f"{shown(text)}: what stands before its key is not a valid level"
            near = did_you_mean(name, LEVELS)
            hint = near or f"levels are {', '.join(LEVELS)}, each with [OS/ARCHITECTURE] behind it if wanted"
            yield Fault(path=path, message=message, hint=hint)
        else:
            yield Annotation(path=path, text=text, level=name or "manifest", platform=level["platform"] or "")


OURS = "dev.buildmatrix."
"""How the annotations begin that tell what went into an image."""


@_check("annotations", "output", "platforms")
def _annotations(settings: Settings) -> Iterator[Fault]:
    built = () if AUTO in (settings.platforms or ()) else settings.platforms or ()
    for found in annotations(settings):
        if isinstance(found, Fault):
            yield found
        elif found.platform and not any(re.fullmatch(PLATFORM, name) for name in _platforms(found)):
            message = f"{shown(found.text)}: {found.platform} is not a valid platform"
            yield Fault(path=found.path, message=message, hint=platform_hint(found.platform))
        elif found.platform and built and not _platforms(found).intersection(built):
            message = f"{shown(found.text)} is for {found.platform}, which the target is not built for"
            yield Fault(path=found.path, message=message, hint=f"it is built for {' '.join(built)}")
        elif OURS in found.text.partition("=")[0]:
            message = f"{shown(found.text)}: by {OURS}… buildmatrix itself keeps what went into an image"
            yield Fault(path=found.path, message=message, hint="give it another name")


def _platforms(annotation: Annotation) -> set[str]:
    return {annotation.platform, f"linux/{annotation.platform}"}


# --- numbers, names and addresses -----------------------------------------------------------------------------------


@_check("ulimits")
def _limits(settings: Settings) -> Iterator[Fault]:
    for index, text in enumerate(settings.ulimits or ()):
        soft, _, hard = text.partition("=")[2].partition(":")
        numbers = [int(one) for one in (soft, hard or soft)]
        if any(abs(number) > LARGEST for number in numbers):
            yield Fault(path=("ulimits", index), message=f"{shown(text)} is more than 2^63 - 1")
        elif numbers[1] != -1 and (numbers[0] == -1 or numbers[0] > numbers[1]):
            message = f"{shown(text)}: the soft limit is higher than the hard one"
            yield Fault(path=("ulimits", index), message=message, hint="write name=soft:hard, -1 for no limit")


@_check("extra_hosts")
def _hosts(settings: Settings) -> Iterator[Fault]:
    for name, text in (settings.extra_hosts or {}).items():
        if _HOST.fullmatch(name) is None:
            yield Fault(path=("extra_hosts", name), message=f"{shown(name)} is not a valid host name")
        for address in text.split(","):
            if address != "host-gateway" and not _is_address(address):
                message = f"{name} = {shown(text)} is not a valid address"
                yield Fault(path=("extra_hosts", name), message=message, hint="write an IP address, or host-gateway")


def _is_address(text: str) -> bool:
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    try:
        ip_address(bare)
    except ValueError:
        return False
    return "%" not in bare


@_check("shm_size")
def _sizes(settings: Settings) -> Iterator[Fault]:
    if settings.shm_size and (found := _SIZE.match(settings.shm_size)):
        size = float(found[1]) * 1024 ** " kmgtp".index(found[2].lower() or " ")
        if size > LARGEST:
            yield Fault(path=("shm_size",), message=f"{shown(settings.shm_size)} is more than 2^63 - 1 bytes")


_LAYERED = tuple(row.attribute for row in rows(Settings) if any(issubclass(one, Layers) for one in tables_of(row)))


@_check(*_LAYERED)
def _layers(settings: Settings) -> Iterator[Fault]:
    for attribute, index, table in tables(settings, _LAYERED):
        level, how = getattr(table, "compression_level", None), getattr(table, "compression", None) or "gzip"
        if level is not None and level > FASTEST and how in {"gzip", "estargz"}:
            message = f"{how} has no compression-level {level}"
            yield Fault(path=(attribute, index), message=message, hint="its levels are 0 to 9; zstd has 0 to 22")
        if getattr(table, "image_manifest", None) and getattr(table, "oci_mediatypes", None) is False:
            message = "image-manifest is not to be had with oci-mediatypes=false"
            yield Fault(path=(attribute, index), message=message, hint="leave one of them out")


def _digests(settings: Settings) -> Iterator[Fault]:
    """What is pushed by digest alone has a name without a tag, and one where it has no tags to take it from."""
    outputs: tuple[Any, ...] = settings.output or ()
    for index, output in enumerate(outputs):
        if not pushes(output) or not output.push_by_digest:
            continue
        names = settings.tags or (output.name or "").split(",")
        if tagged := next((name for name in names if parse(name).tag), ""):
            message = f"{shown(tagged)} has a tag, and is to be pushed by digest"
            yield Fault(path=("output", index), message=message, hint="write the repository's name alone")
    for index, table in enumerate(settings.cache_from or ()):
        digest = getattr(table, "digest", None)
        if digest and not _is_digest(digest):
            yield Fault(
                path=("cache_from", index), message=f"{shown(digest)} is not a valid digest", hint=f"write {DIGEST}"
            )


def tables(settings: Settings, attributes: Iterable[str]) -> Iterator[tuple[str, int, Table]]:
    """Yield the tables of some settings with their paths."""
    for attribute in attributes:
        for index, table in enumerate(getattr(settings, attribute) or ()):
            if isinstance(table, Table):
                yield attribute, index, table


# --- all of them ----------------------------------------------------------------------------------------------------


@shared(*sorted({name for names, _ in _CHECKS for name in names}))
def _faults_of_shared(settings: Settings) -> Iterator[Fault]:
    """Yield what each `_check` finds: cells that differ in nothing that any of them looks at are asked once."""
    for _, check in _CHECKS:
        yield from check(settings)


def faults(settings: Settings) -> Iterator[Fault]:
    """Yield what is wrong with the values of a target."""
    yield from _named_images(settings)
    yield from _faults_of_shared(settings)
    yield from _digests(settings)
