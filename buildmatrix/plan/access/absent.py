"""Secrets that a build may do without (`optional`): which of them are not there, on the machine that looks.

A plan tells them and keeps them: who applies it decides anew. A bake file has no such word, so that it lacks them.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from buildmatrix.errors import and_more
from buildmatrix.files import Repository, kept_from_us, kind_at
from buildmatrix.plan.access.reach import is_written, secret_file, secret_variable, written_before
from buildmatrix.plan.builds import BuildPlan
from buildmatrix.plan.model import AbsentSecret, Plan, PlannedTarget
from buildmatrix.spec.rows.settings import Secret
from buildmatrix.spec.toml.placed import placed, source_of

P = TypeVar("P", bound=PlannedTarget)
W = TypeVar("W", Plan, BuildPlan)


def why_absent(secret: Secret, directory: str, environment: Mapping[str, str]) -> str:
    """Return why a secret cannot be had; "" if it can."""
    src, variable = secret_file(secret), secret_variable(secret)
    if src is None:
        return "" if variable in environment else f"the environment variable {variable} is not set"
    path = Path(directory, src)
    if kind_at(path) == "file":
        return ""
    why = kept_from_us(path)
    return f"{src} cannot be read: {why}" if why else f"there is no file {src}"


def absent_secrets(
    targets: Sequence[PlannedTarget], directory: str, environment: Mapping[str, str]
) -> tuple[AbsentSecret, ...]:
    """Return the optional secrets that are not there; what lies outside of the repository is not looked for."""
    if not any(_is_optional(secret) for target in targets for secret in target.settings.secret or ()):
        return ()
    look = _Look(targets, directory, environment, outside=False)
    return tuple(one for target in targets for _, one in look.absent(target))


def without_absent(plan: W, environment: Mapping[str, str], *, outside: bool) -> W:
    """Return a plan without the optional secrets that are not there, and with those as its `absent_secrets`.

    `outside` looks also for files outside of the repository: what is there is not said before it is allowed.
    """
    if not any(_is_optional(secret) for target in plan.each for secret in target.settings.secret or ()):
        return plan
    look = _Look(plan.targets, plan.directory, environment, outside=outside)
    if isinstance(plan, BuildPlan):
        whole = without_absent(plan.of, environment, outside=outside)
        return replace(plan, targets=tuple(map(look.reduced, plan.targets)), of=whole)
    absent = tuple(one for target in plan.each for _, one in look.absent(target))
    return replace(plan, targets=tuple(map(look.reduced, plan.targets)), absent_secrets=absent)


def as_saved(plan: Plan, absent_secrets: Iterable[AbsentSecret]) -> Plan:
    """Return a plan without the secrets that were not there when it was saved, whatever is there now."""
    gone = {(one.target, one.id) for one in absent_secrets}

    def absent(target: PlannedTarget) -> set[int]:
        secrets = enumerate(target.settings.secret or ())
        return {index for index, one in secrets if isinstance(one, Secret) and (target.name, one.id) in gone}

    return replace(plan, targets=tuple(_reduced(target, absent) for target in plan.targets)) if gone else plan


def left_out(secrets: Sequence[AbsentSecret]) -> Iterator[str]:
    """Yield what to say of secrets that are not there: each once, with the first target that lacks it."""
    found: dict[tuple[str, str], dict[str, None]] = {}
    for one in secrets:
        found.setdefault((one.id, one.reason), {})[one.target] = None
    for (name, reason), targets in found.items():
        more = and_more(len(targets), "target")
        yield f'secret "{name}" of {next(iter(targets))}{more} is left out: {reason}'


class _Look:
    """Looks for secrets, each time anew: what a target writes that comes before may be there then."""

    def __init__(
        self, targets: Sequence[PlannedTarget], directory: str, environment: Mapping[str, str], *, outside: bool
    ) -> None:
        self._directory, self._environment = directory, environment
        self._written = written_before(targets)
        self._repository = None if outside else Repository.around(directory)

    def absent(self, target: PlannedTarget) -> Iterator[tuple[int, AbsentSecret]]:
        """Yield the optional secrets of a target that are not there, each with its index."""
        for index, secret in enumerate(target.settings.secret or ()):
            if isinstance(secret, Secret) and secret.optional and (reason := self._reason(secret, target)):
                yield index, AbsentSecret(target=target.name, id=secret.id, reason=reason)

    def reduced(self, target: P) -> P:
        """Return a target without them."""
        return _reduced(target, lambda one: {index for index, _ in self.absent(one)})

    def _reason(self, secret: Secret, target: PlannedTarget) -> str:
        src = secret_file(secret)
        if src is not None and self._repository is not None and self._repository.outside(src):
            return ""
        if src is not None and is_written(src, self._written.get(target.name, frozenset())):
            return ""
        return why_absent(secret, self._directory, self._environment)


def _reduced(target: P, absent: Callable[[PlannedTarget], Collection[int]]) -> P:
    """Return a target without the secrets whose indexes are told."""
    if target.variants:
        target = replace(target, variants=tuple(_reduced(one, absent) for one in target.variants))
    if not (gone := absent(target)):
        return target
    secrets = target.settings.secret or ()
    kept = [index for index in range(len(secrets)) if index not in gone]
    left = placed((secrets[index] for index in kept), (source_of(secrets, index) for index in kept))
    return replace(target, settings=target.settings.but({"secret": left or None}))


def _is_optional(secret: object) -> bool:
    return isinstance(secret, Secret) and secret.optional is True
