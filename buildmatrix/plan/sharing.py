"""Tags that several targets or cells of a run may write: which of them gets each, and what the others do without it.

The last one in the plan's order gets a tag. The others never write it, whatever the order in which builds end, and also
where that one fails: then the tag stays as it was. An output of which nothing is left is not written at all. What is
pushed and what is loaded are apart: a registry and an engine hold tags of their own. Where another target loads a tag,
what is pushed under it stays out of the engine's store: the `docker` driver would put it there too. Archives have a
name inside, and each keeps its own.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Any

from buildmatrix.oci.reference import parse
from buildmatrix.plan.merging.volatile import carried
from buildmatrix.plan.model import PlannedTarget
from buildmatrix.plan.outputs import pushes_tags
from buildmatrix.plan.publishing import pushed_tags
from buildmatrix.records import dataclass
from buildmatrix.spec.rows.outputs import CacheonlyOutput, DockerOutput, ImageOutput, OciOutput, RegistryOutput
from buildmatrix.spec.toml.placed import placed, source_of

Spot = tuple[str, str]
"""Where a name is written, and the name in full."""

_REGISTRY, _ENGINE = "registry", "engine "


@dataclass(frozen=True, kw_only=True)
class _Named:
    """An output with the names that it writes and where, "" for an archive.

    A target without outputs has one that is None: the `docker` driver loads what it builds.
    """

    output: Any
    names: tuple[str, ...]
    where: str

    def kept(self, name: str, last: Mapping[Spot, str]) -> tuple[str, ...]:
        """Return the names that the target `name` still writes."""
        if not self.where:
            return self.names
        return tuple(one for one in self.names if last.get((self.where, parse(one).full), name) == name)


def share(targets: Sequence[PlannedTarget], shared: AbstractSet[str]) -> tuple[PlannedTarget, ...]:
    """Return the targets without the tags that a later one gets; `shared` are those that several write, in full."""
    if not shared:
        return tuple(targets)
    last = {
        (one.where, full): target.name
        for target in targets
        if target.exported
        for one in _named(target)
        for full in (parse(name).full for name in one.names)
        if full in shared and one.where
    }
    return tuple(_shared(target, last) if target.exported else target for target in targets)


def _named(target: PlannedTarget) -> Iterator[_Named]:
    outputs: tuple[Any, ...] = target.settings.output or (None,)
    for output in outputs:
        own = getattr(output, "name", None)
        takes = output is None or isinstance(output, ImageOutput | RegistryOutput | DockerOutput | OciOutput)
        names = tuple(own.split(",")) if own else target.tags if takes else ()
        yield _Named(output=output, names=names, where=_where(output))


def _where(output: Any) -> str:
    if output is not None and pushes_tags(output):
        return _REGISTRY
    if isinstance(output, DockerOutput):
        return _ENGINE + (output.context or "") if output.dest is None else ""
    is_stored = output is None or (isinstance(output, ImageOutput) and not output.push_by_digest)
    return _ENGINE if is_stored else ""


def _shared(target: PlannedTarget, last: Mapping[Spot, str]) -> PlannedTarget:
    found = list(_named(target))
    kept = [one.kept(target.name, last) for one in found]
    lost = dict(_lost(found, kept, last))
    apart = [_apart(one, names, target.name, last) for one, names in zip(found, kept, strict=True)]
    if not lost and apart == found:
        return target
    left = [(one, names) for one, names in zip(apart, kept, strict=True) if names or not one.names]
    settings = target.settings.but(_settings(target, left))
    volatile = carried(target.volatile, target.settings, settings)
    changed = replace(target, settings=settings, tags_left_to=lost, volatile=volatile)
    return changed if pushed_tags(changed) else replace(changed, carried_over=())


def _apart(one: _Named, names: Iterable[str], target: str, last: Mapping[Spot, str]) -> _Named:
    """Return an output; one that is pushed under a tag that another target loads stays out of the engine's store."""
    loaded = one.where == _REGISTRY and any(last.get((_ENGINE, parse(tag).full), target) != target for tag in names)
    return replace(one, output=one.output.but({"store": False})) if loaded else one


def _lost(found: Sequence[_Named], kept: Sequence[tuple[str, ...]], last: Mapping[Spot, str]) -> Iterator[Spot]:
    """Yield the tags, in full, that a target does not write, each with the target that does."""
    for one, names in zip(found, kept, strict=True):
        for full in (parse(name).full for name in one.names if name not in names):
            yield full, last[one.where, full]


def _settings(target: PlannedTarget, left: Sequence[tuple[_Named, tuple[str, ...]]]) -> dict[str, Any]:
    """Return the settings that write what is left: as the target's tags, or as names of outputs where these differ.

    With `tags`, buildx gives no output a name of its own.
    """
    outputs = [one.output for one, _ in left if one.output is not None]
    if not target.settings.output:
        return {"tags": _placed(target, left[0][1] if left else ())}
    named = [names for one, names in left if one.names and not getattr(one.output, "name", None)]
    if len(set(named)) > 1 or any(getattr(one, "name", None) for one in outputs):
        return {"tags": None, "output": tuple(_renamed(one, names) for one, names in left)}
    tags = _placed(target, named[0] if named else ())
    return {"tags": tags, "output": tuple(outputs) or (CacheonlyOutput(type="cacheonly"),)}


def _renamed(one: _Named, names: Iterable[str]) -> Any:
    return one.output.but({"name": ",".join(names)}) if one.names else one.output


def _placed(target: PlannedTarget, names: Sequence[str]) -> tuple[str, ...] | None:
    kept = [index for index, tag in enumerate(target.tags) if tag in names]
    return placed((target.tags[index] for index in kept), (source_of(target.tags, index) for index in kept)) or None
