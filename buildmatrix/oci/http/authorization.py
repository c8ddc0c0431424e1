"""The header `Authorization`: basic, or a token that the registry's own server gives for a scope."""

import json
import re
from dataclasses import replace
from http import HTTPStatus
from urllib.parse import urlencode

from buildmatrix.oci.addresses import host_of, shown
from buildmatrix.oci.answers import Unknown
from buildmatrix.oci.http.credentials import Credentials, Login
from buildmatrix.oci.http.transport import Reply, Request, Transport
from buildmatrix.patterns import regex
from buildmatrix.process import Programs

_FIELD = regex(r'(\w+)="([^"]*)"')
_BEARER = regex(r"(?:^|,)\s*bearer\s+(.*)", re.IGNORECASE | re.DOTALL)
_CLIENT = "buildmatrix"


class Authorization:
    """Remembers what proved who we are, by registry and scope."""

    def __init__(self, programs: Programs, transport: Transport) -> None:
        self._credentials, self._transport = Credentials(programs), transport
        self._proofs: dict[tuple[str, str], str] = {}
        self._challenges: dict[str, tuple[str, bool]] = {}

    def known(self, host: str, scope: str) -> str:
        """Return the header's value as far as it can be known before the registry refuses; "" for none."""
        if (host, scope) in self._proofs:
            return self._proofs[host, scope]
        if host not in self._challenges:
            return ""
        challenge, plain = self._challenges[host]  # it will ask for another repository what it asked for the first
        proven = self.prove(host, challenge, scope, plain=plain)
        return proven if isinstance(proven, str) else ""

    def trouble(self, host: str) -> tuple[str, bool]:
        """Return what kept us from knowing who we are for a registry, "" if nothing did; whether it was silent."""
        return self._credentials.trouble(host)

    def who(self, host: str) -> str:
        """Return who we are for a registry: a name, `a token` for one without a name, "" for nobody."""
        login = self._credentials.of(host)
        return "" if login == Login() else login.name or "a token"

    def prove(self, host: str, challenge: str, scope: str, *, plain: bool) -> str | Unknown:
        """Return the header's value for a challenge, "" if nobody is logged in. `plain` allows a server without TLS."""
        login = self._credentials.of(host)
        found = _BEARER.search(challenge)
        fields = dict(_FIELD.findall(found[1])) if found else {}
        proven: str | Unknown = login.basic
        if fields.get("realm"):
            proven = f"Bearer {login.bearer}" if login.bearer else self._token(host, fields, scope, login, plain=plain)
        if isinstance(proven, str):
            self._proofs[host, scope] = proven
            self._challenges[host] = challenge, plain
        return proven

    def _token(self, host: str, fields: dict[str, str], scope: str, login: Login, *, plain: bool) -> str | Unknown:
        realm = fields["realm"]
        if not realm.startswith(("https://", "http://") if plain else "https://"):
            return Unknown(reason=f"{host} sends to {shown(realm)} for a token, which is not safe", refused=True)
        if not (server := host_of(realm)):
            return Unknown(reason=f"{host} sends to {shown(realm)} for a token, which is no address", refused=True)
        found = self._transport.ask(replace(_request(realm, fields.get("service", ""), scope, login), registry=host))
        if isinstance(found, Unknown):
            return found
        return _bearer(found, server, host)


def _request(realm: str, service: str, scope: str, login: Login) -> Request:
    asked = {key: value for key, value in (("service", service), ("scope", scope)) if value}
    if login.identity:
        more = {"grant_type": "refresh_token", "refresh_token": login.identity, "client_id": _CLIENT}
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return Request(method="POST", url=realm, headers=headers, body=urlencode(asked | more).encode())
    joint = "&" if "?" in realm else "?"
    headers = {"Authorization": login.basic} if login.basic else {}
    return Request(method="GET", url=f"{realm}{joint}{urlencode(asked)}", headers=headers)


def _bearer(found: Reply, server: str, host: str) -> str | Unknown:
    if found.status != HTTPStatus.OK:
        return Unknown(
            reason=f"{server}, which logs in for {host}, answered {found.status}",
            passes=found.status == HTTPStatus.TOO_MANY_REQUESTS or found.status >= 500,  # noqa: PLR2004
            refused=found.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN},
        )
    try:
        table = json.loads(found.body)
    except (ValueError, RecursionError):
        table = None
    tokens = [table.get("token"), table.get("access_token")] if isinstance(table, dict) else []
    token = next((one for one in tokens if isinstance(one, str) and one.isprintable() and one.isascii()), "")
    return f"Bearer {token}" if token else Unknown(reason=f"{server}, which logs in for {host}, answered no token")
