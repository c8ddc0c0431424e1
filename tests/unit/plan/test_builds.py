"""Builds: a target is one, or several where its platforms are built apart."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buildmatrix.plan.bakefile import bake_document
from buildmatrix.plan.builds import Build, builds_of
from buildmatrix.plan.model import PlannedTarget
from buildmatrix.spec.rows.outputs import CacheonlyOutput, LocalOutput, RegistryOutput, TarOutput
from buildmatrix.spec.rows.settings import ProvenanceAttest, Settings
from tests import plans
from tests.plans import plan

AMD, ARM, S390 = "linux/amd64", "linux/arm64", "linux/s390x"
APART = ((AMD,), (ARM,))
PUSHED = (RegistryOutput(type="registry"),)


def target(name: str, *links: str, parts: tuple[tuple[str, ...], ...] = (), **more: Any) -> PlannedTarget:
    settings = {"platforms": (AMD, ARM), "output": PUSHED, "tags": (f"r/{name}:1",), **more}
    contexts = {link: f"target:{link}" for link in links}
    return plans.target(name, Settings(contexts=contexts or None, **settings), depends_on=links, parts=parts)


def by_name(*targets: PlannedTarget) -> dict[str, Build]:
    return builds_of(plan(*targets)).by_name


def test_a_target_that_is_not_split_is_one_build_of_its_name() -> None:
    made = plan(target("base"), target("app", "base"))
    found = builds_of(made)
    assert [(one.name, one.target, one.bake_name, one.is_part) for one in found.targets] == [
        ("base", "base", "base", False),
        ("app", "app", "app", False),
    ]
    assert found.of is made
    assert builds_of(found) is found
    assert bake_document(found) == bake_document(made)


def test_a_part_has_its_platforms_and_a_name_that_bake_takes() -> None:
    found = by_name(target("app", parts=APART))
    assert {key: (one.platforms, one.bake_name) for key, one in found.items()} == {
        "app@linux/amd64": ((AMD,), "app--linux-amd64"),
        "app@linux/arm64": ((ARM,), "app--linux-arm64"),
    }
    assert builds_of(plan(target("app", parts=APART))).parts["app"] == tuple(found.values())


V7 = "linux/arm/v7"


@pytest.mark.parametrize(
    ("more", "dests"),
    [
        ({"parts": APART}, ["out/linux_amd64", "out/linux_arm64"]),
        ({"parts": ((AMD,), (ARM, V7)), "platforms": (AMD, ARM, V7)}, ["out/linux_amd64", "out"]),
        ({"parts": ((AMD,), (V7,)), "platforms": (AMD, V7)}, ["out/linux_amd64", "out/linux_arm_v7"]),
        ({"parts": ((AMD,),), "platforms": (AMD,)}, ["out"]),
        ({"parts": APART, "platform_split": True}, ["out", "out"]),  # BuildKit adds the directory itself
        ({"parts": APART, "args": {"BUILDKIT_MULTI_PLATFORM": "1"}}, ["out", "out"]),  # here, too
    ],
)
def test_a_part_writes_where_buildx_would_write_its_platform(more: dict[str, Any], dests: list[str]) -> None:
    output = LocalOutput(type="local", dest="out", platform_split=more.pop("platform_split", None))
    found = [one.settings.output for one in by_name(target("app", **more, output=(output,))).values()]
    assert [one[0].dest for one in found if one and isinstance(one[0], LocalOutput)] == dests


@pytest.mark.parametrize("parts", [(), ((AMD,),)])
def test_files_of_one_platform_are_in_no_directory_of_it_where_it_is_an_index(parts: Any) -> None:
    """As those of the same run without the annotation, for which alone BuildKit is to do as if there were several."""
    local = LocalOutput(type="local", dest="out")
    own = {"platforms": (AMD,), "annotations": (f"manifest[{AMD}]:a=b",)}
    one = replace(target("app", parts=parts, output=(*PUSHED, local), **own), carried_over=(ARM,))
    (found,) = by_name(one).values()
    assert (found.settings.args or {})["BUILDKIT_MULTI_PLATFORM"] == "1"
    assert [getattr(each, "platform_split", None) for each in found.settings.output or ()] == [None, False]


def test_what_builds_upon_a_split_target_is_split_alike() -> None:
    found = by_name(target("base", parts=APART), target("app", "base"), replace(target("late"), needs=("base",)))
    assert [name for name in found if name.startswith("app")] == ["app@linux/amd64", "app@linux/arm64"]
    assert found["app@linux/arm64"].depends_on == ("base@linux/arm64",)
    assert found["app@linux/arm64"].settings.contexts == {"base": "target:base--linux-arm64"}
    assert found["late"].needs == ("base@linux/amd64", "base@linux/arm64")


def test_cuts_of_several_bases_are_all_kept() -> None:
    three = (AMD, ARM, S390)
    one = target("one", platforms=three, parts=((AMD, ARM), (S390,)))
    two = target("two", platforms=three, parts=((AMD,), (ARM, S390)))
    found = by_name(one, two, target("app", "one", "two", platforms=three))
    assert found["app@linux/arm64"].depends_on == ("one@linux/amd64+linux/arm64", "two@linux/arm64+linux/s390x")
    assert [one.platforms for one in found.values() if one.target == "app"] == [(AMD,), (ARM,), (S390,)]


@pytest.mark.parametrize(
    "settings",
    [
        {"output": (TarOutput(type="tar", dest="out.tar"),)},
        {"output": (*PUSHED, TarOutput(type="tar", dest="out.tar"))},
        {"output": (LocalOutput(type="local", dest="out", platform_split=False),)},
        {"platforms": None},
    ],
)
def test_what_cannot_be_joined_stays_whole_with_all_that_it_builds_upon(settings: dict[str, Any]) -> None:
    found = by_name(target("root", parts=APART), target("base", "root"), target("app", "base", **settings))
    assert list(found) == ["root", "base", "app"]


def test_one_platform_is_built_upon_the_part_that_has_it() -> None:
    """It is one part, whatever it writes."""
    app = target("app", "base", platforms=(ARM,), output=(LocalOutput(type="local", dest="out"),))
    found = by_name(target("base", parts=APART), app)
    assert list(found) == ["base@linux/amd64", "base@linux/arm64", "app"]
    assert found["app"].depends_on == ("base@linux/arm64",)
    assert found["app"].settings.contexts == {"base": "target:base--linux-arm64"}


def test_what_writes_nothing_is_split_too() -> None:
    assert len(by_name(target("app", parts=APART, output=(CacheonlyOutput(type="cacheonly"),)))) == 2


def test_a_name_in_bake_is_nobody_elses() -> None:
    found = by_name(target("app--linux-amd64"), target("app", parts=APART))
    assert len({one.bake_name for one in found.values()}) == 3


def test_annotations_of_the_index_wait_for_it() -> None:
    texts = ("index:a=1", "index,manifest:b=2=3", "manifest[linux/arm64]:c=4", "d=5")
    output = RegistryOutput(type="registry", annotation={"annotation-index.e": "6", "annotation.f": "7"})
    found = builds_of(plan(target("app", parts=APART, annotations=texts, output=(output,))))
    assert found.notes == {"app": {"a": "1", "b": "2=3", "e": "6"}}
    amd, arm = (one.settings for one in found.parts["app"])
    assert amd.annotations == ("manifest:b=2=3", "manifest:d=5")
    assert arm.annotations == ("manifest:b=2=3", "manifest[linux/arm64]:c=4", "manifest:d=5")
    (written,) = amd.output or ()
    assert written.annotation == {"annotation.f": "7"}  # type: ignore[union-attr]


UNATTESTED = (ProvenanceAttest(type="provenance", disabled=True),)
INDEX = {"BUILDKIT_MULTI_PLATFORM": "1"}


@pytest.mark.parametrize(
    ("text", "attest", "amd", "arm"),
    [
        ("manifest[linux/arm64]:a=1", UNATTESTED, None, INDEX),
        ("manifest-descriptor:a=1", UNATTESTED, INDEX, INDEX),
        ("manifest-descriptor[linux/amd64]:a=1", None, INDEX, None),
        ("manifest-descriptor:a=1", (ProvenanceAttest(type="provenance", mode="max"),), None, None),
        ("manifest:a=1", UNATTESTED, None, None),
        ("index:a=1", UNATTESTED, None, None),
    ],
)
def test_a_part_whose_annotations_need_an_index_is_one(text: str, attest: Any, amd: Any, arm: Any) -> None:
    made = target("app", parts=APART, annotations=(text,), attest=attest)
    assert [one.settings.args for one in by_name(made).values()] == [amd, arm]
    assert by_name(replace(made, parts=()))["app"].settings.args is None
    variants = tuple(target("app", platforms=part, annotations=(text,), attest=attest) for part in APART)
    assert [one.settings.args for one in by_name(replace(made, variants=variants)).values()] == [amd, arm]
    alone = target("app", parts=((ARM,),), platforms=(ARM,), annotations=(text,), attest=attest)
    assert by_name(alone)[f"app@{ARM}"].settings.args is None
    assert by_name(replace(alone, carried_over=(AMD,)))[f"app@{ARM}"].settings.args == arm


def test_what_is_volatile_is_so_in_each_part() -> None:
    """Annotations of the index are gone, and what has several levels is several."""
    texts = ("index:a=1", "manifest,manifest-descriptor:b=2", "manifest[linux/arm64]:c=3", "d=4")
    output = RegistryOutput(type="registry", annotation={"annotation-index.e": "5", "annotation.f": "6"})
    labels, written = ("labels", "x"), ("output", 0, "annotation.f")
    whole = target("app", "base", parts=APART, annotations=texts, output=(output,), labels={"x": "1"})
    volatile = {("annotations", index) for index in range(3)} | {labels, written, ("platforms", 1), ("tags", 0)}
    whole = replace(whole, volatile=frozenset(volatile))
    amd, arm = builds_of(plan(target("base", parts=APART), whole)).parts["app"]
    assert amd.settings.annotations == ("manifest:b=2", "manifest-descriptor:b=2", "manifest:d=4")
    assert amd.volatile == {("annotations", 0), ("annotations", 1), labels, written, ("tags", 0)}
    assert arm.settings.annotations == (
        "manifest:b=2",
        "manifest-descriptor:b=2",
        "manifest[linux/arm64]:c=3",
        "manifest:d=4",
    )
    assert arm.volatile == amd.volatile | {("annotations", 2), ("platforms", 0)}
    assert by_name(replace(target("app"), volatile=frozenset({labels})))["app"].volatile == {labels}


PLATFORMS = (AMD, ARM, S390, "linux/riscv64")


@given(st.lists(st.lists(st.integers(0, 2), min_size=4, max_size=4), min_size=1, max_size=3))
def test_every_platform_is_built_once_and_upon_its_own(cuts: list[list[int]]) -> None:
    bases = []
    for number, cut in enumerate(cuts):
        parts = (tuple(name for name, part in zip(PLATFORMS, cut, strict=True) if part == which) for which in range(3))
        bases.append(target(f"b{number}", platforms=PLATFORMS, parts=tuple(filter(None, parts))))
    found = builds_of(plan(*bases, target("app", *(base.name for base in bases), platforms=PLATFORMS)))
    for builds in found.parts.values():
        built = [platform for build in builds for platform in build.platforms]
        assert sorted(built) == sorted(PLATFORMS)
    for build in found.targets:
        for link in build.depends_on:
            assert set(build.platforms) <= set(found.by_name[link].platforms)


def test_what_another_call_has_built_without_the_cache_is_taken_from_it() -> None:
    base = plans.target("base", Settings(no_cache=True))
    app = plans.target("app", Settings(contexts={"base": "target:base"}), depends_on=("base",))
    key = "no-cache"
    assert key in bake_document(plans.plan(base, app))["target"]["base"]
    assert key in bake_document(plans.plan(base, app), ["base"], alone=True)["target"]["base"]
    assert key not in bake_document(plans.plan(base, app), ["app"])["target"]["base"]
    only = replace(base, exported=False)
    assert key in bake_document(plans.plan(only, app), ["app"])["target"]["base"]
    asks = replace(base, settings=base.settings.but({"call": "check"}))
    assert key in bake_document(plans.plan(asks, app), ["app"])["target"]["base"]


CROSS = "FROM --platform={} tools AS a\nFROM scratch\nCOPY --from=a / /\n"


@pytest.mark.parametrize(
    ("platform", "amd", "arm"),
    [
        ("$BUILDPLATFORM", [ARM], [AMD]),
        (AMD, [], [AMD]),
        (S390, [], []),
        ("$TARGETPLATFORM", [], []),
    ],
)
def test_a_part_is_given_what_it_takes_for_other_platforms(platform: str, amd: list[str], arm: list[str]) -> None:
    """BuildKit would take the only one that is handed on, whichever that is."""
    tools = target("tools", parts=APART)
    found = by_name(tools, target("app", "tools", parts=APART, dockerfile_inline=CROSS.format(platform)))
    for own, others in ((AMD, amd), (ARM, arm)):
        build = found[f"app@{own}"]
        names = {one: f"tools--{one.replace('/', '-')}" for one in (AMD, ARM)}
        assert build.settings.contexts == {
            "tools": f"target:{names[own]}",
            **{f"tools::{one}": f"target:{names[one]}" for one in others},
        }
        assert build.depends_on == (f"tools@{own}", *(f"tools@{one}" for one in others))


def test_a_context_for_a_platform_is_the_part_for_it() -> None:
    app = plans.target(
        "app",
        Settings(
            platforms=(AMD, ARM),
            output=PUSHED,
            contexts={"tools": "target:tools", f"tools::{AMD}": "target:tools"},
            dockerfile_inline=CROSS.format("$BUILDPLATFORM"),
        ),
        depends_on=("tools",),
        parts=APART,
    )
    found = by_name(target("tools", parts=APART), app)
    assert found[f"app@{ARM}"].settings.contexts == {
        "tools": "target:tools--linux-arm64",
        f"tools::{AMD}": "target:tools--linux-amd64",
    }


def test_of_a_target_that_is_not_split_nothing_more_is_given() -> None:
    app = target("app", "tools", dockerfile_inline=CROSS.format("$BUILDPLATFORM"))
    assert by_name(target("tools"), app)["app"].settings.contexts == {"tools": "target:tools"}


def test_a_part_of_an_annotated_image_is_written_in_ocis_media_types() -> None:
    """As the whole image is: BuildKit takes those where there are annotations, and a part has none of its index."""
    plain = by_name(target("app", parts=APART))[f"app@{AMD}"]
    noted = by_name(target("app", parts=APART, annotations=("index:a=1",)))[f"app@{AMD}"]
    outputs = [output for one in (plain, noted) for output in one.settings.output or ()]
    assert [getattr(output, "oci_mediatypes", "") for output in outputs] == [None, True]
