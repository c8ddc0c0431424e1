"""Builders: as text, and as documents for programs."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated

from buildmatrix.engine.builders.compare import Difference
from buildmatrix.engine.builders.declared import mending, spoken
from buildmatrix.engine.builders.found import Found, State
from buildmatrix.engine.buildx import Node
from buildmatrix.report.diagnostics.text import masked
from buildmatrix.report.layout import Span, laid_out, plain
from buildmatrix.report.plan.listing import as_text
from buildmatrix.report.run.words import counted
from buildmatrix.report.style import Style
from buildmatrix.spec.rows.document import FORMAT, Document, Of, Version, to_json
from buildmatrix.spec.rows.shapes import Doc
from buildmatrix.text import one_line


class NodeOfBuilder(Document):
    """A node of a builder."""

    name: Annotated[str, Doc("Its name.")]
    endpoint: Annotated[str, Of(lambda node, _: masked(node.endpoint)), Doc("Where it is: an address, or a context.")]
    status: Annotated[str | None, Doc("running, inactive, stopped or error, as buildx says.")]
    error: Annotated[str | None, Of(lambda node, _: masked(node.error) or None), Doc("Why it cannot be used.")]
    buildkit: Annotated[str | None, Doc("The version of BuildKit; null before it runs.")]
    platforms: Annotated[tuple[str, ...], Doc("What it can build; empty before it runs.")]


class BuilderOfList(Document):
    """A builder, of buildx or of the file."""

    name: Annotated[str, Doc("As --builder takes it.")]
    driver: Annotated[str, Doc("How BuildKit runs: docker, docker-container, remote, kubernetes, cloud.")]
    current: Annotated[
        bool, Of(lambda one, _: bool(one.seen and one.seen.is_current)), Doc("Whether it is used where none is named.")
    ]
    state: Annotated[
        State,
        Doc("missing: the file declares it, and it is not there; differs: it is there, and not as the file says."),
    ]
    differs: Annotated[
        tuple[str, ...], Of(lambda one, _: _differs(one.differs)), Doc("In what it is not as the file declares it.")
    ]
    error: Annotated[str | None, Of(lambda one, _: _error(one)), Doc("Why it cannot be used.")]
    nodes: Annotated[
        tuple[NodeOfBuilder, ...], Of(lambda one, _: _nodes(one)), Doc("Its nodes; none of a missing one.")
    ]


class BuildersDocument(Document):
    """All builders: `builder ls --format json`."""

    format_version: Annotated[int, Version(1), FORMAT]
    builders: Annotated[
        tuple[BuilderOfList, ...],
        Of(lambda found, _: found),
        Doc("Those of buildx, then those that are declared and missing."),
    ]


class DiskOfNode(Document):
    """What the cache of a node may take, in buildx's words: `24.21GiB`."""

    reserved: Annotated[str | None, Doc("What it may take in any case.")]
    max_used: Annotated[str | None, Doc("What it may take at most.")]
    min_free: Annotated[str | None, Doc("What it leaves free.")]


class NodeInspected(NodeOfBuilder):
    """A node of a builder, looked at."""

    made_for: Annotated[tuple[str, ...], Of("own"), Doc("The platforms that it builds rather than another node.")]
    disk: Annotated[DiskOfNode, Of(lambda node, _: _disk(node.disk)), Doc("What its cache may take.")]


class CacheOfBuilder(Document):
    """What the cache of all nodes takes, in buildx's words: `9.9MB`."""

    total: Annotated[str | None, Doc("All of it; null where no node runs.")]
    reclaimable: Annotated[str | None, Doc("What `docker buildx prune` can remove.")]


class BuilderDocument(Document):
    """A builder: `builder inspect --format json`."""

    format_version: Annotated[int, Version(1), FORMAT]
    name: Annotated[str, Doc("As --builder takes it.")]
    driver: Annotated[str, Doc("How BuildKit runs: docker, docker-container, remote, kubernetes, cloud.")]
    state: Annotated[State, Doc("differs: it is not as the file says.")]
    differs: Annotated[
        tuple[str, ...], Of(lambda one, _: _differs(one.differs)), Doc("In what it is not as the file declares it.")
    ]
    error: Annotated[str | None, Of(lambda one, _: _error(one)), Doc("Why it cannot be used.")]
    nodes: Annotated[tuple[NodeInspected, ...], Of(lambda one, _: _nodes(one)), Doc("Its nodes.")]
    cache: Annotated[CacheOfBuilder, Of(lambda one, _: one.seen.cache), Doc("What its cache takes.")]


def _differs(found: Sequence[Difference]) -> tuple[str, ...]:
    return tuple(masked(spoken(one)) for one in found)


def _error(one: Found) -> str | None:
    return masked(one.seen.builder.error) or None if one.seen else None


def _nodes(one: Found) -> tuple[Node, ...]:
    return one.seen.builder.nodes if one.seen else ()


def _disk(said: Mapping[str, str]) -> DiskOfNode:
    return DiskOfNode(
        reserved=said.get("Reserved Space") or said.get("Keep Bytes"),
        max_used=said.get("Max Used Space"),
        min_free=said.get("Min Free Space"),
    )


def builders_json(found: Sequence[Found]) -> str:
    """Return all builders as JSON."""
    return to_json(BuildersDocument, found)


def builder_json(found: Found) -> str:
    """Return one builder as JSON."""
    return to_json(BuilderDocument, found)


# --- text -------------------------------------------------------------------------------------------------------------


def builders_text(found: Sequence[Found], style: Style, *, width: int | None = None) -> str:
    """Return all builders, a line for each; the current one has a `*`."""
    return as_text([_line(one) for one in found], style, width=width)


def _line(one: Found) -> dict[str, object]:
    current = one.seen and one.seen.is_current
    nodes = "" if one.state == "missing" else f"{counted(len(_nodes(one)), 'node')}: {_status(one)}"
    last = mending(one.name, one.differs) if one.state in {"missing", "differs"} else " ".join(_platforms(one))
    return {
        "name": f"{one.name} *" if current else one.name,
        "driver": one.driver,
        "state": one.state.replace("-", " "),
        "nodes": nodes,
        "last": last,
    }


def _status(one: Found) -> str:
    return ", ".join(dict.fromkeys(node.status or "unknown" for node in _nodes(one))) or "none"


def _platforms(one: Found) -> list[str]:
    return list(dict.fromkeys(platform for node in _nodes(one) for platform in node.platforms))


def builder_text(found: Found, style: Style, *, width: int | None = None) -> str:
    """Return one builder: what differs, its nodes and its cache."""
    lines = [line for name, text in _told(found) for line in laid_out(_pair(name, text, style), width, " " * 15)]
    return "".join(f"{line}\n" for line in lines)


def _pair(name: str, text: str, style: Style) -> list[Span]:
    return [(f"{name:<15}", style.name), (one_line(masked(text)), plain)]


def _told(found: Found) -> Iterator[tuple[str, str]]:
    yield "name", found.name
    yield "driver", found.driver
    yield "state", found.state.replace("-", " ")
    for one in found.differs:
        yield "  differs", spoken(one)
    if found.differs:
        yield "  change it", mending(found.name, found.differs)
    if error := _error(found):
        yield "error", error
    for node in _nodes(found):
        yield "node", node.name
        yield from ((f"  {name}", text) for name, text in _of_node(node) if text)
    if found.seen and found.seen.cache.total:
        yield "cache", f"{found.seen.cache.total} ({found.seen.cache.reclaimable or 'nothing'} reclaimable)"


def _of_node(node: Node) -> Iterator[tuple[str, str]]:
    yield "endpoint", node.endpoint
    yield "status", node.status
    yield "error", node.error
    yield "buildkit", node.buildkit
    yield "made for", " ".join(node.own)
    yield "platforms", " ".join(node.platforms)
    disk = _disk(node.disk)
    words = {"reserved": disk.reserved, "at most": disk.max_used, "left free": disk.min_free}
    yield "disk", ", ".join(f"{text} {name}" for name, text in words.items() if text)
