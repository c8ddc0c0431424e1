"""Checksums of files that HTTP gives, and commits that git references stand for; bounded in time and size."""

import hashlib
import time
from http.client import HTTPException
from urllib.error import HTTPError, URLError
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
)

from buildmatrix import __version__
from buildmatrix.errors import EngineError
from buildmatrix.lock.sources import Source
from buildmatrix.oci.answers import Unknown
from buildmatrix.patterns import regex
from buildmatrix.process import Programs

LARGEST = 4 << 30
"""Bytes of a file that is fetched."""

SECONDS, SILENCE = 600.0, 30.0
"""How long a file may take, and how long nothing may come."""

GIT_SECONDS = 60.0
_PIECE = 1 << 20
_GIT = ("env", "GIT_ALLOW_PROTOCOL=git:http:https:ssh", "git", "-C", "/", "ls-remote", "--")
_COMMIT = regex(r"[0-9a-f]{40}|[0-9a-f]{64}")


class Fetching:
    """Finds what a source stands for now."""

    def __init__(self, programs: Programs) -> None:
        """Take what starts git."""
        self._programs = programs

    def __call__(self, source: Source) -> str | Unknown:
        """Return the checksum of a file, or the commit of a git reference."""
        return checksum_of(source.url) if source.kind == "http" else self._commit(source.url)

    def _commit(self, url: str) -> str | Unknown:
        """Return the commit of a reference: the branch, the tag, or `HEAD`.

        Git runs in `/`, where no repository's configuration tells it what to start.
        """
        remote, _, fragment = url.partition("#")
        name = fragment.partition(":")[0] or "HEAD"
        command = [*_GIT, remote, name, f"{name}^{{}}"]
        try:
            done = self._programs.run(command, timeout=GIT_SECONDS)
        except EngineError as error:
            return Unknown(reason=error.diagnostics[0].message)
        if done.code:
            words = done.stderr.strip().splitlines()
            return Unknown(reason=f"git: {words[-1] if words else f'exit code {done.code}'}")
        return chosen(done.stdout, name)


def chosen(told: str, name: str) -> str | Unknown:
    """Return the commit that `git ls-remote` tells for a name; of an annotated tag that which it is of."""
    rows = (line.split("\t", 1) for line in told.splitlines() if "\t" in line)
    known = {ref: commit for commit, ref in rows if _COMMIT.fullmatch(commit)}
    places = {name, f"refs/{name}", f"refs/heads/{name}", f"refs/tags/{name}"}
    found = {known.get(f"{ref}^{{}}", known[ref]) for ref in places & known.keys()}
    if len(found) > 1:
        return Unknown(reason=f"{name} is both a branch and a tag: write refs/heads/{name} or refs/tags/{name}")
    return next(iter(found), None) or Unknown(reason=f"its repository has no {name}")


def checksum_of(url: str) -> str | Unknown:
    """Return the checksum of what a URL gives, `sha256:…`; redirections are followed, to HTTP only."""
    opener = OpenerDirector()
    for handler in (
        ProxyHandler(),
        HTTPHandler(),
        HTTPSHandler(),
        HTTPRedirectHandler(),
        HTTPErrorProcessor(),
        HTTPDefaultErrorHandler(),
    ):
        opener.add_handler(handler)
    headers = {"User-Agent": f"buildmatrix/{__version__}", "Accept-Encoding": "identity"}
    try:
        with opener.open(Request(url, headers=headers), timeout=SILENCE) as answer:  # noqa: S310 no other handlers
            return _hashed(answer)
    except HTTPError as error:
        return Unknown(reason=f"its server answered {error.code}")
    except TimeoutError:
        return Unknown(reason=f"its server sent nothing for {SILENCE:.0f} s")
    except URLError as error:
        return Unknown(reason=f"it cannot be fetched: {getattr(error.reason, 'strerror', None) or error.reason}")
    except (OSError, HTTPException, ValueError) as error:
        return Unknown(reason=f"it cannot be fetched: {error}")


def _hashed(answer: object) -> str | Unknown:
    read = answer.read  # type: ignore[attr-defined]  # opener.open says nothing of what it returns
    digest, size, until = hashlib.sha256(), 0, time.monotonic() + SECONDS
    while piece := read(_PIECE):
        digest.update(piece)
        size += len(piece)
        if size > LARGEST:
            return Unknown(reason=f"it has more than {LARGEST >> 30} GiB")
        if time.monotonic() > until:
            return Unknown(reason=f"it did not arrive within {SECONDS / 60:.0f} minutes")
    return f"sha256:{digest.hexdigest()}"
