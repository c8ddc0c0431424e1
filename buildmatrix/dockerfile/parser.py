"""From a Dockerfile's text to its model; BuildKit's instructions.Parse."""

import csv
from collections.abc import Iterable, Iterator
from itertools import takewhile
from typing import Literal

from buildmatrix.dockerfile.directives import syntax_of
from buildmatrix.dockerfile.library import parsed
from buildmatrix.dockerfile.model import Arg, Dockerfile, Instruction, Reference, Stage
from buildmatrix.patterns import regex

_URL = regex(r"(https?|git|ssh)://|[^/:@\s]+@[^/:\s]+:")
"""What ADD fetches: HTTP, and git by a URL or as ssh writes it."""


def dockerfile_of(text: str) -> Dockerfile | None:
    """Return the model of a text, None where BuildKit would refuse it by its outer form, or it cannot be read here."""
    found = parsed(text)
    if found is None:
        return None
    before = tuple(takewhile(lambda one: one.keyword != "FROM", found.instructions))
    stages = [_stage(number, *group) for number, group in enumerate(_groups(found.instructions[len(before) :]))]
    known = tuple(filter(None, stages))
    if any(one.keyword != "ARG" for one in before) or len(known) < len(stages):
        return None
    return Dockerfile(
        stages=known,
        args=tuple(_args(before)),
        syntax=syntax_of(text),
        escape=found.escape,
        warnings=found.warnings,
    )


def _groups(instructions: Iterable[Instruction]) -> list[list[Instruction]]:
    """Return the instructions of each stage, its FROM first."""
    groups: list[list[Instruction]] = []
    for one in instructions:
        if one.keyword == "FROM":
            groups.append([])
        groups[-1].append(one)
    return groups


def _stage(number: int, head: Instruction, *rest: Instruction) -> Stage | None:
    """Return a stage; None where its FROM is neither `FROM base` nor `FROM base AS name`."""
    match head.args:
        case [base]:
            name = ""
        case [base, word, name] if word.upper() == "AS":
            pass
        case _:
            return None
    return Stage(
        number=number,
        name=name.lower(),
        base=base,
        platform="".join(head.values("platform")[-1:]),
        head=head,
        instructions=rest,
        args=tuple(_args(one for one in rest if not one.onbuild)),
        references=tuple(reference for one in rest for reference in _references(one)),
    )


def _args(instructions: Iterable[Instruction]) -> Iterator[Arg]:
    for one in instructions:
        for word in one.args if one.keyword == "ARG" else ():
            name, sign, default = word.partition("=")
            yield Arg(name=name, default=default if sign else None, line=one.line)


def _references(one: Instruction) -> Iterator[Reference]:
    kind: Literal["copy", "mount", "add"]
    match one.keyword:
        case "COPY":
            kind, names = "copy", one.values("from")
        case "RUN":
            kind, names = "mount", tuple(name for mount in one.values("mount") for name in _mounted(mount))
        case "ADD":
            kind, names = "add", tuple(word for word in one.args[:-1] if _URL.match(word))
        case _:
            return
    yield from (Reference(kind=kind, name=name, line=one.line, onbuild=one.onbuild) for name in names)


def _mounted(mount: str) -> Iterator[str]:
    """Yield what `type=bind,from=NAME` takes its files from."""
    if "from=" not in mount.lower():
        return
    for field in next(csv.reader([mount]), []):
        key, _, value = field.partition("=")
        if key.strip().lower() == "from" and value:
            yield value
