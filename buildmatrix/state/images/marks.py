"""The mark that an image carries: the fingerprint of each of its platforms, in an annotation of its index or manifest.

`1 linux/amd64=<32 digits> linux/arm64=<32 digits>`: the format, and 128 bits for each platform. An image without an
index has it in its manifest.
"""

from collections.abc import Mapping

from buildmatrix.inputs.framing import DIGITS
from buildmatrix.oci.image import Held, Image
from buildmatrix.patterns import regex
from buildmatrix.records import dataclass

ANNOTATION = "dev.buildmatrix.inputs"
FORMAT = "1"

_ONE = regex(rf"([a-z0-9/._-]+)=([0-9a-f]{{{DIGITS}}})")


@dataclass(frozen=True)
class OtherFormat:
    """A mark of another version of buildmatrix, or of nobody's."""

    text: str


def mark_of(fingerprints: Mapping[str, str]) -> str:
    """Return the mark of an image with these fingerprints by platform."""
    return " ".join([FORMAT, *(f"{platform}={fingerprints[platform]}" for platform in sorted(fingerprints))])


def marks_in(annotations: Mapping[str, str]) -> dict[str, str] | OtherFormat:
    """Return the fingerprints by platform that annotations tell; {} where there is no mark."""
    text = annotations.get(ANNOTATION)
    if text is None:
        return {}
    head, *words = text.split(" ")
    found = [_ONE.fullmatch(word) for word in words]
    if head != FORMAT or not found:
        return OtherFormat(text[:80])
    whole = [one for one in found if one]
    return {one[1]: one[2] for one in whole} if len(whole) == len(found) else OtherFormat(text[:80])


def fingerprints_in(held: Held | None) -> dict[str, str]:
    """Return the fingerprints by platform that an image tells; {} for another format, and for what is no image.

    Nor does one tell any that another program has put together anew: the mark is of what there was.
    """
    marks = marks_in(held.index.annotations) if isinstance(held, Image) and not is_altered(held) else {}
    return {} if isinstance(marks, OtherFormat) else marks


def is_altered(image: Image) -> bool:
    """Tell whether manifests of an index were exchanged: it has an attestation of one that it does not have.

    Digests of manifests are not in the mark, which is pushed with them, before anybody knows them.
    """
    there = {one.digest for one in image.index.manifests}
    return any(one.about not in there for one in image.index.manifests if one.about)
