"""Which names of templates stand for what changes from run to run.

It goes by where a value comes from, and never by what it is: two commits may have one time, and a version the text of
another one.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from buildmatrix.graphs import reached
from buildmatrix.spec.rows.tables import Spec
from buildmatrix.template.render import templates_in
from buildmatrix.template.variables import ResolvedVariable

ALWAYS = frozenset({"git", "created", "now", "host"})
"""What is volatile without being declared: facts of the commit, of the time, and of the machine."""

NamesOf = Callable[[str], Iterable[str]]
"""Tells the names that a template asks for; none where it is wrong."""


def volatile_variables(spec: Spec, found: Mapping[str, ResolvedVariable], names_of: NamesOf) -> frozenset[str]:
    """Return `ALWAYS`, the variables that are declared `volatile`, and those whose defaults are made with such.

    A default counts where it gives the value, or would have given one.
    """
    declared = {name for name, variable in spec.variables.items() if variable.table.volatile}
    uses = {
        name: names_in(variable.table.default, names_of)
        for name, variable in spec.variables.items()
        if found[name].origin in {"default", "nothing"}
    }
    return made_with(uses, ALWAYS | declared)


def names_in(value: Any, names_of: NamesOf) -> list[str]:
    """Return the names that the templates in a value ask for, however deep they stand."""
    return [name for text in templates_in(value) for name in names_of(text)]


def made_with(uses: Mapping[str, Iterable[str]], volatile: Iterable[str]) -> frozenset[str]:
    """Return the volatile names and all that are made with them, by way of others or not."""
    users: dict[str, list[str]] = {}
    for name, used in uses.items():
        for one in used:
            users.setdefault(one, []).append(name)
    return frozenset(reached(volatile, lambda name: users.get(name, ())))
