"""The one way to ask a registry: by the OCI distribution specification, in the name of whom docker is logged in as.

Every answer is Found, Absent or Unknown, within a bounded time, whatever the registry does. A tag is asked for with
HEAD; content only by its digest, since Docker Hub counts each GET of a manifest as a pull.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from copy import copy
from dataclasses import field, replace
from http import HTTPStatus

from buildmatrix.oci.addresses import followed, is_same_place
from buildmatrix.oci.answers import Absent, Answer, Descriptor, Found, Unknown
from buildmatrix.oci.http.authorization import Authorization
from buildmatrix.oci.http.kept import Kept
from buildmatrix.oci.http.replies import DIGEST, KEEPS_TAGS, hashed, keeps_tags, kind_of, refusal, size_of, verified
from buildmatrix.oci.http.transport import SECONDS, Reply, Request, Transport
from buildmatrix.oci.index import INDEXES, MANIFESTS, digest_of
from buildmatrix.oci.reference import Reference, parse
from buildmatrix.patterns import regex
from buildmatrix.process import Programs
from buildmatrix.records import dataclass

_ACCEPT = ", ".join(sorted(INDEXES | MANIFESTS))
"""All four, always: with one alone an old registry converts what it has, and answers the digest of that."""

TRIES = 3
"""How often a question is asked where the trouble may pass: as often as a move of tags is tried."""

PATIENCE = 3
"""Questions in a row that a registry may leave unanswered; then it is asked only now and then, so that no run hangs."""

HOPS = 3
"""Redirections that are followed, without saying who we are."""

_LOCAL = regex(r"(localhost|127\.[\d.]+|\[::1\])(:\d+)?")
_NO_TLS = "speaks no TLS"
_GONE = frozenset({HTTPStatus.ACCEPTED, HTTPStatus.OK, HTTPStatus.NO_CONTENT, HTTPStatus.NOT_FOUND})
_MOVED = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, kw_only=True)
class _Question:
    """A request about something in a repository: `path` is what stands behind its name, by default the manifest."""

    method: str
    of: Reference
    path: str = ""
    actions: str = "pull"
    headers: Mapping[str, str] = field(default_factory=lambda: {"Accept": _ACCEPT})
    body: bytes | None = None

    @property
    def host(self) -> str:
        return self.of.host

    @property
    def scope(self) -> str:
        return f"repository:{self.of.path}:{self.actions}"


class Client:
    """Asks registries. Every method may be called from any thread, and raises nothing for what a registry does."""

    def __init__(self, programs: Programs, insecure: Iterable[str] = ()) -> None:
        """Take what starts credential helpers, and the registries (`host:port`) that may do without TLS."""
        self._transport = Transport(programs.environment)
        self._authorization = Authorization(programs, self._transport)
        self._kept = Kept(programs.environment)
        self._insecure = frozenset(insecure)
        self._plain: set[str] = set()
        self._silent: dict[str, tuple[int, float]] = {}

    def allowing(self, insecure: Iterable[str]) -> "Client":
        """Return the same, with its connections, that lets these registries do without TLS, too."""
        other = copy(self)
        other._insecure = self._insecure | frozenset(insecure)  # noqa: SLF001 one of its own class
        return other

    # --- questions ------------------------------------------------------------------------------------------------

    def head(self, reference: str, *, tries: int = TRIES) -> Answer:
        """Return what a tag, or `repository@digest`, stands for."""
        question = _Question(method="HEAD", of=parse(reference))
        return _persistent(lambda: self._headed(question), tries)

    def get(self, repository: str, digest: str, *, tries: int = TRIES) -> Answer:
        """Return the index or manifest that has a digest, verified; one that was read before is not asked for."""
        return self._content(_Question(method="GET", of=parse(repository).at(digest)), tries)

    def blob(self, repository: str, digest: str, *, tries: int = TRIES) -> Answer:
        """Return the blob that has a digest, verified: a configuration, never a layer."""
        return self._content(_Question(method="GET", of=parse(repository).at(digest), path=f"blobs/{digest}"), tries)

    def _content(self, question: _Question, tries: int) -> Answer:
        name = question.of.name
        if DIGEST.fullmatch(name) and (kept := self._kept.read(name)) is not None:
            return kept
        found = _persistent(lambda: verified(self._ask(question), question.host, name), tries)
        if isinstance(found, Found):
            self._kept.write(found)
        return found

    def _headed(self, question: _Question) -> Answer:
        found = self._ask(question)
        if isinstance(found, Unknown):
            return found
        if found.status == HTTPStatus.NOT_FOUND:  # without a body: only GET tells whether a registry says so
            return hashed(self._ask(replace(question, method="GET")), question.host)
        if found.status != HTTPStatus.OK:
            return refusal(found, question.host)
        told = found.headers.get("docker-content-digest", "")
        if not told:  # the specification allows that: then the content tells, at the cost of reading it
            return hashed(self._ask(replace(question, method="GET")), question.host)
        wrong = question.of.digest is not None and told != question.of.digest
        if wrong or not DIGEST.fullmatch(told):
            return Unknown(reason=f"{question.host} answered a digest that cannot be right", doubted=True)
        return Found(descriptor=Descriptor(digest=told, media_type=kind_of(found), size=size_of(found)))

    # --- changes --------------------------------------------------------------------------------------------------

    def put(self, tag: str, body: bytes, media_type: str) -> Found | Unknown:
        """Point a tag at an index or manifest, byte for byte; tried once. After Unknown, look what it did."""
        headers, to = {"Content-Type": media_type, "Accept": _ACCEPT}, parse(tag)
        found = self._ask(_Question(method="PUT", of=to, actions="pull,push", headers=headers, body=body))
        if isinstance(found, Unknown):
            return found
        digest = digest_of(body)
        if found.status != HTTPStatus.CREATED:
            return refusal(found, to.host)
        if found.headers.get("docker-content-digest", digest) != digest:
            return Unknown(reason=f"{to.host} stored something else than it was sent")
        return Found(descriptor=Descriptor(digest=digest, media_type=media_type, size=len(body)), body=body)

    def delete(self, tag: str) -> Absent | Unknown:
        """Delete a tag, not the image."""
        to = parse(tag)
        found = self._ask(_Question(method="DELETE", of=to, actions="pull,push,delete"))
        if isinstance(found, Unknown):
            return found
        if found.status in _GONE:
            return Absent()
        return KEEPS_TAGS if keeps_tags(found) else refusal(found, to.host)

    def try_upload(self, repository: str) -> Unknown | None:
        """Begin to upload a blob to a repository, and cancel it; None if that may be done. Nothing is left behind."""
        to = parse(repository)
        question = _Question(method="POST", of=to, path="blobs/uploads/", actions="pull,push", headers={}, body=b"")
        found = self._ask(question)
        if isinstance(found, Unknown):
            return found
        if found.status != HTTPStatus.ACCEPTED:
            return refusal(found, to.host)
        self._cancel(question, found.headers.get("location", ""))
        return None

    def _cancel(self, question: _Question, location: str) -> None:
        """End an upload that was begun; a registry that does not know how forgets it some time."""
        url = f"{self._base(question.host)}{question.of.path}/{question.path}"
        there = followed(url, location)
        if is_same_place(there, url):  # nobody else is told who we are
            proof = self._authorization.known(question.host, question.scope)
            headers = {"Authorization": proof} if proof else {}
            insecure = question.host in self._insecure
            self._transport.ask(
                Request(method="DELETE", url=there, headers=headers, insecure=insecure, registry=question.host)
            )

    def who(self, host: str) -> str:
        """Return as whom docker is logged in to a registry: a name, `a token`, or "" for nobody."""
        return self._authorization.who(host)

    # --- the protocol ---------------------------------------------------------------------------------------------

    def _ask(self, question: _Question) -> Reply | Unknown:
        """Ask once; of a refusal it is told what kept us from being logged in."""
        found = self._asked(question)
        refused = found if isinstance(found, Unknown) else refusal(found, question.host)
        trouble, silent = self._authorization.trouble(question.host) if refused.refused else ("", False)
        return replace(refused, reason=f"{refused.reason}; {trouble}", silent=silent) if trouble else found

    def _asked(self, question: _Question) -> Reply | Unknown:
        """Ask once, logged in where the registry wants that."""
        scope = question.scope
        proof = self._authorization.known(question.host, scope)
        found = self._sent(question, proof)
        if isinstance(found, Unknown) or found.status != HTTPStatus.UNAUTHORIZED:
            return found
        challenge = found.headers.get("www-authenticate", "")
        plain = self._base(question.host).startswith("http:")
        proven = self._authorization.prove(question.host, challenge, scope, plain=plain)
        if isinstance(proven, Unknown):
            return proven
        return self._sent(question, proven) if proven and proven != proof else found

    def _sent(self, question: _Question, proof: str) -> Reply | Unknown:
        times, since = self._silent.get(question.host, (0, 0.0))
        if times >= PATIENCE and time.monotonic() - since < SECONDS:
            return Unknown(reason=f"{question.host} does not answer any more", passes=True, silent=True)
        found = self._sent_somehow(question, proof)
        is_silent = isinstance(found, Unknown) and found.silent
        self._silent[question.host] = (times + 1, time.monotonic()) if is_silent else (0, 0.0)
        return found

    def _sent_somehow(self, question: _Question, proof: str) -> Reply | Unknown:
        base = self._base(question.host)
        found = self._followed(question, base, proof)
        may_be_plain = question.host in self._insecure or _LOCAL.fullmatch(question.host)
        falls_back = may_be_plain and base.startswith("https:")
        if falls_back and isinstance(found, Unknown) and found.reason.endswith(_NO_TLS):
            self._plain.add(question.host)
            return self._followed(question, self._base(question.host), proof)
        return found

    def _base(self, host: str) -> str:
        """Return the start of a registry's URLs; those of this machine speak plain HTTP, unless docker knows better."""
        is_local = _LOCAL.fullmatch(host) and not self._transport.has_certificates(host)
        scheme = "http" if is_local or host in self._plain else "https"
        return f"{scheme}://{'registry-1.docker.io' if host == 'docker.io' else host}/v2/"

    def _followed(self, question: _Question, base: str, proof: str) -> Reply | Unknown:
        """Send a request; where content lies elsewhere, follow, and do not say there who we are."""
        url = f"{base}{question.of.path}/{question.path or 'manifests/' + question.of.name}"
        proven = {**question.headers, **({"Authorization": proof} if proof else {})}
        request = Request(
            method=question.method,
            url=url,
            headers=proven,
            body=question.body,
            insecure=question.host in self._insecure,
            registry=question.host,
        )
        for _ in range(HOPS):
            found = self._transport.ask(request)
            if isinstance(found, Unknown) or found.status not in _MOVED:
                return found
            there = followed(request.url, found.headers.get("location", ""))
            known = there.startswith(("https://", base.partition("//")[0] + "//"))
            if question.method not in {"GET", "HEAD"} or not known:
                return found
            request = replace(request, url=there, headers=proven if is_same_place(there, url) else question.headers)
        return Unknown(reason=f"{question.host} sends from one place to the next")


def _persistent(ask: Callable[[], Answer], tries: int) -> Answer:
    """Ask again where the trouble may pass, soon and not for long."""
    began = time.monotonic()
    for attempt in range(tries - 1):
        found = ask()
        if not isinstance(found, Unknown) or not found.passes or found.silent:
            return found
        wait = found.wait or 0.25 * 2.0**attempt
        if time.monotonic() - began + wait > SECONDS:
            return found
        time.sleep(wait)
    return ask()
