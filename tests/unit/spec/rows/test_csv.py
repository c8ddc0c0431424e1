"""CSV strings of bake, as the tables that they stand for."""

import pytest

from buildmatrix.spec.rows.csv import parsed


@pytest.mark.parametrize(
    ("attribute", "text", "table"),
    [
        ("attest", "TYPE=sbom,Generator=x/y", {"type": "sbom", "generator": "x/y"}),
        ("attest", "type=sbom,EXTRA_SCANNERS=a,SBOM_X=1", {"type": "sbom", "EXTRA_SCANNERS": "a", "SBOM_X": "1"}),
        ("cache_to", "type=s3,ACCESS_KEY_ID=a", {"type": "s3", "access_key_id": "a"}),
    ],
)
def test_keys_are_in_small_letters_but_for_variables_of_a_generator(
    attribute: str, text: str, table: dict[str, str]
) -> None:
    assert parsed(attribute, text) == table
