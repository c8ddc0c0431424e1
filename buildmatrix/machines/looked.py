"""What registries have of the images that records name."""

from collections.abc import Iterator, Mapping

from buildmatrix.engine.registry import Registry
from buildmatrix.errors import Diagnostic, StaleError
from buildmatrix.machines.record import PushedImage, RecordDocument
from buildmatrix.oci.answers import Absent, Answer, Found, Unknown
from buildmatrix.oci.http.parallel import all_of
from buildmatrix.oci.image import Image
from buildmatrix.oci.reference import Reference

AGAIN = "delete the record, and run the job of its build again"
Asked = tuple[str, str, str]
"""A Build, a repository, and the digest that is looked for in it."""


def looked_for(good: Mapping[str, RecordDocument], registry: Registry) -> tuple[dict[str, str], list[Diagnostic]]:
    """Return why images of records cannot be taken, by Build, and what registries do not tell.

    StaleError where an image is another one than its record says.
    """
    asked = {(key, one.repository, one.digest): one for key, record in good.items() for one in record.pushed}
    answers = all_of(lambda one: registry.head(str(Reference(one[1], digest=one[2]))), sorted(asked))
    gone: dict[str, str] = {}
    doubts: dict[str, Diagnostic] = {}
    for (key, repository, digest), answer in answers.items():
        if isinstance(answer, Absent):
            gone[key] = f"{repository} does not have {digest[:19]}… any more"
        elif isinstance(answer, Unknown):
            gone[key] = f"nobody can say whether {repository} has {digest[:19]}…: {answer.reason}"
            doubts[answer.reason] = Diagnostic(message=gone[key], code="registry")
    there = {key: record for key, record in good.items() if key not in gone}
    if wrong := [*_odd(asked, answers), *_others(there, registry)]:
        raise StaleError(*wrong)
    return gone, list(doubts.values())


def _odd(asked: Mapping[Asked, PushedImage], answers: Mapping[Asked, Answer]) -> Iterator[Diagnostic]:
    """Yield an error for each image of which a registry says another kind or size than its record."""
    for (key, repository, digest), answer in answers.items():
        said = asked[key, repository, digest]
        if isinstance(answer, Found) and (fault := _fault(said, answer)):
            message = f"the record of {key} says that {digest[:19]}… {fault} in {repository}"
            yield Diagnostic(message=message, code="record", hint=AGAIN)


def _fault(said: PushedImage, there: Found) -> str:
    """Return what a record says otherwise than a registry, "" where one of them does not say it."""
    kind, size = there.descriptor.media_type, there.descriptor.size
    if said.media_type and kind and said.media_type != kind:
        return f"is {said.media_type}, and it is {kind}"
    return f"has {said.size} bytes, and it has {size}" if said.size and size and said.size != size else ""


def _others(good: Mapping[str, RecordDocument], registry: Registry) -> Iterator[Diagnostic]:
    """Yield an error for each image that is not for the platforms that its record says."""
    wanted = {key: record for key, record in good.items() if record.pushed and record.platforms}
    held = all_of(lambda key: registry.content(wanted[key].pushed[0].repository, wanted[key].digest), wanted)
    found = {key: image for key, image in held.items() if isinstance(image, Image)}
    wrong = {key: image for key, image in found.items() if set(image.platforms) != set(wanted[key].platforms)}
    yield from (_other(wanted[key], image) for key, image in wrong.items())


def _other(record: RecordDocument, image: Image) -> Diagnostic:
    there = " ".join(image.platforms) or f"no platform ({image.kind})"
    message = f"the record of {record.build} names {record.digest[:19]}…, which is for {there}"
    return Diagnostic(message=message, code="record", hint=AGAIN)
