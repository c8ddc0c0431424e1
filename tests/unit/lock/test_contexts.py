"""Pins in a bake file: contexts by familiar names, but none that would take the place of a stage."""

from typing import Any

import pytest

from buildmatrix.errors import SpecError
from buildmatrix.lock.contexts import with_contexts
from tests import plans
from tests.unit.lock.test_named import target
from tests.unit.lock.test_policy import A, B

DIGESTS = {"busybox:latest": A, "debian:12": B, "r.example/a:1": A, "docker/dockerfile:1": B}


def contexts(text: str, **settings: Any) -> dict[str, str] | None:
    found = with_contexts(plans.plan(target(text, **settings)), DIGESTS).targets[0].settings.contexts
    return dict(found) if found else None


@pytest.mark.parametrize(
    ("text", "settings", "found"),
    [
        ("FROM scratch", {}, None),
        ("FROM busybox", {}, {"busybox": f"docker-image://docker.io/library/busybox:latest@{A}"}),
        (
            "FROM docker.io/library/busybox:latest",
            {},
            {"busybox": f"docker-image://docker.io/library/busybox:latest@{A}"},
        ),
        ("FROM r.example/a:1", {}, {"r.example/a:1": f"docker-image://r.example/a:1@{A}"}),
        (
            "FROM scratch\nCOPY --from=debian:12 / /",
            {},
            {"debian:12": f"docker-image://docker.io/library/debian:12@{B}"},
        ),
        ("# syntax=docker/dockerfile:1\nFROM scratch", {}, None),
        ("FROM alpine", {}, None),
        (f"FROM busybox@{B}", {}, None),
        (
            "FROM a",
            {"contexts": {"a": "docker-image://debian:12"}},
            {"a": f"docker-image://docker.io/library/debian:12@{B}"},
        ),
        ("FROM a", {"contexts": {"a": f"docker-image://debian:12@{A}"}}, {"a": f"docker-image://debian:12@{A}"}),
        ("FROM a", {"contexts": {"a": "target:base"}}, {"a": "target:base"}),
        ("FROM busybox AS other\nFROM other", {}, {"busybox": f"docker-image://docker.io/library/busybox:latest@{A}"}),
    ],
)
def test_contexts(text: str, settings: dict[str, Any], found: dict[str, str] | None) -> None:
    assert contexts(text, **settings) == found


@pytest.mark.parametrize(
    "text", ["FROM busybox AS busybox", "FROM busybox:latest AS x\nFROM scratch AS BusyBox\nFROM x"]
)
def test_a_stage_of_the_same_name_is_refused(text: str) -> None:
    with pytest.raises(SpecError, match=r"^busybox cannot be pinned in a bake file") as error:
        contexts(text)
    assert error.value.diagnostics[0].place is not None
