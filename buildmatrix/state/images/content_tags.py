"""Tags that are named by what went into an image, so that whoever builds the same finds it: `bm-<32 digits>`.

The name only says where to look. What is there is believed by its mark, as is what any other tag holds.
"""

from collections.abc import Callable, Iterator, Mapping

from buildmatrix.inputs.framing import fingerprint_of
from buildmatrix.oci.image import Held, Image
from buildmatrix.oci.reference import parse
from buildmatrix.plan.model import PlannedTarget
from buildmatrix.plan.publishing import pushed_tags, tags_apart
from buildmatrix.state.images.marks import fingerprints_in

HEAD = "bm-"


def content_name(fingerprints: Mapping[str, str]) -> str:
    """Return the name of an image with these fingerprints by platform; of one alone it is its own."""
    alone = next(iter(fingerprints.values())) if len(fingerprints) == 1 else ""
    return f"{HEAD}{alone or fingerprint_of(tuple(sorted(fingerprints.items())))}"


def name_of(image: Image) -> str:
    """Return the name of an image by its own mark; "" for one that has platforms of which it tells nothing."""
    marks = fingerprints_in(image)
    own = {platform: marks[platform] for platform in image.platforms if platform in marks}
    return content_name(own) if own and len(own) == len(image.platforms) else ""


def content_tags(
    target: PlannedTarget, fingerprints: Mapping[str, str], held: Callable[[str], Held | None]
) -> Iterator[str]:
    """Yield the content tags of a target, in the repositories that hold it under none of its own tags.

    A run for some of its platforms cannot know the name; of several outputs' images it would not tell one.
    """
    if not fingerprints or target.carried_over or tags_apart(target):
        return
    there: dict[str, bool] = {}
    for tag in pushed_tags(target):
        repository = parse(tag).repository
        there[repository] = there.get(repository, False) or fingerprints.items() <= fingerprints_in(held(tag)).items()
    yield from (f"{name}:{content_name(fingerprints)}" for name, is_there in there.items() if not is_there)
