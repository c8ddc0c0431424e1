"""The platforms of targets that declare `platforms = "auto"`: those that all their bases have.

A plan knows what targets build on of each other; of external images somebody else has to tell, who may ask registries.
"""

from collections.abc import Callable, Iterable, Mapping
from graphlib import CycleError
from typing import NamedTuple

from buildmatrix.dockerfile.links import full
from buildmatrix.errors import Place, Problems
from buildmatrix.graphs import levels, reached
from buildmatrix.plan.cells.expand import Expansion
from buildmatrix.plan.cells.select import Entry
from buildmatrix.plan.dependencies import Edge, edges_of
from buildmatrix.plan.merging.interpolate import Rendered
from buildmatrix.plan.model import PlannedTarget, Reason
from buildmatrix.spec.rows.platforms import AUTO
from buildmatrix.spec.rows.settings import Settings

Named = Mapping[str, tuple[str, ...]]
"""Images with the platforms that each has."""


class Doubt(NamedTuple):
    """Why the platforms of external images are not known, and what to do about it."""

    why: str
    hint: str = 'name the platforms: platforms = ["linux/amd64", …]'


Bases = Callable[[PlannedTarget, Named], "Named | Doubt | None"]
"""Tells the external images that a target is made from, each with its platforms; or why that is not known.

With None the platforms stay open: nobody minds.

The second argument are images that the run itself writes before, by full name, with what each is built for.
"""


def is_auto(settings: Settings) -> bool:
    """Tell whether a target takes the platforms of its bases, and they are not known yet."""
    return AUTO in (settings.platforms or ())


class Automatic:
    """Finds the platforms of targets; what they are made from comes first, and each is found once."""

    def __init__(self, expansion: Expansion, bases: Bases | None, problems: Problems) -> None:
        """Take who tells of external images; None where nobody does: then what needs them stays open."""
        self._expansion, self._bases, self._problems = expansion, bases, problems
        self._rendered: dict[str, Rendered] = {}
        self._found: dict[str, tuple[str, ...]] = {}
        self._edges_of: dict[str, list[Edge]] = {}

    def settings(self, entry: Entry) -> Rendered:
        """Return an entry's settings, rendered once."""
        if entry.name not in self._rendered:
            self._rendered[entry.name] = self._expansion.settings(entry)
        return self._rendered[entry.name]

    def of(self, name: str) -> tuple[str, ...]:
        """Return the platforms of a target, `("auto",)` where they stay open; what is wrong is added to the problems.

        Of targets that depend on each other in a cycle nothing is known.
        """
        if self._is_open(name):
            waiting = {one: self._parents(one) for one in reached([name], self._parents) if self._is_open(one)}
            try:
                order: Iterable[str] = sorted(waiting, key=levels(waiting).__getitem__)
            except CycleError:
                order = waiting
            for one in order:
                self._found[one] = self._worked_out(self._expansion.entries[one])
        return self._platforms(name)

    def _is_open(self, name: str) -> bool:
        return name not in self._found and is_auto(self._settings(name))

    def _settings(self, name: str) -> Settings:
        return self.settings(self._expansion.entries[name])[0]

    def _parents(self, name: str) -> tuple[str, ...]:
        return tuple(edge.to for edge in self._edges(name)) if self._is_open(name) else ()

    def _edges(self, name: str) -> list[Edge]:
        if name not in self._edges_of:
            entry, settings = self._expansion.entries[name], self._settings(name)
            nobody = Problems()  # the closure says what is wrong with them
            found = edges_of(entry, settings, lambda *_: entry.target.place, self._expansion.selection, nobody)
            self._edges_of[name] = found
        return self._edges_of[name]

    def _platforms(self, name: str) -> tuple[str, ...]:
        return self._found.get(name, self._settings(name).platforms or ())

    def _worked_out(self, entry: Entry) -> tuple[str, ...]:
        settings, origins = self.settings(entry)[:2]
        place = origins.get(("platforms",), entry.target.place)
        if len(settings.platforms or ()) > 1:
            return self._refused(entry, place, '"auto" stands beside others', "write it alone, or name the platforms")
        edges = self._edges(entry.name)
        named: dict[str, tuple[str, ...]] = {edge.to: self._platforms(edge.to) for edge in edges if edge.context}
        if AUTO in (platform for have in named.values() for platform in have):
            return (AUTO,)
        if silent := next((name for name, have in named.items() if not have), ""):
            message = f"{silent}, which it depends on, declares no platforms"
            return self._refused(entry, place, message, f'declare some for it: platforms = "{AUTO}"')
        external = self._external(entry, edges)
        if external is None:
            return (AUTO,)
        if isinstance(external, Doubt):
            return self._refused(entry, place, *external)
        return self._common(entry, place, {**named, **external})

    def _external(self, entry: Entry, edges: list[Edge]) -> Named | Doubt | None:
        if self._bases is None:
            return None
        needed = [edge.to for edge in edges if not edge.context]
        written = {full(tag): self._platforms(one) for one in needed for tag in self._settings(one).tags or ()}
        return self._bases(_outline(entry, *self.settings(entry)[:2]), written)

    def _common(self, entry: Entry, place: Place, named: Named) -> tuple[str, ...]:
        if not named:
            message = "it is made from no image: nothing tells its platforms"
            return self._refused(entry, place, *Doubt(message))
        found = set.intersection(*(set(have) for have in named.values()))
        usual = {one for one in found if one.startswith("linux/")} or found
        if usual:
            return tuple(sorted(usual))
        have = "; ".join(f"{name} has {', '.join(some) or 'none'}" for name, some in named.items())
        return self._refused(entry, place, "its bases have no platform in common", have)

    def _refused(self, entry: Entry, place: Place, why: str, hint: str) -> tuple[str, ...]:
        message = f'target.{entry.target.name}.platforms is "{AUTO}", and {why}'
        self._problems.error("platforms", message, place, hint=hint, once=(AUTO, message, place))
        return (AUTO,)


def _outline(entry: Entry, settings: Settings, origins: Mapping[tuple[str | int, ...], Place]) -> PlannedTarget:
    return PlannedTarget(
        name=entry.name,
        declared=entry.target.name,
        cell=entry.cell,
        settings=settings,
        depends_on=(),
        needs=(),
        reason=Reason(kind="selected", by=""),
        exported=True,
        stage=1,
        place=entry.target.place,
        origins=origins,
    )
