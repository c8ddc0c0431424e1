"""Content tags: what was built gets one more name, by what went into it, whatever became of its own tags."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from buildmatrix.engine.outcome import BuildOutcome
from buildmatrix.engine.registry import Registry, Wanted
from buildmatrix.errors import Diagnostic, Place
from buildmatrix.oci.answers import Unknown
from buildmatrix.oci.http.parallel import all_of
from buildmatrix.oci.image import Image
from buildmatrix.oci.reference import Reference, parse
from buildmatrix.plan.builds import BuildPlan
from buildmatrix.plan.publishing import pushed_tags
from buildmatrix.publish.publish import Published
from buildmatrix.state.images.content_tags import name_of


class Pushed(NamedTuple):
    """An image that is in a repository, by its digest."""

    target: str
    repository: str
    digest: str


def pushed_images(
    plan: BuildPlan, names: Iterable[str], outcomes: Mapping[str, BuildOutcome], published: Published
) -> Iterator[Pushed]:
    """Yield the images that a run has built whole, of the targets that are named: once for each repository."""
    for name in names:
        first, *others = plan.parts[name]
        outcome = outcomes[first.name]
        moved = {
            tag: published.indexes[tag].digest for tag in published.moved.get(name, ()) if tag in published.indexes
        }
        if not moved and not others and not first.carried_over and outcome.status in {"built", "cached"}:
            moved = dict.fromkeys(pushed_tags(first), outcome.digest)  # also where its own tags were held back
        digests = {parse(tag).repository: digest for tag, digest in moved.items() if digest}
        yield from (Pushed(name, repository, digest) for repository, digest in digests.items())


def push_content_tags(
    images: Iterable[Pushed], registry: Registry, place_of: Callable[[str], Place], stopped: Callable[[], bool]
) -> Iterator[Diagnostic]:
    """Give images their content tags; yield a warning for each that did not get one: it is only built again then."""
    for image, trouble in all_of(lambda one: _pushed(one, registry, stopped), images).items():
        if trouble:
            message = f"{image.target} got no content tag in {image.repository}: {trouble}"
            hint = "nothing else is wrong: another run may build it again"
            yield Diagnostic(
                message=message, code="publish", place=place_of(image.target), hint=hint, severity="warning"
            )


def _pushed(one: Pushed, registry: Registry, stopped: Callable[[], bool]) -> str:
    """Give an image its content tag, and return why that cannot be; one that tells not what went into it has none."""
    held = registry.content(one.repository, one.digest)
    if not isinstance(held, Image):
        return held.reason if isinstance(held, Unknown) else "it is not there"
    if not (name := name_of(held)):
        return ""
    wanted = Wanted(image=held, sources=(str(Reference(one.repository, digest=one.digest)),))
    done = registry.put(f"{one.repository}:{name}", lambda: wanted, stopped)
    return done.reason if isinstance(done, Unknown) else ""
