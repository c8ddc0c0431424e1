"""The lock file of a project: what it lacks, and how it changes.

Whole ─ images_of ─► Images ─ differences, relocked ─► Lock, Changes
"""

import json
from collections.abc import Mapping

from buildmatrix.engine.outcome import Pin
from buildmatrix.engine.registry import Registry
from buildmatrix.errors import Diagnostic, StaleError
from buildmatrix.git.facts import Git
from buildmatrix.lock.contexts import with_contexts
from buildmatrix.lock.file import Lock, read_lock
from buildmatrix.lock.named import Images, images_of
from buildmatrix.lock.policy import SourcePolicy, identifier_of, merged
from buildmatrix.lock.update import Change, Upgrade, differences, refuse_unmatched, relocked
from buildmatrix.pipeline import whole
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

    It is `whole` unless a target is left out for want of a variable.
    """

    images: Images
    whole: bool
    lock: Lock
    insecure: frozenset[str]
    warnings: tuple[Diagnostic, ...]


def project(name: str, sources: Sources, asked: Request, git: Git) -> Project:
    """Return what a file says of external images, whatever is selected; nobody is asked. SpecError as for `render`."""
    found = whole(name, sources, asked, git)
    images = images_of(found.plan)
    return Project(
        images=images,
        whole=not found.left_out,
        lock=read_lock(found.plan.directory),
        insecure=insecure_registries(found.plan),
        warnings=(*found.warnings, *_unknown(images)),
    )


def checked(found: Project) -> list[Change]:
    """Return what the lock file lacks, and what it has in vain."""
    return differences(found.images, found.lock, whole=found.whole)


def updated(found: Project, programs: Programs, upgrade: Upgrade | None) -> tuple[Lock, list[Change]]:
    """Return the lock file as it is to be, and what becomes of each image; RegistryError, UsageError."""
    if upgrade is not None:
        refuse_unmatched(found.images, upgrade)
    return relocked(found.images, found.lock, Registry(programs, found.insecure), upgrade, whole=found.whole)


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


def policy_text(digests: Mapping[str, str]) -> str:
    """Return a source policy that takes images by these digests, as JSON."""
    pins = {identifier_of(name): identifier_of(name, digest) for name, digest in digests.items()}
    return json.dumps(merged(SourcePolicy(), pins), indent=2) + "\n"


def _unknown(images: Images) -> list[Diagnostic]:
    return [
        Diagnostic(message=f"not all external images of {name} are locked: {why}", code="lock", severity="warning")
        for name, why in images.unknown.items()
    ]
