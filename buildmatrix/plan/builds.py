"""Builds: what is executed. A target is one Build, unless some of its platforms are built apart from the others."""

import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from functools import cached_property
from typing import Any

from buildmatrix.dockerfile.images import OWN
from buildmatrix.errors import Diagnostic, Pointer
from buildmatrix.graphs import reached
from buildmatrix.plan.access.across import TARGET, taken_across
from buildmatrix.plan.checks.exports import (
    MULTI_PLATFORM,
    is_attested,
    lost_annotations,
    makes_index,
    writes_several,
)
from buildmatrix.plan.checks.values import Annotation, annotations
from buildmatrix.plan.merging.volatile import carried, numbered
from buildmatrix.plan.model import Plan, PlannedTarget
from buildmatrix.plan.outputs import pushes_tags
from buildmatrix.records import dataclass
from buildmatrix.spec.rows.markers import OfImage
from buildmatrix.spec.rows.outputs import CacheonlyOutput, LocalOutput
from buildmatrix.spec.rows.settings import Settings
from buildmatrix.spec.rows.shapes import rows

OF_IMAGE = tuple(row.attribute for row in rows(Settings) if row.marker(OfImage) is not None)
"""Settings of the whole image."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Build(PlannedTarget):
    """A target for all of its platforms, or for some.

    `name` is its key: the target's name, or `NAME@PLATFORM` for a part of a target; `settings`, `depends_on` and
    `needs` are the part's own. `target` is the target's name. `runner` are the labels of the machine that builds it in
    CI, none where nobody says which.
    """

    target: str
    runner: tuple[str, ...] = ()

    @property
    def is_part(self) -> bool:
        """Whether other Builds belong to the same image."""
        return self.name != self.target


@dataclass(frozen=True, kw_only=True)
class BuildPlan(Plan):
    """A plan as it is executed: its `targets` are Builds.

    `of` is the plan that it executes, with a target for each image; `notes` are the annotations of the indexes of split
    targets.
    """

    targets: tuple[Build, ...]
    of: Plan
    notes: Mapping[str, Mapping[str, str]]

    @cached_property
    def by_name(self) -> dict[str, Build]:  # type: ignore[override]  # a Build is a planned target
        """The Builds by their keys."""
        return {build.name: build for build in self.targets}

    @cached_property
    def keys_in_bake(self) -> dict[str, str]:
        """The keys of Builds by the names that they have in the bake file."""
        return {build.bake_name: build.name for build in self.targets}

    @cached_property
    def parts(self) -> dict[str, tuple[Build, ...]]:
        """The Builds of each target."""
        found: dict[str, tuple[Build, ...]] = {}
        for build in self.targets:
            found[build.target] = (*found.get(build.target, ()), build)
        return found


def builds_of(plan: Plan) -> BuildPlan:
    """Return the plan with a Build for each target, or several for one that is split by platform.

    What depends on a split target is split alike: a platform's context is what was built for that platform. Whole stay
    targets that declare no platforms, that write several platforms into one file or into docker, and all that such ones
    build upon.
    """
    if isinstance(plan, BuildPlan):
        return plan
    cuts = _cuts(plan.targets)
    names = _Names(plan, cuts)
    values = {field.name: getattr(plan, field.name) for field in fields(Plan)}
    every = [build for target in plan.targets for build in _builds(target, cuts, names)]
    return BuildPlan(
        **values | {"targets": tuple(_wanted(every) if cuts else every)},
        of=plan,
        notes={
            target.name: index_annotations(target.settings)
            for target in plan.targets
            if target.name in cuts or _is_completed(target)
        },
    )


def _wanted(every: Sequence[Build]) -> Iterator[Build]:
    """Yield the Builds without parts that nothing takes: who takes a target for one platform takes not all of it."""
    by_name = {build.name: build for build in every}
    wanted = set(reached([one.name for one in every if one.exported or not one.is_part], before(by_name)))
    return (build for build in every if build.name in wanted)


def before(by_name: Mapping[str, Build]) -> Callable[[str], Iterable[str]]:
    """Return what tells the Builds that one depends on, or needs."""
    return lambda name: (*by_name[name].depends_on, *by_name[name].needs)


Cut = tuple[tuple[str, ...], ...]
"""The platforms of a target, in parts."""


def unjoined(targets: Sequence[PlannedTarget]) -> Iterator[Diagnostic]:
    """Yield an error for each target whose settings differ by platform, and that cannot be put together of parts."""
    cuts = _cuts(targets) if any(target.variants for target in targets) else {}
    for target in targets:
        if target.variants and target.name not in cuts:
            whole = next(one for one in _above(target, targets) if not _can_be_split(one))
            who = "it" if whole is target else f"{whole.name}, which depends on it,"
            why = _in_one_go(whole)
            message = f"{target.name} has other settings for {' and for '.join(_spoken(target))}, and {who} {why}"
            hint = _apart_hint(whole) if whole.platforms else f"write platforms = [ … ] in target.{whole.declared}"
            yield Diagnostic(message=message, code="platform", place=target.place, hint=hint)


def _apart_hint(whole: PlannedTarget) -> str:
    """Return how a target that writes all its platforms in one go can be built in parts, or for one of them."""
    other = next(one for one in whole.settings.output or () if not _is_joined(one))
    push = 'push it (output = [{ type = "registry" }])'
    apart = "leave platform-split = false out" if isinstance(other, LocalOutput) else push
    return f"{apart}, or build one: --platform {whole.platforms[0]}"


def held_together(targets: Sequence[PlannedTarget]) -> Iterator[tuple[str, PlannedTarget, str]]:
    """Yield each target that was to be built in parts and is not: what keeps it whole, itself or one above, and why."""
    cuts = _cuts(targets)
    for target in (one for one in targets if len(one.parts) > 1 and one.name not in cuts):
        if whole := next((one for one in _above(target, targets) if not _can_be_split(one)), None):
            yield target.name, whole, _in_one_go(whole)


def as_joined(variant: PlannedTarget, whole: PlannedTarget) -> PlannedTarget:
    """Return a target as it is for some of its platforms, with those of the image that its parts are joined to."""
    if _is_completed(whole):
        return for_platforms(variant, (*whole.platforms, *whole.carried_over))
    return variant if variant is whole or not _can_be_split(whole) else for_platforms(variant, whole.platforms)


def for_platforms(target: PlannedTarget, platforms: tuple[str, ...]) -> PlannedTarget:
    """Return a target that is for these platforms."""
    return replace(target, settings=target.settings.but({"platforms": platforms}))


def _is_completed(target: PlannedTarget) -> bool:
    """Tell whether a lone image has annotations that only the index has a place for in which it is put afterwards."""
    outputs: tuple[Any, ...] = target.settings.output or ()
    if not target.exported or not target.carried_over or not all(map(_is_joined, outputs)):
        return False
    settings = target.settings
    pushed = (index for index, one in enumerate(outputs) if pushes_tags(one))
    alone = (index for index in pushed if not makes_index(settings, outputs[index], by_default=False))
    return any(True for index in alone for _ in lost_annotations(settings, index))


def _spoken(target: PlannedTarget) -> list[str]:
    return [" ".join(one.platforms) for one in target.variants]


def _above(target: PlannedTarget, targets: Sequence[PlannedTarget]) -> Iterator[PlannedTarget]:
    """Yield a target and all that depend on it."""
    known = {target.name}
    for one in targets:  # in build order
        if one.name in known or not known.isdisjoint(one.depends_on):
            known.add(one.name)
            yield one


def _in_one_go(target: PlannedTarget) -> str:
    """Return why a target is built for all its platforms at once."""
    outputs: tuple[Any, ...] = (target.settings.output or ()) if target.exported else ()
    other = next((one.type for one in outputs if not _is_joined(one)), "")
    return f"writes all platforms in one go (output {other})" if other else "declares no platforms of its own"


def _cuts(targets: Sequence[PlannedTarget]) -> dict[str, Cut]:
    """Return the targets that are split, each with its parts."""
    whole: set[str] = set()
    for target in reversed(targets):
        if target.name in whole or not _can_be_split(target):
            whole.update((target.name, *target.depends_on))
    found: dict[str, Cut] = {}
    for target in targets:
        cuts = [target.parts, *(found.get(link, ()) for link in target.depends_on)] if target.name not in whole else []
        parts = _common(target.platforms, [cut for cut in cuts if cut])
        if len(parts) > 1 or (
            target.parts and target.name not in whole
        ):  # of one that is built for some of its platforms a single part may be left
            found[target.name] = parts
    return found


def _can_be_split(target: PlannedTarget) -> bool:
    if len(target.platforms) == 1 and not target.parts:
        return True  # it is one part, whatever it writes
    outputs: tuple[Any, ...] = (target.settings.output or ()) if target.exported else ()
    return all(map(_is_joined, outputs)) and bool(target.platforms or target.parts)


def _is_joined(output: Any) -> bool:
    """Tell whether what a part writes there can be put together with the others' afterwards, or lies beside it.

    In one directory parts would write over one another; BuildKit itself refuses that of a whole target.
    """
    if isinstance(output, LocalOutput):
        return output.platform_split is not False
    return pushes_tags(output) or isinstance(output, CacheonlyOutput)


def _common(platforms: Sequence[str], cuts: Sequence[Cut]) -> Cut:
    """Return the largest parts that no cut goes through, in the platforms' order."""
    found: dict[tuple[int, ...], list[str]] = {}
    for platform in platforms:
        alike = tuple(next((n for n, part in enumerate(cut) if platform in part), -1) for cut in cuts)
        found.setdefault(alike, []).append(platform)
    return tuple(map(tuple, found.values()))


class _Names:
    """Names the Builds: their keys, and what they are called in a bake file, which knows neither `@` nor `/`."""

    def __init__(self, plan: Plan, cuts: Mapping[str, Cut]) -> None:
        self._cuts, self._taken, self._directory = cuts, set(plan.by_name), plan.directory
        self._in_bake: dict[str, str] = {}

    def keys(self, target: str, platforms: Sequence[str] = ()) -> list[str]:
        """Return the Builds of a target, or those that are for any of these platforms.

        Who takes it for the builder's platform alone may be for none that it has: all are that one's.
        """
        if target not in self._cuts:
            return [target]
        parts = [part for part in self._cuts[target] if set(part).intersection(platforms)]
        return [key_of(target, part) for part in parts or self._cuts[target]]

    def links(self, target: PlannedTarget, upon: Mapping[str, str]) -> dict[str, str]:
        """Return the Builds that the contexts of a part are, by context; `upon` are those for its own platforms.

        What its Dockerfile takes for other platforms is among them: all parts of it, as `NAME::PLATFORM`.
        """
        given = target.settings.contexts or {}
        own = {key: value.removeprefix(TARGET) for key, value in given.items() if value.startswith(TARGET)}
        own = {key: name for key, name in own.items() if name in upon}
        found = {key: self._for(name, key.partition("::")[2]) or upon[name] for key, name in own.items()}
        if any(len(self._cuts.get(name, ())) > 1 for name in own.values()):
            for key, asked in taken_across(target, self._directory).items():
                others = self._others(own[key], upon).items()
                wanted = {one: link for one, link in others if OWN in asked or one in asked}
                found = {f"{key}::{one}": link for one, link in wanted.items()} | found
        return found

    def _for(self, name: str, platform: str) -> str:
        """Return the part that a context is for by its name, `tools::linux/amd64`; "" if that names none."""
        return self.keys(name, [platform])[0] if platform in itertools.chain(*self._cuts.get(name, ())) else ""

    def _others(self, name: str, upon: Mapping[str, str]) -> dict[str, str]:
        parts = {key_of(name, part): part for part in self._cuts.get(name, ())}
        return {platform: key for key, part in parts.items() if key != upon[name] for platform in part}

    def in_bake(self, key: str) -> str:
        if "@" not in key:
            return key
        if key not in self._in_bake:
            plain = key.replace("@", "--").replace("/", "-").replace("+", "--")
            free = (f"{plain}{'-' * more}" for more in range(len(self._taken) + 1))
            self._in_bake[key] = next(name for name in free if name not in self._taken)
            self._taken.add(self._in_bake[key])
        return self._in_bake[key]


def key_of(target: str, platforms: Sequence[str]) -> str:
    """Return the key of the Build of a target for some of its platforms: `app@linux/arm64`."""
    return f"{target}@{'+'.join(platforms)}"


def _builds(target: PlannedTarget, cuts: Mapping[str, Cut], names: _Names) -> Iterator[Build]:
    needs = tuple(key for name in target.needs for key in names.keys(name))
    for part in cuts.get(target.name, ((),)):
        made = _variant(target, part)
        values = {field.name: getattr(made, field.name) for field in fields(PlannedTarget)}
        key = key_of(target.name, part) if part else target.name
        upon = {name: names.keys(name, part or target.platforms)[0] for name in made.depends_on}
        links = names.links(made, upon)
        settings = _settings(made, part, {key: f"{TARGET}{names.in_bake(link)}" for key, link in links.items()})
        if part and (part != target.platforms or target.carried_over):
            settings = _written_alike(as_index(settings), made)
        completed = target.platforms if not part and _is_completed(target) else ()
        if completed:
            settings = _written_alike(as_index(settings.but(_own_annotations(settings, completed))), made)
        if part and part != target.platforms:
            is_annotated = bool(index_annotations(target.settings))
            outputs = (_of_part(one, settings, is_annotated=is_annotated) for one in settings.output or ())
            settings = settings.but({"output": tuple(outputs)})
        own = {
            "name": key,
            "bake": "" if key == target.name else names.in_bake(key),
            "settings": settings,
            "volatile": _volatile(made, part or completed, settings),
            "depends_on": tuple(dict.fromkeys((*upon.values(), *links.values()))),
            "needs": needs,
            "variants": (),
            "parts": (),
        }
        yield Build(**values | own, target=target.name)


def _variant(target: PlannedTarget, part: tuple[str, ...]) -> PlannedTarget:
    """Return the target as it is for a part, with what is of its whole image."""
    if not target.variants or not part:
        return target
    found = target.on(part[0])
    of_image = {name: getattr(target.settings, name) for name in OF_IMAGE}
    return replace(
        target,
        settings=found.settings.but(of_image),
        origins=found.origins,
        volatile=found.volatile,
        depends_on=found.depends_on,
    )


def _settings(target: PlannedTarget, part: tuple[str, ...], links: Mapping[str, str]) -> Settings:
    """Return the settings of a part: its platforms, contexts with what they are now, and no annotation of an index."""
    contexts = {**(target.settings.contexts or {}), **links}
    if not part:
        same = contexts == (target.settings.contexts or {})
        return target.settings if same else target.settings.but({"contexts": contexts})
    changed = {"platforms": part, "contexts": contexts or None, **_own_annotations(target.settings, part)}
    return target.settings.but(changed)


def _of_part(output: Any, settings: Settings, *, is_annotated: bool) -> Any:
    """Return an output as a part writes it.

    BuildKit names no directory by the platform where there is one only, unless it is told to, or writes an index. Of an
    image that `is_annotated` it writes OCI's media types: a part knows nothing of its index's annotations.
    """
    if is_annotated and pushes_tags(output) and output.oci_mediatypes is None:
        return output.but({"oci_mediatypes": True})
    if not isinstance(output, LocalOutput) or output.platform_split or writes_several(settings):
        return output
    platform = (settings.platforms or ("",))[0].replace("/", "_")
    return output.but({"dest": os.path.join(output.dest, platform)})  # noqa: PTH118  # as it is spelt


def _written_alike(settings: Settings, target: PlannedTarget) -> Settings:
    """Return the settings of a target's only platform, written as an index, with its files where they are without."""
    if len(target.platforms) != 1 or writes_several(target.settings) or not writes_several(settings):
        return settings
    outputs = (
        one.but({"platform_split": False}) if isinstance(one, LocalOutput) and one.platform_split is None else one
        for one in settings.output or ()
    )
    return settings.but({"output": tuple(outputs)})


# --- annotations ------------------------------------------------------------------------------------------------------


def index_annotations(settings: Settings) -> dict[str, str]:
    """Return the annotations of a target's index: where its parts are joined afterwards, BuildKit writes none."""
    found = [one for one in annotations(settings) if isinstance(one, Annotation) and one.level == "index"]
    return {key: value for key, _, value in (_key_and_value(one).partition("=") for one in found)}


def as_index(settings: Settings) -> Settings:
    """Return the settings of a part that is written as an index where only that has a place for its annotations.

    A lone image without attestations has none for those of a platform or of what an index says of it.
    """
    found = (one for one in annotations(settings) if isinstance(one, Annotation))
    lost = any(one.platform or one.level == "manifest-descriptor" for one in found)
    if not lost or is_attested(settings):
        return settings
    return settings.but({"args": {**(settings.args or {}), MULTI_PLATFORM: "1"}})


def _own_annotations(settings: Settings, part: tuple[str, ...]) -> dict[str, Any]:
    """Return the settings that annotate, without what is of an index or of another part."""
    found = [one for one in annotations(settings) if isinstance(one, Annotation)]
    kept = [one for one in found if _is_kept(one, part)]
    texts = [_spelt(one) for one in kept if one.path[0] == "annotations"]
    dropped = {(one.path, one.text) for one in found if one not in kept and one.path[0] == "output"}
    outputs = [_without(output, index, dropped) for index, output in enumerate(settings.output or ())]
    return {"annotations": tuple(texts) or None, "output": tuple(outputs)}


def _is_kept(annotation: Annotation, part: tuple[str, ...]) -> bool:
    return not annotation.is_index and (not annotation.platform or _is_of(annotation, part))


def _volatile(target: PlannedTarget, part: tuple[str, ...], settings: Settings) -> frozenset[Pointer]:
    """Return the pointers as they are for a part: its annotations are told one by one, each with one level."""
    if not part or not target.volatile:
        return target.volatile
    notes = {path for path in target.volatile if path[0] == "annotations"}
    found = [one for one in annotations(target.settings) if isinstance(one, Annotation)]
    kept = [one.path[1] for one in found if one.path[0] == "annotations" and _is_kept(one, part)]
    return carried(target.volatile - notes, target.settings, settings) | {*numbered(notes, kept)}


def _is_of(annotation: Annotation, part: tuple[str, ...]) -> bool:
    return annotation.platform in part or f"linux/{annotation.platform}" in part


def _spelt(annotation: Annotation) -> str:
    platform = f"[{annotation.platform}]" if annotation.platform else ""
    return f"{annotation.level}{platform}:{_key_and_value(annotation)}"


def _key_and_value(annotation: Annotation) -> str:
    """Return `key=value` of an annotation: of `index,manifest:key=value`, or of an output's `annotation-index.key`."""
    head, sign, value = annotation.text.partition("=")
    if annotation.path[0] == "output":
        return f"{head.partition('.')[2]}={value}"
    return f"{head.partition(':')[2] if ':' in head else head}{sign}{value}"  # what has no level has no `:` either


def _without(output: Any, index: int, dropped: set[tuple[Any, str]]) -> Any:
    held: Mapping[str, str] = getattr(output, "annotation", None) or {}
    kept = {key: value for key, value in held.items() if (("output", index), f"{key}={value}") not in dropped}
    return output if len(kept) == len(held) else output.but({"annotation": kept or None})
