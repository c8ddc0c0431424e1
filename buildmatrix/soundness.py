"""What errors leave unsound: nobody is told what merely follows from what is reported already.

An error names the subjects that it `invalidates`, and what it `rests_on`. One that rests on something unsound follows
from what made that unsound, and `errors.Problems` leaves it out. What cannot be worked out without a sound basis asks
before it begins (`Problems.is_sound`).
"""

from collections.abc import Collection, Iterable
from typing import Literal, NamedTuple

Kind = Literal[
    "names", "file", "targets", "reported", "value", "omitted", "members",
    "inheritance", "parents", "shape", "cells", "cell-names", "settings", "defaults", "defaults-shape",
]  # fmt: skip

ANY_SETTING = ""
"""Stands for a setting that nobody knows: a key that resembles none, or a parent that is not there.

What is there is checked nevertheless. What says that something is missing, or does not fit, rests on it as well.
"""


class Subject(NamedTuple):
    """Something that can be unsound: its kind, whose it is, of which cell ("" for all), and which parts of it.

    Without parts it is meant as a whole: each of them invalidates it, and it each of them.
    """

    kind: Kind
    of: str = ""
    cell: str = ""
    parts: frozenset[str] = frozenset()


NAMES = Subject("names")
"""Which names there are: where a file could not be read, those that it declares are not known."""
FILE = Subject("file")
"""All that the file says: any error invalidates it."""
TARGETS = Subject("targets")
"""That there are targets at all."""
REPORTED = Subject("reported")
"""Never sound: what rests on it is said elsewhere."""


def value_of(variable: str) -> Subject:
    """Return that a variable has a value, or that anybody can tell how to give it one."""
    return Subject("value", variable)


def omitted_of(group: str, file: str) -> Subject:
    """Return the members that a group lacks: some that were written may have been dropped."""
    return Subject("omitted", f"{file}:{group}")


def members_of(group: str, file: str) -> Subject:
    """Return the targets that a group stands for."""
    return Subject("members", f"{file}:{group}")


def inheritance_of(target: str) -> Subject:
    """Return where a target's settings come from: in a cycle from nowhere."""
    return Subject("inheritance", target)


def parents_of(target: str) -> Subject:
    """Return the parents of a target's cells: one that was refused may give a name to their templates."""
    return Subject("parents", target)


def shape_of(target: str, *parts: Literal["axes", "other"]) -> Subject:
    """Return what is written to make a target's cells: the axes of its matrix, and all other."""
    return Subject("shape", target, "", frozenset(parts))


def expansion_of(target: str, *parts: Literal["values", "number"]) -> Subject:
    """Return the cells of a target: the values that their matrix is made of, and how many there are."""
    return Subject("cells", target, "", frozenset(parts))


def cell_names_of(target: str) -> Subject:
    """Return what the cells of a target are called."""
    return Subject("cell-names", target)


def settings_of(target: str, cell: str = "", *attributes: str) -> Subject:
    """Return settings of a cell, or those that all cells of a target share; without attributes all of them."""
    return Subject("settings", target, cell, frozenset(attributes))


class Soundness:
    """Keeps what is unsound; the one place that answers whether something is."""

    def __init__(self) -> None:
        """Begin with everything sound."""
        self._unsound: dict[Subject, set[str]] = {}

    def invalidate(self, subjects: Iterable[Subject]) -> None:
        """Take it that these are unsound."""
        for subject in subjects:
            self._unsound.setdefault(_whole(subject), set()).update(subject.parts or {_WHOLE})

    def unsound(self, kind: Kind) -> dict[str, frozenset[str]]:
        """Return whose subjects of a kind are unsound, with the parts that are."""
        return {one.of: frozenset(parts) for one, parts in self._unsound.items() if one.kind == kind}

    def is_sound(self, subject: Subject) -> bool:
        """Tell whether neither a subject nor what it is made of is unsound."""
        if not self._unsound:
            return subject is not REPORTED
        pending = [subject]
        while pending:
            one = pending.pop()
            if one == REPORTED or _is_any(one.parts, self._unsound.get(_whole(one), ())):
                return False
            pending += _made_of(one)
        return True


_WHOLE = "*"


def _is_any(parts: frozenset[str], unsound: Collection[str]) -> bool:
    """Tell whether any of the parts is unsound; without parts, any at all."""
    return bool(unsound) and (not parts or _WHOLE in unsound or not parts.isdisjoint(unsound))


def _whole(subject: Subject) -> Subject:
    return subject._replace(parts=frozenset()) if subject.parts else subject


def _made_of(subject: Subject) -> tuple[Subject, ...]:
    """Return what a subject is made of: without that it is unsound itself."""
    if subject.kind == "settings" and subject.cell:
        return (subject._replace(cell=""),)
    if subject.kind == "cells":
        return (shape_of(subject.of), inheritance_of(subject.of))
    return ()
