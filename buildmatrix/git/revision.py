"""A revision of a repository: its files, read from git's objects. Nothing is checked out, fetched or run."""

import os
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import NamedTuple

from buildmatrix.git.repository import GitFolder, UnansweredError

LINK, SUBMODULE = "120000", "160000"
"""Modes of what is not a file."""


class Blob(NamedTuple):
    """What there is at a path of a revision: its mode, and the name of the object."""

    mode: str
    id: str


class Revision:
    """The files of a commit. Paths are relative to the top of the repository, with what is not UTF-8 escaped."""

    def __init__(self, git: GitFolder, name: str, commit: str) -> None:
        """Take the `name` that somebody wrote, and the hash that it stands for."""
        self.git, self.name, self.commit = git, name, commit

    @property
    def spoken(self) -> str:
        """The revision as it is shown: by its name, and by 12 digits of its hash."""
        short = self.commit[:12]
        return short if self.commit.startswith(self.name) else f"{self.name} ({short})"

    @cached_property
    def files(self) -> Mapping[str, Blob]:
        """What there is, by path; UnansweredError where objects are missing, as in a clone of a part."""
        listed = self.git.data(("ls-tree", "-r", "-z", "--full-tree", self.commit)) or b""
        found = {}
        for record in listed.split(b"\0")[:-1]:
            about, _, path = record.partition(b"\t")
            mode, _, name = about.decode().split(" ")
            found[os.fsdecode(path)] = Blob(mode, name)
        return found

    def sizes(self, ids: Iterable[str]) -> dict[str, int]:
        """Return the sizes of objects in bytes; UnansweredError for one that is missing."""
        wanted = list(dict.fromkeys(ids))
        if not wanted:
            return {}
        given = "".join(f"{one}\n" for one in wanted)
        answers = (self.git.ask(("cat-file", "--batch-check=%(objectsize)"), given) or "").splitlines()
        if missing := [one for one, size in zip(wanted, answers, strict=True) if not size.isdecimal()]:
            raise UnansweredError(f"the object {missing[0][:12]} is missing: this clone has only a part of the history")
        return dict(zip(wanted, map(int, answers), strict=True))

    def contents(self, ids: Iterable[str]) -> dict[str, bytes]:
        """Return the contents of objects, which are known to be there."""
        wanted = list(dict.fromkeys(ids))
        if not wanted:
            return {}
        data = self.git.data(("cat-file", "--batch"), "".join(f"{one}\n" for one in wanted)) or b""
        found, at = {}, 0
        for name in wanted:
            end = data.index(b"\n", at)
            size = int(data[at:end].split(b" ")[-1])
            found[name] = data[end + 1 : end + 1 + size]
            at = end + 2 + size
        return found


def revision_of(git: GitFolder, name: str) -> Revision | None:
    """Return the commit of a name, None where there is none of that name; UnansweredError as `ask` does.

    The name is one that does not begin with a dash.
    """
    commit = (git.ask(("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")) or "").strip()
    return Revision(git, name, commit) if commit else None


def fork_point(revision: Revision) -> Revision | None:
    """Return the best commit that a revision and HEAD have in common; None where none is known here."""
    found = (revision.git.ask(("merge-base", revision.commit, "HEAD")) or "").split()
    return Revision(revision.git, revision.name, found[0]) if found else None


def is_shallow(git: GitFolder) -> bool:
    """Tell whether a part of the history was left out when the repository was cloned."""
    return (git.ask(("rev-parse", "--is-shallow-repository")) or "").strip() == "true"
