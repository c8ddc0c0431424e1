"""Tags that move while the run goes on: those of images that others need first, and that are only moved to.

An image that is joined of parts, or completed by what its tag holds, has its tags when all of it is there. What needs
it waits for that, and pulls it by its digest: the `docker` driver would take what its engine has under the tag.
"""

from collections.abc import Callable, Iterable, Mapping

from buildmatrix.lock.named import short_name
from buildmatrix.oci.reference import parse
from buildmatrix.process import Programs
from buildmatrix.publish.publish import Published, Publisher
from buildmatrix.publish.staging import StagedImage
from buildmatrix.state.decisions.unchanged import Resumed


class Early:
    """The images whose tags may move before the end: all but those that wait for every image of the run."""

    def __init__(
        self,
        publisher: Publisher,
        images: Iterable[StagedImage],
        again: Resumed,
        hand: Callable[[Mapping[str, str]], Programs],
    ) -> None:
        """Take who moves the tags of images, and what is there already.

        `hand` returns what starts bake where tags are pulled as these digests, by short name.
        """
        self._publisher, self._hand = publisher, hand
        self._held: dict[str, str] = {}
        self.builds = {one.name: one.builds for one in images if not (one.together or is_there(one, again))}
        """The keys of the Builds of each image, by target."""

    def move(self, name: str, digests: Mapping[str, str]) -> Published:
        """Move the tags of an image, all or none; `digests` are by Build, "" for one that nobody knows."""
        return self._publisher.publish_early(name, digests)

    def stop(self) -> None:
        """Move nothing more: what has begun is moved back."""
        self._publisher.stop()

    def programs(self, moved: Published) -> Programs:
        """Return what starts bake from now on: what was moved is what its tags mean."""
        self._held |= {short_name(tag): image.digest for tag, image in moved.indexes.items()}
        return self._hand(self._held)


def is_there(image: StagedImage, again: Resumed) -> bool:
    """Tell whether an image was unchanged, each of its tags too."""
    unchanged = (again.unchanged.get(name) for name in image.builds)
    wanted = {parse(tag).full for tag in image.all_tags}
    return all(one and wanted <= {parse(tag).full for tag in one.tags} for one in unchanged)
