"""Two questions that buildx has no command for: which digest a tag has, and that a tag be deleted.

The protocol is that of the OCI distribution specification; who we are is read from docker's own configuration. Where a
registry wants more than that (a login of another kind, another transport) the answer is None: nobody depends on it.
"""

import base64
import json
import re
import urllib.error
import urllib.parse
import urllib.request
from email.message import Message
from http import HTTPStatus
from pathlib import Path
from typing import Any

from buildmatrix.build.process import Programs
from buildmatrix.errors import EngineError
from buildmatrix.plan.references import canonical

_KIND = "application/vnd."
_KINDS = (
    f"{_KIND}oci.image.index.v1+json, {_KIND}oci.image.manifest.v1+json, "
    f"{_KIND}docker.distribution.manifest.list.v2+json, {_KIND}docker.distribution.manifest.v2+json"
)
_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')
_LOCAL = re.compile(r"^(localhost|127\.[\d.]+|\[::1\])(:\d+)?$")
SECONDS = 10.0
"""How long a registry may take to answer."""

MISSING = ""
"""The digest of a tag that a registry does not have."""


class Registries:
    """Asks registries in the name of whom docker is logged in as."""

    def __init__(self, programs: Programs) -> None:
        """Take what starts credential helpers, and the environment that says where docker's configuration is."""
        self._programs = programs
        folder = programs.environment.get("DOCKER_CONFIG") or Path("~/.docker").expanduser()
        self._config = _read(Path(folder, "config.json"))
        self._tokens: dict[tuple[str, str], str] = {}

    def digest(self, tag: str) -> str | None:
        """Return the digest that a tag has now; `MISSING` if the registry has no such tag, None if nobody can say."""
        answer = self._ask("HEAD", tag, "pull")
        if answer is None:
            return None
        status, headers = answer
        if status == HTTPStatus.NOT_FOUND:
            return MISSING
        return headers.get("Docker-Content-Digest") if status == HTTPStatus.OK else None

    def delete(self, tag: str) -> bool:
        """Delete a tag, not the image; tell whether it is gone."""
        answer = self._ask("DELETE", tag, "delete")
        return answer is not None and answer[0] in {HTTPStatus.ACCEPTED, HTTPStatus.OK, HTTPStatus.NO_CONTENT}

    def _ask(self, method: str, tag: str, action: str) -> tuple[int, Message] | None:
        host, _, rest = canonical(tag).partition("/")
        repository, _, name = rest.rpartition(":")
        url = f"{'http' if _LOCAL.match(host) else 'https'}://{_endpoint(host)}/v2/{repository}/manifests/{name}"
        try:
            status, headers = _request(method, url, self._tokens.get((host, repository), ""))
            if status != HTTPStatus.UNAUTHORIZED:
                return status, headers
            proof = self._prove(host, headers.get("WWW-Authenticate", ""), repository, action)
            self._tokens[host, repository] = proof
            return _request(method, url, proof) if proof else None
        except (OSError, ValueError):
            return None

    def _prove(self, host: str, challenge: str, repository: str, action: str) -> str:
        """Return the value of the header `Authorization`; "" if there is none to be had."""
        basic = self._basic(host)
        kind, fields = challenge.partition(" ")[0].lower(), dict(_CHALLENGE.findall(challenge))
        if kind != "bearer" or "realm" not in fields:
            return basic
        scope = f"repository:{repository}:{'pull,push,delete' if action == 'delete' else action}"
        query = urllib.parse.urlencode({"service": fields.get("service", ""), "scope": scope})
        if not fields["realm"].startswith(("https://", "http://")):
            return ""
        headers = {"Authorization": basic} if basic else {}
        request = urllib.request.Request(f"{fields['realm']}?{query}", headers=headers)  # noqa: S310 checked above
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310
            found = json.load(answer)
        token = found.get("token") or found.get("access_token")
        return f"Bearer {token}" if token else ""

    def _basic(self, host: str) -> str:
        keys = (host, f"https://{host}", "https://index.docker.io/v1/" if host == "docker.io" else host)
        helper = next((self._config.get("credHelpers", {}).get(key) for key in keys), None) or self._config.get(
            "credsStore"
        )
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


def _endpoint(host: str) -> str:
    return "registry-1.docker.io" if host == "docker.io" else host


def _request(method: str, url: str, proof: str) -> tuple[int, Message]:
    headers = {"Accept": _KINDS} | ({"Authorization": proof} if proof else {})
    request = urllib.request.Request(url, method=method, headers=headers)  # noqa: S310 http or https, see above
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310
            return answer.status, answer.headers
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers


def _read(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found
