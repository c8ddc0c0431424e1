"""What registries have is held against what records say of it."""

from typing import Any, cast

import pytest

from buildmatrix.errors import StaleError
from buildmatrix.machines.looked import looked_for
from buildmatrix.machines.record import PushedImage
from buildmatrix.oci.answers import Absent, Answer, Descriptor, Found, Unknown
from buildmatrix.oci.image import Held
from tests.unit.machines.records import AMD, digest, record

APP = f"app@{AMD}"


class There:
    """Stands for a registry, which says the same of all that it is asked, and does not tell platforms."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer

    def head(self, _: str) -> Answer:
        return self.answer

    def content(self, *_: str) -> Held:
        return Unknown(reason="503")


def look(answer: Answer, media_type: str | None = "m", size: int | None = 9) -> dict[str, str]:
    image = PushedImage(repository="r/app", digest=digest(1), media_type=media_type, size=size)
    return looked_for({APP: record(APP, pushed=(image,))}, cast("Any", There(answer)))[0]


def found(media_type: str, size: int) -> Found:
    return Found(descriptor=Descriptor(digest=digest(1), media_type=media_type, size=size))


@pytest.mark.parametrize(
    ("answer", "words"),
    [(found("n", 9), "is m, and it is n in r/app"), (found("m", 8), "has 9 bytes, and it has 8 in r/app")],
)
def test_an_image_of_another_kind_or_size_than_its_record_says_is_refused(answer: Answer, words: str) -> None:
    with pytest.raises(StaleError, match=f"the record of {APP} says that {digest(1)[:19]}… {words}"):
        look(answer)


def test_what_nobody_says_is_no_difference() -> None:
    assert look(found("m", 9)) == {}
    assert look(found("n", 8), None, None) == {}
    assert look(found("m", 0)) == look(found("", 9)) == {}


def test_what_is_not_there_is_said() -> None:
    assert look(Absent()) == {APP: f"r/app does not have {digest(1)[:19]}… any more"}
