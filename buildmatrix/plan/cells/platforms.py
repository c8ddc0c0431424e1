"""Settings that differ by platform: rendered for each platform of a target, and put together where they are alike.

`platform` is what templates of settings see, and what an override may select, beside the axes of the matrix. Where a
setting is that of the whole image (its tags, its outputs), it has to be the same for all platforms.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from buildmatrix.errors import Place, Pointer, Problems, some
from buildmatrix.graphs import reached
from buildmatrix.plan.builds import OF_IMAGE, index_annotations
from buildmatrix.plan.cells.matrix import matches
from buildmatrix.plan.merging.interpolate import Recipe, Rendered
from buildmatrix.plan.merging.merge import Line
from buildmatrix.soundness import settings_of
from buildmatrix.spec.checks.names import inside
from buildmatrix.spec.rows.platforms import AUTO
from buildmatrix.spec.rows.settings import Settings
from buildmatrix.spec.rows.shapes import given, row_of
from buildmatrix.spec.rows.tables import DeclaredTarget
from buildmatrix.template.context import Rendering
from buildmatrix.template.platforms import PLATFORM, PlatformName, platform_name
from buildmatrix.template.render import templates_in
from buildmatrix.template.scope import Cell


class Platforms:
    """Tells what may differ by platform, and puts together what does not."""

    def __init__(self, rendering: Rendering, problems: Problems) -> None:
        """Take what templates are rendered with, and where problems go."""
        self._rendering, self._problems = rendering, problems
        self._cells: dict[tuple[int, str], tuple[Cell, Cell]] = {}
        self._uses: dict[int, tuple[Recipe, bool]] = {}
        self._selects: dict[Line, bool] = {}
        self._unmatched: dict[Place, tuple[DeclaredTarget, Any, dict[str, None]]] = {}
        self._matched: set[Place] = set()

    def may_differ(self, line: Line, cell: Cell, recipe: Recipe, let: Mapping[str, Any]) -> bool:
        """Tell whether settings of a cell, or values of its `let`, may be others for another platform."""
        if PLATFORM in cell or PLATFORM in let:
            return False  # an axis, or a value, of the target's own
        return self._is_selected(line) or self._is_used(recipe, let)

    def cell_on(self, cell: Cell, platform: str) -> Cell:
        """Return a cell with its platform; the same object each time."""
        key = (id(cell), platform)
        if key not in self._cells:
            self._cells[key] = (cell, {**cell, PLATFORM: platform_name(platform)})  # which keeps the cell and its id
        return self._cells[key][1]

    def values_on(self, values: Cell) -> Cell:
        """Return the values that templates see: a variable of the file may be called as the platform is."""
        if PLATFORM not in self._rendering.variables or not isinstance(values.get(PLATFORM), PlatformName):
            return values
        return {name: value for name, value in values.items() if name != PLATFORM}

    def together(self, name: str, target: DeclaredTarget, found: Mapping[str, Rendered]) -> Rendered:
        """Return the settings of a target by its platforms as one: with variants where they differ."""
        names = tuple(found)
        self._note(target, names)
        alike: list[tuple[list[str], Rendered]] = []
        for platform, rendered in found.items():
            known = next((one for one, other in alike if _bare(other.settings) == _bare(rendered.settings)), None)
            if known is None:
                alike.append(([platform], rendered))
            else:
                known.append(platform)
        first = alike[0][1]
        self._refuse_other(name, target, found)
        whole = first._replace(settings=first.settings.but({"platforms": names}))
        if len(alike) == 1:
            return whole
        variants = tuple(
            one._replace(settings=one.settings.but({"platforms": tuple(platforms)})) for platforms, one in alike
        )
        return whole._replace(variants=variants)

    def warn(self) -> None:
        """Warn of overrides of which no target that has them is built for the platform that they select."""
        for place, (target, wanted, platforms) in self._unmatched.items():
            if place not in self._matched:
                message = f"override selects no platform of target.{target.name}: {PLATFORM} = {wanted!r}"
                hint = f"it is built for {some(platforms)}"
                self._problems.warn("platform", message, inside(place, "select", PLATFORM), hint=hint)

    def _note(self, target: DeclaredTarget, platforms: Iterable[str]) -> None:
        for override in target.making.overrides:
            if PLATFORM not in override.table.select:
                continue
            wanted = override.table.select[PLATFORM]
            if any(matches({PLATFORM: wanted}, {PLATFORM: platform_name(one)}) for one in platforms):
                self._matched.add(override.place)
            self._unmatched.setdefault(override.place, (target, wanted, {}))[2].update(dict.fromkeys(platforms))

    def _is_selected(self, line: Line) -> bool:
        """Tell whether an override of a target, or of one that this cell of it inherits, selects by platform."""
        if line not in self._selects:
            above = reached([line], lambda one: one.parents)
            overrides = (each for one in (line, *above) for each in one.target.making.overrides)
            self._selects[line] = any(PLATFORM in one.table.select for one in overrides)
        return self._selects[line]

    def _is_used(self, recipe: Recipe, let: Mapping[str, Any]) -> bool:
        if PLATFORM in self._rendering.variables:
            return False
        if id(recipe) not in self._uses:
            self._uses[id(recipe)] = (recipe, any(map(self._names, recipe.texts())))
        return self._uses[id(recipe)][1] or any(self._names(text) for one in let.values() for text in templates_in(one))

    def _names(self, text: str) -> bool:
        return PLATFORM in text and PLATFORM in self._rendering.names(text)

    # --- what is of the whole image -------------------------------------------------------------------------------

    def _refuse_other(self, name: str, target: DeclaredTarget, found: Mapping[str, Rendered]) -> None:
        (first, one), *others = found.items()
        for platform, other in others:
            for attribute in ("platforms", *OF_IMAGE):
                then, now = getattr(one.settings, attribute), getattr(other.settings, attribute)
                if then != now:
                    self._refuse(name, target, attribute, (first, platform), other.origins)
            if index_annotations(one.settings) != index_annotations(other.settings):
                self._refuse(name, target, "annotations", (first, platform), other.origins)

    def _refuse(
        self,
        name: str,
        target: DeclaredTarget,
        attribute: str,
        platforms: tuple[str, str],
        origins: Mapping[Pointer, Place],
    ) -> None:
        key = row_of(Settings, attribute).key
        message = f"target.{target.name}.{key} is of the whole image, and differs for {platforms[0]} and {platforms[1]}"
        place = origins.get((attribute, 0)) or origins.get((attribute,)) or target.place
        hint = f"write the same {key} for all platforms: without `platform`, and in no override that selects one"
        invalidates = [settings_of(target.name, name, attribute)]
        self._problems.error("platform", message, place, hint=hint, invalidates=invalidates, once=("platform", place))


def _bare(settings: Settings) -> dict[str, Any]:
    """Return what may differ: all but the platforms, and what is of the image, which is refused if it does."""
    return {name: value for name, value in given(settings).items() if name not in _ASIDE}


_ASIDE = {"platforms", *OF_IMAGE}


def refuse_none(target: DeclaredTarget, problems: Problems, *, auto: bool) -> None:
    """Add that a target whose settings may differ by platform names none: with `auto` its bases would tell them."""
    why = f'has platforms = "{AUTO}": which bases it has may differ, too' if auto else "declares no platforms"
    message = f"target.{target.name} has settings by platform, and {why}"
    hint = 'write platforms = ["linux/amd64", "linux/arm64"], or those that are meant'
    problems.error("platform", message, target.place, hint=hint, once=("platforms", target.place))
