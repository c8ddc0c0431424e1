"""Which tests a run of the suite tries: a fourth of those that are of one kind, another after each commit.

Of one kind are the cases of a test of unit/ or project/ that has more than MANY, those of a test that is marked
`corpus`, and all tests of a module that is; `every` gives it another share. What `counts` over all cases is left out.
All are tried with WHOLE=1, and by who names a file or a test.
"""

import os
import subprocess
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from zlib import crc32

import pytest

TESTS = Path(__file__).parent
EVERY = 4
MANY = 4


def turn() -> int:
    """Return whose turn it is: TURN, or the number of commits, so that two runs of one commit try the same."""
    if given := os.environ.get("TURN"):
        return int(given)
    asked = subprocess.run(
        ("git", "rev-list", "--count", "HEAD"), cwd=TESTS, capture_output=True, text=True, check=False
    )
    return int(asked.stdout or 0)


def asks_for_all(words: Iterable[str]) -> bool:
    """Return whether a run is of all that it finds: of a file, a test, or a directory that is none of the kinds'."""
    return bool(os.environ.get("WHOLE")) or any(_is_narrow(word) for word in words)


def _is_narrow(word: str) -> bool:
    path = Path(word.partition("::")[0]).resolve()
    return "::" in word or (path.is_relative_to(TESTS) and (path.is_file() or len(path.relative_to(TESTS).parts) > 1))


def waiting(items: list[pytest.Item], now: int) -> list[pytest.Item]:
    """Return the tests whose turn it is not."""
    sizes = Counter(_function(item) for item in items)
    seen, left = Counter[str](), []
    for item in items:
        kind, every = _kind(item, sizes)
        if not every or (kind and (seen[kind] + crc32(kind.encode()) + now) % every):
            left.append(item)
        seen[kind] += 1
    return left


def _kind(item: pytest.Item, sizes: Counter[str]) -> tuple[str, int]:
    """Return what a test is one of many of, "" if of nothing, and how many of those take turns; 0 where it has none."""
    for node, mark in item.iter_markers_with_node("corpus"):
        every = 0 if mark.kwargs.get("counts") else mark.kwargs.get("every", EVERY)
        return (_function(item) if node is item else node.nodeid), every
    many = item.path.relative_to(TESTS).parts[0] in {"unit", "project"} and sizes[_function(item)] > MANY
    return (_function(item) if many else ""), EVERY


def _function(item: pytest.Item) -> str:
    return item.nodeid.partition("[")[0]
