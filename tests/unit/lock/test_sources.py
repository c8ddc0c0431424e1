"""What is fetched beside images: what is found, what a policy calls it, and how a lock file changes."""

from datetime import timedelta
from typing import Any

import pytest

from buildmatrix.errors import Place, RegistryError
from buildmatrix.lock.changes import Upgrade
from buildmatrix.lock.pins import Pins
from buildmatrix.lock.policy import SourcePolicy
from buildmatrix.lock.sources import (
    Source,
    git_place,
    relocked_sources,
    rules_of,
    source_differences,
    sources_of,
)
from buildmatrix.oci.answers import Unknown
from tests import plans
from tests.unit.lock.test_named import target

SUM, OTHER, COMMIT = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}", "c" * 40
NOWHERE = Place(file="f")


def urls(text: str, **settings: Any) -> list[tuple[str, str]]:
    return [(one.url, one.kind) for one in sources_of(plans.plan(target(text, **settings)))]


def source(url: str) -> Source:
    return Source(url, "http", NOWHERE)


@pytest.mark.parametrize(
    ("text", "settings", "found"),
    [
        ("FROM scratch\nADD https://x/y /", {}, [("https://x/y", "http")]),
        ("FROM scratch\nADD --checksum=" + SUM + " https://x/y /", {}, []),
        ("FROM scratch\nARG V=1\nADD https://x/$V /", {"args": {"V": "2"}}, [("https://x/2", "http")]),
        ("FROM busybox\nARG V=1\nADD https://x/$V /", {}, [("https://x/1", "http")]),
        ("FROM scratch\nADD https://x/y.git#main:sub /", {}, [("https://x/y.git#main:sub", "git")]),
        ("FROM scratch\nADD https://x/y.git#" + COMMIT + " /", {}, []),
        ("FROM scratch\nADD git@x:y.git /", {}, [("git@x:y.git", "git")]),
        ("FROM scratch AS unused\nADD https://x/y /\nFROM scratch", {}, []),
        ("FROM scratch", {"contexts": {"src": "https://x/y.git#main"}}, [("https://x/y.git#main", "git")]),
        ("FROM scratch", {"context": "https://x/y.git"}, [("https://x/y.git", "git")]),
        ("FROM scratch", {"context": "https://x/y.tar"}, []),
        ("FROM scratch\nADD https://me:pass@x/y /", {}, []),  # no password in a file that is committed
        ("FROM scratch\nADD https://x/y.git?ref=main /", {}, []),  # what a policy calls that differs by the version
        ("FROM scratch\nADD HTTPS://x/y /", {}, []),  # nor what a scheme in capitals is
        ("FROM scratch\nCOPY x /", {}, []),
    ],
)
def test_what_is_fetched_and_not_known(text: str, settings: dict[str, Any], found: list[tuple[str, str]]) -> None:
    assert urls(text, **settings) == found


@pytest.mark.parametrize(
    ("url", "place", "fragment"),
    [
        ("https://github.com/acme/app.git#main:docs", "git://github.com/acme/app.git", "main:docs"),
        ("https://github.com/acme/app.git", "git://github.com/acme/app.git", ""),
        ("git://x:99/y.git#v1", "git://x:99/y.git", "v1"),
        ("ssh://git@x/y.git", "git://x/y.git", ""),
        ("git@github.com:acme/app.git#v1", "git://github.com/acme/app.git", "v1"),
    ],
)
def test_what_a_policy_calls_a_git_reference(url: str, place: str, fragment: str) -> None:
    assert git_place(url) == (place, fragment)


def test_rules() -> None:
    pins = {"https://x/y": SUM, "https://x/g.git#main:sub": COMMIT, "https://x/g.git": COMMIT}
    rules = {one.url: (one.identifier, one.rule["updates"]) for one in rules_of(pins)}
    assert rules == {
        "https://x/y": ("https://x/y", {"attrs": {"http.checksum": SUM}}),
        "https://x/g.git#main:sub": ("git://x/g.git#main:sub", {"identifier": f"git://x/g.git#{COMMIT}:sub"}),
        "https://x/g.git": ("git://x/g.git", {"identifier": f"git://x/g.git#{COMMIT}"}),
    }


def test_a_policy_is_made_for_sources_alone_and_leaves_what_the_user_says() -> None:
    denied = {"action": "DENY", "selector": {"identifier": "https://mine/*"}}
    pins = Pins(sources={"https://x/y": SUM, "https://mine/z": SUM}, user=SourcePolicy(rules=(denied,)))
    policy = pins.policy()
    assert policy is not None
    assert [rule["selector"]["identifier"] for rule in policy["rules"]] == ["https://mine/*", "https://x/y"]
    assert pins.fetched == {"https://x/y": SUM}
    assert Pins().policy() is None


def test_what_is_missing_is_fetched_what_is_there_stays_and_what_is_unused_goes() -> None:
    pins = {"https://x/old": SUM, "https://x/gone": SUM}
    sources = [source("https://x/old"), source("https://x/new")]
    asked: list[str] = []

    def fetch(one: Source) -> str:
        asked.append(one.url)
        return OTHER

    now, changes = relocked_sources(sources, pins, fetch, None, whole=True)
    assert now == {"https://x/old": SUM, "https://x/new": OTHER}
    assert asked == ["https://x/new"]
    assert {one.name[10:]: one.status for one in changes} == {"old": "unchanged", "new": "added", "gone": "removed"}
    now, _ = relocked_sources(sources, pins, fetch, None, whole=False)
    assert "https://x/gone" in now


@pytest.mark.parametrize(
    ("upgrade", "moved"),
    [
        (Upgrade(), True),
        (Upgrade(globs=("https://x/*",)), True),
        (Upgrade(globs=("busybox*",)), False),
        (Upgrade(age=timedelta(days=1)), False),
    ],
)
def test_what_is_asked_for_moves(upgrade: Upgrade, moved: bool) -> None:
    now, changes = relocked_sources([source("https://x/y")], {"https://x/y": SUM}, lambda _: OTHER, upgrade, whole=True)
    assert now == {"https://x/y": OTHER if moved else SUM}
    assert [one.status for one in changes] == ["moved" if moved else "unchanged"]


def test_what_is_not_known_is_an_error_where_it_is_written() -> None:
    with pytest.raises(RegistryError) as caught:
        relocked_sources([source("https://x/y")], {}, lambda _: Unknown(reason="no"), None, whole=True)
    (found,) = caught.value.diagnostics
    assert (found.message, found.place) == ("https://x/y cannot be locked: no", NOWHERE)


def test_differences() -> None:
    pins = {"https://x/b": SUM}
    found = source_differences([source("https://x/a")], pins, whole=True)
    assert [(one.name, one.status) for one in found] == [("https://x/a", "missing"), ("https://x/b", "unused")]
    assert len(source_differences([source("https://x/a")], pins, whole=False)) == 1
