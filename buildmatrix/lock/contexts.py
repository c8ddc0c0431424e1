"""Pins as named contexts of a bake file, for who takes that elsewhere: a source policy stands beside it, not in it.

BuildKit looks a context up by the familiar name of an image, and lets it take the place of a stage of that name, too,
without a word: such names are refused.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from buildmatrix.dockerfile.images import external_images
from buildmatrix.dockerfile.links import short
from buildmatrix.dockerfile.reader import stage_names
from buildmatrix.engine.failures.places import place_in
from buildmatrix.errors import Diagnostic, SpecError
from buildmatrix.lock.named import short_name
from buildmatrix.lock.policy import SCHEME, identifier_of
from buildmatrix.plan.access.reach import text_of
from buildmatrix.plan.model import Plan, PlannedTarget


def with_contexts(plan: Plan, digests: Mapping[str, str]) -> Plan:
    """Return a plan whose targets take images by their digests, by contexts; `digests` are by short name.

    SpecError for an image that is called like a stage of the Dockerfile that uses it.
    """
    found = {
        id(one): _pinned(one, plan.directory, digests) for target in plan.targets for one in (target, *target.each)
    }
    if wrong := [one for one in found.values() if isinstance(one, Diagnostic)]:
        raise SpecError(*dict.fromkeys(wrong))
    made = {key: one for key, one in found.items() if isinstance(one, PlannedTarget)}
    targets = (replace(made[id(one)], variants=tuple(made[id(part)] for part in one.variants)) for one in plan.targets)
    return replace(plan, targets=tuple(targets))


def _pinned(target: PlannedTarget, directory: str, digests: Mapping[str, str]) -> PlannedTarget | Diagnostic:
    settings, text = target.settings, text_of(target, directory)
    stages = stage_names(text) or ()
    contexts = {key: _value(value, digests) for key, value in (settings.contexts or {}).items()}
    for name, line in _images(target, text):
        key = short(name)
        digest = digests.get(short_name(name))
        if digest is None or "@" in name:
            continue
        if key.lower() in stages:
            message = f"{key} cannot be pinned in a bake file: a stage of the Dockerfile has the same name"
            hint = "call the stage otherwise, or use --policy"
            place = place_in(target, directory, line)
            return Diagnostic(message=message, code="context", place=place, hint=hint)
        contexts[key] = identifier_of(name, digest)
    return replace(target, settings=settings.but({"contexts": contexts or None}))


def _images(target: PlannedTarget, text: str) -> Iterator[tuple[str, int]]:
    """Yield the images of the stages that a target builds, each with its line."""
    settings = target.settings
    args, contexts = settings.args or {}, settings.contexts or {}
    for platform in settings.platforms or ("",):
        found = external_images(text, target=settings.target, platform=platform, args=args, contexts=contexts)
        yield from ((one.name, one.line) for one in found if one.name and one.use != "syntax")


def _value(value: str, digests: Mapping[str, str]) -> str:
    name = value.removeprefix(SCHEME)
    digest = digests.get(short_name(name)) if value.startswith(SCHEME) and "@" not in name else None
    return identifier_of(name, digest) if digest else value
