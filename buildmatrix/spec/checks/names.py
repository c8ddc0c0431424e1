"""Checks across tables: names that hide others, parents that are missing, axes that do not exist."""

import re
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from buildmatrix.errors import Place, Problems, did_you_mean, some
from buildmatrix.graphs import find_cycles, steps_of
from buildmatrix.soundness import FILE, NAMES, TARGETS, inheritance_of, settings_of, shape_of
from buildmatrix.spec.checks.cellnames import cell_hint
from buildmatrix.spec.checks.data import shown
from buildmatrix.spec.rows.platforms import PLATFORM_NAME as PLATFORM
from buildmatrix.spec.rows.shapes import given, is_template
from buildmatrix.spec.rows.tables import IDENTIFIER, DeclaredOverride, DeclaredTarget, DeclaredVariable, Matrix, Spec
from buildmatrix.spec.subjects import standing_at

BUILT_IN = frozenset({
    "target", "name", "git", "created", "now", "host", "omit", "range", "dict", "namespace",
    "joiner", "cycler", "loop", "self", "super", "caller", "varargs", "kwargs",
    "true", "false", "none", "True", "False", "None", "and", "or", "not", "in", "is",
    "if", "else", "elif", "for", "endfor", "endif", "set", "import", "from", "as", "include", "exclude", "_",
})  # fmt: skip
"""Names with a meaning in templates, or keys of a matrix."""

HIDDEN = frozenset({"namespace", "cycler", "joiner"})
"""Functions of jinja that hardly anybody calls: a variable may hide them.

An axis may not, nor may `let`: where a cell lacks it, its name would be the function.
"""


def check_names(spec: Spec, problems: Problems) -> None:
    """Add what is wrong between the tables of a Spec to `problems`."""
    if all(target.abstract for target in spec.targets.values()):
        what = "no target" if not spec.targets else "only abstract targets (their names start with _)"
        message, hint, lost = f"the file declares {what}", "add a [target.NAME]", () if spec.targets else (TARGETS,)
        problems.error("no-target", message, Place(file=spec.file), hint=hint, invalidates=lost, rests_on=[FILE])
    for variable in spec.variables.values():
        _check_variable(variable, problems)
    for target in spec.targets.values():
        _check_lets(target, problems)
        _check_inherits(spec, target, problems)
        if problems.is_sound(shape_of(target.name, "axes")):
            _check_matrix(target, problems)
            _check_override(target, problems)
    parents = {name: target.parents_in(spec.targets) for name, target in spec.targets.items()}
    find_cycles(parents, _inherits_cycle(spec, problems))
    _check_selected(spec, problems)


def _check_identifier(kind: str, name: str, place: Place, problems: Problems) -> None:
    if not re.fullmatch(IDENTIFIER, name):
        better = re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_0123456789") or "value"
        reason = (
            f"in a template `{{{{ {name} }}}}` would be a subtraction"
            if "-" in name
            else "a name starts with a letter and holds letters, digits and _"
        )
        message, hint = f"{kind} {shown(name)} is not a valid identifier", f'{reason}; call it "{better}"'
        problems.error("identifier", message, place, hint=hint, invalidates=standing_at(place), once=(kind, place))
    elif name in BUILT_IN and not (kind == "variable" and name in HIDDEN):
        message, hint = f'{kind} "{name}" hides a built-in name of templates', f'call it "{name}_"'
        problems.error("identifier", message, place, hint=hint, invalidates=standing_at(place), once=(kind, place))


def _check_lets(target: DeclaredTarget, problems: Problems) -> None:
    """Refuse values of `let` with a name that means something else in the templates of the target."""
    tables = [(layer.settings, layer.place) for layer in target.defaults] + [(target.table, target.place)]
    tables += [(one, inside(target.place, "override", index)) for index, one in enumerate(target.table.override or ())]
    axes = _axes_of(target.making.matrix)
    for table, place in tables:
        for name in table.let or ():
            at = inside(place, "let", name, part="key")
            if name in axes:
                message = f"target.{target.name}.let: {name} is an axis of the matrix"
                problems.error("identifier", message, at, hint="give one another name")
            else:
                _check_identifier("let", name, at, problems)


def check_requires(text: str, place: Place, problems: Problems) -> bool:
    """Tell whether a text is a range of versions; if not, it is added to `problems`."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        known = all(single.operator != "===" for single in SpecifierSet(text))  # that one compares texts, not versions
    except InvalidSpecifier:
        known = False
    if not known:
        hint = 'write requires-buildx = ">=0.20"'
        problems.error("requires-buildx", f'requires-buildx: "{text}" is not a range of versions', place, hint=hint)
        return False
    return True


def _check_variable(variable: DeclaredVariable, problems: Problems) -> None:
    _check_identifier("variable", variable.name, variable.place, problems)
    if variable.table.text and variable.table.file is None:
        message = f"variable.{variable.name}: text is how a file is read, and there is no file"
        problems.error("variable", message, inside(variable.place, "text"), hint='add file = "…", or remove text')
    if variable.table.pattern is not None and (fault := fault_of_pattern(variable.table.pattern)):
        message = f"variable.{variable.name}.pattern is not a valid regular expression: {fault}"
        place = inside(variable.place, "pattern")
        problems.error("pattern", message, place, invalidates=standing_at(place))


def fault_of_pattern(pattern: str) -> str:
    """Return why a text is not a valid regular expression that can be used; "" if it is one."""
    try:
        with warnings.catch_warnings(action="ignore"):  # of what later versions of Python will read differently
            re.compile(pattern)
    except re.error as error:
        return str(error)
    except OverflowError:
        return "it repeats too often"
    except RecursionError:
        return "it is nested too deeply"
    return ""


def _check_inherits(spec: Spec, target: DeclaredTarget, problems: Problems) -> None:
    for index, parent in enumerate(target.table.inherits or ()):
        if not is_template(parent) and parent.partition("[")[0] not in spec.targets:
            message = f'target.{target.name} inherits "{parent}", which is not a target'
            place = inside(target.place, "inherits", index)
            hint = _OF_ACTIONS if parent == "docker-metadata-action" else cell_hint(parent, spec.targets)
            hint = hint or did_you_mean(parent, spec.targets) or f"targets here: {', '.join(sorted(spec.targets)[:8])}"
            problems.error("inherits", message, place, hint=hint, invalidates=standing_at(place), rests_on=[NAMES])


def _inherits_cycle(spec: Spec, problems: Problems) -> Callable[[list[str]], None]:
    def report(walk: list[str]) -> None:
        notes = tuple(
            (f"{child} inherits {parent}", inside(spec.targets[child].place, "inherits"))
            for child, parent in steps_of(walk)
        )
        place = inside(spec.targets[walk[0]].place, "inherits")
        message = "targets inherit each other in a cycle: " + " → ".join([*walk, walk[0]])
        problems.error("cycle", message, place, notes=notes, invalidates=map(inheritance_of, walk))

    return report


def _check_matrix(target: DeclaredTarget, problems: Problems) -> None:
    """Check what a target itself says of its cells, and of one that is built whether all of it fits together."""
    _check_axes(target, problems)
    if target.abstract:
        return
    if target.making.matrix is None:
        _check_without(target, problems)
        return
    _check_whole(target, target.making.matrix, problems)


def _check_without(target: DeclaredTarget, problems: Problems) -> None:
    """Check a target without a matrix: its overrides can select a platform alone."""
    if target.table.name is not None:
        message, place = f"target.{target.name} has name but no matrix", inside(target.place, "name", part="key")
        problems.error("no-matrix", message, place, hint=_NAME_ALONE, invalidates=standing_at(place))
    for override in target.making.overrides:
        axis = next((axis for axis in override.table.select if axis != PLATFORM), None)
        if override.owner == target.name and (axis is not None or not override.table.select):
            _refuse_override(target, override, axis, problems)


def _refuse_override(target: DeclaredTarget, override: DeclaredOverride, axis: str | None, problems: Problems) -> None:
    """Refuse an override by an axis in a target that has none; what it sets is not known then."""
    message = f"target.{target.name} has no matrix, and its override selects "
    message += "nothing" if axis is None else f'"{axis}"'
    hint = did_you_mean(axis or "", [PLATFORM]) or _OVERRIDE_ALONE
    place = inside(override.place, "select", *([] if axis is None else [axis]), part="key")
    what = given(override.table).keys() - {"select"}
    attributes = () if what & {"extend", "let"} else what
    problems.error("no-matrix", message, place, hint=hint, invalidates=[settings_of(target.name, "", *attributes)])


_OF_ACTIONS = (
    'write inherits = ["_docker-metadata-action"], and [target._docker-metadata-action] above it; '
    "--bake-file gives that target its values"
)
_OVERRIDE_ALONE = "write its settings in the target itself, select by platform, or add matrix.AXIS = [ … ]"
_NAME_ALONE = "a target is called as its header says: [target.NAME]; `name` is for the cells of a matrix"


def _check_axes(target: DeclaredTarget, problems: Problems) -> None:
    """Check the axes that a target itself declares."""
    for axis, values in ((target.table.matrix or Matrix()).axes or {}).items():
        place = inside(target.place, "matrix", axis, part="key")
        _check_identifier("axis", axis, place, problems)
        if values == ():
            message = f"target.{target.name}.matrix: axis {axis} has no values"
            problems.error("no-value", message, place, invalidates=standing_at(place))


def _check_whole(target: DeclaredTarget, matrix: Matrix, problems: Problems) -> None:
    """Check a matrix with all that it inherits: lists that name its axes."""
    axes, place_of = matrix.axes or {}, target.making.place
    if not axes and not matrix.include:
        place = as_key(place_of("matrix"))
        hint = 'add one: python = ["3.12", "3.13"]'
        message = f"target.{target.name}.matrix has no axis"
        problems.error("no-axis", message, place, hint=hint, invalidates=standing_at(place), once=place)
    for index, entry in enumerate(matrix.exclude or ()):
        for axis in entry:
            place = inside(place_of("matrix", "exclude"), index, axis, part="key")
            _check_axis("exclude", axis, axes, place, target, problems)
    for index, entry in enumerate(matrix.include or ()):
        for axis in (axis for axis in entry if axis not in axes):
            place = inside(place_of("matrix", "include"), index, axis, part="key")
            _check_new_axis(axis, axes, place, target, problems)


def _is_misspelt(word: str, name: str) -> bool:
    """Tell whether a word may be a name misspelt: about as long, and neither within the other."""
    one, other = word.lower(), name.lower()
    if one == other:
        return True
    return abs(len(one) - len(other)) <= 1 and one not in other and other not in one


def _check_new_axis(
    axis: str, axes: Mapping[str, Any], place: Place, target: DeclaredTarget, problems: Problems
) -> None:
    """`include` may bring names of its own (GitHub's meaning), but not one that is an axis misspelt.

    A name that holds an axis's, or begins as one does, is meant: `version_major`, `basename`, `python_short`.
    """
    if did_you_mean(axis, [name for name in axes if _is_misspelt(axis, name)]):
        _check_axis("include", axis, axes, place, target, problems)
    else:
        _check_identifier("axis", axis, place, problems)


def _check_override(target: DeclaredTarget, problems: Problems) -> None:
    """Check the axes that the overrides of a target name; what it inherits of them may be for others."""
    matrix = target.making.matrix
    if matrix is None or target.abstract:
        return
    known = _axes_of(matrix)
    for override in target.making.overrides:
        own = override.table.select if override.owner == target.name else ()
        for axis in (axis for axis in own if axis != PLATFORM):
            place = inside(override.place, "select", axis, part="key")
            _check_axis("override", axis, known, place, target, problems)


def _axes_of(matrix: Matrix | None) -> set[str]:
    found = matrix or Matrix()
    return set(found.axes or {}) | {axis for entry in found.include or () for axis in entry}


def _check_selected(spec: Spec, problems: Problems) -> None:
    """Refuse an axis in an override of an abstract target that none of those which inherit it has."""
    heirs: dict[Place, list[DeclaredTarget]] = {}
    for target in spec.targets.values():
        for override in () if target.abstract else target.making.overrides:
            heirs.setdefault(override.place, []).append(target)
    for target in spec.targets.values():
        for override in target.making.overrides if target.abstract else ():
            if override.owner == target.name and override.place in heirs:
                _check_inherited(target.name, override, heirs[override.place], problems)


def _check_inherited(name: str, override: DeclaredOverride, heirs: list[DeclaredTarget], problems: Problems) -> None:
    known = set[str]().union(*(_axes_of(heir.making.matrix) for heir in heirs))
    for axis in override.table.select.keys() - known - {PLATFORM}:
        place = inside(override.place, "select", axis, part="key")
        message = f'override names axis "{axis}", which no target that inherits target.{name} has'
        hint = did_you_mean(axis, known) or f"axes there: {some(sorted(known)) or 'none'}"
        rests_on = [NAMES, *(shape_of(heir.name, "axes") for heir in heirs)]
        problems.error("axis", message, place, hint=hint, invalidates=standing_at(place), rests_on=rests_on)


def _check_axis(
    what: str, axis: str, known: Iterable[str], place: Place, target: DeclaredTarget, problems: Problems
) -> None:
    if axis not in known:
        hint = did_you_mean(axis, known) or f"axes of target.{target.name}: {some(sorted(known))}"
        message = f'{what} names axis "{axis}", which the matrix of target.{target.name} lacks'
        problems.error("axis", message, place, hint=hint, invalidates=standing_at(place), once=("axis", place))


def inside(place: Place, *more: str | int, part: Any = "value") -> Place:
    """Return the place further inside a table."""
    return Place(file=place.file, pointer=(*place.pointer, *more), part=part)


def as_key(place: Place) -> Place:
    """Return the place of the key of a value."""
    return replace(place, part="key")
