"""Which platforms a Build takes another target for, by its Dockerfile."""

import pytest

from buildmatrix.dockerfile.images import OWN
from buildmatrix.plan.access.across import only_across
from buildmatrix.spec.rows.settings import Settings

AMD = "linux/amd64"


@pytest.mark.parametrize(
    ("dockerfile", "asked"),
    [
        ("FROM --platform=$BUILDPLATFORM up AS a\nFROM scratch\nCOPY --from=a / /", {OWN}),
        (f"FROM --platform={AMD} up AS a\nFROM scratch\nCOPY --from=a / /", {AMD}),
        (f"ARG P={AMD}\nFROM --platform=$P up AS a\nFROM scratch\nCOPY --from=a / /", {AMD}),
        (f"FROM --platform={AMD} up AS a\nFROM --platform=$BUILDPLATFORM up\nCOPY --from=a / /", {AMD, OWN}),
        ("FROM up", None),
        ("FROM --platform=$TARGETPLATFORM up", None),
        (f"FROM --platform={AMD} up AS a\nFROM up\nCOPY --from=a / /", None),  # for both
        (f"FROM --platform={AMD} up AS a\nFROM scratch\nCOPY --from=a / /\nCOPY --from=up / /", None),
        ("FROM scratch", None),
        (f"FROM --platform={AMD} up AS a\nFROM $NOBODY_KNOWS", None),
        (f"# syntax=someone/else\nFROM --platform={AMD} up", None),
    ],
)
def test_what_is_taken_for_other_platforms_alone(dockerfile: str, asked: set[str] | None) -> None:
    assert only_across(Settings(contexts={"up": "target:lib"}), dockerfile, "up") == (
        None if asked is None else frozenset(asked)
    )
