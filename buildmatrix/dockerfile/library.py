"""The one module that knows e2b-dockerfile-utils, a port of BuildKit's parser and lexer; another could take its place.

It is imported when a Dockerfile is read. What it refuses, and what might keep it busy for long, is None: BuildKit says
what is wrong with a Dockerfile.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from buildmatrix.dockerfile.model import Heredoc, Instruction, Warned
from buildmatrix.patterns import regex

if TYPE_CHECKING:
    from e2b_dockerfile_utils import DockerfileHeredoc, DockerfileInstruction

LONGEST_FILE = 2_000_000
"""Characters of a Dockerfile that is read here: a second's work."""

LONGEST_LINE = 65_535
"""Characters of a line: longer ones BuildKit refuses, too ("dockerfile line greater than maximum allowed size")."""

LONGEST_DIRECTIVE = 1_000
"""Characters of a line like `# syntax=…`: the library's pattern takes time by the square of its spaces."""

LONGEST_VALUE = 4_096
"""Characters that come of an expansion: what doubles its own value a few times would fill the memory."""

MOST_VARIABLES, MOST_WILDCARDS = 100, 2
"""How many `$` and `*` an expansion may have: `${X#*a*a*a*b}` takes time by a power of them."""


class Parsed(NamedTuple):
    """The instructions of a text, in its order."""

    instructions: tuple[Instruction, ...]
    escape: str
    warnings: tuple[Warned, ...]


def parsed(text: str) -> Parsed | None:
    """Return what a text says, None where it is not a Dockerfile, or none for us."""
    if _is_too_much(text) or _MARK in text:
        return None
    from e2b_dockerfile_utils import parse_dockerfile_ast

    marked, restored = _with_marks(text)
    try:
        found = parse_dockerfile_ast(marked)
    except (ValueError, RecursionError):
        return None
    instructions = tuple(_instruction(one, restored) for one in found.instructions)
    if any(map(_is_marred, instructions)):
        return None
    return Parsed(
        instructions=instructions,
        escape=found.escape_token,
        warnings=tuple(Warned(message=restored(one.message), line=one.line) for one in found.warnings),
    )


def _is_too_much(text: str) -> bool:
    if len(text) > LONGEST_FILE:
        return True
    lines = [line for line in text.split("\n") if len(line) > LONGEST_DIRECTIVE]
    return any(len(line) > LONGEST_LINE or _DIRECTIVE.match(line) for line in lines)


_DIRECTIVE = regex(r"\ufeff?\s*#\s*[a-zA-Z]\w*\s*=")

_MARK = "--buildmatrix-onbuild-"
_ONBUILD = regex(r"^(?P<indent>[ \t]*)(?P<onbuild>ONBUILD[ \t]+(?P<word>[a-z]+))(?=\s|$)", re.IGNORECASE | re.MULTILINE)
_MARKED = regex(rf"[a-zA-Z]+ {_MARK}(\d+)")


def _with_marks(text: str) -> tuple[str, Callable[[str], str]]:
    """Return a text with each `ONBUILD RUN` as `RUN` with a flag, and what turns it back in what comes of it.

    The library leaves what an ONBUILD holds unread, and takes its here-documents for instructions. A line that is no
    instruction but looks like one, in a here-document for example, is as it was when it is turned back.
    """
    found: list[str] = []

    def mark(match: re.Match[str]) -> str:
        found.append(match["onbuild"])
        return f"{match['indent']}{match['word']} {_MARK}{len(found) - 1}"

    marked = _ONBUILD.sub(mark, text)
    return marked, (lambda part: _MARKED.sub(lambda match: found[int(match[1])], part)) if found else str


def _instruction(one: "DockerfileInstruction", restored: Callable[[str], str]) -> Instruction:
    flags = tuple(flag for flag in one.flags if not flag.startswith(_MARK))
    return Instruction(
        keyword=one.name,
        flags=flags,
        args=tuple(map(restored, _words(one))),
        is_json=one.json,
        text=restored(one.original).strip(),
        heredocs=tuple(_heredocs(one.heredocs, restored)),
        line=one.start_line,
        end_line=one.end_line,
        onbuild=len(flags) < len(one.flags),
    )


def _is_marred(one: Instruction) -> bool:
    """Tell whether it is an ONBUILD of nothing or of an ONBUILD, or has a mark that is not a trigger's in its words."""
    return one.keyword == "ONBUILD" or any(word.startswith(_MARK) for word in one.args)


def _words(one: "DockerfileInstruction") -> Iterable[str]:
    """Return the arguments. In COPY and ADD the library takes a path in quotes for one, BuildKit in JSON only."""
    if one.name not in {"COPY", "ADD"} or one.json:
        return one.args
    return (word for arg in one.args for word in _SPACES.split(arg))


_SPACES = regex(r"[\t\v\f\r ]+")


def _heredocs(found: "Iterable[DockerfileHeredoc]", restored: Callable[[str], str]) -> Iterable[Heredoc]:
    for one in found:
        yield Heredoc(name=one.name, content=restored(one.content), chomp=one.chomp, expand=one.expand)


_PLAIN = regex(r"[\w./:@-]*", re.ASCII)


class _Asked(dict[str, str]):
    """Variables that remember which were asked for."""

    def __init__(self, values: Mapping[str, str]) -> None:
        super().__init__(values)
        self.asked: set[str] = set()

    def get(self, key: str, default: str | None = None) -> str | None:  # type: ignore[override]
        """Return the value of a variable, as the lexer asks for it."""
        self.asked.add(key)
        return super().get(key, default)


def is_plain(word: str) -> bool:
    """Tell whether a word is what it is for BuildKit, too: without variables, quotes, escapes and spaces."""
    return _PLAIN.fullmatch(word) is not None


def expanded(word: str, escape: str, values: Mapping[str, str], unknown: Iterable[str] | None = ()) -> str | None:
    """Return a word as BuildKit makes it of its variables, those that are not set being empty.

    None where it would refuse it, where it asks for one that is `unknown` (None for all that have no value), or where
    that would take us too long.
    """
    if _PLAIN.fullmatch(word):
        return word
    names = _names(word)
    if names is None:
        return _lexed(word, escape, tuple(values.items()), unknown if unknown is None else frozenset(unknown))
    own = tuple((name, values[name]) for name in names if name in values)
    return _lexed(word, escape, own, unknown if unknown is None else frozenset(names).intersection(unknown))


_NAME = regex(r"\$\{?([0-9]+|[a-zA-Z0-9_]+)")


@lru_cache(maxsize=4096)
def _names(word: str) -> tuple[str, ...] | None:
    """Return the names that a word may ask for; None where it is one of other letters than these."""
    return tuple(dict.fromkeys(_NAME.findall(word))) if word.isascii() else None


@lru_cache(maxsize=4096)
def _lexed(word: str, escape: str, values: tuple[tuple[str, str], ...], unknown: frozenset[str] | None) -> str | None:
    """Return what the library makes of a word: it takes its time, and the cells of a matrix ask for the same."""
    if word.count("$") > MOST_VARIABLES or word.count("*") > MOST_WILDCARDS or len(word) > LONGEST_VALUE:
        return None
    from e2b_dockerfile_utils import ShellLex

    asked = _Asked(dict(values))
    try:
        result = ShellLex(escape, env=asked, skip_unset_env=False).process_word(word)
    except (ValueError, RecursionError, re.error):
        return None
    open_ = asked.asked - dict(values).keys() if unknown is None else asked.asked & unknown
    return None if len(result) > LONGEST_VALUE or open_ else result


def leaves_out(patterns: list[str]) -> Callable[[str], bool] | None:
    """Return what tells whether a path is left out by the patterns of a .dockerignore, None where one is refused."""
    from e2b_dockerfile_utils import PatternMatcher

    try:
        return PatternMatcher(patterns).matches
    except (ValueError, RecursionError):
        return None
