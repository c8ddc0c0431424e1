"""What is found before a build, and whose fault it is where bake refuses, on a real engine."""

import pytest

from tests.e2e.tools import Project, Run, outcomes, statuses

pytestmark = pytest.mark.e2e

NOWHERE = '{ type = "docker", context = "nowhere" }'
"""An output that bake refuses for all of a call, before it builds, and that only this machine can tell is wrong."""


def many(count: int, *bad: int) -> str:
    """Targets of which some have an output that bake refuses."""
    outputs = [NOWHERE if number in bad else '{ type = "cacheonly" }' for number in range(count)]
    return "\n".join(f"[target.t{number}]\noutput = [{text}]" for number, text in enumerate(outputs))


@pytest.mark.parametrize("flags", [[], ["--keep-going"], ["--progress", "plain"]])
def test_what_bake_refuses_is_told_from_what_is_sound(
    project: Project, run: Run, one_node: str, flags: list[str]
) -> None:
    project(many(9, 3, 8))
    done = run("apply", "--builder", one_node, "--format", "json", *flags)
    found = outcomes(done)
    failed = {name: found[name]["reason"] for name in found if found[name]["status"] == "failed"}
    assert failed == dict.fromkeys(["t3", "t8"], "unable to parse docker host `nowhere`")
    assert all(found[name]["status"] in {"built", "cached"} for name in set(found) - set(failed))
    assert done.returncode == 1
    assert "[target.t3]" in done.stderr


def test_what_is_built_upon_may_be_the_culprit(project: Project, run: Run, one_node: str) -> None:
    project(
        f"""
[target.bad]
args.BUILDKIT_SYNTAX = " "
[target.sound]
output = [{{ type = "cacheonly" }}]
[target.child]
dockerfile-inline = "FROM bad"
contexts.bad = "target:bad"
output = [{{ type = "cacheonly" }}]
[target.other]
dockerfile-inline = "FROM sound"
contexts.sound = "target:sound"
output = [{NOWHERE}]
[group]
default = ["child", "other", "sound"]
"""
    )
    done = run("apply", "--builder", one_node, "--format", "json")
    found = statuses(done)
    assert found["sound"] in {"built", "cached"}
    assert {name: found[name] for name in ("child", "other")} == {"child": "skipped", "other": "failed"}
    assert found["bad"] == "failed"
    assert "error: bad failed: " in done.stderr
