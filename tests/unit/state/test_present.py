"""Whether what a run left with the engine is there, in words that are true."""

import json
from typing import Any, cast

import pytest

from buildmatrix.engine.buildx import Builder, Node
from buildmatrix.plan.model import PlannedTarget
from buildmatrix.spec.rows.outputs import DockerOutput
from buildmatrix.spec.rows.settings import Settings
from buildmatrix.state.present import Left, Present, builder_of
from tests import plans
from tests.programs import Scripted, said

BUILDER = Builder(name="b", driver="docker", error="", nodes=(Node(name="n", error="", platforms=()),))
LOADED = plans.target(
    "eng", Settings(tags=("r.example/eng:1", "r.example/eng:2"), output=(DockerOutput(type="docker"),))
)
OURS, OTHER = f"sha256:{'1' * 64}", f"sha256:{'2' * 64}"


def doubt(target: PlannedTarget, *images: tuple[str, list[str]]) -> str:
    lines = "\n".join(json.dumps({"Id": identity, "RepoTags": tags}) for identity, tags in images)
    programs = Scripted({"docker image inspect": said(lines)})
    present = Present(plans.plan(target), lambda: BUILDER, programs, cast("Any", None))
    left = Left(digest=OURS, index="", tags=target.tags, files={}, builder=builder_of(BUILDER, programs))
    return present.doubts({"eng": left}, tags=False).get("eng", "")


@pytest.mark.parametrize(
    ("images", "words"),
    [
        ([(OURS, ["r.example/eng:1", "r.example/eng:2"])], ""),
        ([(OURS, ["r.example/eng:1"])], "the engine has r.example/eng:2 no more"),
        (
            [(OURS, ["r.example/eng:1"]), (OTHER, ["r.example/eng:2"])],
            "the engine has another image as r.example/eng:2",
        ),
        ([], "the engine has r.example/eng:1 no more"),
    ],
)
def test_what_the_engine_has_under_a_tag(images: list[tuple[str, list[str]]], words: str) -> None:
    assert doubt(LOADED, *images) == words


def test_what_has_no_tag_is_known_by_its_id() -> None:
    target = plans.target("eng", Settings(output=(DockerOutput(type="docker"),)))
    assert doubt(target, (OURS, [])) == ""
    assert doubt(target, (OTHER, [])) == f"the engine has {OURS[:19]} no more"
