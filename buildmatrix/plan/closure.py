"""From what is chosen to what is built: dependencies, the filter of platforms, and the order."""

from collections import deque
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from buildmatrix.errors import Place, Pointer, Problems, some
from buildmatrix.oci.platform import normalized
from buildmatrix.plan.auto import Automatic, Bases
from buildmatrix.plan.cells.expand import Expansion
from buildmatrix.plan.cells.select import Entry
from buildmatrix.plan.dependencies import TARGET, Edge, edges_of, refuse_cycles, stages
from buildmatrix.plan.merging.interpolate import Rendered
from buildmatrix.plan.merging.volatile import carried
from buildmatrix.plan.model import PlannedTarget, Reason
from buildmatrix.plan.outputs import exported_of, pushes_tags
from buildmatrix.records import dataclass
from buildmatrix.soundness import ANY_SETTING, FILE, settings_of
from buildmatrix.spec.rows.platforms import AUTO
from buildmatrix.spec.rows.settings import Settings
from buildmatrix.spec.toml.placed import source_of
from buildmatrix.template.request import Request


@dataclass(frozen=True, kw_only=True, slots=True)
class _Node:
    """An entry in the plan with its settings and edges, and why it is there. `declared` are all its platforms.

    `variants` are the same for some of its platforms each, where settings differ by platform.
    """

    entry: Entry
    settings: Settings
    declared: tuple[str, ...]
    origins: Mapping[Pointer, Place]
    volatile: frozenset[Pointer]
    edges: tuple[Edge, ...]
    reason: Reason
    exported: bool
    variants: tuple["_Node", ...] = ()


def closure(
    expansion: Expansion,
    chosen: Mapping[str, str],
    request: Request,
    problems: Problems,
    bases: Bases | None = None,
) -> dict[str, _Node]:
    """Return the chosen entries and all that they depend on, in the order of their declaration.

    `bases` tells the platforms of external images; without it what is "auto" stays so.
    """
    auto = Automatic(expansion, bases, problems)
    wanted = tuple(dict.fromkeys(map(normalized, request.platforms)))
    nodes: dict[str, _Node] = {}
    pending = deque((name, Reason(kind="selected", by=selector)) for name, selector in chosen.items())
    dropped = 0
    while pending:
        name, reason = pending.popleft()
        if name in nodes:
            if reason.kind != "context" and not nodes[name].exported:
                nodes[name] = replace(nodes[name], exported=True)
            continue
        node = _node(expansion, auto, expansion.entries[name], reason, wanted, problems)
        if node is None:
            dropped += 1
            continue
        nodes[name] = node
        pending += [(edge.to, _reason(edge, name)) for edge in node.edges]
    if nodes and wanted and problems.is_sound(FILE):
        built = {platform for node in nodes.values() for platform in node.declared}
        for name in chosen.keys() - nodes.keys():
            built.update(auto.of(name))
        _check_each_is_built(built, request, problems)
    if dropped and not nodes:
        message = f"no selected target is built for {' '.join(wanted)}"
        problems.error("platform", message, Place(file="--platform " + " ".join(request.platforms)), rests_on=[FILE])
    return {name: nodes[name] for name in expansion.entries if name in nodes}


def _check_each_is_built(built: Collection[str], request: Request, problems: Problems) -> None:
    """Warn of each platform that is asked for, and that is none of those that anything is built for."""
    for platform in request.platforms if built else ():
        if normalized(platform) not in built:
            place = Place(file=f"--platform {platform}")
            hint = f"they are built for {some(sorted(built))}"
            problems.warn("platform", "no selected target is built for it", place, hint=hint)


def _reason(edge: Edge, by: str) -> Reason:
    return Reason(kind="context" if edge.context else "needs", by=by)


def _node(
    expansion: Expansion, auto: Automatic, entry: Entry, reason: Reason, wanted: tuple[str, ...], problems: Problems
) -> _Node | None:
    found = auto.settings(entry)
    declared = auto.of(entry.name)
    kept = tuple(platform for platform in declared if platform in {*wanted, AUTO}) if wanted else declared
    if declared and not kept:
        if reason.kind != "context":
            return None
        kept = declared
    if wanted and not declared:
        message = f"target.{entry.target.name} declares no platforms: --platform does not reach it"
        rests_on = [settings_of(entry.target.name, entry.name, "platforms", ANY_SETTING)]
        problems.warn("platform", message, entry.target.place, rests_on=rests_on)
    parts = [(one, tuple(name for name in kept if name in (one.settings.platforms or ()))) for one in found.variants]
    parts = [(one, platforms) for one, platforms in parts if platforms]
    variants = tuple(_node_of(expansion, entry, reason, one, platforms, problems) for one, platforms in parts)
    if len(variants) == 1:
        return replace(variants[0], declared=declared)
    whole = parts[0][0] if parts else found
    node = _node_of(expansion, entry, reason, whole, kept, problems, declared)
    edges = dict.fromkeys(edge for one in variants for edge in one.edges) if variants else node.edges
    return replace(node, edges=tuple(edges), variants=variants)


def _node_of(
    expansion: Expansion,
    entry: Entry,
    reason: Reason,
    found: Rendered,
    kept: tuple[str, ...],
    problems: Problems,
    declared: tuple[str, ...] | None = None,
) -> _Node:
    """Return the node of an entry for platforms of it, of which it is declared for all or for `declared`."""
    settings, origins, volatile, _ = found
    if kept != (settings.platforms or ()):
        whole, settings = settings, settings.but({"platforms": kept})
        volatile = carried(volatile, whole, settings)

    def place_of(*path: str | int) -> Place:
        path = tuple(source_of(settings.needs, part) if isinstance(part, int) else part for part in path)
        return origins.get(path) or origins.get(path[:1]) or entry.target.place

    edges = tuple(edges_of(entry, settings, place_of, expansion.selection, problems))
    settings = _linked(settings, edges)
    return _Node(
        entry=entry,
        settings=settings,
        declared=kept if declared is None else declared,
        origins=origins,
        volatile=volatile,
        edges=edges,
        reason=reason,
        exported=reason.kind != "context",
    )


def _linked(settings: Settings, edges: Iterable[Edge]) -> Settings:
    """Put the names of cells into the contexts that select them."""
    links = {edge.context: TARGET + edge.to for edge in edges if edge.context}
    if not links:
        return settings
    return settings.but({"contexts": {**(settings.contexts or {}), **links}})


# --- order ----------------------------------------------------------------------------------------------------------


def planned_of(nodes: Mapping[str, _Node], request: Request, problems: Problems) -> tuple[PlannedTarget, ...]:
    """Return the targets in build order; what is wrong is added."""
    edges = {name: [edge for edge in node.edges if edge.to in nodes] for name, node in nodes.items()}
    stage_of = dict.fromkeys(nodes, 1) if refuse_cycles(edges, problems) else stages(edges)
    needed = {edge.to for several in edges.values() for edge in several if not edge.context}
    found = [_target(node, stage_of[name], edges[name], request, needed) for name, node in nodes.items()]
    return tuple(sorted(found, key=lambda target: target.stage))


def _target(
    node: _Node, stage: int, edges: list[Edge], request: Request, needed: Collection[str] = ()
) -> PlannedTarget:
    is_needed = node.entry.name in needed
    settings = exported_of(node.settings, request.output, exported=node.exported, needed=is_needed)
    left_out = tuple(platform for platform in node.declared if platform not in (settings.platforms or ()))
    variants = tuple(
        _target(replace(one, exported=node.exported), stage, list(one.edges), request, needed) for one in node.variants
    )
    return PlannedTarget(
        name=node.entry.name,
        declared=node.entry.target.name,
        cell=node.entry.cell,
        settings=settings,
        depends_on=tuple(dict.fromkeys(edge.to for edge in edges if edge.context)),
        needs=tuple(dict.fromkeys(edge.to for edge in edges if not edge.context)),
        reason=node.reason,
        exported=node.exported,
        stage=stage,
        place=node.entry.target.place,
        origins=node.origins,
        carried_over=left_out if node.exported and any(map(pushes_tags, settings.output or ())) else (),
        left_out=left_out,
        volatile=carried(node.volatile, node.settings, settings) if node.volatile else node.volatile,
        variants=variants,
        parts=tuple(one.platforms for one in variants),
    )
