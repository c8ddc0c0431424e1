"""What one command takes and another refuses."""

from pathlib import Path

import pytest

from buildmatrix.git.facts import Git
from buildmatrix.git.repository import UnansweredError
from buildmatrix.pipeline import catalog, listed, validate
from buildmatrix.spec.toml.source import Sources
from buildmatrix.template.request import Request

ROOT = Path(__file__).parents[3]
SPECS = sorted([*ROOT.glob("tests/golden/accepted/*/buildmatrix.toml"), *ROOT.glob("examples/*/buildmatrix.toml")])


def no_repository(_: tuple[str, ...]) -> str:
    raise UnansweredError("there is no git repository around the file")


@pytest.mark.corpus
@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: f"{spec.parent.parent.name}-{spec.parent.name}")
def test_what_is_valid_is_listed(spec: Path) -> None:
    """Alternatives may share a tag, contexts need not be there, and variables that only a run gives have no value."""
    git = Git(no_repository)
    valid = all(one.severity == "warning" for one in validate(spec.name, Sources(spec.parent), Request(), git))
    assert valid is (spec.parent.name != "nothing-to-build")
    if valid:
        catalog(spec.name, Sources(spec.parent), Request(), git)
        listed(spec.name, Sources(spec.parent), Request(selectors=("*",)), git)
