"""How a lock file changes: what is missing is added, what nothing names is dropped, and on demand digests move."""

from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, datetime, timedelta

from buildmatrix.engine.registry import Registry
from buildmatrix.errors import Diagnostic, RegistryError, UsageError, did_you_mean, some
from buildmatrix.lock.changes import Change, Status, Upgrade, matches, untagged
from buildmatrix.lock.file import Lock, LockedImage
from buildmatrix.lock.known import Looked, look
from buildmatrix.lock.named import Images, Named
from buildmatrix.oci.answers import Found, Unknown
from buildmatrix.oci.http.parallel import all_of
from buildmatrix.oci.reference import parse


def differences(images: Images, lock: Lock, *, whole: bool = True) -> list[Change]:
    """Return what a lock file lacks, and what it has in vain, by name; nobody is asked.

    Where not all targets are known, it is not `whole`: nothing is known to be unused.
    """
    names = {one.name for one in images.named} | (set() if whole else lock.images.keys())
    missing = [Change(name=name, status="missing") for name in names - lock.images.keys()]
    unused = [
        Change(name=name, status="unused", before=one.digest) for name, one in lock.images.items() if name not in names
    ]
    return sorted([*missing, *unused], key=lambda change: change.name)


def refuse_unmatched(images: Images, upgrade: Upgrade, urls: Iterable[str] = ()) -> None:
    """Raise UsageError for a glob that matches no image, and none of the URLs of sources."""
    names = [*(one.name for one in images.named), *urls]
    for glob in upgrade.globs:
        if not any(matches(name, glob) for name in names):
            hint = did_you_mean(glob, [*names, *map(untagged, names)]) or (
                f"they are {some(names)}" if names else "no target names one"
            )
            raise UsageError(Diagnostic(message=f"{glob} matches no external image", code="usage", hint=hint))


def relocked(
    images: Images, lock: Lock, registry: Registry, upgrade: Upgrade | None, *, whole: bool = True
) -> tuple[Lock, list[Change]]:
    """Return the lock file as it is to be, and what becomes of each image; RegistryError where one is not known.

    Without `upgrade` nothing moves that is there already; where it is not `whole`, nothing is dropped.
    """
    updater = _Updater(lock, registry, upgrade)
    found = all_of(updater.updated, images.named)
    if troubles := [one for one in found.values() if isinstance(one, Diagnostic)]:
        raise RegistryError(*troubles)
    changes, entries = [], {} if whole else dict(lock.images)
    for named, one in found.items():
        if not isinstance(one, Diagnostic):
            changes.append(one[0])
            entries[named.name] = one[1]
    unused = [one for one in differences(images, lock, whole=whole) if one.status == "unused"]
    changes += [Change(name=one.name, status="removed", before=one.before) for one in unused]
    return Lock(images=entries), sorted(changes, key=lambda change: change.name)


class _Updater:
    def __init__(self, lock: Lock, registry: Registry, upgrade: Upgrade | None) -> None:
        self._lock, self._registry, self._upgrade = lock, registry, upgrade
        self._now = datetime.now(UTC)

    def updated(self, named: Named) -> tuple[Change, LockedImage] | Diagnostic:
        """Return what becomes of an image, and its entry; what is wrong where its registry did not tell it."""
        entry = self._lock.images.get(named.name)
        moves = entry is None or (self._upgrade is not None and self._upgrade.takes(named.name))
        if entry is not None and (not moves or named.digest):
            return Change(name=named.name, status="unchanged", before=entry.digest, after=entry.digest), entry
        digest = named.digest or self._digest(named.name)
        if isinstance(digest, Unknown):
            return _trouble(named, digest.reason)
        if entry is not None and entry.digest == digest:
            return Change(name=named.name, status="unchanged", before=digest, after=digest), entry
        looked = look(self._registry, named.name, digest, _platforms(named))
        if isinstance(looked, Unknown):
            return _trouble(named, looked.reason)
        return self._decided(named.name, entry, looked)

    def _digest(self, name: str) -> str | Unknown:
        found = self._registry.head(name)
        if isinstance(found, Found):
            return found.digest
        return found if isinstance(found, Unknown) else Unknown(reason=f"{parse(name).host} does not have it")

    def _decided(self, name: str, entry: LockedImage | None, looked: Looked) -> tuple[Change, LockedImage]:
        after, created = looked.entry.digest, looked.created
        if entry is None:
            return Change(name=name, status="added", after=after, created=created), looked.entry
        age = self._upgrade.age if self._upgrade else timedelta()
        reason = _too_young(created, self._now, age)
        status: Status = "kept" if reason else "moved"
        change = Change(
            name=name,
            status=status,
            before=entry.digest,
            after=after,
            created=created,
            reason=reason,
            lost=_without(entry.platforms, looked.entry.platforms),
            gained=_without(looked.entry.platforms, entry.platforms),
        )
        return change, entry if reason else looked.entry


def _without(some: Iterable[str], others: Collection[str]) -> tuple[str, ...]:
    return tuple(one for one in some if one not in others)


def _too_young(created: datetime | None, now: datetime, age: timedelta) -> str:
    if not age:
        return ""
    if created is None:
        return "nobody says when it was created"
    return f"it was created on {created.date()}" if now - created < age else ""


def _platforms(named: Named) -> Iterator[str]:
    yield from dict.fromkeys(platform for use in named.uses if use.is_base for platform in use.platforms)


def _trouble(named: Named, reason: str) -> Diagnostic:
    message = f"{named.name} cannot be locked: {reason}"
    return Diagnostic(message=message, code="registry", place=named.uses[0].place if named.uses else None)
