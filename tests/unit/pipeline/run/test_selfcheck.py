"""After a build, images that others went into than was pinned keep no mark."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from buildmatrix.engine.outcome import BuildOutcome, Outcome, Pin
from buildmatrix.lock.pins import Pins
from buildmatrix.oci.image import Image
from buildmatrix.pipeline.run.left import Reduced
from buildmatrix.pipeline.run.selfcheck import Checked, checked
from buildmatrix.plan.builds import builds_of
from buildmatrix.spec.rows.settings import Settings
from buildmatrix.state.decisions.decision import Decision
from buildmatrix.state.decisions.unchanged import NOTHING
from buildmatrix.state.images.marks import ANNOTATION, fingerprints_in, mark_of
from tests import plans
from tests.registry import Server, registry_in_memory
from tests.unit.lock.images import asking
from tests.unit.lock.test_policy import A, B
from tests.unit.lock.test_used import index, material

pytestmark = pytest.mark.corpus

PRINTS = {"linux/amd64": "a" * 32, "linux/arm64": "b" * 32}
NOTES = {ANNOTATION: mark_of(PRINTS), "dev.buildmatrix.more": "x", "org.other": "y"}


@pytest.fixture
def server() -> Iterator[Server]:
    with registry_in_memory() as found:
        yield found


def run(
    server: Server,
    *pins: str,
    metadata: Any = None,
    tags: tuple[str, ...] = ("1", "2"),
    overtaken: dict[str, str] | None = None,
    pushed: tuple[str, ...] = (),
    **more: Any,
) -> Checked:
    """Check a run that built one image, under two tags, of A for amd64 and of B for arm64."""
    image = index(server, **NOTES)
    names = tuple(f"{server.host}/app:{tag}" for tag in tags)
    for tag in tags:
        server.tags.setdefault(tag, image.digest)
    plan = builds_of(plans.plan(plans.target("app", Settings(tags=names))))
    built = BuildOutcome(
        **{
            "name": "app", "target": "app", "declared": "app", "status": "built", "exported": True, "tags": names,
            "platforms": tuple(PRINTS), "digest": image.digest, **more,
        }
    )  # fmt: skip
    told = {"app": {"containerimage.digest": image.digest, "containerimage.descriptor": {}, **(metadata or {})}}
    outcome = Outcome(targets=(built,), seconds=1, builder="b", nodes=(), metadata=told)
    found = tuple(Pin(name=f"x:{number}", targets=("app",), digest=pin) for number, pin in enumerate(pins))
    left = Reduced(plan=plan, resumed=NOTHING, decisions={"app": Decision(action="build", because=())})
    return checked(outcome, left, Pins(pins=found), asking(), overtaken or {}, pushed)


def held(server: Server, tag: str) -> Image:
    found = asking().look(f"{server.host}/app:{tag}")
    assert isinstance(found, Image)
    return found


def test_what_was_pinned_keeps_its_mark(server: Server) -> None:
    found = run(server, A, B)
    assert (found.warnings, found.wrong) == ((), frozenset())
    assert fingerprints_in(held(server, "1")) == PRINTS


def test_an_image_whose_files_changed_meanwhile_loses_its_mark(server: Server) -> None:
    message = "src/a.py changed while app was built: nobody knows what of it is in the image"
    found = run(server, A, B, overtaken={"app": message, "another": "x"})
    (warning,) = found.warnings
    assert (warning.message, warning.code) == (message, "overtaken")
    assert found.wrong == {"app"}
    assert fingerprints_in(held(server, "1")) == fingerprints_in(held(server, "2")) == {}


def test_an_image_of_other_bases_loses_its_mark_under_all_its_tags(server: Server) -> None:
    found = run(server, A)
    (warning,) = found.warnings
    assert warning.message == f"app was built on localhost:5000/x:1@{B[:19]}…, of which its fingerprint knows nothing"
    assert warning.hint == "its image has no mark: --incremental builds it again"
    assert found.wrong == {"app"}
    one, two = held(server, "1"), held(server, "2")
    assert one.digest == two.digest == found.outcome.targets[0].digest
    assert one.index.annotations == {"org.other": "y"}
    assert one.platforms == ("linux/amd64", "linux/arm64")
    assert len(one.index.manifests) == 4  # the attestations too
    assert found.outcome.metadata["app"] == {"containerimage.digest": one.digest}


def test_what_bake_tells_is_asked_of_no_registry(server: Server) -> None:
    server.before = lambda method, _: pytest.fail(method) if method == "PUT" else None
    assert run(server, A, metadata={"buildx.build.provenance": {"materials": [material(A)]}}).warnings == ()
    server.before = lambda *_: None
    assert run(server, A, metadata={"buildx.build.provenance": {"materials": [material(B)]}}).wrong == {"app"}


def test_only_platforms_that_this_run_built_count(server: Server) -> None:
    assert run(server, A, platforms=("linux/amd64",)).warnings == ()


def test_a_tag_that_is_somebody_elses_by_now_is_left_to_him(server: Server) -> None:
    server.tags["2"] = other = server.add("amd64")
    found = run(server, A)
    assert server.tags["2"] == other
    assert "has no mark" in found.warnings[0].hint


def test_a_mark_that_stays_is_told(server: Server) -> None:
    server.before = lambda method, _: 500 if method == "PUT" else None
    found = run(server, A, tags=("1",))
    assert found.warnings[0].hint == (
        "its mark could not be taken away: run apply --all app before the next --incremental"
    )
    assert json.dumps(found.outcome.metadata)
    assert found.outcome.targets[0].digest == server.tags["1"]


def test_an_image_of_another_job_that_is_in_an_index_by_now_is_known(server: Server) -> None:
    assert run(server, A).wrong == {"app"}
    server.tags.clear()
    assert not run(server, A, pushed=(B,)).wrong
