"""Words as bash splits them to complete one: it takes `--var release=d` for four, and wants an answer for the last.

Typer hands them on as they come. Here they are put together again before, and answers are cut behind the last `=`.
"""

import os
import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

ASKED = "_BUILDMATRIX_COMPLETE"


def joined(words: Sequence[str]) -> tuple[list[str], str]:
    """Return words with those around a `=` as one, and what stands before the last of them in its own word."""
    found: list[str] = []
    before, glued = "", False
    for word in words:
        if found and (word == "=" or glued):
            before = found[-1] + ("=" if word == "=" else "")  # where it comes last, the word is an empty one behind it
            found[-1] += word
        else:
            before = ""
            found.append(word)
        glued = word == "="
    return found, before


@contextmanager
def whole_words() -> Iterator[None]:
    """Let bash's words be whole ones for what completes them, and its answers those that bash asked for."""
    words = _words() if os.environ.get(ASKED) == "complete_bash" else []
    found, before = joined(words)
    if not before:
        yield
        return
    os.environ |= {"COMP_WORDS": shlex.join(found), "COMP_CWORD": str(len(found) - 1)}
    write = sys.stdout.write
    sys.stdout.write = lambda text: write(_cut(text, before))  # type: ignore[method-assign]
    try:
        yield
    finally:
        sys.stdout.write = write  # type: ignore[method-assign]


def _words() -> list[str]:
    """Return the words up to the one that is to be completed; none where they cannot be told."""
    try:
        words, place = shlex.split(os.environ.get("COMP_WORDS", "")), int(os.environ.get("COMP_CWORD", ""))
    except ValueError:  # a quote that is still open
        return []
    return [*words[:place], words[place] if place < len(words) else ""]


def _cut(text: str, before: str) -> str:
    return "\n".join(line.removeprefix(before) for line in text.split("\n"))
