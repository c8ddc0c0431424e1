"""Pins: who is asked for a digest, how often, and what becomes of what nobody knows."""

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from buildmatrix.engine.outcome import Pin
from buildmatrix.engine.registry import Registry
from buildmatrix.lock.named import images_of
from buildmatrix.lock.pins import DENIED, ELSEWHERE, UNCLEAR, UNLOCKED, Pins, Resolving
from buildmatrix.lock.policy import VARIABLE, SourcePolicy, Verdict, file_in, identifier_of
from buildmatrix.process import Programs
from tests import plans
from tests.registry import Server
from tests.unit.lock.test_named import target
from tests.unit.lock.test_policy import A, B, rule

ELSE = MappingProxyType[str, str]({})


def resolved(
    server: Server,
    *texts: str,
    user: SourcePolicy = SourcePolicy(),  # noqa: B008 it is frozen
    known: Mapping[str, str] = ELSE,
    apart: str = "",
    only: bool = False,
) -> Pins:
    registry = Registry(Programs({"DOCKER_CONFIG": "/nowhere"}))
    planned = plans.plan(*(target(text, f"t{number}") for number, text in enumerate(texts)))
    assert server.host
    return Resolving(images_of(planned), registry, user, known, only=only).settle(registry, apart=apart)


def test_each_image_is_asked_for_once(server: Server) -> None:
    server.tags["base"] = digest = server.add("amd64")
    asked: list[tuple[str, str]] = []
    server.before = lambda method, name: asked.append((method, name))
    name = f"{server.host}/app:base"
    found = resolved(server, f"FROM {name}\n", f"FROM {name}\nRUN true\n", "FROM scratch")
    assert found.pins == (Pin(name=name, targets=("t0", "t1"), digest=digest, origin="registry"),)
    assert asked == [("HEAD", "base")]
    assert found.of(["t0"]) == found.of(["t2", "t1"]) == {name: digest}
    assert found.of(["t2"]) == {}
    assert list(found.notes()) == []


def test_nobody_is_asked_for_what_is_known(server: Server) -> None:
    server.before = lambda *_: pytest.fail("asked")
    name, written = f"{server.host}/app:base", f"{server.host}/app@{B}"
    found = resolved(server, f"FROM {name}", f"FROM {written}", known={name: A})
    assert {pin.name: (pin.digest, pin.origin) for pin in found.pins} == {name: (A, "lock"), written: (B, "name")}


@pytest.mark.parametrize(
    ("status", "why"), [(503, "HOST answered 503"), (403, "HOST answered 403"), (None, "HOST does not have it")]
)
def test_what_nobody_knows_is_taken_as_it_is_and_said(server: Server, status: int | None, why: str) -> None:
    server.before = lambda *_: status
    name = f"{server.host}/app:gone"
    found = resolved(server, f"FROM {name}")
    why = why.replace("HOST", server.host)
    assert found.pins == (Pin(name=name, targets=("t0",), reason=why),)
    assert list(found.notes()) == [f"{name} is not pinned: {why}"]
    assert found.policy() is None
    assert found.of(["t0"]) == {}


def test_notes_gather_what_has_one_reason(server: Server) -> None:
    one, two = (f"{server.host}/app:{name}" for name in "ab")
    found = resolved(server, f"FROM {one}\nCOPY --from={two} / /")
    assert list(found.notes()) == [f"{one}, {two} are not pinned: {server.host} does not have it"]


def test_an_engine_with_images_of_its_own_is_not_pinned_to_a_registry(server: Server) -> None:
    server.tags["base"] = server.add("amd64")
    found = resolved(server, f"FROM {server.host}/app:base", apart="it has its own")
    assert [pin.reason for pin in found.pins] == ["it has its own"]


def of(rules: list[dict[str, Any]]) -> SourcePolicy:
    return SourcePolicy(rules=tuple(rules))


def test_what_the_user_converts_is_pinned_as_that(server: Server) -> None:
    server.tags["mirrored"] = digest = server.add("amd64")
    mirror = f"{server.host}/app:mirrored"
    rules = [rule("CONVERT", identifier_of("debian:12"), identifier_of(mirror))]
    found = resolved(server, "FROM debian:12", user=of(rules))
    assert found.pins == (Pin(name="debian:12", targets=("t0",), digest=digest, origin="registry", instead=mirror),)
    policy = of((found.policy() or {})["rules"])
    assert policy.judged(identifier_of("debian:12")) == Verdict(identifier_of(mirror, digest), denied=False)


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (rule("DENY", identifier_of("debian:12")), DENIED),
        (rule("CONVERT", identifier_of("debian:12"), "https://example.com/debian"), ELSEWHERE),
        (rule("WARN", identifier_of("debian:12")), UNCLEAR),
    ],
)
def test_what_the_user_forbids_or_makes_of_it_otherwise_is_left_to_buildkit(
    server: Server, bad: dict[str, Any], why: str
) -> None:
    found = resolved(server, "FROM debian:12", user=of([bad]), known={"debian:12": A})
    assert [(pin.digest, pin.reason) for pin in found.pins] == [("", why)]
    assert found.policy() is None


def test_where_only_locked_images_may_be_taken_nobody_is_asked(server: Server) -> None:
    server.before = lambda *_: pytest.fail("asked")
    one, two = (f"{server.host}/app:{name}" for name in ("one", "two"))
    found = resolved(server, f"FROM {one}\nCOPY --from={two} / /", known={one: A}, only=True)
    assert [(pin.name, pin.digest, pin.reason) for pin in found.pins] == [(one, A, ""), (two, "", UNLOCKED)]
    assert found.only


def test_a_tag_of_the_runs_own_that_is_not_written_now_means_its_image(tmp_path: Path) -> None:
    """The docker driver would take what its engine has under the tag."""
    programs = Programs({})
    pins = Pins(own=("localhost:5000/lib:1", "localhost:5000/built:1"))
    assert pins.handed(programs, tmp_path) is programs
    digest = f"sha256:{'a' * 64}"
    handed = pins.handed(programs, tmp_path, held={"localhost:5000/lib:1": digest, "localhost:5000/nobody:1": digest})
    (rule,) = json.loads(Path(handed.environment[VARIABLE]).read_text())["rules"]
    assert rule["selector"]["identifier"] == "docker-image://localhost:5000/lib:1"
    assert rule["updates"]["identifier"] == f"docker-image://localhost:5000/lib:1@{digest}"


def test_the_policy_is_handed_over_by_the_environment(tmp_path: Path) -> None:
    programs = Programs({VARIABLE: "mine.json", "A": "b"})
    assert Pins().handed(programs, tmp_path) is programs
    written = Pin(name=f"busybox@{A}", targets=("t",), digest=A, origin="name")
    assert Pins(pins=(written,)).handed(programs, tmp_path) is programs
    pins = Pins(pins=(written, Pin(name="debian:12", targets=("t",), digest=B, origin="registry")))
    handed = pins.handed(programs, tmp_path)
    assert handed.environment == {VARIABLE: str(file_in(tmp_path)), "A": "b"}
    assert programs.environment[VARIABLE] == "mine.json"
    assert json.loads(file_in(tmp_path).read_text()) == pins.policy()


def test_only_pins_and_what_the_run_writes_pass_a_locked_policy() -> None:
    pins = (Pin(name=f"busybox@{A}", targets=("t",), digest=A, origin="name"),)
    found = Pins(pins=pins, own=("r.example/base:1",), only=True)
    policy = of((found.policy() or {})["rules"])
    for name, denied in {f"busybox@{A}": False, "r.example/base:1": False, "busybox": True}.items():
        assert policy.judged(identifier_of(name)) == Verdict(identifier_of(name), denied=denied)
