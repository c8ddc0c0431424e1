"""Sets of tags that move, against a registry in memory: two at once, refusals half-way, and what comes between."""

import random
import threading
import time
from collections.abc import Iterable
from pathlib import Path

import pytest

from buildmatrix.engine.imagetools import Imagetools
from buildmatrix.engine.registry import Registry
from buildmatrix.oci.answers import Unknown
from buildmatrix.oci.image import Held
from buildmatrix.oci.index import digest_of
from buildmatrix.process import Programs
from buildmatrix.publish import moving
from buildmatrix.publish.moving import Move, Mover, Result
from buildmatrix.publish.tags import Tags
from buildmatrix.state.images.marks import ANNOTATION, fingerprints_in, mark_of
from tests.registry import Server

AMD, ARM = "linux/amd64", "linux/arm64"
NAMES = [str(number) for number in range(4)]


class Asked(Tags):
    """What tags held when the run began, without a plan."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.registry = Registry(Programs({"DOCKER_CONFIG": str(folder)}))
        self._before = {f"{server.host}/app:{name}": self.registry.look(f"{server.host}/app:{name}") for name in NAMES}
        self.registry._imagetools = Broken()


class Broken(Imagetools):
    """An imagetools that cannot do anything."""

    def __init__(self) -> None:
        pass

    def look(self, reference: str) -> Held:
        return Unknown(reason=f"no imagetools for {reference}")

    def create(self, tag: str, sources: Iterable[str], notes: Iterable[str] = ()) -> str:
        return f"no imagetools for {tag} {sources} {notes}"


class Someone:
    """A run that has built an image and will move the tags."""

    def __init__(self, server: Server, folder: Path, digest: str, *lacking: str, completes: bool = False) -> None:
        self.tags = Asked(server, folder)
        self.moves = [
            Move(
                target="app",
                tag=f"{server.host}/app:{name}",
                repository=f"{server.host}/app",
                digests=(digest,),
                completes=completes,
                carried_over=lacking,
            )
            for name in NAMES
        ]

    def go(self) -> Result:
        return Mover(self.tags, lambda: False, blindly=False).move_all(self.moves)


def test_all_of_them_or_none(server: Server, tmp_path: Path) -> None:
    old, new = server.add("amd64", note="old"), server.add("amd64", note="new")
    server.tags = dict.fromkeys(NAMES, old)
    assert not Someone(server, tmp_path, new).go().troubles
    assert server.tags == dict.fromkeys(NAMES, new)
    newer = server.add("amd64", note="newer")
    server.before = lambda method, name: 403 if (method, name, server.tags[NAMES[0]]) == ("PUT", "2", newer) else None
    result = Someone(server, tmp_path, newer).go()
    assert [trouble.move.tag for trouble in result.troubles] == [f"{server.host}/app:2"]
    assert "answered 403; imagetools: no imagetools" in result.troubles[0].words
    assert server.tags == dict.fromkeys(NAMES, new)


@pytest.mark.usefixtures("impatient")
def test_what_was_not_there_is_deleted_again_or_named(server: Server, tmp_path: Path) -> None:
    new = server.add("amd64", note="new")
    server.before = lambda method, name: 500 if (method, name) == ("PUT", "3") else None
    assert Someone(server, tmp_path, new).go().troubles
    assert server.tags == {}
    server.can_delete = False
    result = Someone(server, tmp_path, new).go()
    assert len(result.stuck) == len(server.tags) == 3


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("method", ["HEAD", "PUT"])
def test_an_answer_that_is_lost_is_looked_after(server: Server, tmp_path: Path, method: str) -> None:
    """The registry has done what it was asked, or not; what it holds tells."""
    old, new = server.add("amd64", note="old"), server.add("amd64", note="new")
    server.tags = dict.fromkeys(NAMES, old)
    someone = Someone(server, tmp_path, new)
    left = dict.fromkeys(NAMES, 2)

    def before(asked: str, name: str) -> int | None:
        if asked != method or not left.get(name):
            return None
        left[name] -= 1
        if asked == "PUT" and left[name]:
            server.tags[name] = new
        return 502

    server.before = before
    assert not someone.go().troubles
    assert server.tags == dict.fromkeys(NAMES, new)


def test_what_somebody_moved_while_we_built_is_theirs(server: Server, tmp_path: Path) -> None:
    old, new, other = (server.add("amd64", note=note) for note in ("old", "new", "other"))
    server.tags = dict.fromkeys(NAMES, old)
    someone = Someone(server, tmp_path, new)
    server.tags["3"] = other
    result = someone.go()
    assert [trouble.clash for trouble in result.troubles] == [True]
    assert server.tags == {**dict.fromkeys(NAMES, old), "3": other}


def test_a_tag_is_completed_from_what_it_holds_when_it_moves(server: Server, tmp_path: Path) -> None:
    old, new = server.add("amd64", "arm64", note="old"), server.add("amd64", note="new")
    server.tags = dict.fromkeys(NAMES, old)
    someone = Someone(server, tmp_path, new, "linux/arm64", completes=True)
    later = server.add("amd64", "arm64", "s390x", note="later")
    server.tags["1"] = later
    before = server.platforms("1")
    assert not someone.go().troubles
    mine = digest_of(b"amd64 new")
    assert server.platforms("1") == {**before, "amd64": mine}
    assert server.platforms("2") == {"amd64": mine, "arm64": digest_of(b"arm64 old")}


def test_what_is_carried_over_keeps_the_mark_that_it_came_with(server: Server, tmp_path: Path) -> None:
    """Another run has put another image of that platform there since this one began."""
    before, now, mine = ({AMD: digit * 32, ARM: digit * 32} for digit in "abc")
    server.tags = dict.fromkeys(NAMES, server.add("amd64", "arm64", note="old", **{ANNOTATION: mark_of(before)}))
    new = server.add("amd64", note="new", **{ANNOTATION: mark_of(mine)})
    someone = Someone(server, tmp_path, new, ARM, completes=True)
    server.tags["1"] = server.add("amd64", "arm64", note="later", **{ANNOTATION: mark_of(now)})
    assert not someone.go().troubles
    held = someone.tags.registry.look(f"{server.host}/app:1")
    assert fingerprints_in(held) == {AMD: mine[AMD], ARM: now[ARM]}


@pytest.mark.parametrize("gone", ["deleted", "shrunk"])
def test_what_was_to_be_carried_over_is_gone(server: Server, tmp_path: Path, gone: str) -> None:
    old, new = server.add("amd64", "arm64", note="old"), server.add("amd64", note="new")
    server.tags = dict.fromkeys(NAMES, old)
    someone = Someone(server, tmp_path, new, "linux/arm64", completes=True)
    if gone == "deleted":
        del server.tags["2"]
    else:
        server.tags["2"] = server.add("amd64", note="other")
    now = dict(server.tags)
    (trouble,) = someone.go().troubles
    assert (trouble.clash, trouble.words) == (True, "it would lose linux/arm64, which the tag does not have any more")
    assert server.tags == now


def test_a_registry_that_lies_about_digests_gets_no_half_set(server: Server, tmp_path: Path) -> None:
    old, new = server.add("amd64", note="old"), server.add("amd64", note="new")
    server.tags = dict.fromkeys(NAMES, old)
    someone = Someone(server, tmp_path, new)
    server.before = lambda method, name: (
        299 if method == "HEAD" and new in server.tags.values() and name != "0" else None
    )
    assert not someone.go().troubles
    assert server.tags == dict.fromkeys(NAMES, new)


@pytest.mark.parametrize("seed", range(8))
def test_of_two_at_once_one_has_all_or_nobody_has(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(moving, "LEAST_PAUSE", 0.25)  # a busy machine stops a thread between its look and its writing
    chance = random.Random(seed)  # noqa: S311 it is a test's
    pause = chance.choice([0.0, 0.002, 0.01])
    server.before = lambda *_: time.sleep(chance.random() * pause)
    server.can_delete = seed % 2 == 0
    old = server.add("amd64", note="old")
    server.tags = dict.fromkeys(NAMES, old) if seed % 3 else {}
    digests = [server.add("amd64", note=who) for who in "ab"]
    both = [Someone(server, tmp_path, digest) for digest in digests]
    results: dict[int, Result] = {}

    def go(number: int) -> None:
        results[number] = both[number].go()

    threads = [threading.Thread(target=go, args=[number]) for number in (0, 1)]
    for thread in threads:
        thread.start()
        time.sleep(chance.random() * 0.02)
    for thread in threads:
        thread.join()
    claimed = {digests[number] for number, result in results.items() if not result.troubles}
    held = set(server.tags.values())
    assert len(claimed) < 2
    assert held == claimed if claimed else held <= {old, *digests}
    stuck = [tag for result in results.values() for tag in result.stuck]
    assert len(held) <= 1 or stuck


@pytest.mark.parametrize("seed", range(5))
def test_two_that_complete_one_tag_at_once_lose_nothing(server: Server, tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 it is a test's
    server.before = lambda *_: time.sleep(chance.random() * 0.005)
    server.tags = dict.fromkeys(NAMES, server.add("amd64", "arm64", note="old"))
    both = [Someone(server, tmp_path, server.add(one, note="new"), completes=True) for one in ("amd64", "arm64")]
    results: list[Result] = []
    threads = [threading.Thread(target=lambda who=who: results.append(who.go())) for who in both]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(set(server.platforms(name)) == {"amd64", "arm64"} for name in NAMES)
    done = sum(not result.troubles for result in results)
    fresh = {digest_of(b"amd64 new"), digest_of(b"arm64 new")}
    assert all(len(fresh & set(server.platforms(name).values())) >= done for name in NAMES)
