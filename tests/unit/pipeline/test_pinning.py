"""The pins of a run: the lock file first, then registries; a policy that cannot be read, or takes other images."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from buildmatrix.engine.registry import Registry
from buildmatrix.errors import SpecError, StaleError, UsageError
from buildmatrix.lock import FILE
from buildmatrix.lock import pins as lock_pins
from buildmatrix.lock.file import Lock, LockedImage, text_of
from buildmatrix.lock.pins import Pins
from buildmatrix.lock.policy import VARIABLE, identifier_of
from buildmatrix.pipeline.pinning import OWN, Pinning
from buildmatrix.plan.model import Plan
from buildmatrix.plan.policy import Policy
from buildmatrix.process import Programs
from buildmatrix.spec.rows.options import Options
from tests import plans
from tests.registry import Server, registry_in_memory
from tests.unit.lock.test_named import target
from tests.unit.lock.test_policy import A, B, rule


def plan(folder: Path, text: str, **settings: Any) -> Plan:
    return plans.plan(target(text, **settings), directory=str(folder))


def locked(folder: Path, *platforms: str, **images: str) -> None:
    entries = {
        name.replace("_", ":"): LockedImage(digest=digest, platforms=platforms, onbuild=False, env=())
        for name, digest in images.items()
    }
    (folder / FILE).write_text(text_of(Lock(images=entries)))


def settled(planned: Plan, *rules: dict[str, Any], own_images: bool = False, **options: Any) -> tuple[Pins, list[str]]:
    path = Path(planned.directory, "mine.json")
    path.write_text(json.dumps({"rules": rules}))
    registry = Registry(Programs({"DOCKER_CONFIG": "/nowhere"}))
    environment = {VARIABLE: str(path), "XDG_CACHE_HOME": str(path.parent)}
    pinning = Pinning(planned, Policy(plan=planned, options=Options(**options)), environment, registry)
    return pinning.settle(registry, own_images=own_images), pinning.notes


def test_the_lock_file_goes_before_registries(tmp_path: Path) -> None:
    locked(tmp_path, debian_12=A)
    pins, notes = settled(plan(tmp_path, "FROM debian:12"))
    assert [(pin.digest, pin.origin) for pin in pins.pins] == [(A, "lock")]
    assert notes == []
    assert not pins.only
    assert settled(plan(tmp_path, "FROM debian:12"), own_images=True)[0] == pins


def test_an_engine_with_images_of_its_own() -> None:
    with registry_in_memory() as server:
        server.tags["1"] = server.add("amd64")
        name = f"{server.host}/app:1"
        planned = plans.plan(target(f"FROM {name}"), directory=str(Path(__file__).parent))
        registry = Registry(Programs({"DOCKER_CONFIG": "/nowhere"}))
        pinning = Pinning(planned, Policy(plan=planned), {}, registry)
        assert [pin.reason for pin in pinning.settle(registry, own_images=True).pins] == [OWN]
        assert pinning.notes == [f"{name} is not pinned: {OWN}"]


def test_locked_refuses_what_is_not_in_the_lock(tmp_path: Path) -> None:
    locked(tmp_path, debian_12=A)
    planned = plan(tmp_path, f"FROM debian:12 AS a\nFROM busybox\nCOPY --from=a / /\nCOPY --from=alpine@{B} / /")
    with pytest.raises(StaleError) as error:
        settled(planned, locked=True)
    (one,) = error.value.diagnostics
    assert one.message == "busybox:latest is not in buildmatrix.lock, and only locked images are taken"
    assert one.place is not None
    assert one.place.within == 2
    pins, _ = settled(plan(tmp_path, f"FROM debian:12\nCOPY --from=alpine@{B} / /"), locked=True)
    assert pins.only
    assert {pin.name: pin.digest for pin in pins.pins} == {"debian:12": A, f"alpine@{B}": B}


def test_locked_refuses_what_a_policy_takes_instead(tmp_path: Path) -> None:
    locked(tmp_path, debian_12=A)
    rules = [rule("CONVERT", identifier_of("debian:12"), identifier_of("mirror.example/debian:12"))]
    with pytest.raises(
        StaleError, match=r"^mirror.example/debian:12, which the source policy takes for debian:12, is not"
    ):
        settled(plan(tmp_path, "FROM debian:12"), *rules, locked=True)


def test_a_policy_that_cannot_be_read(tmp_path: Path) -> None:
    planned = plan(tmp_path, "FROM debian:12")
    registry = Registry(Programs({}))
    pinning = Pinning(planned, Policy(plan=planned), {VARIABLE: "none.json"}, registry)
    assert pinning.settle(registry, own_images=False) == Pins()
    assert pinning.notes == [
        f"external images are not pinned: {VARIABLE}: none.json cannot be read: No such file or directory"
    ]
    locked(tmp_path, debian_12=A)
    with pytest.raises(UsageError, match=r"none.json cannot be read"):
        Pinning(planned, Policy(plan=planned, options=Options(locked=True)), {VARIABLE: "none.json"}, registry)


@pytest.mark.parametrize("single", [None, True])
def test_a_locked_base_has_to_have_the_platforms(tmp_path: Path, *, single: bool | None) -> None:
    entry = LockedImage(digest=A, single=single, platforms=("linux/amd64",), onbuild=False, env=())
    (tmp_path / FILE).write_text(text_of(Lock(images={"debian:12": entry})))
    planned = plan(tmp_path, "FROM debian:12", platforms=("linux/amd64", "linux/arm64"))
    with pytest.raises(SpecError, match=r"^debian:12 has no linux/arm64, for which app is built$"):
        settled(planned)


def test_so_has_one_of_which_the_registry_tells(tmp_path: Path) -> None:
    with registry_in_memory() as server:
        server.tags["1"] = server.add("amd64")
        name = f"{server.host}/app:1"
        planned = plan(tmp_path, f"FROM {name}", platforms=("linux/amd64", "linux/arm64"))
        with pytest.raises(SpecError, match=rf"^{name} has no linux/arm64, for which app is built$") as error:
            settled(planned)
        assert error.value.diagnostics[0].hint.startswith("it has linux/amd64:")


def test_nobody_is_asked_again(tmp_path: Path) -> None:
    with registry_in_memory() as server:
        asked: list[str] = []
        server.before = lambda method, _: asked.append(method)
        server.tags["1"] = server.add("amd64")
        _ask(server, tmp_path)
        assert asked == ["HEAD"]


def _ask(server: Server, folder: Path) -> None:
    pins, _ = settled(plan(folder, f"FROM {server.host}/app:1"))
    assert [pin.origin for pin in pins.pins] == ["registry"]


def test_who_is_waited_for_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock_pins, "PATIENCE", 0.05)
    told: list[str] = []
    with registry_in_memory() as server:
        server.tags["1"] = server.add("amd64")
        server.before = lambda *_: time.sleep(0.3)
        planned = plan(tmp_path, f"FROM {server.host}/app:1 AS one\nFROM {server.host}/other:1\nCOPY --from=one / /")
        registry = Registry(Programs({"HOME": "/nowhere", "DOCKER_CONFIG": "/nowhere"}))
        for _ in range(2):
            pinning = Pinning(planned, Policy(plan=planned), {"XDG_CACHE_HOME": str(tmp_path)}, registry)
            assert all(pin.digest for pin in pinning.settle(registry, own_images=False, tell=told.append).pins)
            server.before = lambda *_: None
            monkeypatch.setattr(lock_pins, "PATIENCE", 60)
    assert told == [f"waiting for {server.host} to tell the digests of external images"]
