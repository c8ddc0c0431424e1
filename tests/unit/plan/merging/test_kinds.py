"""How a setting is treated follows from its row: no list of names says it."""

import pytest

from buildmatrix.plan.merging.kinds import Kind, kind_of
from buildmatrix.spec.rows.settings import Settings
from buildmatrix.spec.rows.shapes import rows


def kind(*, unchecked: bool = False, empty_is_unset: bool = False, lists: str = "") -> Kind:
    return Kind(unchecked=unchecked, empty_is_unset=empty_is_unset, lists=lists)


@pytest.mark.parametrize(
    ("attribute", "found"),
    [
        ("description", kind(unchecked=True)),
        ("dockerfile_inline", kind(unchecked=True)),
        ("context", kind(unchecked=True, empty_is_unset=True)),
        ("network", kind(empty_is_unset=True)),
        ("timeout", kind()),
        ("pull", kind()),
        ("args", kind(unchecked=True)),
        ("contexts", kind()),
        ("tags", kind(unchecked=True, lists="image")),
        ("platforms", kind(lists="platform")),
        ("output", kind()),
    ],
)
def test_what_follows_from_a_row(attribute: str, found: Kind) -> None:
    assert kind_of(attribute) == found


def test_every_setting_has_one() -> None:
    assert all(isinstance(kind_of(row.attribute), Kind) for row in rows(Settings))
