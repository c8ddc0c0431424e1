"""What buildmatrix says of a project: in this process by the functions of its pipeline, or as a user runs it."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from buildmatrix.git.facts import Git
from buildmatrix.git.repository import GitFolder
from buildmatrix.pipeline import plan as make_plan
from buildmatrix.pipeline.run.incremental import planned
from buildmatrix.plan.bakefile import bake_document
from buildmatrix.plan.policy import Policy
from buildmatrix.process import Programs
from buildmatrix.spec.rows.options import Options
from buildmatrix.spec.toml.source import Sources
from buildmatrix.template.request import Request
from tests.warm import Done, ran

FILE = "buildmatrix.toml"


class Said(NamedTuple):
    """What was said: fingerprints by target and platform, doubts by target, decisions with why, and the bake file."""

    prints: Mapping[tuple[str, str], str]
    doubts: Mapping[str, str]
    decisions: Mapping[str, tuple[str, tuple[str, ...]]]
    blocks: Mapping[str, Any]


def said_of(folder: Path, more: Mapping[str, str]) -> Said:
    """Ask what `plan --incremental` asks; `more` is what is in the environment besides."""
    environment = {**os.environ, **more}
    programs, sources = Programs(environment), Sources(folder)
    git = Git.of(GitFolder(programs, sources.directory))
    made = make_plan(FILE, sources, Request(environment=environment), git)
    policy = Policy(plan=made, options=Options(incremental=True))
    looked = planned(policy, programs, lambda _: None)
    known = {one.name: looked.fingerprints.of(one.name) for one in looked.plan.targets}
    return Said(
        prints={(name, platform): text for name, one in known.items() for platform, text in one.fingerprints.items()},
        doubts={name: one.doubt for name, one in known.items() if one.doubt},
        decisions={one.name: (str(one.decision), tuple(one.because)) for one in looked.plan.targets},
        blocks=bake_document(made)["target"],
    )


def applied(folder: Path, builder: str, more: Mapping[str, str]) -> Done:
    """Run `apply --incremental` as a user would."""
    environment = {**os.environ, "NO_COLOR": "1", **more}
    words = ("apply", "--incremental", "--format", "json", "--builder", builder, "--platforms-may-shrink")
    return ran(*words, cwd=folder, env=environment)


def statuses(done: Done) -> dict[str, str]:
    """What became of each target."""
    return {one["name"]: one["status"] for one in json.loads(done.stdout)["targets"]}
