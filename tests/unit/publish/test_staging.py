"""What is pushed without its tags first: which images, under which names, and what to do where a registry refuses."""

from typing import Any

import pytest

from buildmatrix.engine.buildx import Builder, Node
from buildmatrix.errors import Place, SpecError
from buildmatrix.oci.reference import fault, parse
from buildmatrix.plan.builds import BuildPlan, builds_of
from buildmatrix.plan.model import Plan, PlannedTarget
from buildmatrix.plan.policy import Policy
from buildmatrix.plan.publishing import LONGEST, staging_tag
from buildmatrix.publish.staging import (
    FirstTags,
    Staging,
    by_node,
    first_tags,
    held_back,
    pushes_by_digest,
    staged,
    too_late,
)
from buildmatrix.spec.rows.options import Options
from buildmatrix.spec.rows.outputs import (
    CacheonlyOutput,
    DockerOutput,
    ImageOutput,
    LocalOutput,
    OciOutput,
    RegistryOutput,
)
from buildmatrix.spec.rows.settings import Settings
from tests.plans import plan, target

TAGS = ("r.example/app:1", "r.example/app:2", "other.example/app")
REGISTRY = RegistryOutput(type="registry")
BOTH = ("linux/amd64", "linux/arm64")


def pushed(name: str = "app", *outputs: Any, tags: tuple[str, ...] = TAGS, **values: Any) -> PlannedTarget:
    platforms = values.pop("platforms", None)
    settings = Settings(tags=tags, output=outputs or (REGISTRY,), platforms=platforms)
    return target(name, settings, **values)


def builder(driver: str = "docker-container", nodes: int = 1) -> Builder:
    own = [(BOTH[number],) if nodes > 1 else BOTH for number in range(nodes)]
    made = tuple(Node(name=f"n{number}", error="", platforms=BOTH, own=one) for number, one in enumerate(own))
    return Builder(name="b", driver=driver, error="", nodes=made)


def policy(planned: Plan, publish: Any = "together") -> Policy:
    return Policy(plan=planned, options=Options(publish=publish))


def stage(planned: Plan, publish: Any = "together", by: Builder | None = None) -> Staging:
    return staged(builds_of(planned), policy(planned, publish), by)


def outputs_of(staging: Staging, name: str = "app") -> tuple[Any, ...]:
    return staging.plan.by_name[name].settings.output or ()


# --- which images -----------------------------------------------------------------------------------------------------


def test_only_what_waits_is_staged() -> None:
    direct = stage(plan(pushed()), "direct")
    assert direct.images == {}
    assert direct.plan.by_name["app"].settings == pushed().settings
    local = pushed("local", LocalOutput(type="local", dest="out"))
    base = pushed("base", exported=False)
    found = stage(plan(base, pushed(), local))
    assert list(found.images) == ["app"]
    image = found.images["app"]
    assert (image.name, image.builds, image.together, image.staged_as) == ("app", ("app",), True, {})
    assert image.tags == {
        "r.example/app": ("r.example/app:1", "r.example/app:2"),
        "other.example/app": ("other.example/app:latest",),
    }
    assert image.all_tags == ("r.example/app:1", "r.example/app:2", "other.example/app:latest")
    for one in (base, local):
        assert found.plan.by_name[one.name].settings == one.settings


def test_what_is_completed_from_its_tags_is_staged_though_it_waits_for_nobody() -> None:
    image = stage(plan(pushed(carried_over=("linux/arm64",))), "direct").images["app"]
    assert (image.together, image.carried_over) == (False, ("linux/arm64",))


def test_the_parts_of_a_target_are_one_image() -> None:
    both = ("linux/amd64", "linux/arm64")
    split = target(
        "app",
        Settings(tags=TAGS[:1], output=(REGISTRY,), platforms=both, annotations=("index:a=b", "manifest:c=d")),
        parts=tuple((one,) for one in both),
    )
    found = stage(plan(split), "direct", builder("docker"))
    image = found.images["app"]
    keys = ("app@linux/amd64", "app@linux/arm64")
    assert (image.builds, image.together, image.annotations) == (keys, False, {"a": "b"})
    assert image.staged_as == {
        keys[0]: ("r.example/app:buildmatrix-staging-app--linux-amd64",),
        keys[1]: ("r.example/app:buildmatrix-staging-app--linux-arm64",),
    }
    assert [outputs_of(found, key)[0].name for key in keys] == [image.staged_as[key][0] for key in keys]


# --- how they are pushed ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("driver", "nodes", "by_digest"),
    [("docker", 1, False), ("docker-container", 1, True), ("remote", 1, True), ("docker-container", 2, False)],
)
def test_who_can_push_without_a_tag(driver: str, nodes: int, by_digest: bool) -> None:
    by = builder(driver, nodes)
    made = plan(pushed(platforms=BOTH))
    assert pushes_by_digest(made.targets[0], by) is by_digest
    found = stage(made, by=by)
    (output,) = outputs_of(found)
    assert found.plan.by_name["app"].settings.tags is None
    assert (output.type, output.push, output.store) == ("image", True, False)
    first = ("r.example/app:buildmatrix-staging-app", "other.example/app:buildmatrix-staging-app")
    if by_digest:
        assert (output.name, output.push_by_digest, output.name_canonical) == (
            "r.example/app,other.example/app", True, True,
        )  # fmt: skip
        assert found.images["app"].staged_as == {}
    else:
        assert (output.name, output.push_by_digest, output.name_canonical) == (",".join(first), None, None)
        assert found.images["app"].staged_as == {"app": first}


def test_what_docker_itself_pushes_is_in_its_store() -> None:
    planned = plan(pushed())
    found = staged(builds_of(planned), policy(planned), builder("docker"), stored=True)
    (output,) = outputs_of(found)
    assert (output.push, output.store) == (True, None)


def test_what_else_is_written_keeps_its_names_and_its_keys() -> None:
    written = (
        ImageOutput(type="image", push=True, name="r.example/own:1", compression="zstd", insecure=True, store=True),
        DockerOutput(type="docker"),
        OciOutput(type="oci", dest="a.tar", name="mine"),
        OciOutput(type="oci", dest="b.tar"),
        ImageOutput(type="image"),
        LocalOutput(type="local", dest="out"),
        CacheonlyOutput(type="cacheonly"),
    )
    docker, named, archive, kept, local, first = outputs_of(stage(plan(pushed("app", *written))))
    assert (first.name, first.compression, first.insecure, first.store) == ("r.example/own", "zstd", True, False)
    assert (docker.name, archive.name, kept.name) == (",".join(TAGS),) * 3
    assert (named.name, local) == ("mine", written[5])
    assert kept.push is None


def test_the_plan_without_tags_writes_no_name() -> None:
    (docker, _) = outputs_of(stage(plan(pushed("app", ImageOutput(type="image", push=True, name="r.example/own:1"),
                                               DockerOutput(type="docker"), tags=()))))  # fmt: skip
    assert docker == DockerOutput(type="docker")


def test_what_several_nodes_build_is_cut_so_that_each_pushes_by_digest() -> None:
    def keys(made: Plan, by: Builder, publish: Any = "together") -> list[str]:
        found = stage(by_node(made, policy(made, publish), by), publish, by)
        assert not any(image.staged_as for image in found.images.values())
        return [one.name for one in found.plan.targets]

    made = plan(pushed(platforms=BOTH))
    assert keys(made, builder(nodes=2)) == ["app@linux/amd64", "app@linux/arm64"]
    assert keys(made, builder(nodes=2), "direct") == keys(made, builder()) == ["app"]
    carried = plan(pushed(platforms=BOTH, carried_over=("linux/s390x",)))
    assert keys(carried, builder(nodes=2), "direct") == ["app@linux/amd64", "app@linux/arm64"]
    assert by_node(made, policy(made), builder("docker", 2)) == made


def test_what_one_file_holds_stays_whole_and_needs_a_staging_tag_on_several_nodes() -> None:
    made = plan(pushed("app", REGISTRY, OciOutput(type="oci", dest="a.tar"), platforms=BOTH))
    by = builder(nodes=2)
    found = stage(by_node(made, policy(made), by), by=by)
    assert found.images["app"].staged_as["app"][0] == "r.example/app:buildmatrix-staging-app"


def test_every_image_is_staged_for_who_moves_tags_elsewhere() -> None:
    made = builds_of(plan(pushed()))
    found = staged(made, policy(made, "direct"), builder(), every=True)
    assert (list(found.images), found.plan.by_name["app"].tags) == (["app"], ())


def test_staging_tags_are_told_of_with_the_reason() -> None:
    def told(planned: Plan, by: Builder, publish: Any = "together") -> str:
        built: BuildPlan = builds_of(planned)
        return first_tags(built, policy(planned, publish), by)

    one = plan(pushed(tags=TAGS[:1]))
    more = plan(pushed(platforms=BOTH), pushed("b", tags=("r.example/b:1",), platforms=BOTH[:1]))
    assert told(one, builder("docker")) == (
        'pushed first as r.example/app:buildmatrix-staging-app: the driver "docker" cannot push an image without a tag'
    )
    assert told(more, builder(nodes=2)) == (
        "pushed first as r.example/app:buildmatrix-staging-app and 1 more: "
        "a builder of several nodes cannot push an image without a tag"
    )
    assert not told(more, builder())
    assert not told(more, builder("docker"), "direct")


@pytest.mark.parametrize("name", ["a", "a" * 108, "a" * 200])
def test_a_staging_tag_is_a_tag(name: str) -> None:
    assert not fault(f"r.example/app:{staging_tag(name)}")
    assert staging_tag(name) == staging_tag(name) != staging_tag(name + "b")


# --- names that a registry refuses ------------------------------------------------------------------------------------

PUSH = "ERROR: failed to push r.example/app:buildmatrix-staging-app: "


@pytest.mark.parametrize(
    "words",
    [
        [f"{PUSH}400 Bad Request"], [f"{PUSH}403 Forbidden"], [f"{PUSH}405 Method Not Allowed"],
        [f"{PUSH}409 Conflict"], [f"{PUSH}412 Precondition Failed"], [f"{PUSH}the tag is IMMUTABLE"],
        [f"{PUSH}cannot be overwritten"], ["PUT /v2/app/manifests/buildmatrix-staging-app", "400 Bad Request"],
    ],
)  # fmt: skip
def test_a_staging_tag_that_may_not_move_is_refused_once(words: list[str]) -> None:
    first = FirstTags(stage(plan(pushed()), by=builder("docker")).images)
    before = first.of("app")
    assert first.are_refused(words)
    assert first.of("app") != before
    assert not first.are_refused(words)


@pytest.mark.parametrize(
    "words", ["ERROR: failed to push r.example/app:1: 400 Bad Request", f"{PUSH}500 Internal", f"{PUSH}14003 Xs", ""]
)
def test_another_trouble_gives_no_new_names(words: str) -> None:
    first = FirstTags(stage(plan(pushed()), by=builder("docker")).images)
    before = first.of("app")
    assert not first.are_refused([words])
    assert first.of("app") == before


def test_fresh_names_take_the_place_of_the_first_ones_only() -> None:
    own, store = OciOutput(type="oci", dest="a.tar"), ImageOutput(type="image")
    planned = plan(pushed("app", REGISTRY, own, store), pushed("b" * 200, tags=("r.example/b:1",)), pushed("free", own))
    staging = stage(planned, by=builder("docker"))
    first = FirstTags(staging.images)
    assert first.renamed(staging.plan) is staging.plan
    before = {name: first.of(name) for name in planned.by_name}
    assert first.are_refused([f"{PUSH}409 Conflict"])
    fresh = first.of("app")
    assert [tag.startswith(f"{old}-") for tag, old in zip(fresh, before["app"], strict=True)] == [True, True]
    (long,) = first.of("b" * 200)
    assert not fault(long)
    assert len(parse(long).tag or "") <= LONGEST
    renamed = first.renamed(staging.plan)
    assert [getattr(one, "name", "") for one in renamed.by_name["app"].settings.output or ()] == [
        *(",".join(TAGS),) * 2, ",".join(fresh),
    ]  # fmt: skip
    assert first.of("free") == ()
    assert renamed.by_name["free"] is staging.plan.by_name["free"]


# --- what cannot wait -------------------------------------------------------------------------------------------------


def test_an_image_that_another_one_needs_cannot_wait() -> None:
    alone = pushed("alone", tags=("r.example/alone:1",))
    place = Place(file="f", pointer=("target", "app", "needs"))
    later = [pushed(name, needs=("alone",), origins={("needs",): place}) for name in ("app", "b")]
    planned = plan(alone, *later)
    (found,) = too_late(planned, policy(planned))
    assert (found.message, found.hint, found.severity, found.code) == (
        "app needs alone first, whose tags move only when every image is there",
        'build alone with publish = "direct" if app pulls it, or hand it on through contexts',
        "warning",
        "publish",
    )
    assert found.place == place
    assert not list(too_late(planned, policy(planned, "direct")))
    written = plan(pushed("alone", LocalOutput(type="local", dest="out")), *later)
    assert not list(too_late(written, policy(written)))
    unplanned = plan(*later)
    assert not list(too_late(unplanned, policy(unplanned)))


def test_only_what_has_tags_that_move_waits_for_others() -> None:
    local = pushed("local", LocalOutput(type="local", dest="out"))
    planned = plan(pushed("base", exported=False), local, pushed("untagged", tags=()), pushed())
    assert held_back(builds_of(planned), policy(planned)) == {"app"}
    assert held_back(builds_of(planned), policy(planned, "direct")) == set()


def test_different_images_cannot_be_moved_to_last() -> None:
    def planned(compression: Any, **values: Any) -> Plan:
        outputs = [
            RegistryOutput(type="registry", name=f"r.example/app:{one}", compression=one)
            for one in ("gzip", compression)
        ]
        return plan(pushed("app", *outputs, **values))

    stage(planned("zstd"), "direct")
    stage(planned("gzip"))
    for one, publish in ((planned("zstd"), "together"), (planned("zstd", carried_over=("linux/arm64",)), "direct")):
        with pytest.raises(SpecError, match=r"^the outputs of app push different images"):
            stage(one, publish)


@pytest.mark.parametrize("publish", ["together", "direct"])
def test_what_is_pushed_is_exported_last_since_bake_tells_one_digest(publish: str) -> None:
    made = pushed("app", REGISTRY, DockerOutput(type="docker"), LocalOutput(type="local", dest="out"))
    types = [output.type for output in outputs_of(stage(plan(made), publish, builder("docker")))]
    assert types == ["docker", "local", "image" if publish == "together" else "registry"]
