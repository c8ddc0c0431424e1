"""What one Build uses of its Dockerfile: what it does, and which images, files and URLs it reads to do it."""

import re
from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from buildmatrix.dockerfile.arguments import PREDEFINED
from buildmatrix.dockerfile.directives import SYNTAX, is_dockers_name, syntax_of
from buildmatrix.dockerfile.images import Image, frontend_of, images_of
from buildmatrix.dockerfile.links import Bases, Config, Linked, linked
from buildmatrix.dockerfile.model import Dockerfile
from buildmatrix.dockerfile.reader import known_with
from buildmatrix.dockerfile.recipe import EPOCH, Recipe, is_buildkits, recipe_of
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
    main one: of files and directories, and patterns of Go's filepath.Match; None for all of it. Contexts that are not
    there are not read. `contexts` are the named ones that are used. `remote` is what is fetched and known beforehand,
    `unpinned` what is fetched and may be another thing each time.
    `unread` are the images and contexts whose configuration was asked for and not given. `config` is what is known of
    that of the image that is built. Where there is a doubt, an equal recipe says nothing.
    """

    recipe: Recipe
    images: tuple[Image, ...]
    sources: Mapping[str, tuple[str, ...] | None]
    contexts: frozenset[str]
    remote: tuple[Remote, ...]
    unpinned: tuple[Remote, ...]
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
    if file is None:
        return _unknown(text, args, contexts, _reason(text, args))
    platform = normalized(platform) if platform else ""
    entry = _entry(text, file, target, platform, args, contexts, bases)
    if entry is None:
        return _unknown(text, args, contexts, Doubt(f"the Dockerfile has no stage {target}", 0))
    given = tuple(sorted((name, args[name]) for name in args if name in entry.names or is_buildkits(name)))
    if given not in entry.found:
        if len(entry.found) >= _MOST_FOUND:
            entry.found.clear()
        entry.found[given] = _of(entry.linked, text, args, contexts, bases)
    return entry.found[given]


_MOST_FOUND = 1024


class _Entry(NamedTuple):
    """What was found for a Dockerfile: by which configurations of bases, and then by the arguments that it declares."""

    bases: tuple[tuple[str, Config | None], ...]
    linked: Linked
    names: frozenset[str]
    found: dict[tuple[tuple[str, str], ...], Uses]


@lru_cache(maxsize=512)
def _entries(*_: object) -> list[_Entry]:
    """Return a list for what is found of a text with these arguments: cells of a matrix often differ in others."""
    return []


def _entry(
    text: str,
    file: Dockerfile,
    target: str | None,
    platform: str,
    args: Mapping[str, str],
    contexts: Collection[str],
    bases: Bases,
) -> _Entry | None:
    """Return what is known of a text whatever its stages' arguments are."""
    seen = PREDEFINED.union(arg.name for arg in file.args).union({SYNTAX})
    own = tuple(sorted((name, args[name]) for name in seen & args.keys()))
    entries = _entries(text, target, platform, own, frozenset(contexts))
    for entry in entries:
        if all(bases.get(name) == config for name, config in entry.bases):
            return entry
    found = linked(file, target=target, platform=platform, args=dict(own), contexts=contexts, bases=bases)
    if found is None:
        return None
    asked = tuple((name, bases.get(name)) for name in _bases(found))
    entry = _Entry(asked, found, found.arguments | {arg.name for arg in file.args} | {SYNTAX}, {})
    entries[:] = [*entries[-3:], entry]
    return entry


def _of(found: Linked, text: str, args: Mapping[str, str], contexts: Collection[str], bases: Bases) -> Uses:
    reads = reading(found, args, bases)
    remote = [one.remote for one in reads.reads if one.remote is not None]
    doubts = {*found.doubts, *reads.doubts, *_doubts(found, args)}
    return Uses(
        recipe=recipe_of(found, _syntax(text, args), args),
        images=(*frontend_of(text, args), *images_of(found)),
        sources=_sources(found, reads, contexts),
        contexts=_contexts(found, contexts),
        remote=tuple(one for one in remote if one.pin),
        unpinned=tuple(one for one in remote if not one.pin),
        doubts=tuple(Doubt(text, line) for line, text in sorted(doubts)),
        unread=tuple(name for name in _bases(found) if name not in bases),
        config=reads.config,
    )


def _syntax(text: str, args: Mapping[str, str]) -> str:
    return args[SYNTAX].strip() if SYNTAX in args else syntax_of(text)


def _reason(text: str, args: Mapping[str, str]) -> Doubt:
    """Return why nothing is known of a text."""
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
        unpinned=(),
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
            yield part.stage.head.line, f"no registry told what {part.base.name} is, which may have ONBUILD triggers"
    scope = found.graph.scope
    if "(" in scope.platform:
        yield 0, f"the version of the system in {scope.platform} is not understood"
    epoch = args.get(EPOCH, scope.values.get(EPOCH, ""))
    if EPOCH in scope.unknown or (epoch and not re.fullmatch(r"[+-]?[0-9]+", epoch)):
        yield 0, f"{EPOCH} is not a number: {epoch!r}"


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


def _bases(found: Linked) -> tuple[str, ...]:
    """Return the images and contexts whose configurations are asked for."""
    links = (found.target, *(part.base for part in found.parts))
    return tuple(dict.fromkeys(link.name for link in links if link.kind in {"image", "context"}))
