"""Repositories of git for tests: made without the user's configuration, with commits that are the same each time."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from buildmatrix.git.repository import GitFolder
from buildmatrix.process import Programs

FIXED = {
    "GIT_AUTHOR_DATE": "1700000000 +0000",
    "GIT_COMMITTER_DATE": "1700000000 +0000",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
}


def git(folder: Path, *arguments: str) -> str:
    """Run git in a directory; what it wrote."""
    own = ("-c", "user.name=x", "-c", "user.email=x", "-c", "protocol.file.allow=always")
    command = ["git", *own, "-C", str(folder), *arguments]
    done = subprocess.run(command, env={**os.environ, **FIXED}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Write files by their paths."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def committed(folder: Path, files: Mapping[str, str] | None = None, *, message: str = "x") -> str:
    """Commit files and all else that is there, in a repository that is made where there is none; the commit's hash."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / ".git").exists():
        _made(folder / ".git")
    write(folder, files or {})
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", f"--message={message}")
    branch = folder / ".git" / "refs" / "heads" / "main"  # read: a process of git each would take longer than the rest
    return branch.read_text().strip() if _is_on_main(folder / ".git") else git(folder, "rev-parse", "HEAD")


def _made(place: Path) -> None:
    """What `git init` makes."""
    for name in ("objects/info", "objects/pack", "refs/heads", "refs/tags"):
        (place / name).mkdir(parents=True)
    (place / "HEAD").write_text("ref: refs/heads/main\n")
    core = "repositoryformatversion = 0\n\tfilemode = true\n\tbare = false\n\tlogallrefupdates = true"
    (place / "config").write_text(f"[core]\n\t{core}\n")


def _is_on_main(place: Path) -> bool:
    return place.is_dir() and (place / "HEAD").read_text() == "ref: refs/heads/main\n"


def asked(folder: Path) -> GitFolder:
    """What asks git about the repository around a directory."""
    return GitFolder(Programs(os.environ), folder)
