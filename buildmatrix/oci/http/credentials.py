"""Who we are for a registry, as docker's own configuration says: `auths`, credential helpers, `DOCKER_AUTH_CONFIG`."""

import base64
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from buildmatrix.errors import EngineError
from buildmatrix.process import Programs, docker_directory
from buildmatrix.text import hide

SECONDS = 10.0
"""How long a credential helper may take."""

_TOKEN_USER = "<token>"  # noqa: S105 by the helpers' protocol: the secret is an identity token


@dataclass(frozen=True, kw_only=True, repr=False)
class Login:
    """A name and its password, or an identity token, or the very token that a registry wants."""

    name: str = ""
    secret: str = ""
    identity: str = ""
    bearer: str = ""

    @property
    def basic(self) -> str:
        """The value of the header `Authorization`; "" where there is no password."""
        pair = f"{self.name}:{self.secret}"
        return f"Basic {base64.b64encode(pair.encode()).decode()}" if self.secret else ""


class Credentials:
    """Reads docker's configuration once, and asks a helper once for each registry."""

    def __init__(self, programs: Programs) -> None:
        """Take what starts helpers, and the environment that says where the configuration is."""
        self._programs = programs
        environment = programs.environment
        self._config = _table(_read(docker_directory(environment) / "config.json"))
        self._given = _table(_json(environment.get("DOCKER_AUTH_CONFIG", "")))
        self._known: dict[str, Login] = {}
        self._lock = threading.Lock()

    def of(self, host: str) -> Login:
        """Return who we are for a registry, which may repeat it: it is hidden; an empty Login for nobody."""
        with self._lock:
            if host not in self._known:
                self._known[host] = login = self._find(host)
                hide(login.secret, login.identity, login.bearer, login.basic.removeprefix("Basic "))
            return self._known[host]

    def _find(self, host: str) -> Login:
        keys = _keys(host)
        helpers = _table(self._config.get("credHelpers"))
        helper = next((helpers[key] for key in keys if key in helpers), self._config.get("credsStore"))
        for auths in (_table(self._given.get("auths")), _table(self._config.get("auths"))):
            found = next((login for key in keys if (login := _login(_table(auths.get(key)))) != Login()), None)
            if found:
                return found
        if isinstance(helper, str) and helper:
            return next((login for key in keys if (login := self._helped(helper, key)) != Login()), Login())
        return Login()

    def _helped(self, helper: str, key: str) -> Login:
        """Ask docker's credential helper, by its protocol: the registry on standard input, JSON on standard output."""
        try:
            done = self._programs.run([f"docker-credential-{helper}", "get"], given=key, timeout=SECONDS)
        except (EngineError, OSError):
            return Login()
        found = _table(_json(done.stdout))
        name, secret = _text(found.get("Username")), _text(found.get("Secret"))
        return Login(identity=secret) if name == _TOKEN_USER else Login(name=name, secret=secret)


def _keys(host: str) -> tuple[str, ...]:
    if host == "docker.io":
        return ("https://index.docker.io/v1/", "index.docker.io", "docker.io", "registry-1.docker.io")
    return (host, f"https://{host}", f"https://{host}/", f"https://{host}/v1/", f"https://{host}/v2/", f"http://{host}")


def _login(entry: Mapping[str, Any]) -> Login:
    name, secret = _text(entry.get("username")), _text(entry.get("password"))
    try:
        decoded = base64.b64decode(_text(entry.get("auth"))).decode()
    except ValueError:
        decoded = ""
    if decoded:
        name, _, secret = decoded.rstrip("\0").partition(":")
    identity, bearer = _text(entry.get("identitytoken")), _text(entry.get("registrytoken"))
    return Login(name=name if secret else "", secret=secret, identity=identity, bearer=bearer)


def _read(path: Path) -> Any:
    try:
        return _json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _json(text: str) -> Any:
    try:
        return json.loads(text) if text else None
    except (ValueError, RecursionError):
        return None


def _table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
