"""What Builds take for other platforms than their own, as a builder can hand it on."""

from collections.abc import Iterable
from dataclasses import replace

import pytest
from packaging.version import Version

from buildmatrix.build.calls.links import links_here, taken_otherwise
from buildmatrix.engine.buildx import Builder, Node
from buildmatrix.engine.preflight import Engine
from buildmatrix.plan.builds import BuildPlan, builds_of
from buildmatrix.plan.model import PlannedTarget
from buildmatrix.spec.rows.outputs import RegistryOutput
from buildmatrix.spec.rows.settings import Settings
from tests.plans import plan, target

AMD, ARM = "linux/amd64", "linux/arm64"
WHY = "no other is built with it"
CROSS = "FROM --platform={} tools AS a\nFROM scratch\nCOPY --from=a / /\n"


def engine(*nodes: str) -> Engine:
    """An engine on an amd64 machine: of one node, or of several that were made for these platforms."""
    made = [Node(name=f"b-{name}", error="", platforms=(name, *({AMD, ARM} - {name})), own=(name,)) for name in nodes]
    nodes_ = tuple(made or [Node(name="b", error="", platforms=(AMD, ARM))])
    builder = Builder(name="b", driver="remote", error="", nodes=nodes_)
    return Engine(buildx=Version("0.29"), builder=builder, warnings=(), own_platform=AMD)


def cross(platform: str, *, pushed: bool = True) -> BuildPlan:
    def made(name: str, links: Iterable[str], text: str, *, is_pushed: bool) -> PlannedTarget:
        output = (RegistryOutput(type="registry"),) if is_pushed else None
        settings = Settings(platforms=(AMD, ARM), output=output, dockerfile_inline=text, tags=(f"r/{name}:1",))
        contexts = {link: f"target:{link}" for link in links}
        settings = settings.but({"contexts": contexts or None})
        return target(name, settings, depends_on=tuple(links), parts=((AMD,), (ARM,)), exported=is_pushed)

    tools = made("tools", (), "FROM scratch", is_pushed=pushed)
    return builds_of(plan(tools, made("app", ("tools",), CROSS.format(platform), is_pushed=True)))


@pytest.mark.parametrize(
    ("platform", "nodes", "given"),
    [
        ("$BUILDPLATFORM", (), {AMD: [], ARM: [AMD]}),
        (ARM, (), {AMD: [ARM], ARM: []}),
        ("$BUILDPLATFORM", (AMD, ARM), {AMD: [], ARM: []}),
        (AMD, (AMD, ARM), {AMD: [], ARM: []}),
    ],
)
def test_what_is_asked_for_is_handed_on_within_a_node(
    platform: str, nodes: tuple[str, ...], given: dict[str, list[str]]
) -> None:
    found = links_here(cross(platform), engine(*nodes))
    for own, others in given.items():
        build = found.by_name[f"app@{own}"]
        keys = ["tools", *(f"tools::{one}" for one in others)]
        assert list(build.settings.contexts or {}) == keys
        assert build.depends_on == (f"tools@{own}", *(f"tools@{one}" for one in others))
    assert found.by_name.keys() == {f"{name}@{one}" for name in ("tools", "app") for one in (AMD, ARM)}


def test_what_nobody_asks_for_is_not_built_for_nothing() -> None:
    """A machine of the other kind could not run its steps."""
    made = cross("$BUILDPLATFORM", pushed=False)
    own = BuildPlan(**{**vars(made), "targets": tuple(one for one in made.targets if one.name != f"app@{ARM}")})
    assert [one.name for one in own.targets] == [f"tools@{AMD}", f"tools@{ARM}", f"app@{AMD}"]
    assert [one.name for one in links_here(own, engine()).targets] == [f"tools@{AMD}", f"app@{AMD}"]


@pytest.mark.parametrize(
    ("platform", "nodes", "told"),
    [
        ("$BUILDPLATFORM", (), []),
        ("$BUILDPLATFORM", (AMD, ARM), []),
        (
            AMD,
            (AMD, ARM),
            [f"app@{ARM} takes tools for {AMD}, by a FROM with --platform, and gets it for {ARM}: {WHY}"],
        ),
    ],
)
def test_who_gets_another_one_is_told(platform: str, nodes: tuple[str, ...], told: list[str]) -> None:
    found = links_here(cross(platform), engine(*nodes))
    assert [one.warning.message for one in taken_otherwise(found, engine(*nodes)).values() if one.warning] == told


def test_a_job_knows_of_what_is_built_only_for_others_what_it_builds() -> None:
    """Its plan is of the targets that it is asked for."""
    made = cross(AMD, pushed=False)
    job = BuildPlan(**{**vars(made), "of": plan(made.of.by_name["app"])})
    assert taken_otherwise(links_here(job, engine()), engine()) == {}


def test_of_what_the_command_line_leaves_out_is_known_that_it_would_be_there() -> None:
    """Of a target that is only depended on, too: its tags need no platform that is left out."""
    made = cross(AMD)
    tools, app = (made.of.by_name[name] for name in ("tools", "app"))
    settings = tools.settings.but({"platforms": (ARM,), "output": None})
    narrow = replace(tools, settings=settings, parts=(), exported=False, left_out=(AMD,))
    whole = builds_of(plan(narrow, replace(app, settings=app.settings.but({"platforms": (ARM,)}), parts=())))
    assert [one.words for one in taken_otherwise(whole, engine()).values()] == [
        f"built on tools for {ARM}, which it takes for {AMD}"
    ]


def test_what_is_built_on_such_a_one_is_as_wrong() -> None:
    made = cross(AMD)
    late = target("late", Settings(platforms=(AMD, ARM), contexts={"app": "target:app"}), depends_on=("app",))
    needs = target("needs", Settings(platforms=(AMD, ARM)), needs=("late",))
    found = builds_of(plan(*made.of.targets, late, needs, target("other", Settings(platforms=(AMD, ARM)))))
    told = taken_otherwise(links_here(found, engine(AMD, ARM)), engine(AMD, ARM), found)
    words = f"built on tools for {ARM}, which it takes for {AMD}"
    assert {name: one.words for name, one in told.items()} == {
        "app": words,
        "late": f"built on app, which was {words}",
        "needs": f"built on late, which was built on app, which was {words}",
    }
    assert [name for name, one in told.items() if one.warning] == ["app"]


def test_of_a_target_that_several_nodes_build_as_a_whole_none_is_given_what_another_builds() -> None:
    """BuildKit looks for a stage or an image of that name then, and there may be one."""
    made = cross(AMD).of
    whole = builds_of(replace(made, targets=tuple(replace(one, parts=()) for one in made.targets)))
    assert taken_otherwise(links_here(whole, engine()), engine(), whole) == {}
    told = taken_otherwise(links_here(whole, engine(AMD, ARM)), engine(AMD, ARM), whole)
    assert [(name, one.words, one.warning and one.warning.hint) for name, one in told.items()] == [
        (
            "app",
            f"built without tools for {AMD}, which it takes and another node builds",
            "use a builder of one node: --builder NAME",
        )
    ]


def test_a_job_on_several_nodes_knows_what_it_was_to_be_given() -> None:
    """The other part is built on the other node, and by nobody where it is not asked for."""
    made = cross(AMD, pushed=False)
    job = BuildPlan(**{**vars(made), "of": plan(made.of.by_name["app"])})
    job = BuildPlan(**{**vars(job), "targets": tuple(one for one in job.targets if one.name != f"app@{AMD}")})
    left = links_here(job, engine(AMD, ARM))
    assert [one.name for one in left.targets] == [f"tools@{ARM}", f"app@{ARM}"]
    assert list(taken_otherwise(left, engine(AMD, ARM), job)) == ["app"]
