"""What stages are made of, and what their FROMs mean with the build's arguments."""

from collections.abc import Mapping

import pytest

from buildmatrix.dockerfile.graph import Graph, familiar, graph_of
from buildmatrix.dockerfile.reader import read
from tests.unit.dockerfile.corpus import TAKEN


def graph(text: str, args: Mapping[str, str] | None = None, platform: str = "linux/arm/v7", *contexts: str) -> Graph:
    file = read(text)
    assert file is not None
    return graph_of(file, args, platform, contexts)


def reached(found: Graph, target: str | None = None) -> list[int]:
    stage = found.file.stage(target)
    assert stage is not None
    return [one.number for one in found.reachable(stage)]


@pytest.mark.parametrize(
    ("text", "args", "expected"),
    [
        ("FROM x", {}, ["x"]),
        ("ARG A=1\nARG B=b$A\nFROM x:$B\nARG A=2\nFROM x:$A", {}, ["x:b1", "x:1"]),
        ("ARG A=1\nARG B=b$A\nFROM x:$B", {"A": "3"}, ["x:b3"]),
        ("ARG A=1\nFROM x:$A$B", {"B": "2"}, ["x:1"]),  # B is not declared
        ("ARG A\nFROM x${A:+:$A}", {}, ["x"]),
        ("ARG A=1\nARG A\nFROM x:$A", {}, ["x:1"]),
        ("ARG A=1\nARG A=2\nFROM x:$A", {}, ["x:2"]),
        ("ARG A='1 2'\nFROM x:${A%?2}", {}, ["x:1"]),
        ('ARG A="${B:-0}" B=1\nFROM x:$A$B', {}, ["x:01"]),
        ("FROM x-$TARGETOS-$TARGETARCH$TARGETVARIANT", {}, ["x-linux-armv7"]),
        ("ARG TARGETARCH=mine\nFROM $TARGETARCH", {}, ["mine"]),
        ("ARG TARGETARCH\nFROM $TARGETARCH", {}, ["arm"]),
        ("FROM x-$TARGETARCH", {"TARGETARCH": "given"}, ["x-given"]),
        ("FROM x-$BUILDARCH\nFROM y", {}, [None, "y"]),
        ("ARG A=$BUILDARCH\nFROM x-$A", {}, [None]),
        ("ARG A=$BUILDARCH\nARG A=1\nFROM x-$A", {"BUILDARCH": "7"}, ["x-1"]),
        ("ARG A=${B:?no}\nFROM $A", {}, [None]),
        ("# escape=`\nARG A=`$x\nFROM $A", {}, ["$x"]),
        ('FROM "quoted"', {}, ["quoted"]),
    ],
)
def test_what_a_from_means(text: str, args: dict[str, str], expected: list[str | None]) -> None:
    assert list(graph(text, args).bases) == expected


def test_without_a_platform_it_is_unknown() -> None:
    assert graph("FROM x-$TARGETARCH", {}, "").bases == (None,)


def test_values_do_not_grow_without_end() -> None:
    doubling = "ARG A=xxxxxxxx\n" + "ARG A=$A$A\n" * 60
    assert graph(f"{doubling}FROM $A").bases == (None,)


@pytest.mark.parametrize(
    ("text", "target", "expected"),
    [
        (TAKEN["several stages"], None, [0, 1]),
        (TAKEN["several stages"], "build", [0]),
        (TAKEN["numbers"], None, [0, 1, 2]),
        ("FROM a\nFROM b\nRUN --mount=from=0,target=/x true\n", None, [1]),  # an image
        (TAKEN["a name twice"], None, [1, 2]),
        (TAKEN["called like its image"], "busybox", [0]),
        (TAKEN["called like its image"], "next", [0, 1]),
        (TAKEN["a long chain"], None, list(range(31))),
        ("FROM a AS x\nFROM x AS x\nFROM x AS x\n", None, [0, 1, 2]),
        ("FROM later\nFROM a AS later\n", None, [1]),
        ("FROM a\nCOPY --from=later / /\nFROM a AS later\n", "later", [1]),
        ("FROM a AS x\nFROM b AS y\nONBUILD COPY --from=x / /\nFROM y\n", "y", [1]),
        ("FROM a AS x\nFROM b AS y\nONBUILD COPY --from=x / /\nFROM y\n", None, [0, 1, 2]),
        ("FROM a AS x\nFROM b AS y\nONBUILD COPY --from=x / /\nFROM y AS z\nFROM z\n", None, [0, 1, 2, 3]),
        ("FROM a AS x\nFROM b\nRUN --mount=from=x,target=/x true\n", None, [0, 1]),
        ("FROM a\nFROM b\nCOPY --from=7 / /\nCOPY --from=99999999999999999999 / /\n", None, [1]),
        ("ARG B=x\nFROM a AS x\nFROM $B\n", None, [0, 1]),
    ],
)
def test_the_stages_that_one_is_made_of(text: str, target: str | None, expected: list[int]) -> None:
    assert reached(graph(text), target) == expected


def test_a_named_context_takes_a_stages_place() -> None:
    text = "FROM a AS x\nRUN a\nFROM x AS y\nRUN b\nCOPY --from=x / /\n"
    found = graph(text, {}, "", "Y")
    assert reached(found) == [1]
    assert found.instructions(found.file.stages[1]) == ()
    assert reached(graph(text, {}, "", "a", "z")) == [0, 1]


@pytest.mark.parametrize("base", ["busybox", "busybox:latest", "docker.io/library/busybox", "docker.io/busybox:latest"])
def test_a_context_is_found_by_an_images_usual_name(base: str) -> None:
    found = graph(f"FROM {base}", {}, "", "BusyBox")
    assert found.context_below(found.file.stages[0])
    empty = graph("FROM scratch", {}, "", "scratch")
    assert not empty.context_below(empty.file.stages[0])
    assert familiar("localhost:5000/library/x:1") == "localhost:5000/library/x:1"


def test_triggers_run_in_what_builds_upon_their_stage_and_not_further() -> None:
    found = graph("FROM a AS x\nRUN 0\nONBUILD RUN 1\nFROM x AS y\nRUN 2\nFROM y\nRUN 3\n")
    assert [[one.text for one in found.instructions(stage)] for stage in found.file.stages] == [
        ["RUN 0"],
        ["ONBUILD RUN 1", "RUN 2"],
        ["RUN 3"],
    ]


def test_a_stage_has_the_platform_of_the_stage_below() -> None:
    """Found on the engine: of `FROM build` with `--platform` the flag does not count."""
    found = graph(TAKEN["platforms"], {}, "linux/arm64")
    assert [found.is_for_target(stage) for stage in found.file.stages] == [False, False, True, False, True]
    further = graph("FROM a AS x\nFROM --platform=linux/s390x x\n")
    assert further.is_for_target(further.file.stages[1])
