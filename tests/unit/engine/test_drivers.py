"""What a builder cannot do, whatever is built."""

from pathlib import Path

import pytest

from buildmatrix.engine.buildx import Builder
from buildmatrix.engine.drivers import loaded_over
from buildmatrix.git.facts import Git
from buildmatrix.pipeline import plan as make_plan
from buildmatrix.spec.toml.source import Sources
from buildmatrix.template.request import Request

SPLIT = """version = 1
[target.base]
dockerfile-inline = "FROM scratch"
platforms = ["linux/amd64", "linux/arm64"]
tags = ["app:1"]
args.P = "{{ platform }}"
"""
ABOVE = """
[target.above]
dockerfile-inline = "FROM base"
contexts.base = "target:base"
platforms = ["linux/amd64", "linux/arm64"]
tags = ["above:1"]
"""
PUSHED = 'output = [{ type = "registry" }]\n'


@pytest.mark.parametrize(
    ("spec", "driver", "targets"),
    [
        (SPLIT, "docker", ["base"]),
        (SPLIT + ABOVE, "docker", ["base", "above"]),  # it is split since its base is
        (SPLIT + PUSHED + ABOVE + PUSHED, "docker", []),
        (SPLIT, "remote", []),
        (SPLIT.replace("args.P", "#"), "docker", []),
        (SPLIT.replace("tags", "#"), "docker", []),
    ],
)
def test_parts_are_not_loaded_one_over_the_other(spec: str, driver: str, targets: list[str], tmp_path: Path) -> None:
    plan = make_plan("f", Sources(tmp_path, {"f": spec}), Request(), Git(lambda _: None))
    builder = Builder(name="default", driver=driver, error="", nodes=())
    assert [one.message.partition(" ")[0] for one in loaded_over(plan, builder)] == targets
