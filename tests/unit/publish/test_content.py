"""What was built gets a content tag, by its own mark, in each of its repositories; nothing else does."""

from pathlib import Path
from typing import Any

import pytest

from buildmatrix.engine.outcome import BuildOutcome, Status
from buildmatrix.engine.registry import Registry
from buildmatrix.errors import Place
from buildmatrix.oci.image import Image
from buildmatrix.plan.builds import BuildPlan, builds_of
from buildmatrix.process import Programs
from buildmatrix.publish.content import Pushed, push_content_tags, pushed_images
from buildmatrix.publish.publish import Published
from buildmatrix.spec.rows.outputs import RegistryOutput
from buildmatrix.spec.rows.settings import Settings
from buildmatrix.state.images.content_tags import content_name
from buildmatrix.state.images.marks import ANNOTATION, mark_of
from tests import plans
from tests.registry import Server

AMD, ARM = "linux/amd64", "linux/arm64"
MARKS = {AMD: "a" * 32, ARM: "b" * 32}
NAME = content_name(MARKS)
TAGS = ("one/app:1", "one/app:2", "two/app:1")


def plan(**values: Any) -> BuildPlan:
    settings = Settings(platforms=(AMD, ARM), output=(RegistryOutput(type="registry"),), tags=TAGS)
    return builds_of(plans.plan(plans.target("app", settings, **values)))


def outcome(name: str = "app", digest: str = "sha256:1", status: Status = "built") -> BuildOutcome:
    return BuildOutcome(
        name=name, target="app", declared="app", status=status, exported=True, platforms=(), tags=(), digest=digest
    )


def images(built: BuildPlan, *outcomes: BuildOutcome, published: Published | None = None) -> list[tuple[str, ...]]:
    found = pushed_images(built, ["app"], {one.name: one for one in outcomes}, published or Published())
    return [tuple(one) for one in found]


@pytest.mark.parametrize("status", ["built", "cached"])
def test_what_was_built_whole_is_in_each_repository_whatever_became_of_its_tags(status: Status) -> None:
    assert images(plan(), outcome(status=status)) == [("app", "one/app", "sha256:1"), ("app", "two/app", "sha256:1")]


@pytest.mark.parametrize("status", ["failed", "stopped", "skipped", "unchanged"])
def test_what_was_not_built_is_nowhere(status: Status) -> None:
    assert images(plan(), outcome(status=status, digest="" if status == "failed" else "sha256:1")) == []


def test_what_is_put_together_is_what_its_tags_hold() -> None:
    index = Image(digest="sha256:2", media_type="", body=b"")
    published = Published(moved={"app": TAGS[:2]}, indexes=dict.fromkeys(TAGS[:2], index))
    keys = [f"app@{AMD}", f"app@{ARM}"]
    for one, outcomes in (
        (plan(parts=((AMD,), (ARM,))), [outcome(key) for key in keys]),
        (plan(carried_over=("linux/riscv64",)), [outcome()]),
    ):
        assert images(one, *outcomes) == []
        assert images(one, *outcomes, published=published) == [("app", "one/app", "sha256:2")]


def pushed(server: Server, folder: Path, digest: str) -> list[str]:
    registry = Registry(Programs({"DOCKER_CONFIG": str(folder)}))
    one = Pushed("app", f"{server.host}/app", digest)
    return [found.message for found in push_content_tags([one], registry, lambda _: Place(file="f"), lambda: False)]


def test_the_tag_is_named_by_the_mark_and_holds_the_image(server: Server, tmp_path: Path) -> None:
    digest = server.add("amd64", "arm64", **{ANNOTATION: mark_of(MARKS)})
    assert pushed(server, tmp_path, digest) == []
    assert server.tags == {NAME: digest}


@pytest.mark.parametrize("mark", ["", "2 x", mark_of({AMD: "a" * 32})])
def test_what_does_not_tell_all_that_went_into_it_gets_none(server: Server, tmp_path: Path, mark: str) -> None:
    digest = server.add("amd64", "arm64", **({ANNOTATION: mark} if mark else {}))
    assert pushed(server, tmp_path, digest) == []
    assert server.tags == {}


@pytest.mark.usefixtures("impatient")
def test_a_tag_that_is_refused_is_a_warning(server: Server, tmp_path: Path) -> None:
    digest = server.add("amd64", "arm64", **{ANNOTATION: mark_of(MARKS)})
    server.before = lambda method, _: 403 if method == "PUT" else None
    (message,) = pushed(server, tmp_path, digest)
    assert message.startswith(f"app got no content tag in {server.host}/app: {server.host} answered 403")


@pytest.mark.usefixtures("impatient")
def test_an_image_that_is_not_there_is_a_warning(server: Server, tmp_path: Path) -> None:
    assert pushed(server, tmp_path, "sha256:" + "0" * 64)
    assert server.tags == {}
