"""Who is asked: our own client, and imagetools for what it cannot do."""

import time
from collections.abc import Iterable
from typing import Any, cast

import pytest

from buildmatrix.engine.registry import Registry, Wanted
from buildmatrix.oci.answers import Absent, Answer, Descriptor, Found, Unknown
from buildmatrix.oci.holdings import Holdings
from buildmatrix.oci.image import Held, Image
from buildmatrix.process import Programs

REFUSED = Unknown(reason="r answered 403", refused=True)
PASSES = Unknown(reason="r answered 503", passes=True)
DOUBTED = Unknown(reason="r answered 404", doubted=True)
OURS, THEIRS = (Image(digest="sha256:" + sign * 64, media_type="m", body=b"{}") for sign in "ab")
WANTED = Wanted(image=OURS, sources=("r/app@sha256:a",), notes=("index:a=b",))


class Client:
    """A client with one answer to everything; PUT has several, one after the other."""

    def __init__(self, answer: Answer, *put: Found | Unknown) -> None:
        self.answer, self.left = answer, list(put)

    def head(self, _: str) -> Answer:
        return self.answer

    def get(self, *_: str, tries: int = 1) -> Answer:
        assert tries
        return self.answer

    def put(self, *_: object) -> Found | Unknown:
        return self.left.pop(0)


class Imagetools:
    """An imagetools with one answer; `create` has several."""

    def __init__(self, held: Held, *words: str) -> None:
        self.held, self.words = held, list(words)
        self.looked: list[str] = []
        self.created: list[tuple[str, tuple[str, ...], tuple[str, ...]]] = []

    def look(self, reference: str) -> Held:
        self.looked.append(reference)
        return self.held

    def create(self, tag: str, sources: Iterable[str], notes: Iterable[str] = ()) -> str:
        self.created.append((tag, tuple(sources), tuple(notes)))
        return self.words.pop(0)


def found(image: Image) -> Found:
    return Found(descriptor=Descriptor(digest=image.digest, media_type="m"), body=image.body)


def made(client: Client, second: Imagetools | None) -> Registry:
    registry = Registry(Programs({}))
    registry._client = cast("Any", client)
    registry._holdings = Holdings(cast("Any", client))
    registry._imagetools = cast("Any", second)
    return registry


@pytest.mark.parametrize(
    ("first", "second", "result"),
    [
        (Absent(), THEIRS, Absent()),
        (REFUSED, THEIRS, THEIRS),
        (REFUSED, Absent(), Absent()),
        (REFUSED, Unknown(reason="it does not know either"), REFUSED),
        (DOUBTED, Absent(), DOUBTED),
        (DOUBTED, THEIRS, THEIRS),
        (PASSES, THEIRS, PASSES),
    ],
)
def test_imagetools_reads_what_the_client_cannot(first: Answer, second: Held, result: Held) -> None:
    asked = Imagetools(second)
    registry = made(Client(first), asked)
    assert registry.look("r/app:1") == result
    told = registry.head("r/app:1")
    assert told == (found(THEIRS) if result is THEIRS else result)
    assert asked.looked == ([] if isinstance(first, Absent) or first is PASSES else ["r/app:1"] * 2)


def test_what_is_to_be_moved_is_asked_for_in_any_case() -> None:
    asked = Imagetools(OURS)
    assert made(Client(PASSES), asked).content("r/app", OURS.digest) is OURS
    assert asked.looked == [f"r/app@{OURS.digest}"]


def test_what_can_be_done_without_starts_no_program() -> None:
    asked = Imagetools(OURS)
    assert made(Client(REFUSED), asked).get("r/app", OURS.digest) is REFUSED
    assert made(Client(REFUSED), None).look("r/app:1") is REFUSED  # nobody knows the builder yet
    assert not asked.looked


def go_on() -> bool:
    return False


def test_what_the_client_cannot_write_imagetools_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    naps: list[float] = []
    monkeypatch.setattr(time, "sleep", naps.append)
    asked = Imagetools(OURS, "")
    assert made(Client(Absent(), PASSES, found(OURS)), asked).put("r/app:1", lambda: WANTED, go_on) is OURS
    assert (naps, asked.created) == ([0.5], [])
    done = made(Client(found(THEIRS), REFUSED), asked).put("r/app:1", lambda: WANTED, go_on)
    assert isinstance(done, Image)
    assert (done.digest, done.body) == (THEIRS.digest, b"")  # what it made, as the registry has it
    assert asked.created == [("r/app:1", WANTED.sources, WANTED.notes)]


def test_a_write_that_nobody_can_do_says_both_reasons(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    asked = Imagetools(OURS, "denied")
    told = made(Client(Absent(), REFUSED), asked).put("r/app:1", lambda: WANTED, go_on)
    assert told == Unknown(reason="r answered 403; imagetools: denied")
    bare = Wanted(image=Image(digest=OURS.digest, media_type="", body=b""), sources=WANTED.sources)
    passing = Imagetools(OURS, *["unexpected status: 503 Service Unavailable"] * 3)
    told = made(Client(Absent()), passing).put("r/app:1", lambda: bare, go_on)
    assert told == Unknown(reason="unexpected status: 503 Service Unavailable")
    assert (len(passing.created), passing.words) == (3, [])
    stopped = Imagetools(OURS, *["unexpected status: 503 Service Unavailable"] * 3)
    assert isinstance(made(Client(Absent()), stopped).put("r/app:1", lambda: bare, lambda: True), Unknown)
    assert len(stopped.created) == 1


def test_nothing_is_written_without_being_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    asked = Imagetools(OURS)
    assert made(Client(Absent()), asked).put("r/app:1", lambda: None, go_on) is None
    wanted = [None, WANTED]
    assert made(Client(Absent(), REFUSED), asked).put("r/app:1", wanted.pop, go_on) is None
    assert not asked.created
