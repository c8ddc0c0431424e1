"""Names of variables and secrets in CI systems: those of logins, and those that a job has for itself."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256

from buildmatrix.ci.setup import variables_of
from buildmatrix.errors import Diagnostic
from buildmatrix.plan.model import Plan


def secret_names(hosts: Iterable[str]) -> Mapping[str, str]:
    """Return how the secrets for each registry begin: `REGISTRY_EXAMPLE_COM`; no two share them.

    Those that would are told apart by what they are, so that the next one takes over no other's password.
    """
    plain = {host: _plain(host) for host in hosts}
    times = Counter(plain.values())
    return {host: name if times[name] == 1 else f"{name}_{_mark(host)}" for host, name in plain.items()}


def _plain(host: str) -> str:
    name = re.sub(r"[^A-Z0-9]+", "_", host.upper()).strip("_")
    return name if re.match(r"[A-Z]", name) and not name.startswith(("GITHUB_", "CI_")) else f"REGISTRY_{name}"


def _mark(host: str) -> str:
    return sha256(host.encode()).hexdigest()[:6].upper()


def refused_variables(plan: Plan, own: re.Pattern[str], system: str) -> Iterator[Diagnostic]:
    """Yield an error for each secret of a build in a variable that a job has for itself, as `own` names those."""
    for target in plan.targets:
        names = (name for optional in (False, True) for name in variables_of(target, optional=optional))
        for name in dict.fromkeys(filter(own.fullmatch, names)):
            message = f"{target.name} has a secret in {name}, which jobs of {system} have for themselves"
            hint = "give the variable another name: env = …"
            yield Diagnostic(message=message, code="secret", place=target.place, hint=hint)
