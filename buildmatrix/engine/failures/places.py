"""Places in Dockerfiles: what BuildKit says of a file whose bare name it knows, and of a line of it."""

import posixpath
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from buildmatrix.errors import Place
from buildmatrix.patterns import regex
from buildmatrix.plan.access.paths import is_local
from buildmatrix.plan.access.reach import dockerfile_of
from buildmatrix.plan.model import PlannedTarget

_HEADING = regex(r"(?P<name>.+):(?P<line>[1-9][0-9]{0,6})")
_RULE = regex(r"-{10,}")


def place_in(target: PlannedTarget, directory: str, line: int = 0) -> Place:
    """Return a place in a target's Dockerfile; where that stands in the spec, or is not here, one in the spec."""
    path = dockerfile_of(target.settings)
    if path is None and target.settings.dockerfile_inline is not None:
        return replace(target.place_of("dockerfile_inline"), within=line)
    if path is None or not is_local(path.removeprefix("./")):
        return target.place_of("dockerfile")
    return Place(file=posixpath.normpath(posixpath.join(directory, path)), line=line)


def line_told(words: Sequence[str], target: PlannedTarget) -> int:
    """Return the line of a target's Dockerfile that bake's last words show; 0 if they show none.

    They are `NAME:LINE` and the lines around it between two rules; bake's own file may be told so, too.
    """
    names = {"Dockerfile", posixpath.basename(target.settings.dockerfile or "")}
    for heading, rule in pairwise(words):
        found = _HEADING.fullmatch(heading)
        if found and _RULE.fullmatch(rule) and found["name"] in names:
            return int(found["line"])
    return 0


def told_at(excerpt: str, where: str) -> str:
    """Return the end of a log in which the lines of a Dockerfile stand under the place where they are."""
    lines = excerpt.split("\n")
    for number, (heading, rule) in enumerate(pairwise(lines)):
        if _HEADING.fullmatch(heading) and _RULE.fullmatch(rule):
            lines[number] = where
    return "\n".join(lines)
