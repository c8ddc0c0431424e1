"""How a plan is cut into bake calls: by what each node has to build at once."""

from typing import Any

import pytest
from packaging.version import Version

from buildmatrix.build.calls.batches import MOST, PIECE, calls
from buildmatrix.engine.buildx import Builder, Node
from buildmatrix.engine.preflight import Engine
from buildmatrix.plan.policy import Policy
from buildmatrix.spec.rows.options import Options
from buildmatrix.spec.rows.outputs import RegistryOutput
from buildmatrix.spec.rows.settings import Settings
from tests.plans import plan, target

BOTH = ("linux/amd64", "linux/arm64")


def engine(*nodes: str) -> Engine:
    made = tuple(Node(name=f"b-{name}", error="", platforms=(name,), own=(name,)) for name in nodes)
    return Engine(buildx=Version("0.29"), builder=Builder(name="b", driver="remote", error="", nodes=made), warnings=())


@pytest.mark.parametrize(
    ("count", "platforms", "nodes", "sizes"),
    [
        (MOST, BOTH, (), [MOST]),
        (MOST, BOTH, BOTH, [PIECE // 2] * 4),
        (PIECE, BOTH, BOTH, [PIECE]),
        (MOST, ("linux/amd64",), BOTH, [MOST]),
        (MOST + 1, (), BOTH, [PIECE, PIECE, 1]),
        (0, (), (), []),
    ],
)
@pytest.mark.parametrize("options", [{}, {"keep_going": True}])
def test_a_call_has_so_many_builds_counted_on_all_nodes(
    count: int, platforms: tuple[str, ...], nodes: tuple[str, ...], sizes: list[int], options: dict[str, Any]
) -> None:
    settings = Settings(platforms=platforms or None, output=(RegistryOutput(type="registry"),))
    whole = plan(*(target(f"t{number}", settings) for number in range(count)))
    found = calls(whole, Policy(plan=whole, options=Options(**options)), engine=engine(*nodes))
    assert [name for one in found for name in one.names] == [f"t{number}" for number in range(count)]
    if options:
        most = max((len(one.names) for one in found), default=0)
        assert most * (2 if len(nodes) > 1 and len(platforms) > 1 else 1) <= MOST
    else:
        assert [len(one.names) for one in found] == sizes
