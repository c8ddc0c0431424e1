"""The lock file of a project: what it lacks, and how it changes.

Whole ─ images_of ─► Images ─ differences, relocked ─► Lock, Changes
"""

import json
from collections.abc import Mapping
from dataclasses import replace

from buildmatrix.engine.outcome import Pin
from buildmatrix.engine.registry import Registry
from buildmatrix.errors import Diagnostic, StaleError
from buildmatrix.git.facts import Git
from buildmatrix.lock.changes import Change, Upgrade
from buildmatrix.lock.contexts import with_contexts
from buildmatrix.lock.file import Lock, read_lock
from buildmatrix.lock.named import Images, images_of
from buildmatrix.lock.platforms import Have, lacking
from buildmatrix.lock.policy import SourcePolicy, identifier_of, merged
from buildmatrix.lock.sources import Source, relocked_sources, rules_of, source_differences, sources_of
from buildmatrix.lock.update import differences, refuse_unmatched, relocked
from buildmatrix.pipeline import whole
from buildmatrix.pipeline.bases import Asking
from buildmatrix.pipeline.pinning import unlocked
from buildmatrix.plan.model import Plan
from buildmatrix.plan.publishing import insecure_registries
from buildmatrix.process import Programs
from buildmatrix.records import dataclass
from buildmatrix.spec.toml.source import Sources
from buildmatrix.template.request import Request


@dataclass(frozen=True, kw_only=True)
class Project:
    """The external images of the targets of a file, its lock, the registries that may do without TLS, and warnings.

    `sources` are what is fetched beside images; `fetches` says whether the lock file is to have them. It is `whole`
    unless a target is left out for want of a variable.
    """

    images: Images
    fetches: bool
    sources: tuple[Source, ...]
    whole: bool
    lock: Lock
    insecure: frozenset[str]
    warnings: tuple[Diagnostic, ...]


def project(
    name: str,
    sources: Sources,
    asked: Request,
    git: Git,
    programs: Programs | None = None,
    *,
    fetched: bool | None = None,
) -> Project:
    """Return what a file says of external images, whatever is selected. SpecError as for `render`.

    `fetched` says whether the lock file is to have other sources, too; None: as it has them. Nobody is asked;
    with `programs` registries are, for what `platforms = "auto"` needs.
    """
    found = whole(name, sources, asked, git, asking=Asking(programs=programs, strict=programs is not None))
    images, lock = images_of(found.plan), read_lock(found.plan.directory)
    fetches = lock.sources is not None if fetched is None else fetched
    return Project(
        images=images,
        fetches=fetches,
        sources=sources_of(found.plan) if fetches else (),
        whole=not found.left_out,
        lock=lock,
        insecure=insecure_registries(found.plan),
        warnings=(*found.warnings, *_unknown(images)),
    )


def checked(found: Project) -> list[Change]:
    """Return what the lock file lacks, and what it has in vain."""
    other = source_differences(found.sources, found.lock.sources or {}, whole=found.whole)
    return [*differences(found.images, found.lock, whole=found.whole), *other]


def updated(found: Project, programs: Programs, upgrade: Upgrade | None) -> tuple[Lock, list[Change]]:
    """Return the lock file as it is to be, and what becomes of each image; RegistryError, UsageError."""
    if upgrade is not None:
        refuse_unmatched(found.images, upgrade, (one.url for one in found.sources))
    from buildmatrix.lock.fetching import Fetching

    registry, whole = Registry(programs, found.insecure), found.whole
    lock, changes = relocked(found.images, found.lock, registry, upgrade, whole=whole)
    pins, fetch = found.lock.sources or {}, Fetching(programs)
    now, others = relocked_sources(found.sources, pins, fetch, upgrade, whole=whole or not found.fetches)
    return replace(lock, sources=now if found.fetches else None), [*changes, *others]


def lacks(found: Project, lock: Lock) -> list[Diagnostic]:
    """Return a warning for each image of a lock file that lacks a platform for which something is built on it."""
    have = {name: Have(one.platforms, single=bool(one.single)) for name, one in lock.images.items()}
    return [replace(one, severity="warning") for one in lacking(found.images.named, have)]


def planned_pins(plan: Plan) -> tuple[Pin, ...]:
    """Return the external images of a plan with the digests that are known before anybody is asked."""
    known = read_lock(plan.directory).digests
    return tuple(
        Pin(name=one.name, targets=one.targets, digest=one.digest or known.get(one.name, ""))
        for one in images_of(plan).named
    )


def locked_digests(plan: Plan) -> dict[str, str]:
    """Return the digests of a plan's external images, by name; StaleError for images that are not locked."""
    images, lock = images_of(plan), read_lock(plan.directory)
    if missing := list(unlocked(images, lock)):
        raise StaleError(*missing)
    return {one.name: one.digest or lock.images[one.name].digest for one in images.named}


def pinned(plan: Plan, digests: Mapping[str, str]) -> Plan:
    """Return a plan whose base images are taken by digests, for plain bake; SpecError where that would harm."""
    return with_contexts(plan, digests)


def policy_text(digests: Mapping[str, str], directory: str) -> str:
    """Return a source policy that takes images by these digests, and other sources by the lock file, as JSON."""
    pins = {identifier_of(name): identifier_of(name, digest) for name, digest in digests.items()}
    rules = [one.rule for one in rules_of(read_lock(directory).sources or {})]
    return json.dumps(merged(SourcePolicy(), pins, rules), indent=2) + "\n"


def _unknown(images: Images) -> list[Diagnostic]:
    return [
        Diagnostic(message=f"not all external images of {name} are locked: {why}", code="lock", severity="warning")
        for name, why in images.unknown.items()
    ]
