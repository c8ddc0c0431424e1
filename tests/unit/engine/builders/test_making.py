"""Steps of buildx are taken; what it says of one that fails."""

import pytest

from buildmatrix.engine.builders.making import take
from buildmatrix.engine.builders.steps import use
from buildmatrix.errors import EngineError
from tests.programs import Scripted, said


@pytest.mark.parametrize(
    ("stderr", "message"),
    [
        ('ERROR: failed to find instance "nope": open /c/instances/nope: no such file', 'there is no builder "nope"'),
        ("ERROR: disk full", "buildx could not use the builder: disk full"),
    ],
)
def test_what_is_said_of_a_builder_that_cannot_be_used(stderr: str, message: str) -> None:
    answers = {"docker buildx use nope": said(stderr=stderr, code=1), "docker buildx version": said("v0.30.0")}
    programs = Scripted(dict(answers), path="/usr/bin/docker")
    with pytest.raises(EngineError) as caught:
        take((use("nope"),), programs, pytest.fail)
    assert caught.value.diagnostics[0].message == message
