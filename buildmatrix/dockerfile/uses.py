"""What one Build uses of its Dockerfile: what it does, and which images, files and URLs it reads to do it."""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from buildmatrix.dockerfile.directives import SYNTAX, is_dockers_name, syntax_of
from buildmatrix.dockerfile.images import Image, frontend_of, images_of
from buildmatrix.dockerfile.links import Bases, Config, Linked, linked
from buildmatrix.dockerfile.reader import known_with
from buildmatrix.dockerfile.recipe import EPOCH, Recipe, recipe_of
from buildmatrix.dockerfile.remote import Remote
from buildmatrix.dockerfile.sources import Reading, Sources, reading, united
from buildmatrix.oci.platform import normalized
from buildmatrix.records import dataclass


class Doubt(NamedTuple):
    """Why nobody can know what a Build makes, and the line that says so, 0 for what no line says."""

    text: str
    line: int


@dataclass(frozen=True, kw_only=True)
class Uses:
    """What a Build for one platform uses.

    `recipe` is what the Dockerfile itself contributes: with the same files, images and answers of URLs, an equal recipe
    makes the same image. `images` are those of others. `sources` are the paths that may be read of each context, "" the
    main one: of files, directories, and both with `*` and `?` in a name; None for all of it. Contexts that are not
    there are not read. `contexts` are the named ones that are used. `remote` is what is fetched and known beforehand.
    `unread` are the images and contexts whose configuration was asked for and not given. `config` is what is known of
    that of the image that is built. Where there is a doubt, an equal recipe says nothing.
    """

    recipe: Recipe
    images: tuple[Image, ...]
    sources: Sources
    contexts: frozenset[str]
    remote: tuple[Remote, ...]
    doubts: tuple[Doubt, ...]
    unread: tuple[str, ...]
    config: Config | None


def uses_of(
    text: str,
    *,
    target: str | None,
    platform: str,
    args: Mapping[str, str],
    contexts: Collection[str],
    bases: Bases,
) -> Uses:
    """Return what a Build uses of a Dockerfile.

    Args:
        text: the Dockerfile.
        target: the stage that is built, None for the last.
        platform: the one platform that is built for, "" where none is declared: then what asks for it is a doubt only
            where a name or a path depends on it, and the builder's own platform is the caller's to digest.
        args: the build arguments that are given, with those that buildx adds: SOURCE_DATE_EPOCH of the environment.
        contexts: the names of the named contexts, as bake is given them.
        bases: what is known of the images and of the named contexts that stages are made from, by their names.
    """
    file = known_with(text, args)
    platform = normalized(platform) if platform else ""
    found = file and linked(file, target=target, platform=platform, args=args, contexts=contexts, bases=bases)
    if not found:
        return _unknown(text, args, contexts, _reason(text, target, args))
    read = reading(found, args, bases)
    doubts = {*found.doubts, *read.doubts, *_doubts(found, args), *_unpinned(read)}
    return Uses(
        recipe=recipe_of(found, _syntax(text, args), args),
        images=(*frontend_of(text, args), *images_of(found)),
        sources=_sources(found, read, contexts),
        contexts=_contexts(found, contexts),
        remote=tuple(one.remote for one in read.reads if one.remote is not None and one.remote.pin),
        doubts=tuple(Doubt(text, line) for line, text in sorted(doubts)),
        unread=_unread(found, bases),
        config=read.config,
    )


def _syntax(text: str, args: Mapping[str, str]) -> str:
    return args[SYNTAX].strip() if SYNTAX in args else syntax_of(text)


def _reason(text: str, target: str | None, args: Mapping[str, str]) -> Doubt:
    """Return why nothing is known of a text."""
    if known_with(text, args) is not None:
        return Doubt(f"the Dockerfile has no stage {target}", 0)
    for one in frontend_of(text, args):
        if not is_dockers_name(one.written):
            return Doubt(f"another frontend reads the Dockerfile: {one.written}", one.line)
    return Doubt("the Dockerfile cannot be read", 0)


def _unknown(text: str, args: Mapping[str, str], contexts: Collection[str], doubt: Doubt) -> Uses:
    return Uses(
        recipe=(("text", text), *(("given", name, args[name]) for name in sorted(args))),
        images=tuple(frontend_of(text, args)),
        sources=dict.fromkeys(("", *sorted(contexts))),
        contexts=frozenset(contexts),
        remote=(),
        doubts=(doubt,),
        unread=(),
        config=None,
    )


def _doubts(found: Linked, args: Mapping[str, str]) -> Iterator[tuple[int, str]]:
    """Yield what the parts leave open: names, ONBUILDs of bases, and a time that BuildKit would look up."""
    for image in images_of(found):
        if image.name is None:
            yield image.line, f"{image.written!r} cannot be told to be an image, a stage or a context"
    for part in found.parts:
        if part.is_open and part.base.kind != "open":
            yield part.stage.head.line, f"what ONBUILD of {part.base.name} does is not known"
    scope = found.graph.scope
    epoch = args.get(EPOCH, scope.values.get(EPOCH, ""))
    if EPOCH in scope.unknown or (epoch and not re.fullmatch(r"[+-]?[0-9]+", epoch)):
        yield 0, f"{EPOCH} is not a number: {epoch!r}"


def _unpinned(read: Reading) -> Iterator[tuple[int, str]]:
    for one in read.reads:
        if one.remote is not None and not one.remote.pin:
            wanted = "checksum" if one.remote.kind == "http" else "full commit"
            yield one.remote.line, f"ADD {one.remote.url} has no {wanted}"


def _sources(found: Linked, read: Reading, contexts: Collection[str]) -> Sources:
    """Return what is read; all of every context where the ONBUILDs of a base are not known."""
    if any(part.is_open for part in found.parts):
        return dict.fromkeys(("", *sorted(contexts)))
    return united(read.reads)


def _contexts(found: Linked, contexts: Collection[str]) -> frozenset[str]:
    if any(part.is_open for part in found.parts):
        return frozenset(contexts)
    links = (found.target, *(link for part in found.parts for link in part.links))
    return frozenset(link.name for link in links if link.kind == "context")


def _unread(found: Linked, bases: Bases) -> tuple[str, ...]:
    """Return the images and contexts that stages are made from and of whose configuration nothing is given."""
    named = (part.base.name for part in found.parts if part.base.kind in {"image", "context"})
    return tuple(dict.fromkeys(name for name in named if name not in bases))
