"""What the tags of a run hold: which are asked for, how often, and by whom where our own client had no answer."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from buildmatrix.engine.preflight import Engine
from buildmatrix.errors import EngineError
from buildmatrix.oci.answers import Absent, Descriptor, Found, Unknown
from buildmatrix.oci.image import Image
from buildmatrix.oci.index import digest_of
from buildmatrix.plan.model import Plan, PlannedTarget
from buildmatrix.plan.policy import Policy
from buildmatrix.process import Completed
from buildmatrix.publish.tags import Tags, digest_in
from buildmatrix.spec.rows.caches import RegistryCacheTo
from buildmatrix.spec.rows.options import Options
from buildmatrix.spec.rows.outputs import RegistryOutput
from buildmatrix.spec.rows.settings import Settings
from buildmatrix.state.images.marks import ANNOTATION, mark_of
from tests import plans
from tests.programs import Scripted, said
from tests.registry import Server
from tests.unit.publish.test_staging import builder

INSPECT = "docker buildx imagetools inspect --builder b --raw"


def pushed(server: Server, name: str, *caches: str, **values: Any) -> PlannedTarget:
    cached = tuple(RegistryCacheTo(type="registry", ref=f"{server.host}/app:{cache}") for cache in caches)
    settings = Settings(
        tags=(f"{server.host}/app:{name}",), output=(RegistryOutput(type="registry"),), cache_to=cached or None
    )
    return plans.target(name, settings, **values)


class Asking:
    """A run that asks, and what docker is asked meanwhile; `counted` are the HEADs by tag."""

    def __init__(self, server: Server, folder: Path, answers: dict[str, Completed | EngineError] | None = None) -> None:
        self.server, self.told = server, list[str]()
        self.counted: dict[str, int] = {}
        self.answers: dict[tuple[str, str], int] = {}
        server.before = self.count
        self.docker = Scripted(answers or {}, {"DOCKER_CONFIG": str(folder)})

    def count(self, method: str, name: str) -> int | None:
        if method == "HEAD":
            self.counted[name] = self.counted.get(name, 0) + 1
        return self.answers.get((method, name))

    def tags(self, planned: Plan, insecure: frozenset[str] = frozenset(), **options: Any) -> Tags:
        found = Tags(planned, Policy(plan=planned, options=Options(**options)), self.docker, self.told.append)
        engine = Engine(buildx=None, builder=builder(), warnings=(), insecure_registries=lambda: insecure)  # type: ignore[arg-type]
        found.settle(engine)
        return found


@pytest.fixture
def asking(server: Server, tmp_path: Path) -> Asking:
    return Asking(server, tmp_path)


def test_what_tags_and_caches_held_is_known(asking: Asking) -> None:
    server = asking.server
    server.tags["app"] = digest = server.add("amd64", "arm64")
    found = asking.tags(plans.plan(pushed(server, "app", "cache"), pushed(server, "new")))
    held = found.of(f"{server.host}/app:app")
    assert isinstance(held, Image)
    assert (held.digest, held.platforms) == (digest, ("linux/amd64", "linux/arm64"))
    assert found.of(f"{server.host}/app:new") == found.of(f"{server.host}/app:cache") == Absent()
    assert found.of(f"{server.host}/app:other") is None
    assert asking.counted == {"app": 1, "new": 1, "cache": 1}


@pytest.mark.parametrize(
    ("options", "asked"),
    [
        ({}, {"app", "part", "cache"}),
        ({"platforms_may_shrink": True}, {"part"}),
        ({"platforms_may_shrink": True, "publish": "together"}, {"app", "part"}),
    ],
)
def test_only_what_may_not_be_lost_is_asked_for(asking: Asking, options: dict[str, Any], asked: set[str]) -> None:
    part = pushed(asking.server, "part", carried_over=("linux/arm64",))
    asking.tags(plans.plan(pushed(asking.server, "app", "cache"), part), **options)
    assert set(asking.counted) == asked


def test_who_does_not_answer_is_asked_as_often_as_a_build_is_tried(
    asking: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    naps: list[float] = []
    monkeypatch.setattr(time, "sleep", naps.append)
    monkeypatch.setattr("random.uniform", lambda *_: 1.0)
    asking.answers = dict.fromkeys((("HEAD", name) for name in ("app", "cache")), 503)
    server = asking.server
    found = asking.tags(plans.plan(pushed(server, "app", "cache")), retries=2)
    assert asking.counted == {"app": 3 * 3, "cache": 3}  # each question is three requests
    assert asking.told == [
        f"{server.host}/app:app: {server.host} answered 503, asked again in {wait} s" for wait in (1, 2)
    ]
    assert {1.0, 2.0} <= set(naps)
    held = found.of(f"{server.host}/app:app")
    assert isinstance(held, Unknown)
    assert held.passes


def test_who_refuses_is_asked_once_and_then_by_imagetools(server: Server, tmp_path: Path) -> None:
    body = server.content[server.add("amd64")].decode()
    held, gone = (f"{INSPECT} {server.host}/app:{name}" for name in ("held", "gone"))
    answers = {held: said(body), gone: said(stderr=f"ERROR: {server.host}/app:gone: not found", code=1)}
    asking = Asking(server, tmp_path, dict(answers))
    asking.answers = {("HEAD", "held"): 403, ("HEAD", "gone"): 403}
    found = asking.tags(plans.plan(pushed(server, "held"), pushed(server, "gone")), retries=2)
    assert asking.counted == {"held": 1, "gone": 1}
    assert digest_in(found.of(f"{server.host}/app:held")) in server.content
    assert found.of(f"{server.host}/app:gone") == Absent()
    assert sorted(asking.docker.asked) == [gone, held]
    assert asking.told == []


def test_a_registry_that_the_engine_may_ask_without_tls_is_asked_again(server: Server, tmp_path: Path) -> None:
    """The first question is answered by a refusal; the second is our client's own."""
    asking = Asking(server, tmp_path)
    server.tags["app"] = server.add("amd64")
    refused = iter([403])
    server.before = lambda method, _: next(refused, None) if method == "HEAD" else None
    found = asking.tags(plans.plan(pushed(server, "app")), frozenset({server.host, "r.example"}))
    assert digest_in(found.of(f"{server.host}/app:app")) == server.tags["app"]
    assert asking.docker.asked == []


def test_a_registry_that_answered_is_not_asked_again(asking: Asking) -> None:
    asking.tags(plans.plan(pushed(asking.server, "app")), frozenset({asking.server.host}))
    assert asking.counted == {"app": 1}


@pytest.mark.parametrize(
    ("held", "digest"),
    [
        (Image(digest="sha256:a", media_type="m", body=b""), "sha256:a"),
        (Found(descriptor=Descriptor(digest="sha256:b", media_type="m")), "sha256:b"),
        (Absent(), ""),
        (Unknown(reason="r answered 500"), None),
        (None, None),
    ],
)
def test_only_absent_is_no_digest(held: Any, digest: str | None) -> None:
    assert digest_in(held) == digest


def test_an_incremental_run_asks_for_each_platform_with_the_tag_and_once(asking: Asking) -> None:
    """Of an image that tells the fingerprints of its platforms: only such a one may be kept."""
    server = asking.server
    mark = {ANNOTATION: mark_of({"linux/amd64": "0" * 32, "linux/arm64": "1" * 32})}
    document = json.loads(server.content[server.add("amd64", "arm64")]) | {"annotations": mark}
    body = json.dumps(document).encode()
    server.content[digest_of(body)] = body
    server.tags |= {"1": digest_of(body), "2": digest_of(body), "other": server.add("amd64")}
    children = {one["digest"]: f"{server.host}/app@{one['digest']}" for one in document["manifests"]}
    server.content |= dict.fromkeys(children, b"{}")
    planned = plans.plan(*(pushed(server, name) for name in server.tags))
    found = asking.tags(planned, incremental=True)
    assert all(asking.counted[digest] in {1, 2} for digest in children)  # two tags may ask for one at the same moment
    assert set(asking.counted) == {*server.tags, *children}
    before = dict(asking.counted)
    assert all(isinstance(found.below(reference), Found) for reference in children.values())
    assert asking.counted == before
    asking.counted.clear()
    asking.tags(planned)
    assert set(asking.counted) == set(server.tags)
