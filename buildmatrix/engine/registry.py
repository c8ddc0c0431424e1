"""The one way to registries: our own client, and `imagetools` for what it cannot do. Only here it is decided who asks.

Imagetools knows other logins, and what the builder's configuration says of registries; it takes a process for each
call, and is there only when the builder is known.
"""

import time
from collections.abc import Callable, Iterable
from copy import copy

from buildmatrix.engine.failures.classify import is_passing
from buildmatrix.engine.imagetools import Imagetools
from buildmatrix.engine.preflight import Engine
from buildmatrix.oci.answers import Absent, Answer, Descriptor, Found, Unknown
from buildmatrix.oci.holdings import Holdings
from buildmatrix.oci.http.client import TRIES, Client
from buildmatrix.oci.image import Held, Image
from buildmatrix.oci.reference import Reference
from buildmatrix.process import Programs
from buildmatrix.records import dataclass

LONGEST_PAUSE = 5.0
"""Seconds that a registry which asks to be left alone is left alone before a tag is written again."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a tag is to hold. `image` has no body where its content is not known.

    `sources` and `notes` are of what imagetools makes it: references or lines of an index, and annotations.
    """

    image: Image
    sources: tuple[str, ...]
    notes: tuple[str, ...] = ()


class Registry:
    """Asks registries, and changes tags. Every method may be called from any thread."""

    def __init__(self, programs: Programs, insecure: Iterable[str] = ()) -> None:
        """Take what starts programs, and the registries (`host:port`) that may do without TLS."""
        self._programs = programs
        self._client = Client(programs, insecure)
        self._holdings = Holdings(self._client)
        self._imagetools: Imagetools | None = None

    def through(self, engine: Engine, insecure: Iterable[str] = ()) -> "Registry":
        """Return the same, with its connections, that has imagetools, and lets these registries do without TLS, too."""
        other = copy(self)
        other._imagetools = Imagetools(engine, self._programs)  # noqa: SLF001 one of its own class
        if more := list(insecure):
            other._client = self._client.allowing(more)  # noqa: SLF001
            other._holdings = Holdings(other._client)  # noqa: SLF001
        return other

    # --- questions ------------------------------------------------------------------------------------------------

    def look(self, reference: str) -> Held:
        """Return what a tag holds now."""
        return self.again(reference, self._holdings.look(reference))

    def head(self, reference: str) -> Answer:
        """Return what a tag, or `repository@digest`, stands for now, without its content."""
        found = self._client.head(reference)
        if not isinstance(found, Unknown):
            return found
        held = self.again(reference, found)
        if not isinstance(held, Image):
            return held
        return Found(descriptor=Descriptor(digest=held.digest, media_type=held.media_type), body=held.body)

    def blob(self, repository: str, digest: str) -> Answer:
        """Return the blob that has a digest, a configuration: the client's answer, since imagetools has none."""
        return self._client.blob(repository, digest)

    def content(self, repository: str, digest: str) -> Held:
        """Return the image that has a digest, which is about to be moved."""
        held = self._holdings.content(repository, digest)
        return self.again(str(Reference(repository, digest=digest)), held, moves=True)

    def get(self, repository: str, digest: str, *, tries: int = TRIES) -> Answer:
        """Return the bytes that have a digest, as the client has them: whoever wants those can do without."""
        return self._client.get(repository, digest, tries=tries)

    def again(self, reference: str, held: Held, *, moves: bool = False) -> Held:
        """Return what imagetools says, where it is to be asked after the client's answer and has a word to say.

        That is where the client was refused or did not understand. Trouble that may pass, or a credential helper that
        is silent, would be imagetools' trouble too, and would cost a minute for each tag.
        Only what `moves` is asked for in any case, since all is built by then. Imagetools says "not found" of every
        404, and of a manifest that is too large: where the client has doubted what was answered, so do we.
        """
        if not isinstance(held, Unknown) or self._imagetools is None or ((held.passes or held.silent) and not moves):
            return held
        told = self._imagetools.look(reference)
        return held if isinstance(told, Unknown) or (isinstance(told, Absent) and held.doubted) else told

    def may_write(self, repository: str) -> Unknown | None:
        """Return why nothing can be pushed to a repository, None if it can: the client's word, imagetools has none."""
        return self._client.try_upload(repository)

    def who(self, host: str) -> str:
        """Return as whom docker is logged in to a registry, "" for nobody."""
        return self._client.who(host)

    # --- changes --------------------------------------------------------------------------------------------------

    def put(self, tag: str, wanted: Callable[[], Wanted | None], stopped: Callable[[], bool]) -> Image | Unknown | None:
        """Point a tag at what is wanted and return what it holds then; None if `wanted` says that nothing is to do.

        `wanted` is asked immediately before the client writes, each time, and before the first try of imagetools; not
        between its tries: an index that it made, and whose answer was lost, is one that nobody knows. `stopped` ends
        those.
        """
        said = ""
        for attempt in range(TRIES):
            if (now := wanted()) is None:
                return None
            done = self._client.put(tag, now.image.body, now.image.media_type) if now.image.body else None
            if isinstance(done, Found):
                return now.image
            said = done.reason if done else ""
            if done is None or not done.passes:
                break
            time.sleep(min(done.wait or 0.5 * 2.0**attempt, LONGEST_PAUSE))
        return None if (now := wanted()) is None else self._copied(tag, now, said, stopped)

    def _copied(self, tag: str, wanted: Wanted, said: str, stopped: Callable[[], bool]) -> Image | Unknown:
        """Point a tag at what is wanted by imagetools; `said` is why the client could not."""
        words = "" if self._imagetools else "the builder is not known yet"
        for attempt in range(TRIES):
            words = self._imagetools.create(tag, wanted.sources, wanted.notes) if self._imagetools else words
            if not words:
                now = self.head(tag)  # an index that it made is not the one that we would have made
                return _named(now) if isinstance(now, Found) else wanted.image
            if stopped() or not is_passing(words) or attempt + 1 == TRIES:
                break
            time.sleep(2.0**attempt)
        return Unknown(reason=f"{said}; imagetools: {words}" if said else words)

    def delete(self, tag: str) -> Absent | Unknown:
        """Delete a tag, not the image; imagetools cannot."""
        return self._client.delete(tag)


def _named(found: Found) -> Image:
    return Image(digest=found.digest, media_type=found.descriptor.media_type, body=b"")
