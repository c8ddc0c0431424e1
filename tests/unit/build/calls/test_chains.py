"""Which targets are one bake call although a plan is cut into many."""

from pathlib import Path

import pytest

from buildmatrix.build.calls.batches import calls
from buildmatrix.git.facts import Git
from buildmatrix.pipeline import plan as make_plan
from buildmatrix.plan.policy import Policy
from buildmatrix.spec.rows.options import Options
from buildmatrix.spec.toml.source import Sources
from buildmatrix.template.request import Request

LIMITED, FREE = Options(jobs=2, keep_going=True), Options(keep_going=True)


def names(folder: Path, spec: str, options: Options = LIMITED, unchanged: frozenset[str] = frozenset()) -> list[str]:
    plan = make_plan("f", Sources(folder, {"f": "version = 1\n" + spec}), Request(), Git(lambda _: None))
    made = calls(plan, Policy(plan=plan, options=options), unchanged)
    assert sorted(name for one in made for name in one.names) == sorted(set(plan.by_name) - unchanged)
    return [" ".join(one.names) for one in made]


def target(name: str, upon: str = "", more: str = "", text: str = "FROM upon") -> str:
    context = f'contexts.upon = "target:{upon}"\n' if upon else ""
    text = text if upon else "FROM scratch"
    return f'[target.{name}]\noutput = ["type=cacheonly"]\n{context}dockerfile-inline = "{text}"\n{more}\n'


def test_a_chain_is_one_call_and_its_cost_is_linear(tmp_path: Path) -> None:
    spec = target("t0") + "".join(target(f"t{link}", f"t{link - 1}") for link in range(1, 60))
    assert len(names(tmp_path, spec)) == 1
    plan = make_plan("f", Sources(tmp_path, {"f": "version = 1\n" + spec}), Request(), Git(lambda _: None))
    assert sum(len(one.within) for one in calls(plan, Policy(plan=plan, options=LIMITED))) == 60


def test_chains_side_by_side_are_limited_each(tmp_path: Path) -> None:
    spec = "".join(target(f"a{i}") + target(f"b{i}", f"a{i}") for i in range(3))
    assert names(tmp_path, spec) == ["a0 b0", "a1 b1", "a2 b2"]
    many = "".join(target(f"a{i:02}") + target(f"b{i:02}", f"a{i:02}") for i in range(32))
    assert names(tmp_path, many, FREE)[0] == "a00 b00 a01 b01"


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (target("a") + target("b", "a") + target("c", "a"), ["a", "b", "c"]),
        (target("a") + target("b", "a") + target("c", more='needs = ["a"]'), ["a", "b", "c"]),
        (target("a") + target("n") + target("b", "a", 'needs = ["n"]'), ["a", "n", "b"]),
        (target("a") + target("b", "a", 'call = "check"'), ["a", "b"]),
        (target("a", more='call = "check"') + target("b", "a"), ["a", "b"]),
        (target("a") + target("b", "a", text="FROM busybox AS x\\nFROM upon"), ["a", "b"]),
        (target("a") + target("b", "a", text="FROM busybox\\nCOPY --from=upon / /"), ["a", "b"]),
    ],
)
def test_what_is_no_chain_has_calls_of_its_own(tmp_path: Path, spec: str, expected: list[str]) -> None:
    assert names(tmp_path, spec) == expected


def test_stages_beside_each_other_may_be_joined_where_nothing_is_limited(tmp_path: Path) -> None:
    spec = target("a") + target("b", "a", text="FROM busybox AS x\\nFROM upon")
    assert names(tmp_path, spec, FREE) == ["a b"]
    assert names(tmp_path, spec, Options(keep_going=True, timeout="60s")) == ["a", "b"]


def test_what_is_kept_is_no_link_of_a_chain(tmp_path: Path) -> None:
    spec = target("a") + target("b", "a") + target("c", "b")
    assert names(tmp_path, spec, unchanged=frozenset({"a"})) == ["b c"]


def test_what_needs_what_it_depends_on_is_a_call_of_its_own(tmp_path: Path) -> None:
    """It pulls what the other one's tags hold when that call has ended."""
    spec = target("a") + target("b", "a", 'needs = ["a"]')
    assert names(tmp_path, spec, FREE) == names(tmp_path, spec) == ["a", "b"]
