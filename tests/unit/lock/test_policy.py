"""BuildKit's source policy: what a user's rules make of an image, and how pins are laid beside them."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from buildmatrix.lock.policy import (
    VARIABLE,
    PolicyError,
    SourcePolicy,
    Verdict,
    identifier_of,
    locked,
    merged,
    name_in,
    policy_of_user,
)

A, B = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"
BUSYBOX = "docker-image://docker.io/library/busybox:latest"
MIRROR = "docker-image://mirror.example/busybox:latest"


def rule(action: Any, identifier: str, to: str = "", **selector: Any) -> dict[str, Any]:
    updates = {"updates": {"identifier": to}} if to else {}
    return {"action": action, "selector": {"identifier": identifier, **selector}, **updates}


def policy(*rules: dict[str, Any]) -> SourcePolicy:
    return SourcePolicy(rules=rules)


@pytest.mark.parametrize(
    ("name", "identifier"),
    [
        ("busybox", BUSYBOX),
        ("docker.io/library/busybox", BUSYBOX),
        ("index.docker.io/busybox:latest", BUSYBOX),
        ("acme/app:1", "docker-image://docker.io/acme/app:1"),
        ("localhost:5000/app", "docker-image://localhost:5000/app:latest"),
        (f"busybox@{A}", f"docker-image://docker.io/library/busybox@{A}"),
        (f"busybox:1@{A}", f"docker-image://docker.io/library/busybox:1@{A}"),
    ],
)
def test_identifiers_are_written_in_full(name: str, identifier: str) -> None:
    assert identifier_of(name) == identifier
    assert identifier_of(name_in(identifier)) == identifier


def test_a_pin_keeps_the_tag() -> None:
    assert identifier_of("busybox", A) == f"{BUSYBOX}@{A}"
    assert identifier_of(f"busybox:1@{A}", B) == f"docker-image://docker.io/library/busybox:1@{B}"
    assert name_in("https://example.com/file") == ""


@pytest.mark.parametrize(
    ("rules", "verdict"),
    [
        ([], Verdict(BUSYBOX, denied=False)),
        ([rule("DENY", "docker-image://*")], Verdict(BUSYBOX, denied=True)),
        ([rule("DENY", "docker-image://*"), rule("ALLOW", BUSYBOX)], Verdict(BUSYBOX, denied=False)),
        ([rule("ALLOW", BUSYBOX), rule("DENY", "docker-image://*")], Verdict(BUSYBOX, denied=True)),
        ([rule(1, BUSYBOX)], Verdict(BUSYBOX, denied=True)),
        ([rule("DENY", BUSYBOX, match_type="EXACT")], Verdict(BUSYBOX, denied=True)),
        ([rule("DENY", "library/busy", match_type="REGEX")], Verdict(BUSYBOX, denied=True)),
        ([rule("DENY", "docker-image://docker.io/library/busybox")], Verdict(BUSYBOX, denied=False)),
        ([rule("DENY", "docker-image://docker.io/librarybusybox:latest")], Verdict(BUSYBOX, denied=False)),
        ([rule("DENY", BUSYBOX), rule("CONVERT", BUSYBOX, MIRROR)], Verdict(MIRROR, denied=False)),
        ([rule("CONVERT", BUSYBOX, MIRROR), rule("DENY", MIRROR)], Verdict(MIRROR, denied=True)),
        (
            [rule("CONVERT", "docker-image://docker.io/library/*:*", "docker-image://mirror.example/$1:${2}")],
            Verdict(MIRROR, denied=False),
        ),
        ([rule("CONVERT", "docker\\.io/library", "mirror.example", match_type=2)], Verdict(MIRROR, denied=False)),
        ([{"selector": {"identifier": BUSYBOX}}], Verdict(BUSYBOX, denied=False)),
    ],
)
def test_rules_are_read_as_buildkit_reads_them(rules: list[dict[str, Any]], verdict: Verdict) -> None:
    assert policy(*rules).judged(BUSYBOX) == verdict


UNCLEAR = {
    "a CONVERT with EXACT, whose meaning changed": rule("CONVERT", BUSYBOX, MIRROR, match_type="EXACT"),
    "one that never ends": rule("CONVERT", "docker-image://*", "docker-image://x/$1"),
    "two stars": rule("DENY", "docker-image://**"),
    "attributes": rule("DENY", BUSYBOX, constraints=[{"key": "a", "value": "b"}]),
    "a pattern of Go's": rule("DENY", "(?P<x>", match_type="REGEX"),
    "an unknown action": rule("WARN", BUSYBOX),
    "an unknown kind": rule("DENY", BUSYBOX, match_type="GLOB"),
    "no selector": {"action": "DENY"},
    "no updates": rule("CONVERT", BUSYBOX),
    "a name of a group": rule("CONVERT", "docker-image://*", "docker-image://$x"),
}


@pytest.mark.parametrize("about", UNCLEAR)
def test_what_is_not_clear_is_not_known(about: str) -> None:
    found = policy(UNCLEAR[about])
    assert found.judged(BUSYBOX) is None
    assert merged(found, {BUSYBOX: f"{BUSYBOX}@{A}"}) == {"rules": [UNCLEAR[about]]}


def pinned(document: dict[str, Any]) -> Verdict | None:
    """What BuildKit makes of busybox under a whole policy."""
    return SourcePolicy(rules=tuple(document["rules"])).judged(BUSYBOX)


PINS = {BUSYBOX: f"{BUSYBOX}@{A}"}


@pytest.mark.parametrize(
    ("rules", "verdict"),
    [
        ([], Verdict(f"{BUSYBOX}@{A}", denied=False)),
        ([rule("ALLOW", "docker-image://*")], Verdict(f"{BUSYBOX}@{A}", denied=False)),
        ([rule("DENY", BUSYBOX)], Verdict(BUSYBOX, denied=True)),  # the pin would slip through it
        ([rule("CONVERT", BUSYBOX, MIRROR)], Verdict(MIRROR, denied=False)),
        (
            [rule("DENY", "docker-image://*"), rule("ALLOW", BUSYBOX)],  # BuildKit denies it by its digest anyway
            Verdict(f"{BUSYBOX}@{A}", denied=True),
        ),
    ],
)
def test_a_policy_of_the_user_stays_in_force(rules: list[dict[str, Any]], verdict: Verdict) -> None:
    found = merged(policy(*rules), PINS)
    assert found["rules"][: len(rules)] == rules
    assert pinned(found) == verdict


def test_nothing_is_said_of_the_kind_of_match() -> None:
    """EXACT changed its meaning; what follows from the default did not."""
    assert "match_type" not in json.dumps([merged(policy(), PINS), locked(policy(), PINS)])


def test_locked_lets_nothing_through_but_pins() -> None:
    own, other = "docker-image://localhost:5000/own:1", "docker-image://docker.io/library/alpine:latest"
    written = f"docker-image://docker.io/library/debian@{B}"
    found = SourcePolicy(rules=tuple(locked(policy(), {**PINS, written: written}, [own])["rules"]))
    assert found.judged(BUSYBOX) == Verdict(f"{BUSYBOX}@{A}", denied=False)
    for allowed in (own, f"{own}@{A}"):
        assert found.judged(allowed) == Verdict(allowed, denied=False)
    assert found.judged(written) == Verdict(written, denied=False)
    assert found.judged(f"docker-image://docker.io/library/debian:latest@{B}") is not None
    for denied in (other, f"{BUSYBOX}@{B}", f"docker-image://docker.io/library/debian@{A}"):
        assert found.judged(denied) == Verdict(denied, denied=True)


@pytest.mark.parametrize(
    ("rules", "denied"),
    [([rule("ALLOW", "docker-image://*")], False), ([rule("DENY", BUSYBOX)], True)],
)
def test_locked_keeps_what_the_user_denies_and_no_more(rules: list[dict[str, Any]], *, denied: bool) -> None:
    found = SourcePolicy(rules=tuple(locked(policy(*rules), PINS)["rules"]))
    alpine = "docker-image://docker.io/library/alpine:latest"
    assert found.judged(alpine) == Verdict(alpine, denied=True)
    verdict = found.judged(BUSYBOX)
    assert verdict is not None
    assert verdict.denied is denied


def test_the_policy_of_the_environment_is_read_where_bake_runs(tmp_path: Path) -> None:
    (tmp_path / "policy.json").write_text(json.dumps({"rules": [rule("DENY", BUSYBOX)]}))
    assert policy_of_user({VARIABLE: "policy.json"}, str(tmp_path)) == policy(rule("DENY", BUSYBOX))
    assert policy_of_user({}, str(tmp_path)) == policy_of_user({VARIABLE: ""}, str(tmp_path)) == policy()
    (tmp_path / "policy.json").write_text("{}")
    assert policy_of_user({VARIABLE: str(tmp_path / "policy.json")}, "/") == policy()


@pytest.mark.parametrize(
    ("text", "trouble"),
    [
        (None, "policy.json cannot be read: No such file or directory"),
        ("\x00\x08", "policy.json is not valid JSON"),
        ("[]", "policy.json is not a source policy"),
        ('{"rules": 1}', "policy.json is not a source policy"),
        ('{"rules": [1]}', "policy.json is not a source policy"),
    ],
)
def test_a_policy_that_cannot_be_read_is_an_error(tmp_path: Path, text: str | None, trouble: str) -> None:
    if text is not None:
        (tmp_path / "policy.json").write_text(text)
    with pytest.raises(PolicyError, match=f"^{re.escape(trouble)}$"):
        policy_of_user({VARIABLE: "policy.json"}, str(tmp_path))
