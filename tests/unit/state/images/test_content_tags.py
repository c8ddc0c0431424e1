"""Content tags are named by what went into an image, and looked for where its own tags do not hold it."""

from typing import Any

import pytest

from buildmatrix.oci.answers import Absent
from buildmatrix.oci.image import Held
from buildmatrix.spec.rows.outputs import RegistryOutput
from buildmatrix.spec.rows.settings import Settings
from buildmatrix.state.images.content_tags import content_name, content_tags, name_of
from tests import plans
from tests.unit.state.decisions.test_decision import AMD, ARM, NOW, OLD, image

BOTH = content_name(NOW)


def test_an_image_of_one_platform_is_named_by_its_fingerprint() -> None:
    assert content_name({AMD: NOW[AMD]}) == f"bm-{NOW[AMD]}"


def test_each_set_of_fingerprints_has_a_name_of_128_bits() -> None:
    swapped = {AMD: NOW[ARM], ARM: NOW[AMD]}
    names = [content_name(one) for one in (NOW, OLD, swapped, {AMD: NOW[AMD]}, {ARM: NOW[AMD], AMD: NOW[AMD]})]
    assert len(set(names)) == len(names)
    assert {len(name) for name in names} == {len("bm-") + 32}
    assert content_name(dict(reversed(NOW.items()))) == BOTH


@pytest.mark.parametrize(
    ("held", "name"),
    [
        (image(NOW), BOTH),
        (image(NOW, AMD), f"bm-{NOW[AMD]}"),
        (image({AMD: NOW[AMD]}), ""),
        (image(None), ""),
        (image("2 x"), ""),
    ],
)
def test_an_image_tells_its_name_by_its_own_mark(held: Any, name: str) -> None:
    assert name_of(held) == name


def asked(held: dict[str, Held], **more: Any) -> list[str]:
    settings = Settings(platforms=(AMD, ARM), output=(RegistryOutput(type="registry"),), tags=tuple(held))
    return list(content_tags(plans.target("app", settings, **more), NOW, held.get))


def test_one_is_looked_for_in_each_repository_that_does_not_hold_it() -> None:
    assert asked({"one/app:1": Absent(), "one/app:2": image(OLD), "two/app:1": Absent()}) == [
        f"one/app:{BOTH}",
        f"two/app:{BOTH}",
    ]
    assert asked({"one/app:1": Absent(), "one/app:2": image(NOW), "two/app:1": Absent()}) == [f"two/app:{BOTH}"]
    assert asked({"one/app:1": image(NOW)}) == []


def test_a_run_for_some_platforms_cannot_know_the_name() -> None:
    assert asked({"one/app:1": Absent()}, carried_over=("linux/riscv64",)) == []
