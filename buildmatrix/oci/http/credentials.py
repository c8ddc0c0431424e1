"""Who we are for a registry, as docker's own configuration says: `auths`, credential helpers, `DOCKER_AUTH_CONFIG`."""

import base64
import json
import re
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from buildmatrix.errors import EngineError
from buildmatrix.patterns import regex
from buildmatrix.process import Programs, docker_directory
from buildmatrix.records import dataclass
from buildmatrix.text import clean, hide

SECONDS = 10.0
"""How long a credential helper may take, all that it is asked in a run together."""

_NOBODY = regex(r"credentials not found|no credentials|not found in native keychain", re.IGNORECASE)
"""What helpers say where nobody is logged in, which is no trouble."""

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
        self._helpers: dict[str, _Helper] = {}
        self._lock = threading.Lock()

    def of(self, host: str) -> Login:
        """Return who we are for a registry, which may repeat it: it is hidden; an empty Login for nobody."""
        with self._lock:
            if host not in self._known:
                self._known[host] = login = self._find(host)
                hide(login.secret, login.identity, login.bearer, login.basic.removeprefix("Basic "))
            return self._known[host]

    def trouble(self, host: str) -> tuple[str, bool]:
        """Return what is wrong with the helper that was asked for a registry, "" if nothing is; whether it hangs."""
        with self._lock:
            helper = self._helpers.get(self._helper_of(host))
            return (helper.trouble, helper.hangs) if helper else ("", False)

    def _helper_of(self, host: str) -> str:
        helpers = _table(self._config.get("credHelpers"))
        return _text(next((helpers[key] for key in _keys(host) if key in helpers), self._config.get("credsStore")))

    def _find(self, host: str) -> Login:
        keys = _keys(host)
        for auths in (_table(self._given.get("auths")), _table(self._config.get("auths"))):
            found = next((login for key in keys if (login := _login(_table(auths.get(key)))) != Login()), None)
            if found:
                return found
        if name := self._helper_of(host):
            helper = self._helpers.setdefault(name, _Helper(self._programs, f"docker-credential-{name}"))
            return next((login for key in keys if (login := helper.login(key)) != Login()), Login())
        return Login()


class _Helper:
    """One of docker's credential helpers. One that is not there, or did not answer in time, is not asked again."""

    def __init__(self, programs: Programs, program: str) -> None:
        self._programs, self._program = programs, program
        self._left = SECONDS
        self._is_lost = False
        self.trouble, self.hangs = "", False

    def login(self, key: str) -> Login:
        """Ask by docker's protocol: the registry on standard input, JSON on standard output."""
        if self._is_lost:
            return Login()
        began = time.monotonic()
        try:
            done = self._programs.run([self._program, "get"], given=key, timeout=self._left)
        except (EngineError, OSError, ValueError) as error:
            self._is_lost, self.trouble = True, self._words(error)
            return Login()
        self._left = max(1.0, self._left - (time.monotonic() - began))  # all keys of all registries share them
        if done.code and not _NOBODY.search(done.stdout + done.stderr):
            said = clean((done.stdout.strip() or done.stderr.strip()).partition("\n")[0])[:200]
            self.trouble = self.trouble or f"{self._program} failed: {said or f'exit code {done.code}'}"
        found = _table(_json(done.stdout)) if not done.code else {}
        name, secret = _text(found.get("Username")), _text(found.get("Secret"))
        return Login(identity=secret) if name == _TOKEN_USER else Login(name=name, secret=secret)

    def _words(self, error: Exception) -> str:
        if not isinstance(error, EngineError):
            return f"{clean(self._program)} cannot be started"
        found = error.diagnostics[0]
        self.hangs = found.code != "missing"
        return f"{self._program} did not answer within {SECONDS:.0f} s" if self.hangs else found.message


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
