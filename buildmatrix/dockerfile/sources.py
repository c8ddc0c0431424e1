"""What the instructions of a Build read of its contexts, and what they fetch."""

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from buildmatrix.dockerfile.links import Bases, Config, Link, Linked, Part, Step, fields
from buildmatrix.dockerfile.model import Instruction
from buildmatrix.dockerfile.remote import Remote, remote_of
from buildmatrix.dockerfile.variables import SCANS, Variables
from buildmatrix.patterns import regex

Sources = dict[str, tuple[str, ...] | None]

_HEREDOC = regex(r"\d*<<-?[ \t]*[^<\s]+")
_ONBUILD = regex(r"\s*ONBUILD\s*", re.IGNORECASE)
_OWN = frozenset({"tmpfs", "secret", "ssh"})
"""Mounts that take no files from anywhere."""


class Read(NamedTuple):
    """One reading of a context, "" for the main one: its path, None for any; or what is fetched."""

    context: str
    path: str | None
    remote: Remote | None = None


class Reading(NamedTuple):
    """All that is read, what is known of the image that is built, and what nobody can know, with its line."""

    reads: tuple[Read, ...]
    config: Config | None
    doubts: tuple[tuple[int, str], ...]


def reading(found: Linked, given: Mapping[str, str], bases: Bases) -> Reading:
    """Return what the parts of a Build read, by the variables as they are at each instruction."""
    reader = _Reader(found, given, bases)
    reads = [read for part in found.parts for read in reader.of(part)]
    reads += [Read("", None) for arg in found.graph.file.args if arg.name in SCANS]
    if found.target.kind == "context":
        return Reading((Read(found.target.name, None),), bases.get(found.target.name), ())
    return Reading(tuple(reads), reader.config(), tuple(reader.doubts))


def united(reads: Iterable[Read]) -> Sources:
    """Return the paths of each context, sorted; None where any path may be read."""
    found: dict[str, set[str | None]] = {}
    for one in reads:
        if one.remote is None:
            found.setdefault(one.context, set()).add(one.path)
    return {
        name: None if None in paths else tuple(sorted(filter(None, paths))) for name, paths in sorted(found.items())
    }


class _Reader:
    def __init__(self, found: Linked, given: Mapping[str, str], bases: Bases) -> None:
        self.found, self.given, self.bases = found, given, bases
        self.is_windows = found.graph.scope.platform.startswith("windows")
        self.after: dict[int, Variables] = {}
        self.doubts: list[tuple[int, str]] = []

    def of(self, part: Part) -> Iterator[Read]:
        """Yield what a part reads, and remember its variables for those that are made from it.

        For Windows paths have other forms as well: there any may be meant.
        """
        variables = self._start(part.base)
        if part.base.kind == "context":
            yield Read(part.base.name, None)
        for step in part.steps:
            if not step.instruction.onbuild:
                reads = self._step(step, variables)
                yield from (one._replace(path=None) for one in reads) if self.is_windows else reads
                variables.after(step.instruction, self.given, self.found.graph.scope)
        self.after[part.stage.number] = variables

    def _start(self, base: Link) -> Variables:
        if base.kind == "stage":
            return self.after[base.number].copy()
        known = Config() if base.kind == "scratch" else self.bases.get(base.name)
        return Variables(self.found.graph.scope.escape, None if known is None else known.env)

    def _step(self, step: Step, variables: Variables) -> Iterator[Read]:
        match step.instruction.keyword:
            case "COPY":
                yield from self._copied(step, variables)
            case "ADD":
                yield from self._added(step, variables)
            case "RUN":
                for mount, link in zip(step.instruction.values("mount"), step.links, strict=True):
                    yield from _mounted(mount, link, variables)
            case "ARG" if any(word.partition("=")[0] in SCANS for word in step.instruction.args):
                yield Read("", None)  # an SBOM of the context
            case _:
                pass

    def _copied(self, step: Step, variables: Variables) -> Iterator[Read]:
        context = _context_of(*step.links)
        if context is not None:
            any_depth = _flag(step.instruction, "parents")
            words = [variables.expanded(word) for word in files(step.instruction)]
            yield from (Read(context, None if any_depth and _is_pattern(word) else _path(word)) for word in words)

    def _added(self, step: Step, variables: Variables) -> Iterator[Read]:
        said = variables.expanded("".join(step.instruction.values("checksum")[-1:]))
        for word in files(step.instruction):
            source = variables.expanded(word)
            remote = None if source is None else remote_of(source, said or "", step.line)
            if source is None:
                self.doubts.append((step.line, f"ADD {word} may be a URL"))
            if remote is None:
                yield Read("", _path(source))
            else:
                yield Read("", None, remote)

    def config(self) -> Config | None:
        """Return what is known of the image that is built, None where its variables or triggers are not."""
        part = self.found.part(self.found.target.number)
        triggers = [step.instruction for step in part.steps if step.instruction.onbuild]
        variables = self.after[part.stage.number]
        if variables.is_open:
            return None
        return Config(tuple(map(triggers_text, triggers)), variables.image)


def files(one: Instruction) -> Iterator[str]:
    """Yield the sources of a COPY or an ADD as they are written, without here-documents."""
    yield from (word for word in one.args[:-1] if not _HEREDOC.fullmatch(word))


def triggers_text(one: Instruction) -> str:
    """Return what an image has of an ONBUILD: what it holds, as it is written."""
    bodies = (f"\n{body.content}{body.name}" for body in one.heredocs)
    return "".join((_ONBUILD.sub("", one.text, count=1), *bodies))


def _flag(one: Instruction, name: str) -> bool:
    return any(flag.partition("=")[0] == f"--{name}" for flag in one.flags)


def _is_pattern(word: str | None) -> bool:
    return word is None or any(sign in word for sign in "*?[\\")


def _path(word: str | None) -> str | None:
    """Return a path within its context, None for all of it."""
    return None if word is None else posixpath.normpath(f"/{word}").lstrip("/") or None


def _context_of(link: Link | None) -> str | None:
    """Return the context that files are taken from, "" for the main one, None for another thing."""
    if link is None:
        return ""
    return link.name if link.kind == "context" else None


def _mounted(mount: str, link: Link | None, variables: Variables) -> Iterator[Read]:
    """Yield what a mount reads of a context: a cache of none has only what it kept."""
    said = fields(mount)
    values = {key: variables.expanded(value) for key, value in said}
    kind = values.get("type", "bind")
    kind = None if kind is None else kind.lower()
    context = _context_of(link)
    if context is None or kind in _OWN or (kind == "cache" and link is None):
        return
    sources = [variables.expanded(value) for key, value in said if key in {"source", "src"}]
    yield Read(context, _path(sources[-1]) if sources else None)
