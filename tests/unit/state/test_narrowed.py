"""A plan as it was decided: images by digest, only the missing platforms, and marks where they have a place."""

from typing import Any

from buildmatrix.oci.image import Image
from buildmatrix.plan.model import Plan, PlannedTarget
from buildmatrix.spec.rows.settings import DockerOutput, ProvenanceAttest, RegistryOutput, Settings
from buildmatrix.state.decision import Decision
from buildmatrix.state.marks import ANNOTATION
from buildmatrix.state.narrowed import as_decided
from tests import plans

AMD, ARM = "linux/amd64", "linux/arm64"
BOTH = {AMD: "a" * 32, ARM: "b" * 32}
MARK = f"1 {AMD}={'a' * 32} {ARM}={'b' * 32}"
IMAGE = Image(digest="sha256:" + "c" * 64, media_type="", body=b"")
SKIP = Decision(action="skip", because=("up to date",), image=IMAGE)
BUILD = Decision(action="build", because=("never built",))
PUSHED = (RegistryOutput(type="registry"),)


def target(name: str, **settings: Any) -> PlannedTarget:
    upon = tuple(value.removeprefix("target:") for value in settings.get("contexts", {}).values())
    given = {"platforms": (AMD, ARM), "output": PUSHED, "tags": (f"r:5/{name}:1",), **settings}
    return plans.target(name, Settings(**given), depends_on=upon)


def narrowed(targets: list[PlannedTarget], **decisions: Decision) -> Plan:
    marks = {one.name: BOTH for one in targets}
    return as_decided(plans.plan(*targets), decisions, marks)


def test_what_is_up_to_date_is_used_by_its_digest() -> None:
    plan = narrowed([target("base"), target("app", contexts={"base": "target:base"})], base=SKIP, app=BUILD)
    app = plan.by_name["app"]
    assert app.settings.contexts == {"base": f"docker-image://r:5/base@{IMAGE.digest}"}
    assert app.depends_on == ()
    assert plan.by_name["base"].settings.output == PUSHED


def test_only_the_missing_platform_is_built_and_the_other_is_carried_over() -> None:
    part = Decision(action="build", because=("linux/arm64 missing",), platforms=(ARM,), image=IMAGE)
    app = narrowed([target("app")], app=part).by_name["app"]
    assert (app.platforms, app.carried_over) == ((ARM,), (AMD,))


def test_what_others_build_upon_is_built_whole() -> None:
    part = Decision(action="build", because=("linux/arm64 missing",), platforms=(ARM,), image=IMAGE)
    plan = narrowed([target("base"), target("app", contexts={"base": "target:base"})], base=part, app=BUILD)
    assert (plan.by_name["base"].platforms, plan.by_name["base"].carried_over) == ((AMD, ARM), ())


def notes(one: PlannedTarget) -> list[dict[str, str]]:
    found: tuple[Any, ...] = one.settings.output or ()
    return [dict(output.annotation or {}) for output in found]


def test_the_mark_stands_where_the_image_has_a_place_for_it() -> None:
    alone = (ProvenanceAttest(type="provenance", disabled=True),)
    targets = [
        target("index"),
        target("manifest", platforms=(AMD,), attest=alone),
        target("both", output=(*PUSHED, DockerOutput(type="docker"))),
    ]
    plan = narrowed(targets, index=BUILD, manifest=BUILD, both=BUILD)
    index, manifest = {f"annotation-index.{ANNOTATION}": MARK}, {f"annotation-manifest.{ANNOTATION}": MARK}
    assert [notes(one) for one in plan.targets] == [[index], [manifest], [index, {}]]


def test_where_buildx_adds_no_provenance_a_lone_image_has_no_index_to_mark() -> None:
    targets = [target("both"), target("alone", platforms=(AMD,))]
    plan = as_decided(plans.plan(*targets), {}, {one.name: BOTH for one in targets}, attests=False)
    index, manifest = {f"annotation-index.{ANNOTATION}": MARK}, {f"annotation-manifest.{ANNOTATION}": MARK}
    assert [notes(one) for one in plan.targets] == [[index], [manifest]]
