"""The images that a Build takes from elsewhere: what a lock pins, and what a registry is asked for."""

from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from typing import Literal, NamedTuple

from buildmatrix.dockerfile.directives import SYNTAX, line_of_syntax, syntax_of
from buildmatrix.dockerfile.links import Bases, Link, Linked, full, linked
from buildmatrix.dockerfile.reader import known_with
from buildmatrix.oci.platform import normalized
from buildmatrix.oci.reference import REFERENCE
from buildmatrix.patterns import regex

Use = Literal["from", "copy", "mount", "syntax"]

OWN = ""
"""Stands for the platform of the builder, which nobody knows before it is asked."""

_PLATFORM = regex(r"--platform=[\"']?(\w+/[\w/.]+)")


class Image(NamedTuple):
    """An image that a Build uses, on one line.

    `name` is what docker makes of it (`docker.io/library/busybox:latest`), None where it cannot be known or is not
    valid; `written` is the name in the file, variables as they stand. `platform` is what it is taken for, "" for that
    of the target where none is declared, None where nobody knows (`$BUILDPLATFORM`). Line 0 is a build argument.
    """

    name: str | None
    written: str
    line: int
    use: Use
    platform: str | None


def external_images(
    text: str,
    *,
    target: str | None = None,
    platform: str = "",
    args: Mapping[str, str] | None = None,
    contexts: Collection[str] = (),
    bases: Bases | None = None,
) -> tuple[Image, ...]:
    """Return the images that a Build uses for a platform, its frontend first, then in the file's order.

    Each is there as often as it is used. Of what another frontend than docker's reads, only the frontend is known; of a
    text that is refused nothing, `uses_of` says so. `bases` are the configurations of bases that are known already:
    without them what the ONBUILDs of an image use is missing.
    """
    args = args or {}
    frontend = tuple(frontend_of(text, args))
    file = known_with(text, args)
    found = file and linked(
        file, target=target, platform=platform, args=args, contexts=contexts, bases={} if bases is None else bases
    )
    return frontend if not found else (*frontend, *images_of(found))


@lru_cache(maxsize=512)
def platforms_in(text: str) -> frozenset[str]:
    """Return the platforms that a text names for its bases, whatever the target's are."""
    return frozenset(map(normalized, _PLATFORM.findall(text)))


def frontend_of(text: str, args: Mapping[str, str]) -> Iterator[Image]:
    """Yield the frontend that a text, or an argument of the build, asks for."""
    written = args[SYNTAX].split(maxsplit=1)[:1] if SYNTAX in args else [syntax_of(text)]
    line = 0 if SYNTAX in args else line_of_syntax(text)
    for name in filter(None, written):
        if name != "{":
            yield Image(_name(name), name, line, "syntax", None)


def images_of(found: Linked) -> Iterator[Image]:
    """Yield the images that the stages of a Build use, in the file's order."""
    platform = found.graph.scope.platform
    for part in found.parts:
        asked = part.platform
        asked = normalized(platform) if asked == "" and platform else asked
        yield from _image(part.base, part.stage.head.line, "from", asked)
        for step in part.steps:
            use: Use = "copy" if step.instruction.keyword == "COPY" else "mount"
            for link in step.links:
                if link is not None:
                    yield from _image(link, step.line, use, normalized(platform) if platform else "")


def _image(link: Link, line: int, use: Use, platform: str | None) -> Iterator[Image]:
    if link.kind == "image":
        yield Image(link.name, link.written, line, use, platform)
    elif link.kind == "open":
        yield Image(None, link.written, line, use, platform)


def _name(text: str) -> str | None:
    return full(text) if REFERENCE.fullmatch(text) else None


# --- for other platforms ----------------------------------------------------------------------------------------------


def contexts_across(
    text: str, *, target: str | None, args: Mapping[str, str], contexts: Collection[str]
) -> dict[str, frozenset[str]]:
    """Return the named contexts that a Build takes for other platforms than its own, and for which.

    OWN is the builder's. Only a FROM asks for one: `FROM --platform=$BUILDPLATFORM tools`, or that of a stage which a
    context replaces.
    """
    if not contexts or "--platform" not in text or (file := known_with(text, args)) is None:
        return {}
    found: dict[str, set[str]] = {}
    for platform in _PROBES:
        linked_ = linked(file, target=target, platform=platform, args=args, contexts=contexts, bases={})
        for name, asked in _contexts_taken(linked_, contexts) if linked_ else ():
            if asked not in {"", platform}:
                found.setdefault(name, set()).add(OWN if asked is None else asked)
    return {name: frozenset(asked) for name, asked in found.items()}


def _contexts_taken(found: Linked, contexts: Collection[str]) -> Iterator[tuple[str, str | None]]:
    """Yield the contexts of FROMs, with the platform asked for; a context may stand for a stage of its name."""
    yield from ((part.base.name, part.platform) for part in found.parts if part.base.kind == "context")
    for stage in found.graph.file.stages:
        if stage.name in contexts:
            asked = found.graph.scope.expanded(stage.platform)
            yield stage.name, normalized(asked) if asked else asked


# --- for any platform -------------------------------------------------------------------------------------------------

_PROBES = ("linux/riscv64", "linux/s390x")
"""Two platforms that hardly a FROM asks for: what a Build takes for both, it takes for each."""


class ForAny(NamedTuple):
    """What a Build takes for the platform that it is built for: images by full names, and named contexts.

    `doubt` says why that is not known.
    """

    images: frozenset[str] = frozenset()
    contexts: frozenset[str] = frozenset()
    doubt: str = ""


def bases_for_any(text: str, *, target: str | None, args: Mapping[str, str], contexts: Collection[str]) -> ForAny:
    """Return what a Build takes for its own platform, whichever that is."""
    if (file := known_with(text, args)) is None:
        return ForAny(doubt="another frontend reads its Dockerfile, or it cannot be read")
    every = []
    for platform in _PROBES:
        found = linked(file, target=target, platform=platform, args=args, contexts=contexts, bases={})
        if found is None:
            return ForAny(doubt=f'its Dockerfile has no stage "{target}"')
        links = {link for part in found.parts if part.platform in {"", platform} for link in part.links}
        if opened := next((link for link in links if link.kind == "open"), None):
            return ForAny(doubt=f"{opened.written or opened.name} of its Dockerfile is not known here")
        every.append({(link.kind, link.name) for link in links if link.kind in {"image", "context"}})
    if every[0] != every[1]:
        return ForAny(doubt="which images it is made from depends on the platform")
    names = {one: frozenset(name for kind, name in every[0] if kind == one) for one in ("image", "context")}
    return ForAny(images=names["image"], contexts=names["context"])
