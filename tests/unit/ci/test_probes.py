"""Which other values are tried for a variable."""

from decimal import Decimal
from typing import Any

import pytest

from buildmatrix.ci.probes import probes


@pytest.mark.parametrize(
    ("value", "others"),
    [
        ("ghcr.io/acme", ["probe.invalid/acme"]),
        ("localhost:5000", ["probe.invalid"]),
        ("localhost/x", ["probe.invalid/x"]),
        ("acme/app", ["acme/appx", "probe.invalid/acme/app"]),
        ("eu", ["eux"]),
        ("", ["true", "probe.invalid", "probe.invalid/"]),
        (None, ["true", "probe.invalid", "probe.invalid/"]),
        ("false", ["true", "probe.invalid", "probe.invalid/"]),
        (True, [False]),
        (443, [444]),
        (Decimal("1.5"), [Decimal("2.5")]),
        (["ghcr.io/a", "eu"], [["probe.invalid/a", "eux"]]),
        ([], [["probe.invalid"]]),
    ],
)
def test_other_values_of_its_kind(value: Any, others: list[Any]) -> None:
    assert list(probes(value)) == others


def test_other_choices() -> None:
    assert list(probes("b", ("a", "b", "c"))) == ["a", "c"]
