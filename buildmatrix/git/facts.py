"""What templates can ask of the repository; each fact is read only when a template uses it."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING

from buildmatrix.git.repository import GitFolder, UnansweredError

if TYPE_CHECKING:
    from buildmatrix.git.ci import Told

Run = Callable[[tuple[str, ...]], str | None]
"""Asks git; its standard output, None for git's no. UnansweredError says why there is no answer."""


GIT_NAMES = ("sha", "short", "branch", "tag", "dirty", "timestamp")
"""What templates can ask for."""


class NoRepositoryError(Exception):
    """A git fact was asked for where there is none; the message says why, the hint what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint

    def of(self, name: str) -> "NoRepositoryError":
        """Return the same of another fact, which is worked out of the one that was asked for."""
        return NoRepositoryError(re.sub(r"^git\.\w+", name, str(self)), self.hint)


class Git:
    """The facts of the repository that holds the file.

    Templates see `git.sha`, `short`, `branch`, `tag`, `dirty` and `timestamp`; a NoRepositoryError where git has no
    answer. Nothing that the repository says is run: see GitFolder.
    """

    def __init__(
        self, run: Run, dirty: Callable[[], bool] = lambda: False, environment: Mapping[str, str] | None = None
    ) -> None:
        """Ask git through `run`, and whether files differ from the commit through `dirty`.

        `environment` is where CI systems say what they run for.
        """
        self._run, self._is_dirty, self._environment = run, dirty, environment or {}

    @classmethod
    def of(cls, folder: GitFolder) -> "Git":
        """Return the facts of the repository around a directory."""

        def dirty() -> bool:
            from buildmatrix.git.dirty import is_dirty

            return is_dirty(folder)

        return cls(folder.ask, dirty, folder.programs.environment)

    def known(self) -> dict[str, str | bool]:
        """Return the facts that were asked for and answered."""
        return {name: vars(self)[name] for name in GIT_NAMES if name in vars(self)}

    def _ask(self, what: str, *arguments: str) -> str:
        try:
            answer = self._run(arguments)
        except UnansweredError as error:
            raise NoRepositoryError(f"git.{what} has no value: {error}") from None
        if answer is None:
            raise NoRepositoryError(
                f"git.{what} has no value: the repository has no commit yet", "commit something first"
            )
        return answer.strip()

    @cached_property
    def sha(self) -> str:
        """The commit's full hash."""
        return self._commit("sha")

    @cached_property
    def short(self) -> str:
        """The first 7 digits of the commit's hash."""
        try:
            return self.sha[:7]
        except NoRepositoryError as error:
            raise error.of("git.short") from None

    @cached_property
    def branch(self) -> str:
        """The branch that is checked out, else the one that a CI system runs for; "" in a run for something else.

        In a run for a pull request, or for another commit than this one, it is "", whatever is checked out: that may be
        a fork's `main`.
        """
        self._commit("branch")
        if self._told.kind == "pull request" or self._told.other:
            return ""
        checked_out = (self._run(("symbolic-ref", "--quiet", "HEAD")) or "").strip().removeprefix("refs/heads/")
        return checked_out or (self._told.name if self._told.kind == "branch" else "")

    @property
    def lost_branch(self) -> str:
        """Why `branch` was asked for and is not known; "" if it is known, or if there is none."""
        if self.known().get("branch") != "" or self._told.kind:
            return ""
        return self._told.why or "no branch is checked out"

    @cached_property
    def tag(self) -> str:
        """The tag of this very commit (the highest version of several), else the one that a CI system runs for."""
        highest = ("--points-at=HEAD", "--sort=-version:refname", "--count=1", "--format=%(refname:strip=2)")
        self._commit("tag")
        there = self._ask("tag", "for-each-ref", *highest, "refs/tags")
        return there or (self._told.name if self._told.kind == "tag" else "")

    @cached_property
    def _told(self) -> "Told":
        from buildmatrix.git.ci import told

        return told(self._environment, self._commit("branch"), self._at)

    def _at(self, reference: str) -> str:
        try:
            return (self._run(("rev-parse", "--verify", "--quiet", f"{reference}^{{commit}}")) or "").strip()
        except UnansweredError:
            return ""  # no name that git takes

    def _commit(self, what: str) -> str:
        return self._ask(what, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")

    @cached_property
    def dirty(self) -> bool:
        """Whether tracked files differ from the commit; what only a filter could tell counts as a difference."""
        self._commit("dirty")
        try:
            return self._is_dirty()
        except UnansweredError as error:
            raise NoRepositoryError(f"git.dirty has no value: {error}") from None

    @cached_property
    def timestamp(self) -> str:
        """The commit's time, RFC 3339 in UTC."""
        try:
            answer = self._ask("timestamp", "rev-list", "--no-walk", "--timestamp", "HEAD")
        except NoRepositoryError:
            self._commit("timestamp")  # which says in words of ours that there is none
            raise
        try:
            return rfc3339(int(answer.partition(" ")[0]))
        except (ValueError, OverflowError, OSError):
            message = f"git.timestamp has no value: the commit's time is {answer[:40]}, which is not a time"
            raise NoRepositoryError(message) from None


def created(git: Git) -> str:
    """Return the commit's time as templates call it; NoRepositoryError in that name's words."""
    try:
        return git.timestamp
    except NoRepositoryError as error:
        found = error.of("created")
        raise NoRepositoryError(str(found), found.hint and f"{found.hint}, or set SOURCE_DATE_EPOCH") from None


def rfc3339(seconds: int) -> str:
    """Return seconds since 1970 as `2026-01-31T12:00:00Z`."""
    return datetime.fromtimestamp(seconds, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
