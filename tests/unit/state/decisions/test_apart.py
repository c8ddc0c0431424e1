"""Outputs that push different images: no tag takes that of another output."""

from typing import Any

import pytest

from buildmatrix.oci.answers import Absent
from buildmatrix.oci.image import Held
from buildmatrix.state.decisions.apart import decided_apart
from buildmatrix.state.decisions.decision import Asked, Decision
from tests.unit.state.decisions.test_decision import AMD, ARM, NOW, OLD, image, said

GZ, GZ2, ZST = "r/app:gz", "r/app:gz2", "r/app:zst"
ONE, TWO = image(NOW, digest="sha256:1"), image(NOW, digest="sha256:2")


def decision(gz: Held, gz2: Held, zst: Held, **more: Any) -> Decision:
    asked = Asked(**{"fingerprints": NOW, "held": {GZ: gz, GZ2: gz2, ZST: zst}, **more})
    return decided_apart(asked, [(GZ, GZ2), (ZST,)])


def test_each_is_kept_by_its_own_tags() -> None:
    found = decision(ONE, ONE, TWO)
    assert (found.action, said(found), found.moves, found.image) == ("skip", "up to date", (), ONE)


@pytest.mark.parametrize(
    ("held", "because"),
    [
        ((ONE, ONE, Absent()), "its tag is not there"),
        (
            (ONE, ONE, image(None)),
            "the image has no fingerprint: another program, or a run without --incremental, built it",
        ),
        ((ONE, TWO, TWO), f"tag {GZ2} does not hold the image of its output"),
        ((ONE, Absent(), TWO), f"tag {GZ2} does not hold the image of its output"),
        ((ONE, ONE, ONE), "its outputs push different images, and their tags hold the same one"),
        ((ONE, ONE, image({AMD: OLD[AMD], ARM: NOW[ARM]})), "linux/amd64 changed"),
    ],
)
def test_else_it_is_built_whole(held: tuple[Held, Held, Held], because: str) -> None:
    found = decision(*held)
    assert (found.action, said(found), found.platforms, found.image) == ("build", because, (), None)


def test_what_another_repository_has_by_content_is_not_looked_for() -> None:
    found = decision(ONE, ONE, Absent(), elsewhere={"r/app:bm-1": ONE})
    assert found.action == "build"
