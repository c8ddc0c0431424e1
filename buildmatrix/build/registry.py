"""What is asked of registries without buildx: which digest a tag has, that a tag be deleted, and that many tags move.

Buildx has no command for the second, and takes a process for each image for the others.

The protocol is that of the OCI distribution specification; who we are is read from docker's own configuration. Where a
registry wants more than that (a login of another kind, another transport) the answer is None: nobody depends on it.
"""

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

from buildmatrix.errors import EngineError
from buildmatrix.oci.reference import canonical
from buildmatrix.process import Programs

if TYPE_CHECKING:
    from email.message import Message

_KIND = "application/vnd."
_KINDS = (
    f"{_KIND}oci.image.index.v1+json, {_KIND}oci.image.manifest.v1+json, "
    f"{_KIND}docker.distribution.manifest.list.v2+json, {_KIND}docker.distribution.manifest.v2+json"
)
_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')
_LOCAL = re.compile(r"^(localhost|127\.[\d.]+|\[::1\])(:\d+)?$")
_GONE = frozenset({HTTPStatus.ACCEPTED, HTTPStatus.OK, HTTPStatus.NO_CONTENT})
SECONDS = 10.0
"""How long a registry may take to answer."""

LARGEST = 8 << 20
"""Bytes of a manifest that are read; registries take at most 4 MiB."""

MISSING = ""
"""The digest of a tag that a registry does not have."""


class Registries:
    """Asks registries in the name of whom docker is logged in as."""

    def __init__(self, programs: Programs) -> None:
        """Take what starts credential helpers, and the environment that says where docker's configuration is."""
        self._programs = programs
        folder = programs.environment.get("DOCKER_CONFIG") or Path("~/.docker").expanduser()
        self._config = _read(Path(folder, "config.json"))
        self._tokens: dict[tuple[str, ...], str] = {}

    def digest(self, tag: str) -> str | None:
        """Return the digest that a tag has now; `MISSING` if the registry has no such tag, None if nobody can say."""
        answer = self._ask("HEAD", tag, "pull")
        if answer is None:
            return None
        if answer.status == HTTPStatus.NOT_FOUND:
            return MISSING
        return answer.headers.get("Docker-Content-Digest") if answer.status == HTTPStatus.OK else None

    def delete(self, tag: str) -> bool:
        """Delete a tag, not the image; tell whether it is gone."""
        answer = self._ask("DELETE", tag, "pull,push,delete")
        return answer is not None and answer.status in _GONE

    def move(self, tag: str, digest: str) -> bool:
        """Point a tag at what its repository has under a digest, byte for byte; tell whether that worked."""
        found = self._ask("GET", tag, "pull", name=digest)
        if found is None or found.status != HTTPStatus.OK or digest != f"sha256:{sha256(found.body).hexdigest()}":
            return False
        kind = found.headers.get("Content-Type", "")
        answer = self._ask("PUT", tag, "pull,push", body=found.body, kind=kind)
        return answer is not None and answer.status == HTTPStatus.CREATED

    def _ask(
        self, method: str, tag: str, actions: str, *, name: str = "", body: bytes | None = None, kind: str = ""
    ) -> "_Answer | None":
        """Ask about a tag's manifest, or with `name` about another one of its repository."""
        host, _, rest = canonical(tag).partition("/")
        repository, _, own = rest.rpartition(":")
        url = f"{_scheme(host)}://{_endpoint(host)}/v2/{repository}/manifests/{name or own}"
        headers = {"Accept": _KINDS} | ({"Content-Type": kind} if kind else {})
        try:
            answer = _request(method, url, headers, self._tokens.get((host, repository, actions), ""), body)
            if answer.status != HTTPStatus.UNAUTHORIZED:
                return answer
            challenge = answer.headers.get("WWW-Authenticate", "")
            proof = self._prove(host, challenge, f"repository:{repository}:{actions}")
            self._tokens[host, repository, actions] = proof
            return _request(method, url, headers, proof, body) if proof else None
        except (OSError, ValueError):
            return None

    def _prove(self, host: str, challenge: str, scope: str) -> str:
        """Return the value of the header `Authorization`; "" if there is none to be had."""
        from urllib.parse import urlencode

        basic = self._basic(host)
        kind, fields = challenge.partition(" ")[0].lower(), dict(_CHALLENGE.findall(challenge))
        if kind != "bearer" or "realm" not in fields:
            return basic
        if not fields["realm"].startswith(("https://", f"{_scheme(host)}://")):
            return ""
        query = urlencode({"service": fields.get("service", ""), "scope": scope})
        with _open("GET", f"{fields['realm']}?{query}", {"Authorization": basic} if basic else {}) as answer:
            found = json.load(answer)
        token = found.get("token") or found.get("access_token")
        return f"Bearer {token}" if token else ""

    def _basic(self, host: str) -> str:
        keys = (host, f"https://{host}", "https://index.docker.io/v1/" if host == "docker.io" else host)
        helpers = self._config.get("credHelpers", {})
        helper = next((helpers[key] for key in keys if key in helpers), self._config.get("credsStore"))
        for key in keys:
            if coded := self._config.get("auths", {}).get(key, {}).get("auth"):
                return f"Basic {coded}"
            if helper and (found := self._helped(helper, key)):
                return found
        return ""

    def _helped(self, helper: str, key: str) -> str:
        """Ask docker's credential helper, by its protocol: the registry on standard input, JSON on standard output."""
        try:
            done = self._programs.run([f"docker-credential-{helper}", "get"], given=key, timeout=SECONDS)
            found = json.loads(done.stdout)
        except (EngineError, ValueError):
            return ""
        pair = f"{found.get('Username', '')}:{found.get('Secret', '')}"
        return "Basic " + base64.b64encode(pair.encode()).decode()


def _scheme(host: str) -> str:
    return "http" if _LOCAL.match(host) else "https"


def _endpoint(host: str) -> str:
    return "registry-1.docker.io" if host == "docker.io" else host


@dataclass(frozen=True)
class _Answer:
    status: int
    headers: "Message"
    body: bytes = b""


def _request(method: str, url: str, headers: Mapping[str, str], proof: str, body: bytes | None) -> _Answer:
    from urllib.error import HTTPError

    try:
        with _open(method, url, {**headers, **({"Authorization": proof} if proof else {})}, body) as answer:
            return _Answer(answer.status, answer.headers, answer.read(LARGEST))
    except HTTPError as error:
        with error:
            return _Answer(error.code, error.headers)


def _open(method: str, url: str, headers: Mapping[str, str], body: bytes | None = None) -> Any:
    """Open a URL; a redirection is an HTTPError, since who we are is for nobody else."""
    from urllib.request import HTTPRedirectHandler, Request, build_opener

    class Stay(HTTPRedirectHandler):
        def redirect_request(self, *_: object) -> None:
            """Follow none."""

    request = Request(url, data=body, method=method, headers=dict(headers))  # noqa: S310 the scheme is ours, or was checked
    return build_opener(Stay).open(request, timeout=SECONDS)


def _read(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found
