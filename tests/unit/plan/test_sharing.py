"""Which target gets a tag that several write, and what the others do then."""

from typing import Any

import pytest

from buildmatrix.plan.model import PlannedTarget
from buildmatrix.plan.publishing import pushed_tags
from buildmatrix.plan.sharing import share
from buildmatrix.spec.rows.outputs import (
    CacheonlyOutput,
    DockerOutput,
    ImageOutput,
    LocalOutput,
    OciOutput,
    RegistryOutput,
)
from buildmatrix.spec.rows.settings import Settings
from tests.plans import target

REGISTRY, DOCKER = RegistryOutput(type="registry"), DockerOutput(type="docker")
ARCHIVE = OciOutput(type="oci", dest="x.tar")
NOTHING = CacheonlyOutput(type="cacheonly")
LATEST = "docker.io/acme/app:latest"


def made(name: str, *outputs: Any, tags: tuple[str, ...] = ("acme/app:latest",), **more: Any) -> PlannedTarget:
    return target(name, Settings(output=outputs or None, tags=tags), **more)


def shared(*targets: PlannedTarget) -> dict[str, PlannedTarget]:
    return {one.name: one for one in share(targets, frozenset({LATEST}))}


def test_the_last_one_gets_the_tag() -> None:
    found = shared(*(made(name, REGISTRY, tags=("acme/app:latest", f"acme/app:{name}")) for name in "abc"))
    assert [one.tags for one in found.values()] == [
        ("acme/app:a",),
        ("acme/app:b",),
        ("acme/app:latest", "acme/app:c"),
    ]
    assert [one.tags_left_to for one in found.values()] == [{LATEST: "c"}, {LATEST: "c"}, {}]
    assert found["a"].place_of("tags", 0) == found["a"].place


def test_tags_know_where_they_were_written() -> None:
    found = shared(made("a", REGISTRY, tags=("acme/app", "acme/app:a")), made("b", REGISTRY))
    place = found["a"].place
    one = target("a", found["a"].settings, origins={("tags", 1): place})
    assert one.place_of("tags", 0) is place


def test_nothing_shared_changes_nothing() -> None:
    targets = (made("a", REGISTRY), made("b", REGISTRY))
    assert all(now is then for now, then in zip(share(targets, frozenset()), targets, strict=True))
    others = (made("a", REGISTRY, tags=("acme/x:1",)), made("b", REGISTRY))
    assert all(now is then for now, then in zip(shared(*others).values(), others, strict=True))


def test_a_push_of_which_no_name_is_left_is_not_made() -> None:
    found = shared(made("a", REGISTRY, carried_over=("linux/arm64",)), made("b", REGISTRY))
    assert found["a"].settings.output == (NOTHING,)
    assert (found["a"].settings.tags, found["a"].carried_over) == (None, ())
    local = LocalOutput(type="local", dest="out")
    assert shared(made("a", REGISTRY, local), made("b", REGISTRY))["a"].settings.output == (local,)


def test_what_is_left_is_carried_over_still() -> None:
    one = made("a", REGISTRY, tags=("acme/app", "acme/app:1"), carried_over=("linux/arm64",))
    assert shared(one, made("b", REGISTRY))["a"].carried_over == ("linux/arm64",)


def test_a_dependency_writes_no_tag() -> None:
    found = shared(made("a", REGISTRY), made("b", REGISTRY, exported=False))
    assert found["a"].tags == ("acme/app:latest",)
    assert found["b"].tags == ("acme/app:latest",)


@pytest.mark.parametrize("output", [(), (DOCKER,), (ImageOutput(type="image"),)])
def test_an_engine_has_each_tag_once(output: tuple[Any, ...]) -> None:
    found = shared(made("a", *output), made("b", DOCKER))
    assert found["a"].settings.tags is None
    assert found["a"].settings.output == ((NOTHING,) if output else None)
    assert found["a"].tags_left_to == {LATEST: "b"}


def test_engines_are_apart() -> None:
    found = shared(made("a", DOCKER.but({"context": "elsewhere"})), made("b", DOCKER))
    assert found["a"].tags_left_to == {}


def test_a_registry_and_an_engine_are_apart() -> None:
    found = shared(made("a", REGISTRY), made("b", DOCKER))
    assert [one.tags_left_to for one in found.values()] == [{}, {}]
    assert found["a"].settings.output == (REGISTRY.but({"store": False}),)  # the docker driver would store it as well
    assert pushed_tags(found["a"]) == ("acme/app:latest",)
    assert found["b"].settings.output == (DOCKER,)


def test_an_archive_keeps_its_name() -> None:
    found = shared(made("a", ARCHIVE, REGISTRY), made("b", ARCHIVE.but({"dest": "y.tar"}), REGISTRY))
    assert (found["a"].settings.output, found["a"].tags) == ((ARCHIVE,), ("acme/app:latest",))
    assert found["a"].tags_left_to == {LATEST: "b"}


def test_outputs_that_keep_different_names_say_them() -> None:
    found = shared(made("a", REGISTRY, DOCKER, tags=("acme/app", "acme/app:1")), made("b", REGISTRY))
    assert found["a"].settings.tags is None
    names = ["acme/app:1", "acme/app,acme/app:1"]
    assert found["a"].settings.output == tuple(
        one.but({"name": name}) for one, name in zip((REGISTRY, DOCKER), names, strict=True)
    )
    assert pushed_tags(found["a"]) == ("acme/app:1",)


def test_names_of_an_output_are_tags() -> None:
    named = REGISTRY.but({"name": "acme/app:latest,acme/app:a"})
    found = shared(made("a", named, tags=()), made("b", REGISTRY.but({"name": "acme/app"}), tags=()))
    assert pushed_tags(found["a"]) == ("acme/app:a",)
    assert pushed_tags(found["b"]) == ("acme/app:latest",)
    assert found["a"].tags_left_to == {LATEST: "b"}


def test_what_is_pushed_by_digest_has_no_tag() -> None:
    by_digest = REGISTRY.but({"name": "acme/app", "push_by_digest": True})
    found = shared(made("a", REGISTRY), made("b", by_digest, tags=()))
    assert found["a"].tags_left_to == {}
