"""`docker buildx imagetools`: the second way to a registry, for what our own client cannot do.

It knows other logins, and what the builder's configuration says of a registry. It takes a process for each call.
"""

import json
from collections.abc import Iterable

from buildmatrix.engine.preflight import Engine
from buildmatrix.errors import EngineError
from buildmatrix.oci.answers import Absent, Descriptor, Found, Unknown
from buildmatrix.oci.image import Held, image_of
from buildmatrix.oci.index import digest_of
from buildmatrix.process import Completed, Programs

PATIENCE = 60.0
"""Seconds that one call may take: an engine's registry is asked for descriptors, no layer is copied."""


class Imagetools:
    """Asks and moves by imagetools."""

    def __init__(self, engine: Engine, programs: Programs) -> None:
        self._command, self._programs = (*engine.program, "imagetools"), programs
        self._builder = ["--builder", engine.builder.name]
        self._has_exact_copies = True

    def _run(self, command: str, *arguments: str) -> Completed:
        return self._programs.run([*self._command, command, *self._builder, *arguments], timeout=PATIENCE)

    def look(self, reference: str) -> Held:
        """Return what a tag or digest stands for."""
        try:
            done = self._run("inspect", "--raw", reference)
        except EngineError as error:
            return Unknown(reason=error.diagnostics[0].message)
        if done.code:
            words = _last_words(done)
            return Absent() if words.endswith(": not found") else Unknown(reason=words)
        body = done.stdout.encode()
        found = Found(descriptor=Descriptor(digest=digest_of(body), media_type="", size=len(body)), body=body)
        return image_of(found, lambda _: self._config(reference))

    def _config(self, reference: str) -> Found | Unknown:
        try:
            done = self._run("inspect", "--format", "{{json .Image}}", reference)
        except EngineError as error:
            return Unknown(reason=error.diagnostics[0].message)
        body = done.stdout.encode()
        if done.code:
            return Unknown(reason=_last_words(done))
        return Found(descriptor=Descriptor(digest=digest_of(body), media_type=""), body=body)

    def create(self, tag: str, sources: Iterable[str], notes: Iterable[str] = ()) -> str:
        """Point a tag at sources; return what went wrong, "" if nothing did.

        One source is copied as it is; an old buildx has no flag for that and puts an index around a lone manifest.
        """
        listed = list(sources)
        exact = ["--prefer-index=false"] if len(listed) == 1 and self._has_exact_copies else []
        flags = [text for note in notes for text in ("--annotation", note)]
        try:
            done = self._run("create", *exact, *flags, "-t", tag, *listed)
        except EngineError as error:
            return error.diagnostics[0].message
        if exact and "unknown flag" in done.stderr:
            self._has_exact_copies = False
            return self.create(tag, listed, notes)
        return _last_words(done) if done.code else ""


def sources_of(references: Iterable[str], rows: Iterable[dict[str, object]]) -> list[str]:
    """Return the sources of an index: images, and lines of another index.

    With a media type in a line buildx would look for the tag `latest`.
    """
    keys = ("digest", "annotations", "platform")
    return [*references, *(json.dumps({key: row[key] for key in keys if key in row}) for row in rows)]


def _last_words(done: Completed) -> str:
    words = done.stderr.strip().splitlines() or ["imagetools failed"]
    return " ".join(words[-1].removeprefix("ERROR: ").split())
