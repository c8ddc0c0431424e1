"""What GitHub is told: by files that it names in the environment."""

import os
from collections.abc import Iterator
from pathlib import Path

from buildmatrix.errors import Diagnostic

SUMMARY, OUTPUT = "GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT"


def on_github() -> bool:
    """Tell whether GitHub Actions runs us."""
    return os.environ.get("GITHUB_ACTIONS") == "true"


def told_to() -> dict[str, str]:
    """Return the files in which GitHub wants to be told of the run, by their variables."""
    return {name: path for name in (SUMMARY, OUTPUT) if (path := os.environ.get(name))}


def appended(name: str, path: str, text: str) -> Iterator[Diagnostic]:
    """Write a text at the end of such a file; yields what could not be written."""
    try:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        yield Diagnostic(message=f"{path} ({name}) cannot be written: {error.strerror}", code="write")
