"""git, asked about a repository without obeying it: it sees none of its configuration but words that start nothing.

Git takes its configuration, hooks and filters from the directory that worktrees share. For each question it is given
another one: with the repository's own refs and objects, and a configuration of ours. So nothing that a repository
says can start a program, whatever the version of git, and a repository of another user can be asked as well.
"""

import os
import shlex
import tempfile
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path

from buildmatrix.errors import EngineError
from buildmatrix.files import Repository, is_within, kind_at, read_regular
from buildmatrix.patterns import regex
from buildmatrix.process import Completed, Programs
from buildmatrix.records import dataclass
from buildmatrix.spec.discovery import is_trusted, named_user
from buildmatrix.text import clean

SHARED = ("refs", "packed-refs", "reftable", "shallow")
"""What a question is given of the shared directory, beside `objects`."""

KEPT = frozenset(
    f"{section}.{name}"
    for section, names in {
        "core": "autocrlf eol filemode symlinks ignorecase precomposeunicode trustctime checkstat",
        "extensions": "objectformat refstorage",
    }.items()
    for name in names.split()
)
"""The settings that are taken over, from the user's configuration and the repository's: how to read what is there."""

_WORD = regex(r"[A-Za-z0-9]{1,20}")

OURS = """\
[core]
\trepositoryformatversion = 1
\tbare = false
\thooksPath = /dev/null
\tfsmonitor = false
[protocol]
\tallow = never
"""

QUIET = {
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "LC_ALL": "C",
}


class UnansweredError(Exception):
    """Git could not be asked, or did not answer; the message says why, `command` what mends it, "" if nothing does."""

    def __init__(self, message: str, command: str = "") -> None:
        super().__init__(message)
        self.command = command


class NoFolderError(UnansweredError):
    """There is no repository around the directory."""


@dataclass(frozen=True)
class _Place:
    """A repository: its top directory, the directory of this working tree's HEAD and index, and the shared one."""

    root: Path
    own: Path
    common: Path


class GitFolder:
    """The repository around a directory, found by ourselves: git never looks for one."""

    def __init__(self, programs: Programs, folder: Path) -> None:
        """Take the directory; nothing is looked at before the first question."""
        self.programs, self._folder = programs, folder

    def ask(self, arguments: tuple[str, ...], given: str = "") -> str | None:
        """Return what git answers, None where it silently says no; UnansweredError for any other failure."""
        done = self._asked(arguments, given)
        return None if done is None else done.stdout

    def data(self, arguments: tuple[str, ...], given: str = "") -> bytes | None:
        """Return the same as bytes: paths and the contents of files need not be text."""
        done = self._asked(arguments, given)
        return None if done is None else done.data

    def _asked(self, arguments: tuple[str, ...], given: str) -> Completed | None:
        place, config = self._place, self._config
        with tempfile.TemporaryDirectory(prefix="buildmatrix-git-") as made:
            Path(made, "config").write_text(config, encoding="utf-8")
            for name in SHARED:
                if kind_at(place.common / name):
                    Path(made, name).symlink_to(place.common / name)
            more = {
                "GIT_COMMON_DIR": made,
                "GIT_DIR": str(place.own),
                "GIT_OBJECT_DIRECTORY": str(place.common / "objects"),
                "GIT_WORK_TREE": str(place.root),
                "HOME": made,
                "XDG_CONFIG_HOME": made,
            }
            done = self._run(("-C", str(place.root), *arguments), more, given)
        if done.code not in {0, 1} or (done.code and done.stderr.strip()):
            raise UnansweredError(_words(done))
        return done if done.code == 0 else None

    @property
    def root(self) -> Path:
        """The top directory of the repository; UnansweredError if there is none that may be asked."""
        return self._place.root

    @cached_property
    def _place(self) -> _Place:
        root = Path(Repository.around(self._folder).root)
        entry = root / ".git"
        if not os.path.lexists(entry):
            raise NoFolderError("there is no git repository around the file")
        for path in (root, entry):
            if not is_trusted(path, self._folder, self.programs):
                hint = f"git config --global --add safe.directory {shlex.quote(str(root))}"
                raise UnansweredError(f"{path} belongs to {named_user(path)}: if you trust it, {hint}", hint)
        own = _own(root, entry)
        common = _pointed(own, own / "commondir") or own
        _refuse_strays(own, common)
        place = _Place(root, own, common)
        if not _belongs(place, entry, self._listed(common)):
            message = f"{entry} leads to {own}, which does not name it in turn"
            raise UnansweredError(f"{message}: it is not a worktree or submodule of that repository")
        return place

    @cached_property
    def _config(self) -> str:
        found = {**self._listed(None), **self._listed(self._place.common)}
        kept = {key: value for key, value in found.items() if key in KEPT and _WORD.fullmatch(value)}
        lines = (f"[{section}]\n\t{name} = {value}\n" for (section, name), value in _split(kept))
        return OURS + "".join(lines)

    def _listed(self, common: Path | None) -> dict[str, str]:
        """Return the settings of a repository, without what its file includes, or of the user and the system."""
        if common is not None and not kind_at(common / "config"):
            return {}
        of_user = {key: value for key, value in self.programs.environment.items() if _is_of_user(key)}
        more = {**of_user, "GIT_DIR": os.devnull} if common is None else {}
        which = ("--includes",) if common is None else ("--file", str(common / "config"), "--no-includes")
        done = self._run(
            ("config", *which, "--null", "--list"), more or {"GIT_DIR": os.devnull}, own=common is not None
        )
        if done.code:
            raise UnansweredError(_words(done))
        pairs = (entry.partition("\n") for entry in done.stdout.split("\0") if entry)
        return {key: value if sign else "true" for key, sign, value in pairs}

    def _run(
        self, arguments: tuple[str, ...], more: Mapping[str, str], given: str = "", *, own: bool = True
    ) -> Completed:
        kept = {key: value for key, value in self.programs.environment.items() if not key.startswith("GIT_")}
        programs = Programs({**kept, **(QUIET if own else {}), **more})
        try:
            return programs.run(["git", "--no-pager", *arguments], given=given)
        except EngineError as error:
            raise UnansweredError(str(error)) from None


def _is_of_user(key: str) -> bool:
    """Tell whether a variable says where the user's configuration is, or is part of it."""
    return key.startswith("GIT_CONFIG")


def _split(settings: Mapping[str, str]) -> Iterator[tuple[tuple[str, str], str]]:
    for key, value in settings.items():
        section, _, name = key.partition(".")
        yield (section, name), value


def _words(done: Completed) -> str:
    """Return what git said of its failure, one line of it."""
    lines = [line for line in done.stderr.splitlines() if line.startswith(("fatal:", "error:"))]
    said = clean((lines or done.stderr.splitlines() or [""])[0]).strip()[:300]
    return f"git says: {said}" if said else f"git failed with exit code {done.code}"


# --- where the repository is ------------------------------------------------------------------------------------------


def _own(root: Path, entry: Path) -> Path:
    """Return the directory that `.git` is, or names."""
    own = entry if kind_at(entry) == "directory" else _pointed(root, entry, "gitdir:")
    if own is None or kind_at(own) != "directory":
        raise UnansweredError(f"{entry} leads to {own or 'nothing'}, where no repository is")
    return own.resolve()


def _pointed(folder: Path, file: Path, word: str = "") -> Path | None:
    """Return the path that a file holds behind a word; None where there is none."""
    try:
        text = os.fsdecode(read_regular(file, 4096)).rstrip("\n")
        return (folder / text.removeprefix(word).strip()).resolve() if text.startswith(word) else None
    except (OSError, ValueError):
        return None


def _refuse_strays(own: Path, common: Path) -> None:
    """Refuse what leads out of the repository's directories by a link, or is a pipe: git would read it, or wait."""
    paths = [own / "HEAD", own / "index", common / "config", common / "objects", *(common / name for name in SHARED)]
    for path in paths:
        real = path.resolve()
        if not any(is_within(str(real), str(folder)) for folder in (own, common)):
            raise UnansweredError(f"{path} leads out of the repository, to {real}")
        if kind_at(real) == "other":
            raise UnansweredError(f"{path} is not a regular file")


def _belongs(place: _Place, entry: Path, settings: Mapping[str, str]) -> bool:
    """Tell whether the directory that a `.git` names is this working tree's: within it, or naming it in turn.

    A worktree's holds the path of its `.git` and lies within the shared directory; a submodule's has `core.worktree`.
    """
    if place.common != place.own:
        back = _pointed(place.own, place.own / "gitdir")
        return place.own.parent == place.common / "worktrees" and back == entry.resolve()
    if is_within(str(place.own), str(place.root)):
        return True
    named = settings.get("core.worktree")
    return named is not None and (place.own / named).resolve() == place.root
