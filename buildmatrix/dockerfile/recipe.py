"""What a Dockerfile contributes to a Build, as rows of texts: equal rows, equal work on equal files and images.

Rows are texts beside each other, never joined: whoever digests them frames each. The heads of a stage's rows are the
keywords of instructions; what belongs to an instruction or a stage follows it, under a head in small letters. Stages
stand by their positions among those that are needed, and their names nowhere.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache

from buildmatrix.dockerfile.links import Link, Linked, Part, Step, fields
from buildmatrix.dockerfile.model import Instruction
from buildmatrix.dockerfile.sources import triggers_text
from buildmatrix.dockerfile.variables import SCANS, arguments_of

Row = tuple[str, ...]
Recipe = tuple[Row, ...]

EPOCH = "SOURCE_DATE_EPOCH"
_UNSEEN = frozenset({"BUILDKIT_SYNTAX", "BUILDKIT_DOCKERFILE_CHECK", "BUILDKIT_CACHE_MOUNT_NS"})
"""Arguments that BuildKit reads and an image does not show: linting, where caches are kept; the frontend has a row."""


def recipe_of(found: Linked, syntax: str, args: Mapping[str, str]) -> Recipe:
    """Return the rows of all that is needed."""
    return tuple(_Rows(found, args).all(syntax))


class _Rows:
    def __init__(self, found: Linked, args: Mapping[str, str]) -> None:
        self.found, self.args = found, args
        self.positions = {part.stage.number: str(position) for position, part in enumerate(found.parts)}
        self.is_of_host = any(part.base.kind == "open" or part.platform is None for part in found.parts)
        self.shows_names = any(arg.name in SCANS for arg in found.graph.file.args)

    def all(self, syntax: str) -> Iterator[Row]:
        """Yield all rows. What stands before the first FROM is there where its values are not known."""
        yield "syntax", syntax
        yield "platform", self.found.graph.scope.platform
        yield "escape", self.found.graph.scope.escape
        yield from (("given", name, self.args[name]) for name in sorted(filter(is_buildkits, self.args)))
        yield self._link("target", self.found.target)
        for part in self.found.parts:
            yield from self._part(part)
        for arg in self.found.graph.file.args:
            if self.is_of_host or arg.name in SCANS or arg.name == EPOCH:
                yield "global", arg.name, *(() if arg.default is None else (arg.default,))
                yield from (("given", arg.name, self.args[arg.name]) for _ in range(arg.name in self.args))
        if self.shows_names:
            yield "names", *(part.stage.name for part in self.found.parts)

    def _link(self, head: str, link: Link, *more: str) -> Row:
        return head, link.kind, self.positions[link.number] if link.kind == "stage" else link.name, *more

    def _part(self, part: Part) -> Iterator[Row]:
        if part.base.kind in {"stage", "scratch"}:
            yield self._link("FROM", part.base)
        elif part.platform is None:
            yield self._link("FROM", part.base, "host", part.stage.platform)
        else:
            yield self._link("FROM", part.base, "platform", part.platform or self.found.graph.scope.platform)
        for step in part.steps:
            if step.is_trigger:
                yield ("trigger",)
            yield from self._step(step)

    def _step(self, step: Step) -> Iterator[Row]:
        if step.instruction.keyword == "ARG" and not step.instruction.onbuild:
            yield from self._arguments(step.instruction)
        elif any(step.links):
            yield from self._linked(step)
        else:
            yield from _plain(step.instruction)

    def _arguments(self, one: Instruction) -> Iterator[Row]:
        for arg in arguments_of(one, self.args, self.found.graph.scope):
            yield "ARG", arg.name, arg.how, arg.value
            self.is_of_host |= arg.how == "host"
            self.shows_names |= arg.name in SCANS

    def _linked(self, step: Step) -> Iterator[Row]:
        """Yield the rows of a COPY or a RUN that takes files from elsewhere, names replaced by what they mean."""
        one, links = step.instruction, iter(step.links)
        yield one.keyword, _form(one), *one.args
        for flag in one.flags:
            name, _, value = flag.partition("=")
            if name == "--mount":
                link = next(links)
                yield ("flag", flag) if link is None else ("mount", *_without_from(value))
                yield from (self._link("from", other) for other in (link,) if other is not None)
            elif name == "--from":
                yield from (self._link("from", other) for other in links if other is not None)
            else:
                yield "flag", flag
        yield from _heredocs(one)


def is_buildkits(name: str) -> bool:
    """Tell whether BuildKit itself obeys an argument, or may: those that a later version knows are not known here."""
    return (name.startswith("BUILDKIT_") or name == EPOCH) and name not in _UNSEEN


@lru_cache(maxsize=8192)
def _plain(one: Instruction) -> Recipe:
    """Return the rows of what takes nothing from elsewhere. An ONBUILD is in the image as it is written."""
    if one.onbuild:
        return ("ONBUILD", triggers_text(one)), *_heredocs(one)
    flags = tuple(("flag", flag) for flag in one.flags)
    return (one.keyword, _form(one), *one.args), *flags, *_heredocs(one)


def _form(one: Instruction) -> str:
    return "json" if one.is_json else "shell"


def _heredocs(one: Instruction) -> Iterator[Row]:
    for body in one.heredocs:
        yield "heredoc", body.name, body.content, "chomp" if body.chomp else "", "expand" if body.expand else ""


def _without_from(mount: str) -> Iterator[str]:
    """Yield the fields of a mount; for the last `from`, which is the one that counts, no value."""
    said = fields(mount)
    last = max(number for number, (key, _) in enumerate(said) if key == "from")
    for number, (key, value) in enumerate(said):
        yield from (key, value if number != last else "")
