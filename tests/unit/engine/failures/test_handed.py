"""What is said where BuildKit looked for another target in a registry."""

import pytest

from buildmatrix.engine.failures.handed import not_handed_on
from buildmatrix.plan.builds import builds_of
from buildmatrix.spec.rows.outputs import RegistryOutput
from buildmatrix.spec.rows.settings import Settings
from tests.plans import plan, target

SAID = "{}: failed to resolve source metadata for docker.io/library/{}:latest: docker.io/library/{}:latest: not found"
WHY = (
    "{} is target lib, which another node of the builder builds for the platform of this FROM: "
    "buildx hands nothing on between nodes\nuse a builder of one node (--builder NAME), or "
)
PUSHED = Settings(tags=("ghcr.io/acme/lib:1",), output=(RegistryOutput(type="registry"),))


@pytest.mark.parametrize(
    ("lib", "key", "said", "told"),
    [
        (PUSHED, "up", "up", 'write contexts.up = "docker-image://ghcr.io/acme/lib:1" and needs = ["lib"]'),
        (Settings(), "up", "up", 'push lib, and write contexts.up = "docker-image://TAG" and needs = ["lib"]'),
        (Settings(), "up", "upper", ""),
        (Settings(), "up", "golang:1", ""),
        (
            Settings(),
            "golang:1",
            "golang:1",
            'push lib, and write contexts."golang:1" = "docker-image://TAG" and needs = ["lib"]',
        ),
    ],
)
def test_a_target_that_was_looked_for_in_a_registry_is_named(lib: Settings, key: str, said: str, told: str) -> None:
    app = target("app", Settings(contexts={key: "target:lib", "src": "src"}), depends_on=("lib",))
    found = not_handed_on(plan(target("lib", lib), app), "app", SAID.format(said, said, said))
    assert found == (WHY.format(key) + told if told else "")


def test_a_dependency_that_this_run_does_not_push_has_its_tag_all_the_same() -> None:
    app = target("app", Settings(contexts={"up": "target:lib"}), depends_on=("lib",))
    found = not_handed_on(plan(target("lib", PUSHED, exported=False), app), "app", SAID.format("up", "up", "up"))
    assert 'write contexts.up = "docker-image://ghcr.io/acme/lib:1"' in found


def test_an_image_that_is_not_there_is_no_target() -> None:
    app = target("app", Settings(contexts={"up": "docker-image://up"}))
    assert not not_handed_on(plan(app), "app", SAID.format("up", "up", "up"))


def test_what_bake_refuses_to_hand_on_from_one_node_to_another_is_named_with_its_tag() -> None:
    """Of parts by the names that bake knows, and with the tags of the whole target."""
    both = Settings(platforms=("linux/amd64", "linux/arm64"), tags=PUSHED.tags, output=PUSHED.output)
    parts = (("linux/amd64",), ("linux/arm64",))
    app = target("app", Settings(contexts={"up": "target:lib"}, platforms=both.platforms), depends_on=("lib",))
    built = builds_of(plan(target("lib", both, parts=parts), app))
    said = "failed to use {} as context up for {} because targets build with different drivers"
    told = WHY.format("up") + 'write contexts.up = "docker-image://ghcr.io/acme/lib:1" and needs = ["lib"]'
    names = ("lib--linux-arm64", "app--linux-arm64")
    assert not_handed_on(built, "app@linux/arm64", said.format(*names)) == told
    assert not not_handed_on(built, "app@linux/amd64", said.format(*names))
