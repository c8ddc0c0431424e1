"""What depends on what: as text, DOT, mermaid and JSON."""

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Annotated, Literal

from buildmatrix.plan.model import Plan, PlannedTarget
from buildmatrix.report.layout import laid_out, plain
from buildmatrix.spec.rows.document import FORMAT, Document, Of, Version, to_json
from buildmatrix.spec.rows.shapes import Doc, Key, Keyword
from buildmatrix.text import one_line

GraphFormat = Literal["text", "dot", "mermaid", "json"]


def graph(plan: Plan, form: GraphFormat, *, width: int | None = None) -> str:
    """Return the graph of a plan; edges go from a target to what is built first. As text it keeps a width."""
    if form == "text":
        return _text(plan, width)
    forms: dict[str, Callable[[Plan], str]] = {
        "dot": _dot, "mermaid": _mermaid, "json": partial(to_json, GraphDocument),
    }  # fmt: skip
    return forms[form](plan)


def _edges(plan: Plan) -> Iterator[tuple[str, str, Literal["context", "needs"]]]:
    """Yield (target, what is built first, `context` or `needs`)."""
    for target in plan.targets:
        for name in target.depends_on:
            yield target.name, name, "context"
        for name in target.needs:
            yield target.name, name, "needs"


def _text(plan: Plan, width: int | None) -> str:
    """Each target under what it is built after, drawn once in full."""
    dependants: dict[str, list[tuple[str, str]]] = {}
    for name, first, kind in _edges(plan):
        dependants.setdefault(first, []).append((name, kind))
    lines: list[str] = []
    drawn: set[str] = set()

    roots = [
        (target.name, target.name, "", "") for target in plan.targets if not target.depends_on and not target.needs
    ]
    pending = roots[::-1]
    while pending:  # a chain may be deeper than Python's calls
        name, label, head, tail = pending.pop()
        below = dependants.get(name, [])
        again = name in drawn and below
        drawn.add(name)
        text = f"{head}{one_line(label)}{' …' if again else ''}"
        lines += laid_out([(text, plain)], width, f"{tail}    ")
        pending += [] if again else _below(below, tail)[::-1]
    return "\n".join(lines) + "\n"


def _below(dependants: list[tuple[str, str]], tail: str) -> list[tuple[str, str, str, str]]:
    """Return the rows under one: name, label, what stands before it, and before those under it in turn."""
    rows = []
    for index, (name, kind) in enumerate(dependants):
        last = index == len(dependants) - 1
        label = name + ("" if kind == "context" else "  (needs, order only)")
        rows.append((name, label, f"{tail}{'└─ ' if last else '├─ '}", f"{tail}{'   ' if last else '│  '}"))
    return rows


def _quoted(text: str) -> str:
    return '"' + one_line(text).replace('"', '\\"') + '"'


def _dot(plan: Plan) -> str:
    lines = ["digraph buildmatrix {", "  rankdir=LR;", "  node [shape=box];"]
    for target in plan.targets:
        style = "" if target.exported else ", style=dashed"
        lines.append(f"  {_quoted(target.name)} [label={_quoted(_label(target, chr(92) + 'n'))}{style}];")
    for name, first, kind in _edges(plan):
        style = "" if kind == "context" else ' [style=dotted, label="needs"]'
        lines.append(f"  {_quoted(first)} -> {_quoted(name)}{style};")
    return "\n".join([*lines, "}"]) + "\n"


def _label(target: PlannedTarget, newline: str) -> str:
    return newline.join(map(one_line, [target.name, *target.platforms]))


def _mermaid(plan: Plan) -> str:
    ids = {target.name: f"n{number}" for number, target in enumerate(plan.targets)}
    lines = ["flowchart LR"]
    lines += [f'  {ids[target.name]}["{_coded(_label(target, "<br>"))}"]' for target in plan.targets]
    for name, first, kind in _edges(plan):
        lines.append(f"  {ids[first]} {'-->' if kind == 'context' else '-.->|needs|'} {ids[name]}")
    return "\n".join(lines) + "\n"


def _coded(label: str) -> str:
    """Return a label as mermaid takes any text: its signs as codes, but for line breaks of ours."""
    parts = (re.sub(r"[^\w ./:-]", lambda sign: f"#{ord(sign[0])};", part) for part in label.split("<br>"))
    return "<br>".join(parts)


class Node(Document):
    """A target, or a cell of a matrix."""

    name: Annotated[str, Doc("Unique in the plan.")]
    target: Annotated[str, Of("declared"), Doc("The name in the file.")]
    stage: Annotated[int, Keyword("minimum", 1), Doc("When it is built.")]
    exported: Annotated[bool, Doc("false: only built because others depend on it.")]


class Edge(Document):
    """From what is built first to what depends on it."""

    first: Annotated[str, Key("from"), Doc("The target that is built first.")]
    then: Annotated[str, Key("to"), Doc("The target that depends on it.")]
    kind: Annotated[Literal["context", "needs"], Doc("context: it is built from that; needs: for order only.")]


class GraphDocument(Document):
    """What depends on what: `graph --format json`."""

    format_version: Annotated[int, Version(1), FORMAT]
    nodes: Annotated[tuple[Node, ...], Of("targets"), Doc("In the order of the plan.")]
    edges: Annotated[
        tuple[Edge, ...],
        Of(lambda plan, _: (Edge(first=first, then=name, kind=kind) for name, first, kind in _edges(plan))),
        Doc("What depends on what."),
    ]
