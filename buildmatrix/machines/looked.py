"""What registries have of the images that records name."""

from collections.abc import Mapping

from buildmatrix.engine.registry import Registry
from buildmatrix.errors import Diagnostic, StaleError
from buildmatrix.machines.record import RecordDocument
from buildmatrix.oci.answers import Absent, Unknown
from buildmatrix.oci.http.parallel import all_of
from buildmatrix.oci.image import Image
from buildmatrix.oci.reference import Reference


def looked_for(good: Mapping[str, RecordDocument], registry: Registry) -> tuple[dict[str, str], list[Diagnostic]]:
    """Return why images of records cannot be taken, by Build, and what registries do not tell."""
    asked = {(key, one.repository, one.digest) for key, record in good.items() for one in record.pushed}
    answers = all_of(lambda one: registry.head(str(Reference(one[1], digest=one[2]))), sorted(asked))
    gone: dict[str, str] = {}
    doubts: dict[str, Diagnostic] = {}
    for (key, repository, digest), answer in answers.items():
        if isinstance(answer, Absent):
            gone[key] = f"{repository} does not have {digest[:19]}… any more"
        elif isinstance(answer, Unknown):
            gone[key] = f"nobody can say whether {repository} has {digest[:19]}…: {answer.reason}"
            doubts[answer.reason] = Diagnostic(message=gone[key], code="registry")
    _refuse_others({key: record for key, record in good.items() if key not in gone}, registry)
    return gone, list(doubts.values())


def _refuse_others(good: Mapping[str, RecordDocument], registry: Registry) -> None:
    """Raise StaleError where an image is not for the platforms that its record says."""
    wanted = {key: record for key, record in good.items() if record.pushed and record.platforms}
    held = all_of(lambda key: registry.content(wanted[key].pushed[0].repository, wanted[key].digest), wanted)
    found = {key: image for key, image in held.items() if isinstance(image, Image)}
    wrong = {key: image for key, image in found.items() if set(image.platforms) != set(wanted[key].platforms)}
    if wrong:
        raise StaleError(*(_other(wanted[key], image) for key, image in wrong.items()))


def _other(record: RecordDocument, image: Image) -> Diagnostic:
    there = " ".join(image.platforms) or f"no platform ({image.kind})"
    message = f"the record of {record.build} names {record.digest[:19]}…, which is for {there}"
    return Diagnostic(message=message, code="record", hint="delete the record, and run the job of its build again")
