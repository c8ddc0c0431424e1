"""Builders as buildx tells of them: all of them in short, or one with its nodes and its cache."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import field, replace
from typing import Any

from buildmatrix.engine.builders.declared import no_builder
from buildmatrix.engine.builders.making import program_of, refuse_no_buildx
from buildmatrix.engine.buildx import Builder, Node, parse_builder
from buildmatrix.engine.checks.nodes import silent_of
from buildmatrix.engine.failures.unreachable import FAR
from buildmatrix.errors import Diagnostic, EngineError
from buildmatrix.oci.platform import normalized
from buildmatrix.process import Programs
from buildmatrix.records import dataclass

SECONDS = 900.0
"""How long a builder may take to start."""


@dataclass(frozen=True, kw_only=True)
class Cache:
    """What the cache of a builder takes, in buildx's words (`9.9MB`); "" where it does not tell."""

    total: str = ""
    reclaimable: str = ""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A builder, and whether it is the one that buildx uses where none is named."""

    builder: Builder
    is_current: bool = False
    cache: Cache = field(default_factory=Cache)


def all_seen(programs: Programs) -> tuple[Seen, ...]:
    """Return the builders that buildx knows; EngineError where it does not tell."""
    done = programs.run([*program_of(programs), "ls", "--format", "{{json .}}"])
    if done.code != 0:
        refuse_no_buildx(programs)
        raise EngineError(_untold(done.stderr))
    told = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    current = "" if any("Current" in one for one in told) else _current(programs)
    every = (_of_json(one, current) for one in told)
    return tuple({one.builder.name: one for one in every}.values())  # each is told once for each of its nodes


def _current(programs: Programs) -> str:
    """Return the current builder where `ls` does not mark it in JSON, as that of 0.13; "" where nobody tells."""
    return parse_builder(programs.run([*program_of(programs), "inspect"]).stdout).name


def _untold(stderr: str) -> Diagnostic:
    said = stderr.strip().splitlines() or [""]
    message = f"buildx does not tell of its builders: {said[-1].removeprefix('ERROR: ')}"
    return Diagnostic(message=message, code="engine", hint="buildmatrix doctor says what is in the way")


def _of_json(data: Mapping[str, Any], current: str) -> Seen:
    nodes = tuple(_node(node) for node in data.get("Nodes") or ())
    builder = Builder(
        name=str(data.get("Name") or ""),
        driver=str(data.get("Driver") or ""),
        error=str(data.get("Err") or ""),
        nodes=nodes,
    )
    return Seen(builder=builder, is_current=bool(data.get("Current")) or builder.name == (current or None))


def _node(data: Mapping[str, Any]) -> Node:
    return Node(
        name=str(data.get("Name") or ""),
        error=str(data.get("Err") or ""),
        platforms=tuple(map(normalized, data.get("Platforms") or ())),
        endpoint=str(data.get("Endpoint") or ""),
        buildkit=str(data.get("Version") or ""),
        status=str(data.get("Status") or ""),
    )


def seen(name: str, programs: Programs, *, bootstrap: bool = False) -> Seen:
    """Return one builder, "" being the current one, started first with `bootstrap`; EngineError if there is none."""
    program = program_of(programs)
    words = ["inspect", *(["--bootstrap"] if bootstrap else []), *([name] if name else [])]
    done = programs.run([*program, *words], timeout=SECONDS)
    builder = parse_builder(done.stdout)
    if done.code != 0 or not builder.name:
        refuse_no_buildx(programs)
        raise EngineError(_absent(name, done.stderr))
    builder = _with_silent(builder)
    is_running = any(node.status == "running" for node in builder.nodes)
    return Seen(builder=builder, cache=_cache(builder.name, programs) if is_running else Cache())


def _with_silent(builder: Builder) -> Builder:
    """Return a builder whose remote nodes say that they do not answer: buildx calls them inactive, without an error."""
    silent = silent_of(builder)
    nodes = (
        replace(one, error=one.error or f"does not answer: {FAR[builder.driver]}") if one in silent else one
        for one in builder.nodes
    )
    return replace(builder, nodes=tuple(nodes)) if silent else builder


def _absent(name: str, stderr: str) -> Diagnostic:
    if f'no builder "{name}" found' in stderr:
        return no_builder(name)
    said = stderr.strip().splitlines() or ["buildx said nothing"]
    message = f'builder "{name}" cannot be used: {said[-1].removeprefix("ERROR: ")}'
    return Diagnostic(message=message, code="engine", hint="buildmatrix doctor says what is in the way")


def _cache(name: str, programs: Programs) -> Cache:
    """Return what a cache takes; nothing where the question fails, since the builder itself has answered."""
    try:
        said = programs.run([*program_of(programs), "du", "--builder", name]).stdout
    except EngineError:
        return Cache()
    told = dict(_totals(said))
    return Cache(total=told.get("Total", ""), reclaimable=told.get("Reclaimable", ""))


def _totals(text: str) -> Iterator[tuple[str, str]]:
    for found in re.finditer(r"^(Total|Reclaimable):\s+(\S+)$", text, re.MULTILINE):
        yield found[1], found[2]
