"""What can go wrong, as data: where, what, what to write instead, and the exit code.

The tree, with the exit code of each class; `EXIT_CODES` says what they mean:

    BuildmatrixError
    ├── BuildFailedError     1
    ├── SpecError            2
    ├── UsageError           2
    ├── EngineError          3
    ├── StaleError           4
    ├── RegistryError        5
    ├── OutOfDateError      10
    └── StoppedError       130
"""

from collections.abc import Hashable, Iterable
from itertools import islice
from typing import ClassVar, Literal

from buildmatrix.records import dataclass
from buildmatrix.soundness import FILE, Soundness, Subject

Pointer = tuple[str | int, ...]
"""The way to a value in a TOML document: `("target", "app", "tags", 0)`."""

Severity = Literal["error", "warning"]

EXIT_CODES = {
    0: "done",
    1: "a build, or a check, failed",
    2: "the file or the command line is wrong, or a file cannot be read or written",
    3: "docker or buildx is missing, too old, unreachable or lacks a platform; a secret of the build is not there",
    4: "a saved plan, the last result or the lock file does not fit what is here now",
    5: "a registry refused or did not answer, or a tag would be harmed",
    10: (
        "`plan --detailed-exitcode`: there is something to do; `render --check`, `ci --check`: the file is missing or "
        "out of date; `ci --waves`: the plan has more waves"
    ),
    70: "a bug in buildmatrix",
    130: "stopped by ^C, SIGTERM, SIGHUP or SIGQUIT",
}
"""All that the program ends with: the reference and the guide have this table."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """A place in a source: by pointer, or by line and column where a parser already told them.

    `file` is the name the source was read under (see `spec.toml.source.Sources`). `line` and `column` count from 1;
    0 means that the pointer tells the place. `part` says which side of `key = value` is meant. `within` is a line of a
    value that is itself a file (`dockerfile-inline`), from 1. An absolute `file` is none that was read as a spec: a
    Dockerfile, which is shown from the root of its repository.
    """

    file: str
    pointer: Pointer = ()
    part: Literal["key", "value"] = "value"
    line: int = 0
    column: int = 0
    within: int = 0


Notes = tuple[tuple[str, Place | None], ...]
"""Further lines of a diagnostic, each with a place of its own or none."""


@dataclass(frozen=True, kw_only=True)
class Diagnostic:
    """One problem: what is wrong, where, and what to write instead (`hint`, may be empty).

    `code` names the kind, one of `codes.CODES`. `notes` are further lines, each with a place of its own or none
    (the edges of a cycle, the other one of two declarations). `about` is the part of a value that is meant, ""
    for all of it: for who has to know, since nobody reads that from a message. `command` is what mends it when it is
    typed as it stands, "" where no command does.
    """

    message: str
    code: str
    place: Place | None = None
    hint: str = ""
    severity: Severity = "error"
    notes: Notes = ()
    about: str = ""
    command: str = ""


class BuildmatrixError(Exception):
    """Anything that ends a command; carries at least one diagnostic."""

    exit_code: ClassVar[int] = 2

    def __init__(self, *diagnostics: Diagnostic) -> None:
        super().__init__("; ".join(diagnostic.message for diagnostic in diagnostics))
        self.diagnostics = diagnostics


class BuildFailedError(BuildmatrixError):
    """A build failed."""

    exit_code = 1


class SpecError(BuildmatrixError):
    """The file is wrong."""


class UsageError(BuildmatrixError):
    """The command line is wrong."""


class EngineError(BuildmatrixError):
    """Docker or buildx is missing, too old, unreachable, or lacks what the plan needs."""

    exit_code = 3


class StaleError(BuildmatrixError):
    """A saved plan, the last result or the lock file does not fit what is here now."""

    exit_code = 4


class RegistryError(BuildmatrixError):
    """A registry refused."""

    exit_code = 5


class OutOfDateError(BuildmatrixError):
    """A committed, generated file differs from what would be generated now."""

    exit_code = 10


class StoppedError(BuildmatrixError):
    """^C or SIGTERM ended the run."""

    exit_code = 130


MOST_PROBLEMS = 1_000
"""Errors, and warnings, of a run beyond which nobody reads them: a file may have as many as it has characters."""


class Problems:
    """Collects what is wrong, so that everything is reported at once, each thing once, and nothing that follows.

    What is said of something may name what it `rests_on`: where that is unsound, it is left out. An error names what it
    `invalidates`, also where it is left out itself. `once` is what has to differ for a second one to be said.
    """

    def __init__(self) -> None:
        self.found: list[Diagnostic] = []
        self.soundness = Soundness()
        self._known: set[Hashable] = set()
        self._count: dict[Severity, int] = {"error": 0, "warning": 0}

    def add(self, diagnostic: Diagnostic) -> None:
        """Add a diagnostic, unless it is there already; SpecError with all of them at the last that anybody reads."""
        if diagnostic in self._known:
            return
        self._known.add(diagnostic)
        if diagnostic.severity == "error":
            self.invalidate(FILE)
        self._count[diagnostic.severity] += 1
        if self._count[diagnostic.severity] < MOST_PROBLEMS:
            self.found.append(diagnostic)
        elif self._count[diagnostic.severity] == MOST_PROBLEMS:
            message = f"there are more {diagnostic.severity}s than these {MOST_PROBLEMS:,}"
            self.found.append(Diagnostic(message=message, code="too-many", severity=diagnostic.severity))
            if diagnostic.severity == "error":
                raise SpecError(*self.found)

    def error(  # noqa: PLR0913 each is said by its name
        self,
        code: str,
        message: str,
        place: Place | None = None,
        *,
        hint: str = "",
        notes: Notes = (),
        invalidates: Iterable[Subject] = (),
        rests_on: Iterable[Subject] = (),
        once: Hashable = None,
    ) -> None:
        """Add an error, unless it follows from another one."""
        if self._is_news(rests_on, once):
            self.add(Diagnostic(message=message, code=code, place=place, hint=hint, notes=notes))
        self.invalidate(*invalidates)

    def warn(
        self,
        code: str,
        message: str,
        place: Place | None = None,
        *,
        hint: str = "",
        rests_on: Iterable[Subject] = (),
        once: Hashable = None,
    ) -> None:
        """Add a warning, unless it follows from an error."""
        if self._is_news(rests_on, once):
            self.add(Diagnostic(message=message, code=code, place=place, hint=hint, severity="warning"))

    def _is_news(self, rests_on: Iterable[Subject], once: Hashable) -> bool:
        if once in self._known or not self.is_sound(*rests_on):
            return False
        if once is not None:
            self._known.add(once)
        return True

    def take(self, diagnostics: Iterable[Diagnostic]) -> None:
        """Add what somebody else has found."""
        self.found += diagnostics
        if self.errors:
            self.invalidate(FILE)

    def invalidate(self, *subjects: Subject) -> None:
        """Take it that subjects are unsound, for what is reported elsewhere."""
        self.soundness.invalidate(subjects)

    def is_sound(self, *subjects: Subject) -> bool:
        """Tell whether what rests on these is worth saying, and can be worked out."""
        return all(map(self.soundness.is_sound, subjects))

    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        """The warnings alone, in the order in which they were found."""
        return tuple(diagnostic for diagnostic in self.found if diagnostic.severity == "warning")

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        """The errors alone, in the order in which they were found."""
        return tuple(diagnostic for diagnostic in self.found if diagnostic.severity == "error")

    def raise_if_any(self, kind: type[BuildmatrixError] = SpecError) -> None:
        """Raise `kind` with everything that was found, if any of it is an error."""
        if self.errors:
            raise kind(*self.found)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `did you mean "x"?` for the known words nearest to `word`, whatever their case, or ""."""
    from difflib import get_close_matches

    if len(word) > LONGEST_WORD:
        return ""  # to compare takes the product of both lengths
    names = [name for name in known if len(name) <= LONGEST_WORD]
    if len(names) > MOST_WORDS:  # then only those that begin and end alike
        names = [name for name in names if name[:2] == word[:2] and name[-1:] == word[-1:]][:MOST_WORDS]
    words = {name.lower(): name for name in sorted(names, reverse=True)}
    near = [words[found] for found in get_close_matches(word.lower(), sorted(words), n=3, cutoff=0.6)]
    if near and near[0].lower() == word.lower():
        near = near[:1]
    return "did you mean " + " or ".join(f'"{name}"' for name in near) + "?" if near else ""


LONGEST_WORD, MOST_WORDS = 200, 1_000
"""What is compared with what was perhaps meant: a file may hold as many words, and as long ones, as it likes."""


def some(words: Iterable[str], most: int = 40) -> str:
    """Return words with commas between, or the first of very many."""
    first = list(islice(words, most + 1))
    return ", ".join(first[:most]) + (", …" if len(first) > most else "")


def and_more(number: int, what: str) -> str:
    """Return ` (and 2 more tags)` behind the first of 3, "" behind the only one."""
    others = number - 1
    return f" (and {others:,} more {what}{'s' if others > 1 else ''})" if others > 0 else ""
