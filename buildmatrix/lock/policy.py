"""BuildKit's source policy: which images a build gets for the names that it asks for.

Rules are read in order (found by running BuildKit 0.25 with buildx 0.13 and 0.29): a CONVERT that changes the
identifier ends the pass, and a new one begins with the new identifier; of ALLOW and DENY the last that matches counts,
in the pass that changes nothing. Identifiers are written in full, and the kind of match is left out: before BuildKit
0.31 a CONVERT with EXACT changes nothing, without a word.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from buildmatrix.files import read_regular
from buildmatrix.oci.reference import Reference, parse
from buildmatrix.patterns import regex
from buildmatrix.process import Programs
from buildmatrix.records import dataclass

VARIABLE = "EXPERIMENTAL_BUILDKIT_SOURCE_POLICY"
"""The variable that names the file with the policy; bake reads it since 0.10."""

FILE = "source-policy.json"

SCHEME = "docker-image://"
EVERY = f"{SCHEME}*"

LARGEST = 1 << 22
"""Bytes of a policy of the user's that is read."""

MOST_PASSES = 20
"""Conversions after which BuildKit refuses."""

_ACTIONS = {0: "ALLOW", 1: "DENY", 2: "CONVERT"}
_KINDS = {0: "WILDCARD", 1: "EXACT", 2: "REGEX"}

Rule = Mapping[str, Any]
"""A rule as BuildKit takes it."""


def file_in(folder: Path) -> Path:
    """Return where the policy of a run is, in its directory."""
    return folder / FILE


def pointed(programs: Programs, folder: Path) -> Programs:
    """Return what starts bake with the policy of a run: bake reads it when it has read its file (0.13 and 0.29)."""
    return programs.with_variable(VARIABLE, str(file_in(folder)))


class PolicyError(Exception):
    """A policy that cannot be read; the message says why."""


class _UnclearError(Exception):
    """What a rule does is not known here: BuildKit would refuse it, or its versions differ."""


class Verdict(NamedTuple):
    """What a policy makes of an image: the identifier that is pulled in the end, and whether it is denied."""

    identifier: str
    denied: bool


def identifier_of(name: str, digest: str = "") -> str:
    """Return an image as policies call it: `docker-image://docker.io/library/busybox:latest`, perhaps with a digest.

    The digest is one to add, or to put in the place of the name's own.
    """
    found = parse(name)
    digest = digest or found.digest or ""
    tag = found.tag or ("" if found.digest else "latest")
    place = Reference(found.repository, tag="x").full.removesuffix(":x")
    return f"{SCHEME}{place}{f':{tag}' if tag else ''}{f'@{digest}' if digest else ''}"


def name_in(identifier: str) -> str:
    """Return the image that an identifier means, "" where it is something else."""
    return identifier.removeprefix(SCHEME) if identifier.startswith(SCHEME) else ""


@dataclass(frozen=True, kw_only=True)
class SourcePolicy:
    """The rules that somebody has set; none where nobody has."""

    rules: tuple[Rule, ...] = ()

    def judged(self, identifier: str) -> Verdict | None:
        """Return what the rules make of an image; None where that is not known here."""
        try:
            for _ in range(MOST_PASSES):
                found = self._pass(identifier)
                if found.identifier == identifier:
                    return found
                identifier = found.identifier
        except (_UnclearError, re.error):
            return None
        return None

    def _pass(self, identifier: str) -> Verdict:
        denied = False
        for rule in self.rules:
            selector = _table(rule.get("selector"))
            if not _matches(selector, identifier):
                continue
            action = _word(rule.get("action", 0), _ACTIONS)
            if action != "CONVERT":
                denied = action == "DENY"
            elif (other := _converted(rule, selector, identifier)) != identifier:
                return Verdict(other, denied=False)
        return Verdict(identifier, denied)


def policy_of_user(environment: Mapping[str, str], directory: str) -> SourcePolicy:
    """Return the policy that the environment names, for calls of bake in a directory; PolicyError if it is unreadable.

    BuildKit's own binary form is not read here.
    """
    if not (path := environment.get(VARIABLE)):
        return SourcePolicy()
    try:
        document = json.loads(read_regular(Path(directory, path), LARGEST, pipe=False))
    except OSError as error:
        raise PolicyError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise PolicyError(f"{path} is not valid JSON") from None
    rules = document.get("rules") if isinstance(document, dict) else None
    if not isinstance(document, dict) or not isinstance(rules or [], list):
        raise PolicyError(f"{path} is not a source policy")
    if not all(isinstance(rule, dict) for rule in rules or []):
        raise PolicyError(f"{path} is not a source policy")
    return SourcePolicy(rules=tuple(rules or ()))


def merged(user: SourcePolicy, pins: Mapping[str, str], more: Iterable[Rule] = ()) -> dict[str, Any]:
    """Return the policy of a run: the user's rules, then what turns each image into its pin, both by identifiers.

    `more` are rules that pin other sources.

    What the user denies stays denied, and what the user's rules convert is not pinned: their word counts. BuildKit
    judges an image by its digest, too, once it knows it: no rule is needed that lets the pin through.
    """
    kept = {one: pin for one, pin in pins.items() if user.judged(one) == Verdict(one, denied=False)}
    return _document(*user.rules, *_conversions(kept), *more)


def locked(
    user: SourcePolicy, pins: Mapping[str, str], more: Iterable[str] = (), others: Iterable[Rule] = ()
) -> dict[str, Any]:
    """Return the policy of a run that may pull nothing but the pinned images, and those of `more` as they are.

    `others` are rules that pin other sources.

    What the user denies stays denied; what the user's rules allow beside is not.
    """
    kept = {one: pin for one, pin in pins.items() if user.judged(one) == Verdict(one, denied=False)}
    own = [one for one in more if user.judged(one) == Verdict(one, denied=False)]
    deny = {"action": "DENY", "selector": {"identifier": EVERY}}
    tags = [one for other in own for one in (other, f"{other}@*")]  # BuildKit judges it again by its digest
    allowed = [*map(_allow, dict.fromkeys(kept.values())), *map(_allow_as_it_is, tags)]
    return _document(*user.rules, deny, *_conversions(kept), *allowed, *others)


def _document(*rules: Rule) -> dict[str, Any]:
    return {"rules": list(rules)}


def _conversions(pins: Mapping[str, str]) -> Iterator[Rule]:
    for identifier, pin in pins.items():
        if identifier != pin:
            yield {"action": "CONVERT", "selector": {"identifier": identifier}, "updates": {"identifier": pin}}


def _allow(identifier: str) -> Rule:
    """Return a rule that allows an image by its digest.

    It has a wildcard, since BuildKit 0.32 changes identifiers before it matches; that stands between name and digest,
    and lets no other content through.
    """
    name, _, digest = identifier.partition("@")
    return _allow_as_it_is(f"{_TAG.sub('', name)}*@{digest}")


def _allow_as_it_is(identifier: str) -> Rule:
    return {"action": "ALLOW", "selector": {"identifier": identifier}}


_TAG = regex(r":[\w.-]+$")


# --- what BuildKit makes of a rule ------------------------------------------------------------------------------------


def _matches(selector: Mapping[str, Any], identifier: str) -> bool:
    found = _is_named(_text(selector.get("identifier", "")), _kind(selector), identifier)
    if found and selector.get("constraints"):
        raise _UnclearError  # they ask for attributes that only BuildKit knows
    return found


def _is_named(pattern: str, kind: str, identifier: str) -> bool:
    if pattern == identifier or kind == "EXACT":
        return pattern == identifier
    if kind == "REGEX":
        return re.search(pattern, identifier) is not None
    return _wildcard(pattern).fullmatch(identifier) is not None


def _wildcard(pattern: str) -> re.Pattern[str]:
    if "**" in pattern:
        raise _UnclearError
    return re.compile("(.*)".join(map(re.escape, pattern.split("*"))))


def _converted(rule: Rule, selector: Mapping[str, Any], identifier: str) -> str:
    pattern, kind = _text(selector.get("identifier", "")), _kind(selector)
    to = _text(_table(rule.get("updates")).get("identifier", "")) or pattern
    if kind == "EXACT" or (kind == "REGEX" and "$" in to):
        raise _UnclearError
    if kind == "REGEX":
        return re.sub(pattern, lambda _: to, identifier)
    match = _wildcard(pattern).fullmatch(identifier)
    groups = match.groups() if match else ()
    return _GROUP.sub(lambda one: _group(groups, one[1] or one[2]), to)


_GROUP = regex(r"\$(?:\{(\w+)\}|(\w+))")


def _group(groups: tuple[str, ...], name: str) -> str:
    if not re.fullmatch("[1-9]", name):
        raise _UnclearError
    return groups[int(name) - 1] if int(name) <= len(groups) else ""


def _kind(selector: Mapping[str, Any]) -> str:
    return _word(selector.get("match_type", 0), _KINDS)


def _word(value: Any, words: Mapping[int, str]) -> str:
    found = words.get(value) if isinstance(value, int) else value
    if found not in words.values():
        raise _UnclearError
    return str(found)


def _table(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise _UnclearError
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise _UnclearError
    return value
