"""What a build fetches beside images: files by HTTP, and git references; and what pins them in a source policy.

BuildKit calls a git reference `git://HOST/PATH#REF:DIRECTORY`, whatever its scheme, and keeps how it is fetched apart
(found with BuildKit 0.25): a policy that puts a commit in the place of REF pins it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Literal, NamedTuple
from urllib.parse import urlsplit

from buildmatrix.dockerfile.remote import Remote, remote_of
from buildmatrix.dockerfile.uses import uses_of
from buildmatrix.engine.failures.places import place_in
from buildmatrix.errors import Diagnostic, Place, RegistryError
from buildmatrix.lock.changes import Change, Upgrade
from buildmatrix.oci.answers import Unknown
from buildmatrix.oci.http.parallel import all_of
from buildmatrix.patterns import regex
from buildmatrix.plan.access.reach import text_of
from buildmatrix.plan.auto import is_auto
from buildmatrix.plan.model import Plan, PlannedTarget

Kind = Literal["http", "git"]

_SCHEME = regex(r"[a-zA-Z][a-zA-Z0-9+.-]*://")
_SSH = regex(r"(?:[^/:@\s]+@)?(?P<host>[^/:\s]+):(?P<path>.*)")


class Source(NamedTuple):
    """What is fetched, as it is written, and where."""

    url: str
    kind: Kind
    place: Place


Fetch = Callable[[Source], "str | Unknown"]
"""Returns the checksum of a file, or the commit that a git reference stands for."""


def sources_of(plan: Plan) -> tuple[Source, ...]:
    """Return what the targets of a plan fetch without a checksum or a whole commit, each once, by name.

    What would not be safe in a file that is committed (a password in a URL), or has no name that a policy knows, is
    left out.
    """
    found: dict[str, Source] = {}
    for target in plan.each:
        for one in _of_target(target, plan.directory):
            found.setdefault(one.url, one)
    return tuple(found[url] for url in sorted(found))


def users_of(plan: Plan) -> dict[str, tuple[str, ...]]:
    """Return by URL the targets that fetch what `sources_of` tells, each once."""
    found: dict[str, dict[str, None]] = {}
    for target in plan.each:
        for one in _of_target(target, plan.directory):
            found.setdefault(one.url, {})[target.name] = None
    return {url: tuple(found[url]) for url in sorted(found)}


def _of_target(target: PlannedTarget, directory: str) -> Iterator[Source]:
    settings = target.settings
    contexts = settings.contexts or {}
    places = [(("context",), settings.context or ""), *((("contexts", name), each) for name, each in contexts.items())]
    for path, place in places:
        remote = remote_of(place, "", 0)
        if remote is not None and remote.kind == "git" and _is_lockable(remote):
            yield Source(place, "git", target.place_of(*path))
    for remote in _added(target, text_of(target, directory)):
        if _is_lockable(remote):
            yield Source(remote.url, remote.kind, place_in(target, directory, remote.line))


def _added(target: PlannedTarget, text: str) -> dict[Remote, None]:
    """Return what the ADDs of a target fetch."""
    settings = target.settings
    args, contexts = settings.args or {}, settings.contexts or {}
    found: dict[Remote, None] = {}
    for platform in ("",) if is_auto(settings) or not text else settings.platforms or ("",):
        uses = uses_of(text, target=settings.target, platform=platform, args=args, contexts=contexts, bases={})
        found |= dict.fromkeys(uses.unpinned)
    return found


def _is_lockable(remote: Remote) -> bool:
    if remote.pin or (remote.kind == "git" and "?" in remote.url):
        return False
    if "://" not in remote.url:
        return _SSH.match(remote.url) is not None
    parts = urlsplit(remote.url)
    is_open = parts.password is None and (parts.username is None or parts.scheme == "ssh")
    return is_open and remote.url.startswith(("http://", "https://", "git://", "ssh://"))


class SourceRule(NamedTuple):
    """The rule of a policy that pins a source, and what the policy calls that."""

    url: str
    identifier: str
    rule: dict[str, Any]


def rules_of(pins: Mapping[str, str]) -> Iterator[SourceRule]:
    """Yield the rules that pin sources."""
    for url, pin in sorted(pins.items()):
        if ":" in pin:
            yield SourceRule(url, url, _conversion(url, {"attrs": {"http.checksum": pin}}))
        else:
            place, fragment = git_place(url)
            directory = fragment.partition(":")[2]
            named = f"{place}#{fragment}" if fragment else place
            pinned = f"{place}#{pin}{f':{directory}' if directory else ''}"
            yield SourceRule(url, named, _conversion(named, {"identifier": pinned}))


def _conversion(identifier: str, updates: dict[str, Any]) -> dict[str, Any]:
    return {"action": "CONVERT", "selector": {"identifier": identifier}, "updates": updates}


def git_place(url: str) -> tuple[str, str]:
    """Return what a policy calls a git repository, and what is meant of it: `REF:DIRECTORY`."""
    before, _, fragment = url.partition("#")
    if _SCHEME.match(before):
        parts = urlsplit(before)
        return f"git://{parts.netloc.rpartition('@')[2]}{parts.path}", fragment
    found = _SSH.fullmatch(before)
    return f"git://{found['host']}/{found['path'].lstrip('/')}" if found else f"git://{before}", fragment


# --- how a lock file changes ------------------------------------------------------------------------------------------


def source_differences(sources: Iterable[Source], pins: Mapping[str, str], *, whole: bool) -> list[Change]:
    """Return which sources a lock file lacks, and which it has in vain; those of a part cannot tell what is in vain."""
    urls = {one.url for one in sources}
    missing = [Change(name=url, status="missing", is_source=True) for url in urls - pins.keys()]
    gone = sorted(pins.keys() - urls) if whole else ()
    unused = [Change(name=url, status="unused", before=pins[url], is_source=True) for url in gone]
    return sorted([*missing, *unused], key=lambda change: change.name)


def relocked_sources(
    sources: Iterable[Source], pins: Mapping[str, str], fetch: Fetch, upgrade: Upgrade | None, *, whole: bool
) -> tuple[dict[str, str], list[Change]]:
    """Return the sources' pins as they are to be, and what becomes of each; RegistryError where one is not known.

    Nobody tells the age of a source: with one asked for, none moves.
    """
    by_url = {one.url: one for one in sources}
    moving = {url for url in by_url if upgrade is not None and not upgrade.age and upgrade.takes(url)}
    asked = [url for url in by_url if url not in pins or url in moving]
    found = all_of(lambda url: fetch(by_url[url]), asked)
    if troubles := [_trouble(by_url[url], one) for url, one in found.items() if isinstance(one, Unknown)]:
        raise RegistryError(*troubles)
    now = {url: one for url, one in found.items() if isinstance(one, str)}
    changes = [_change(url, pins.get(url, ""), now.get(url) or pins[url]) for url in by_url]
    gone = sorted(pins.keys() - by_url.keys()) if whole else ()
    changes += [Change(name=url, status="removed", before=pins[url], is_source=True) for url in gone]
    kept = {url: pin for url, pin in pins.items() if url in by_url or not whole}
    return {**kept, **now}, changes


def _change(url: str, before: str, after: str) -> Change:
    status: Literal["added", "moved", "unchanged"] = "unchanged" if before == after else "moved" if before else "added"
    return Change(name=url, status=status, before=before, after=after, is_source=True)


def _trouble(source: Source, unknown: Unknown) -> Diagnostic:
    message = f"{source.url} cannot be locked: {unknown.reason}"
    return Diagnostic(message=message, code="registry", place=source.place)
