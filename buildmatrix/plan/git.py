"""What templates can ask of the repository; each fact is read only when a template uses it."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cached_property

Run = Callable[[tuple[str, ...]], str | None]
"""Runs git with these arguments in the spec's directory; its standard output, or None if git failed."""


class NoRepositoryError(Exception):
    """A git fact was asked for where there is none; the message says what to do."""


class Git:
    """The facts of the repository that holds the file.

    Templates see `git.sha`, `short`, `branch`, `tag`, `dirty` and `timestamp`; a NoRepositoryError where git has no
    answer. Nothing in the working tree is run: hooks and file-system monitors are off.
    """

    def __init__(self, run: Run) -> None:
        """Ask git through `run`."""
        self._run = run

    def _ask(self, what: str, *arguments: str) -> str:
        answer = self._run(arguments)
        if answer is None:
            message = f"git.{what} has no value: this is no git repository with a commit, or git is not installed"
            raise NoRepositoryError(message)
        return answer.strip()

    @cached_property
    def sha(self) -> str:
        """The commit's full hash."""
        return self._ask("sha", "rev-parse", "--verify", "HEAD")

    @cached_property
    def short(self) -> str:
        """The first 7 digits of the commit's hash."""
        return self.sha[:7]

    @cached_property
    def branch(self) -> str:
        """The branch's name; "" where no branch is checked out, as in most CI runs."""
        self._ask("branch", "rev-parse", "--verify", "HEAD")
        return (self._run(("symbolic-ref", "--short", "-q", "HEAD")) or "").strip()

    @cached_property
    def tag(self) -> str:
        """The tag of this very commit (the highest version of several); "" if it has none."""
        listed = self._ask("tag", "tag", "--points-at", "HEAD", "--sort=-version:refname")
        return listed.splitlines()[0] if listed else ""

    @cached_property
    def dirty(self) -> bool:
        """Whether tracked files differ from the commit."""
        return bool(self._ask("dirty", "status", "--porcelain", "--untracked-files=no"))

    @cached_property
    def timestamp(self) -> str:
        """The commit's time, RFC 3339 in UTC."""
        return rfc3339(int(self._ask("timestamp", "log", "-1", "--format=%ct")))


def rfc3339(seconds: int) -> str:
    """Return seconds since 1970 as `2026-01-31T12:00:00Z`."""
    return datetime.fromtimestamp(seconds, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
