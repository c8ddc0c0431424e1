"""Kinds of mutations: each changes one thing of a project. They stand in the order in which modules are imported."""

import random
from collections.abc import Callable
from typing import NamedTuple

from tests.prove.projects import Project, Target

Change = Callable[[random.Random, Project], bool]
"""Changes a project; False where there was nothing that it could change."""


class Kind(NamedTuple):
    """A kind of mutation: how often it is taken, beside the others."""

    name: str
    weight: int
    change: Change


KINDS: list[Kind] = []


def kind(weight: int) -> Callable[[Change], Change]:
    def known(change: Change) -> Change:
        KINDS.append(Kind(change.__name__.replace("_", " "), weight, change))
        return change

    return known


def some_target(chance: random.Random, made: Project) -> Target:
    return made.targets[chance.choice(list(made.targets))]
