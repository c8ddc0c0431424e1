"""A plan as it was decided: images by digest, only the missing platforms, and marks where they have a place."""

from dataclasses import replace
from typing import Any

from buildmatrix.oci.image import Image
from buildmatrix.plan.builds import builds_of
from buildmatrix.plan.model import Plan, PlannedTarget
from buildmatrix.spec.rows.outputs import DockerOutput, RegistryOutput
from buildmatrix.spec.rows.settings import ProvenanceAttest, Settings
from buildmatrix.state.decisions.decision import Decision
from buildmatrix.state.decisions.narrowed import as_decided, kept_whole, unsure
from buildmatrix.state.images.marks import ANNOTATION
from tests import plans

AMD, ARM = "linux/amd64", "linux/arm64"
MARK = f"1 {AMD}={'a' * 32} {ARM}={'b' * 32}"
NOTES = {ANNOTATION: MARK, "dev.buildmatrix.record": "abc"}
IMAGE = Image(digest="sha256:" + "c" * 64, media_type="", body=b"")
SKIP = Decision(action="skip", because=("up to date",), image=IMAGE)
BUILD = Decision(action="build", because=("never built",))
PUSHED = (RegistryOutput(type="registry"),)


def target(name: str, **settings: Any) -> PlannedTarget:
    upon = tuple(value.removeprefix("target:") for value in settings.get("contexts", {}).values())
    given = {"platforms": (AMD, ARM), "output": PUSHED, "tags": (f"r:5/{name}:1",), **settings}
    return plans.target(name, Settings(**given), depends_on=upon)


def narrowed(targets: list[PlannedTarget], **decisions: Decision) -> Plan:
    return as_decided(plans.plan(*targets), decisions, {one.name: NOTES for one in targets})


def test_what_is_up_to_date_is_used_by_its_digest() -> None:
    plan = narrowed([target("base"), target("app", contexts={"base": "target:base"})], base=SKIP, app=BUILD)
    app = plan.by_name["app"]
    assert app.settings.contexts == {"base": f"docker-image://r:5/base@{IMAGE.digest}"}
    assert app.depends_on == ()
    assert plan.by_name["base"].settings.output == PUSHED


def test_what_is_there_under_a_content_tag_alone_is_used_by_its_digest() -> None:
    moved = Decision(action="skip", because=("",), image=IMAGE, moves=("r:5/base:1",))
    plan = narrowed([target("base"), target("app", contexts={"base": "target:base"})], base=moved, app=BUILD)
    assert plan.by_name["app"].settings.contexts == {"base": f"docker-image://r:5/base@{IMAGE.digest}"}


def test_only_the_missing_platform_is_built_and_the_other_is_carried_over() -> None:
    part = Decision(action="build", because=("linux/arm64 missing",), platforms=(ARM,), image=IMAGE)
    app = narrowed([target("app")], app=part).by_name["app"]
    assert (app.platforms, app.carried_over) == ((ARM,), (AMD,))


def test_what_others_build_upon_is_built_whole() -> None:
    part = Decision(action="build", because=("linux/arm64 missing",), platforms=(ARM,), image=IMAGE)
    plan = narrowed([target("base"), target("app", contexts={"base": "target:base"})], base=part, app=BUILD)
    assert (plan.by_name["base"].platforms, plan.by_name["base"].carried_over) == ((AMD, ARM), ())


def test_what_another_needs_is_built_whole_so_that_its_tag_is_there_in_time() -> None:
    part = Decision(action="build", because=("linux/arm64 missing",), platforms=(ARM,), image=IMAGE)
    app = replace(target("app"), needs=("base",))
    plan = narrowed([target("base"), app], base=part, app=BUILD)
    assert (plan.by_name["base"].platforms, plan.by_name["base"].carried_over) == ((AMD, ARM), ())
    plan = narrowed([target("base"), app], base=part, app=SKIP)
    assert plan.by_name["base"].platforms == (ARM,)


def test_what_pulls_by_a_tag_that_moves_last_does_not_claim_what_it_is_built_from() -> None:
    app = replace(target("app"), needs=("base",))
    others = [target("web", contexts={"app": "target:app"}), replace(target("last"), needs=("web",)), target("apart")]
    plan = plans.plan(target("base"), app, *others)
    built = dict.fromkeys(plan.by_name, BUILD)
    assert unsure(plan, built, ["base"]) == {"app", "web", "last"}
    assert unsure(plan, {**built, "base": SKIP}, ["base"]) == set()
    assert unsure(plan, built, ["apart"]) == set()


def notes(one: PlannedTarget) -> list[dict[str, str]]:
    found: tuple[Any, ...] = one.settings.output or ()
    return [dict(output.annotation or {}) for output in found]


def noted(level: str) -> dict[str, str]:
    return {f"annotation-{level}.{key}": text for key, text in NOTES.items()}


def test_the_mark_stands_where_the_image_has_a_place_for_it() -> None:
    alone = (ProvenanceAttest(type="provenance", disabled=True),)
    targets = [
        target("index"),
        target("manifest", platforms=(AMD,), attest=alone),
        target("both", output=(*PUSHED, DockerOutput(type="docker"))),
    ]
    plan = narrowed(targets, index=BUILD, manifest=BUILD, both=BUILD)
    index, manifest = noted("index"), noted("manifest")
    assert [notes(one) for one in plan.targets] == [[index], [manifest], [index, {}]]


def test_where_buildx_adds_no_provenance_a_lone_image_has_no_index_to_mark() -> None:
    targets = [target("both"), target("alone", platforms=(AMD,))]
    plan = as_decided(plans.plan(*targets), {}, {one.name: NOTES for one in targets}, attests=False)
    index, manifest = noted("index"), noted("manifest")
    assert [notes(one) for one in plan.targets] == [[index], [manifest]]


def test_only_what_is_to_be_is_built_without_the_cache() -> None:
    afresh = replace(BUILD, afresh=("app", "stage"))
    stage = target("stage", output=None)
    app = target("app", contexts={"base": "target:base", "stage": "target:stage"})
    plan = narrowed([target("base"), stage, app], base=BUILD, app=afresh)
    assert {one.name: one.settings.no_cache for one in plan.targets} == {"base": None, "stage": True, "app": True}


def test_parts_of_a_target_are_built_without_the_cache_too() -> None:
    app = replace(target("app"), parts=((AMD,), (ARM,)))
    plan = builds_of(narrowed([app], app=replace(BUILD, afresh=("app",))))
    assert [one.settings.no_cache for one in plan.targets] == [True, True]


def test_variants_of_a_target_are_built_without_the_cache_too() -> None:
    variants = target("app", platforms=(AMD,)), target("app", platforms=(ARM,), labels={"a": "1"})
    app = replace(target("app"), parts=((AMD,), (ARM,)), variants=variants)
    plan = builds_of(narrowed([app], app=replace(BUILD, afresh=("app",))))
    assert [one.settings.no_cache for one in plan.targets] == [True, True]


def test_what_is_taken_for_other_platforms_is_built_for_all_of_them() -> None:
    """Only the image of the missing platform would be handed on, and be taken for the other one."""
    part = Decision(action="build", because=("linux/arm64 missing",), platforms=(ARM,), image=IMAGE)
    cross = "FROM --platform=$BUILDPLATFORM base AS a\nFROM scratch\nCOPY --from=a / /\n"
    base, upon = target("base"), {"base": "target:base"}
    crossed = narrowed([base, target("app", contexts=upon, dockerfile_inline=cross)], base=part, app=part)
    plain = narrowed([base, target("app", contexts=upon, dockerfile_inline="FROM base")], base=part, app=part)
    assert [one.by_name["base"].platforms for one in (crossed, plain)] == [(AMD, ARM), (ARM,)]
    assert [one.by_name["app"].platforms for one in (crossed, plain)] == [(ARM,), (ARM,)]


def test_what_is_built_upon_an_image_stays_in_the_parts_that_records_know_it_by() -> None:
    """It was cut where the target was that is up to date, and is an image now."""
    base = replace(target("base"), parts=((AMD,), (ARM,)))
    app = target("app", contexts={"base": "target:base"})
    whole = builds_of(plans.plan(base, app))
    left = builds_of(narrowed([base, app], base=SKIP, app=BUILD))
    names = [one.name for one in left.targets if one.target == "app"]
    assert names == [one.name for one in whole.targets if one.target == "app"] == [f"app@{AMD}", f"app@{ARM}"]


def test_what_is_up_to_date_is_one_image_though_a_builder_of_several_nodes_cuts_what_it_builds() -> None:
    """Its parts would each be the whole image, which nobody can join."""
    cut = [replace(target(name), parts=((AMD,), (ARM,))) for name in ("base", "app")]
    left = builds_of(kept_whole(plans.plan(*cut), {"base": SKIP, "app": BUILD}))
    assert [one.name for one in left.targets] == ["base", f"app@{AMD}", f"app@{ARM}"]
