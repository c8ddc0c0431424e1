"""A sample of `make prove`: what is kept is what a real build makes, and needless builds are few."""

import os
import random
import uuid
from pathlib import Path

import pytest

from tests.prove.bases import Bases, bases_in
from tests.prove.images import Store
from tests.prove.proving import Place, prove

MUTATIONS, SAMPLE = 6, 4
pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def bases(registry: str, one_node: str) -> Bases:
    return bases_in(registry, f"test-{uuid.uuid4().hex[:12]}/bases", one_node)


@pytest.mark.corpus
@pytest.mark.parametrize("kind", ["the same each time", "another each time"])
def test_what_is_kept_is_what_would_be_built(
    kind: str, bases: Bases, tmp_path: Path, one_node: str, two_nodes: str
) -> None:
    """To repeat one that failed: `PROVE_SAMPLE=SEED pytest tests/e2e/test_proof.py`."""
    given = os.environ.get("PROVE_SAMPLE", str(random.randrange(10**6)))  # noqa: S311 no secret
    seed = "7" if kind == "the same each time" else given
    print(f"PROVE_SAMPLE={seed}")  # noqa: T201 pytest shows it where the test fails
    own = bases.repository.partition("/")[2]
    place = Place(tmp_path, bases, f"{own}-images", ("default", one_node, two_nodes), one_node)
    proof = prove(seed, SAMPLE, place, Store())
    assert proof.wrong == []
    assert proof.applies == 2, (proof.refused, proof.why)
    assert sum(proof.mutations.values()) == SAMPLE
    assert proof.pairs > 0


def test_a_stale_image_would_be_found(
    bases: Bases, tmp_path: Path, one_node: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With fingerprints that forget the files of contexts, the same proof finds what is kept and should not be."""
    monkeypatch.setattr("buildmatrix.inputs.context.digest_of", lambda _: "0")
    monkeypatch.setattr("buildmatrix.inputs.local.digest_of", lambda _: "0")
    own = bases.repository.partition("/")[2]
    place = Place(tmp_path, bases, f"{own}-stale", (one_node,), one_node)
    proof = prove("stale44", MUTATIONS, place, Store(), applies=0)
    assert "has one fingerprint and differs" in " ".join(proof.wrong)
