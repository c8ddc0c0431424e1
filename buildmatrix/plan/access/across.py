"""Targets that a Build takes for other platforms than its own: `FROM --platform=$BUILDPLATFORM tools`.

BuildKit takes the image for the platform that is asked for where it is handed on as `NAME::PLATFORM`, and what is there
as NAME otherwise, whichever platform that is for (found with 0.13 and 0.29): a part of a target is given all of them.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache

from buildmatrix.dockerfile.images import bases_for_any, contexts_across
from buildmatrix.plan.access.reach import text_of
from buildmatrix.plan.model import PlannedTarget
from buildmatrix.spec.rows.settings import Settings

TARGET = "target:"


def taken_across(target: PlannedTarget, directory: str) -> Mapping[str, frozenset[str]]:
    """Return the contexts that are targets and are taken for other platforms, with those: OWN for the builder's."""
    return across_in(target.settings, text_of(target, directory)) if _links(target.settings) else {}


def across_in(settings: Settings, text: str) -> Mapping[str, frozenset[str]]:
    """Return what `taken_across` does, by the text of the Dockerfile."""
    if not (linked := _links(settings)):
        return {}
    names = frozenset(key.partition("::")[0] for key in settings.contexts or {})
    found = _across(text, settings.target, frozenset((settings.args or {}).items()), names)
    return {key: asked for key, asked in found.items() if key in linked}


def only_across(settings: Settings, text: str, key: str) -> frozenset[str] | None:
    """Return the platforms for which a Dockerfile takes a context, OWN for the builder's, if it takes it for no other.

    None where it also takes it for the platform that it is built for, or where that is not known.
    """
    asked = across_in(settings, text).get(key)
    if asked is None:
        return None
    contexts = settings.contexts or {}
    own = bases_for_any(text, target=settings.target, args=settings.args or {}, contexts=contexts)
    return None if own.doubt or key in own.contexts else asked


def _links(settings: Settings) -> set[str]:
    return {key for key, value in (settings.contexts or {}).items() if value.startswith(TARGET)}


def targets_across(target: PlannedTarget, directory: str) -> set[str]:
    """Return the names of the targets that one takes for other platforms, on any of its own."""
    return {name for one in target.variants or (target,) for name in _named(one, taken_across(one, directory))}


def _named(target: PlannedTarget, keys: Iterable[str]) -> set[str]:
    return {(target.settings.contexts or {})[key].removeprefix(TARGET) for key in keys}


@lru_cache(maxsize=1024)
def _across(
    text: str, stage: str | None, args: frozenset[tuple[str, str]], contexts: frozenset[str]
) -> Mapping[str, frozenset[str]]:
    return contexts_across(text, target=stage, args=dict(args), contexts=contexts)
