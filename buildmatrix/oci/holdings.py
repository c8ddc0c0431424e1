"""What registries hold under names: one HEAD for each, and content only for digests that nobody has read yet."""

from buildmatrix.oci.answers import Absent, Answer, Found, Unknown
from buildmatrix.oci.http.client import Client
from buildmatrix.oci.image import Held, Image, image_of
from buildmatrix.oci.reference import parse


class Holdings:
    """Looks at names, and remembers content by its digest. Every method may be called from any thread."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._read: dict[tuple[str, str], Image] = {}

    def look(self, reference: str) -> Held:
        """Return what a tag holds now."""
        found = self._client.head(reference)
        if not isinstance(found, Found):
            return found
        return self.content(parse(reference).repository, found.digest)

    def content(self, repository: str, digest: str) -> Image | Unknown:
        """Return what a digest stands for, of which the registry has just told; that it is not there is Unknown."""
        if (repository, digest) in self._read:
            return self._read[repository, digest]
        found = self._client.get(repository, digest)
        if isinstance(found, Unknown):
            return found
        if isinstance(found, Absent):
            return Unknown(reason=f"{repository} has no content for {digest[:19]}…", doubted=True)
        image = image_of(found, lambda config: self._config(repository, config))
        if isinstance(image, Image):
            self._read[repository, digest] = image
        return image

    def _config(self, repository: str, digest: str) -> Answer:
        return self._client.blob(repository, digest)
