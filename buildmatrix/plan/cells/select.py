"""Selectors: `name`, a group, a glob, `name[axis=value,…]`, and `!selector` to take away.

They are the same in the file, on the command line and in `--set`. A declared name stands for all its cells.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from buildmatrix.errors import did_you_mean, some
from buildmatrix.patterns import regex
from buildmatrix.plan.cells.matrix import ByValues, fits_text
from buildmatrix.records import dataclass
from buildmatrix.soundness import NAMES, REPORTED, Subject
from buildmatrix.spec.checks.cellnames import label
from buildmatrix.spec.rows.platforms import PLATFORM
from buildmatrix.spec.rows.tables import DeclaredGroup, DeclaredTarget, Spec
from buildmatrix.template.scope import Cell

_SELECTOR = regex(r"^(?P<name>[^\[\]]+?)(?:\[(?P<cell>[^\]]*)\])?$")


class SelectorError(Exception):
    """A selector is wrong or matches nothing; the message says what, the hint names the near misses.

    It `rests_on` the names where there is no such name, nor one like it.
    """

    def __init__(self, message: str, hint: str = "", *, rests_on: tuple[Subject, ...] = ()) -> None:
        super().__init__(message)
        self.message, self.hint, self.rests_on = message, hint, rests_on


class GroupCycleError(SelectorError):
    """Groups contain each other; `walk` are their names."""

    def __init__(self, message: str, walk: tuple[str, ...]) -> None:
        super().__init__(message, rests_on=(REPORTED,))
        self.walk = walk


def parts_of(selector: str) -> tuple[str, list[tuple[str, str]] | None]:
    """Return the name in a selector, and its axes with values, None without any; `[=]` is ("", ""): one's own axes.

    SelectorError if it is not a valid selector.
    """
    found = _SELECTOR.match(selector.strip())
    if found is None:
        hint = "write a name, a glob such as app-*, or app[axis=value]"
        raise SelectorError(f'"{selector}" is not a valid selector', hint)
    if found["cell"] is None:
        return found["name"], None
    wanted = [part.partition("=") for part in found["cell"].split(",")]
    if any(not sign for _, sign, _ in wanted):
        raise SelectorError(f'"{selector}" is not a valid selector', "write name[axis=value,axis=value]")
    return found["name"], [(axis.strip(), glob.strip()) for axis, _, glob in wanted]


def parts_of_key(key: str) -> tuple[str, tuple[str, ...]]:
    """Return target and platforms of a build's key, `app@linux/amd64+linux/arm64`; ("", ()) of what is not one."""
    name, _, rest = key.rpartition("@")
    platforms = tuple(rest.split("+"))
    is_key = name and all(re.fullmatch(PLATFORM, one) for one in platforms)
    return (name, platforms) if is_key else ("", ())


@dataclass(frozen=True, slots=True)
class Entry:
    """A target that can be built: a cell of a matrix, or a target without one (an empty cell)."""

    name: str
    target: DeclaredTarget
    cell: Cell


class Selection:
    """Answers selectors over all entries of a spec."""

    def __init__(self, spec: Spec, entries: Mapping[str, Entry]) -> None:
        self.spec = spec
        self.entries = entries
        self.by_target: dict[str, list[str]] = {name: [] for name in spec.targets}
        for entry in entries.values():
            self.by_target[entry.target.name].append(entry.name)
        self._known: dict[tuple[str, bool], tuple[str, ...]] = {}
        self._own: dict[tuple[int, frozenset[str]], ByValues[str]] = {}
        self._groups: dict[str, list[str]] = {}
        self._wrong: dict[str, SelectorError] = {}

    def select(self, selectors: Iterable[str], *, forgiving: bool = False) -> dict[str, str]:
        """Return the names of the selected entries, each with the selector that took it first.

        With no selector, or only `!` ones, it starts from `default`.
        SelectorError if one matches nothing, unless `forgiving`.
        """
        texts = list(selectors)
        found: dict[str, str] = {}
        if all(text.startswith("!") for text in texts):
            found = dict.fromkeys(self.default(), "")
        for text in texts:
            try:
                names = self.names(text.removeprefix("!"))
            except SelectorError:
                if not forgiving:
                    raise
                continue
            if text.startswith("!"):
                for name in names:
                    found.pop(name, None)
            else:
                found |= {name: text for name in names if name not in found}
        return {name: found[name] for name in self.entries if name in found}

    def default(self) -> tuple[str, ...]:
        """Return what is meant when nothing is named: what the file declares from whose directory it was called."""
        home = self.spec.home
        if home is None or home.default:
            return self.default_of_root()
        return tuple(name for name, entry in self.entries.items() if entry.target.name in home.targets)

    def default_of_root(self) -> tuple[str, ...]:
        """Return what is built when nothing is named in the root file's directory."""
        known = "default" in self.spec.groups or "default" in self.by_target
        return self.names("default") if known else tuple(self.entries)

    def names(self, selector: str, *, target_first: bool = False) -> tuple[str, ...]:
        """Return the names that one selector (without `!`) matches, as declared; SelectorError if there are none.

        A name that a group and a target have is the group's, unless `target_first`.
        """
        key = (selector, target_first)
        if key not in self._known:
            self._known[key] = tuple(self._match(selector, parts_of(selector)[0] if target_first else ""))
        return self._known[key]

    def names_for(self, selector: str, own: Cell, *, target_first: bool = False) -> tuple[str, ...]:
        """Return what a selector matches as a target with such a cell says it: `[=]` are the cells with its values."""
        name, pairs = parts_of(selector)
        if pairs is None or ("", "") not in pairs:
            return self.names(selector, target_first=target_first)
        others = ",".join(f"{axis}={glob}" for axis, glob in pairs if axis)
        wider = f"{name}[{others}]" if others else name
        names = self.names(wider, target_first=target_first)
        found = self._by_values(names, own).like(own)
        if not found and names:
            of_own = [(axis, label(value)) for axis, value in own.items() if axis in self.entries[names[0]].cell]
            raise SelectorError(f'"{selector}" matches no cell', self._near_cells(list(names), of_own))
        return tuple(found)

    def _by_values(self, names: tuple[str, ...], own: Cell) -> ByValues[str]:
        """Return the entries of a selector by their values of the axes that they have in common with a cell."""
        key = (id(names), frozenset(own))  # `_known` keeps the names
        if key not in self._own:
            self._own[key] = ByValues(((name, self.entries[name].cell) for name in names), own.keys())
        return self._own[key]

    def _match(self, selector: str, group: str = "") -> list[str]:
        """Return what a selector matches; within a group its own name is that of the target."""
        name, pairs = parts_of(selector)
        names = self._base(name, selector, group)
        return names if pairs is None else self._in_cells(names, pairs, selector)

    def _base(self, name: str, selector: str, group: str) -> list[str]:
        if self._is_group(name, group):
            return self._group(name)
        if name in self.by_target:
            return self._declared(name, selector)
        if name in self.entries:
            return [name]
        if any(sign in name for sign in "*?"):
            found = dict.fromkeys(self._glob(name))
            if found or any(not names and fnmatchcase(key, name) for key, names in self._whole()):
                return list(found)  # a target that has none of its entries has errors of its own
        rests_on = () if did_you_mean(name, self._names()) else (NAMES,)
        raise SelectorError(f'"{selector}" matches no target and no group', self._near(name), rests_on=rests_on)

    def _is_group(self, name: str, within: str) -> bool:
        return name in self.spec.groups and not (name == within and (name in self.by_target or name in self.entries))

    def _declared(self, name: str, selector: str) -> list[str]:
        if self.spec.targets[name].abstract:
            raise SelectorError(
                f'"{selector}" is abstract (its name starts with _) and is never built', self._near(name.lstrip("_"))
            )
        return self.by_target[name]

    def _whole(self) -> Iterable[tuple[str, list[str]]]:
        return ((key, names) for key, names in self.by_target.items() if not self.spec.targets[key].abstract)

    def _glob(self, pattern: str) -> Iterable[str]:
        for name in self.entries:
            if fnmatchcase(name, pattern) or fnmatchcase(self.entries[name].target.name, pattern):
                yield name

    def _group(self, name: str) -> list[str]:
        """Return what a group holds: the groups within it are worked out before it, and each once."""
        walk = {name: self._inner(name)}
        try:
            while name not in self._groups:
                self._step(walk)
        except SelectorError as error:
            self._wrong.update(dict.fromkeys(walk, error))
            raise
        return self._groups[name]

    def _step(self, walk: dict[str, Iterator[str]]) -> None:
        """Go one group further in, or work out the innermost."""
        last = next(reversed(walk))
        if last in self._wrong:
            raise self._wrong[last]
        inner = next((one for one in walk[last] if one not in self._groups), None)
        if inner is None:
            self._groups[last] = self._members(self.spec.groups[last])
            del walk[last]
        elif inner in walk:
            names = tuple(walk)
            raise GroupCycleError("groups contain each other in a cycle", names[names.index(inner) :])
        else:
            walk[inner] = self._inner(inner)

    def _inner(self, name: str) -> Iterator[str]:
        """Yield the groups among a group's members."""
        for member in self.spec.groups[name].members:
            found = _SELECTOR.match(member.removeprefix("!").strip())
            if found is not None and self._is_group(found["name"], name):
                yield found["name"]

    def _members(self, group: DeclaredGroup) -> list[str]:
        found: dict[str, None] = {}
        for member in group.members:
            names = self._match(member.removeprefix("!"), group.name)
            if member.startswith("!"):
                for name in names:
                    found.pop(name, None)
            else:
                found |= dict.fromkeys(names)
        return list(found)

    def _in_cells(self, names: list[str], pairs: list[tuple[str, str]], selector: str) -> list[str]:
        if any(not axis for axis, _ in pairs):
            hint = "write name[axis=value]: [=] is for what a target with axes of its own says"
            raise SelectorError(f'"{selector}" is not a valid selector', hint)
        if not names:
            return []  # the target has errors of its own
        found = [name for name in names if all(_fits(self.entries[name].cell, axis, glob) for axis, glob in pairs)]
        if not found:
            raise SelectorError(f'"{selector}" matches no cell', self._near_cells(names, pairs))
        return found

    def _near(self, name: str) -> str:
        known = self._names()
        if (bare := name.removeprefix("target:")) != name and bare in known:
            return f'write "{bare}": only a context has target: before it'
        if len(parts := name.replace(",", " ").split()) > 1 and known.issuperset(parts):
            return "write each for itself: " + ", ".join(f'"{part}"' for part in parts)
        every = dict.fromkeys([*self.spec.groups, *(key for key in self.by_target if not key.startswith("_"))])
        listed = ", ".join([*every][:8])
        return did_you_mean(name, known) or f"known here: {listed or 'none'}"

    def _names(self) -> set[str]:
        return {*self.spec.groups, *self.entries, *(key for key in self.by_target if not key.startswith("_"))}

    def _near_cells(self, names: list[str], pairs: list[tuple[str, str]]) -> str:
        axes: dict[str, dict[str, Any]] = {}
        for name in names:
            for axis, value in self.entries[name].cell.items():
                axes.setdefault(axis, {})[label(value)] = None
        for axis, glob in pairs:
            if axis not in axes:
                return did_you_mean(axis, axes) or f"axes here: {some(axes) or 'none'}"
            if not any(fits_text(glob, value) for value in axes[axis]):
                return did_you_mean(glob, axes[axis]) or f"values of {axis}: {some(axes[axis])}"
        return "each value exists, but not together in one cell"


def _fits(cell: Cell, axis: str, glob: str) -> bool:
    return axis in cell and fits_text(glob, cell[axis])
