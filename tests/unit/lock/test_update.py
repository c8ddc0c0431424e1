"""How a lock file changes: added, dropped, moved, kept for its age."""

from datetime import UTC, datetime, timedelta

import pytest

from buildmatrix.errors import RegistryError, UsageError
from buildmatrix.lock.changes import Change, Upgrade, age_of
from buildmatrix.lock.file import NO_LOCK, Lock, LockedImage
from buildmatrix.lock.named import Images, images_of
from buildmatrix.lock.update import differences, refuse_unmatched, relocked
from tests import plans
from tests.registry import Server
from tests.unit.lock.images import asking, image, index
from tests.unit.lock.test_named import target
from tests.unit.lock.test_policy import A, B


def entry(digest: str) -> LockedImage:
    return LockedImage(digest=digest, platforms=("linux/amd64",), onbuild=False, env=())


def images(*names: str) -> Images:
    return images_of(plans.plan(*(target(f"FROM {name}", f"t{number}") for number, name in enumerate(names))))


def statuses(changes: list[Change]) -> dict[str, str]:
    return {one.name.rpartition("/")[2]: one.status for one in changes}


def test_what_is_missing_is_added_what_is_unused_goes_and_what_is_there_stays(server: Server) -> None:
    server.tags["new"] = digest = index(server, linux_amd64=image(server))
    server.before = lambda _, name: pytest.fail("asked") if name == "old" else None
    new, old = (f"{server.host}/app:{name}" for name in ("new", "old"))
    lock = Lock(images={old: entry(A), "gone:1": entry(B)})
    after, changes = relocked(images(new, old, f"{server.host}/app@{digest}"), lock, asking(), None)
    written = f"{server.host}/app@{digest}"
    assert after.digests == {new: digest, old: A, written: digest}
    assert statuses(changes) == {
        f"app@{digest}": "added",
        "app:new": "added",
        "app:old": "unchanged",
        "gone:1": "removed",
    }


def test_where_not_all_targets_are_known_nothing_is_dropped(server: Server) -> None:
    lock = Lock(images={"a:1": entry(A), "b:1": entry(B)})
    assert relocked(images("a:1"), lock, asking(), None, whole=False)[0] == lock
    assert differences(images("a:1", "c:1"), lock, whole=False) == [Change(name="c:1", status="missing")]
    assert server.tags == {}


def test_what_a_check_finds_is_found_without_asking() -> None:
    lock = Lock(images={"a:1": entry(A), "c:1": entry(B)})
    found = differences(images("a:1", "b:1"), lock)
    assert found == [Change(name="b:1", status="missing"), Change(name="c:1", status="unused", before=B)]
    assert differences(images("a:1", "c:1"), lock) == []
    assert len(differences(images("a:1"), NO_LOCK)) == 1


@pytest.mark.parametrize(
    ("days", "upgrade", "status"),
    [
        (1, None, "unchanged"),
        (1, Upgrade(), "moved"),
        (1, Upgrade(globs=("*/other*",)), "unchanged"),
        (1, Upgrade(globs=("*/app",)), "moved"),
        (1, Upgrade(globs=("*/app:*",)), "moved"),
        (13, Upgrade(age=timedelta(days=14)), "kept"),
        (15, Upgrade(age=timedelta(days=14)), "moved"),
        (None, Upgrade(age=timedelta(days=14)), "kept"),
        (None, Upgrade(), "moved"),
    ],
)
def test_digests_move_on_demand(server: Server, days: int | None, upgrade: Upgrade | None, status: str) -> None:
    created = "" if days is None else (datetime.now(UTC) - timedelta(days=days)).isoformat()
    server.tags["1"] = digest = index(server, linux_amd64=image(server, "linux/amd64", created))
    name = f"{server.host}/app:1"
    after, changes = relocked(images(name), Lock(images={name: entry(A)}), asking(), upgrade)
    assert statuses(changes) == {"app:1": status}
    assert after.digests == {name: digest if status == "moved" else A}
    assert changes[0].before == A
    assert bool(changes[0].reason) is (status == "kept")


def test_platforms_that_come_and_go_with_a_new_digest(server: Server) -> None:
    server.tags["1"] = index(server, linux_arm64=image(server, "linux/arm64"))
    name = f"{server.host}/app:1"
    _, (change,) = relocked(images(name), Lock(images={name: entry(A)}), asking(), Upgrade())
    assert (change.lost, change.gained) == (("linux/amd64",), ("linux/arm64",))
    _, (change,) = relocked(images(name), NO_LOCK, asking(), None)
    assert (change.lost, change.gained) == ((), ())


def test_an_entry_whose_tag_did_not_move_stays(server: Server) -> None:
    server.tags["1"] = digest = index(server, linux_amd64=image(server))
    name = f"{server.host}/app:1"
    lock = Lock(images={name: entry(digest)})
    assert relocked(images(name), lock, asking(), Upgrade())[0] == lock


def test_nothing_is_written_where_a_registry_does_not_tell(server: Server) -> None:
    server.tags["there"] = index(server, linux_amd64=image(server))
    server.before = lambda _, name: 403 if name == "refused" else None
    names = [f"{server.host}/app:{name}" for name in ("there", "gone", "refused")]
    with pytest.raises(RegistryError) as error:
        relocked(images(*names), NO_LOCK, asking(), None)
    assert [one.message for one in error.value.diagnostics] == [
        f"{names[1]} cannot be locked: {server.host} does not have it",
        f"{names[2]} cannot be locked: {server.host} answered 403",
    ]
    assert all(one.place for one in error.value.diagnostics)


def test_ages() -> None:
    assert (age_of("36h"), age_of("14d"), age_of("2w")) == (timedelta(hours=36), timedelta(14), timedelta(14))
    for text in ("", "14", "0d", "d", "1.5d", "14 d", "-1d", "999999d"):
        with pytest.raises(UsageError, match="is not a valid age"):
            age_of(text)


def test_a_glob_that_matches_nothing_is_an_error() -> None:
    found = images("debian:12", f"busybox@{A}")
    refuse_unmatched(found, Upgrade(globs=("debian", "bus*", "*@sha256:*")))
    with pytest.raises(UsageError, match=r"^debain matches no external image$") as error:
        refuse_unmatched(found, Upgrade(globs=("debain",)))
    assert error.value.diagnostics[0].hint == 'did you mean "debian" or "debian:12"?'
