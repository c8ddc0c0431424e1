"""One thing of a project changes: a file, a line of a Dockerfile, a setting, a base in the registry, the machine."""

import random
from copy import deepcopy

from tests.prove import changed_dockerfiles, changed_files, changed_settings
from tests.prove.kinds import KINDS
from tests.prove.projects import Project, spec_of

MODULES = [module.__name__ for module in (changed_files, changed_dockerfiles, changed_settings)]
ORDERED = sorted(KINDS, key=lambda one: MODULES.index(one.change.__module__))
"""The kinds in an order that no import changes: a seed means the same each time."""


def mutated(chance: random.Random, before: Project) -> tuple[str, Project]:
    """Return the kind of a mutation, and the project after it."""
    while True:
        one = chance.choices(ORDERED, [kind.weight for kind in ORDERED])[0]
        after = deepcopy(before)
        if one.change(chance, after) and (after != before or spec_of(after) != spec_of(before)):
            return one.name, after
