"""What of a plan one machine builds: Builds that it is given, on what others have built before."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from buildmatrix.errors import Diagnostic, UsageError, did_you_mean
from buildmatrix.graphs import reached
from buildmatrix.lock.named import short_name
from buildmatrix.machines.record import RecordDocument
from buildmatrix.plan.access.across import TARGET
from buildmatrix.plan.builds import Build, BuildPlan, builds_of
from buildmatrix.plan.model import Plan
from buildmatrix.plan.publishing import is_pushed, pushed_tags
from buildmatrix.records import dataclass
from buildmatrix.state.decisions.narrowed import IMAGE

Records = Mapping[str, RecordDocument]
"""Records by the keys of their Builds."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """What one machine builds of a saved plan.

    `whole` is the plan, cut by machines; `jobs` are all of its Builds that have jobs, with what they are made of.
    `wanted` are the keys of those that are built here, `records` what others have built. `lost` are those that cannot
    be built, each with why. Into `folder` go the records; `file` is the plan's, `root` the repository.
    """

    digest: str
    whole: Plan
    jobs: BuildPlan
    wanted: tuple[str, ...]
    records: Records
    lost: Mapping[str, str]
    folder: str
    file: str
    root: str
    began: datetime


def keys_in(texts: Iterable[str], plan: BuildPlan, whole: Plan) -> tuple[str, ...]:
    """Return the Builds that are named, each once, with `,` between; UsageError for what no job builds.

    A key may have a `,` of its own: `app[go=1.22,os=alpine]`. `whole` is the plan with what it keeps, cut by machines.
    """
    jobs = {build.name for build in plan.targets if build.exported}
    return tuple(dict.fromkeys(key for text in texts for key in _keys(text, jobs, plan, whole)))


def _keys(text: str, jobs: Collection[str], plan: BuildPlan, whole: Plan) -> Iterator[str]:
    words = text.split(",")
    while words:
        fitting = (count for count in range(len(words), 0, -1) if ",".join(words[:count]) in jobs)
        if not (count := next(fitting, 0)):
            raise UsageError(_unknown(words, jobs, plan, builds_of(whole)))
        yield ",".join(words[:count])
        words = words[count:]


def _unknown(words: Sequence[str], jobs: Collection[str], plan: BuildPlan, whole: BuildPlan) -> Diagnostic:
    known = {**plan.by_name, **whole.by_name}
    name = next((one for count in range(len(words), 0, -1) if (one := ",".join(words[:count])) in known), "")
    name = name or ",".join(words)
    message = f"--build {name or repr(name)} is not a build of the plan"
    hint = did_you_mean(name, jobs) or "buildmatrix ci github PLAN.json lists them"
    if name in plan.by_name:
        message, hint = f"{name} has no job of its own", "it is built with what depends on it"
    elif parts := [build.name for build in plan.parts.get(name, ())]:
        message, hint = f"{name} is built in parts", f"write --build {','.join(parts)}"
    elif name in whole.by_name or name in whole.parts:
        message, hint = f"{name} is not built: the plan keeps it, since it is up to date", "leave it out"
    return Diagnostic(message=message, code="usage", hint=hint)


def inside(plan: BuildPlan, wanted: Collection[str]) -> set[str]:
    """Return the Builds that a machine builds: those that are wanted, and what they are made of and is not pushed."""

    def links(name: str) -> Iterator[str]:
        return (one for one in plan.by_name[name].depends_on if one in wanted or not is_pushed(plan.by_name[one]))

    return set(reached(wanted, links))


def awaited(plan: BuildPlan, key: str, wanted: Collection[str]) -> Iterator[str]:
    """Yield the Builds of other machines that have to be there before one, in the plan's order."""
    own = inside(plan, wanted)
    made_of = set(reached([key], lambda name: (one for one in plan.by_name[name].depends_on if one in own)))
    links = {one for name in made_of for one in (*plan.by_name[name].depends_on, *plan.by_name[name].needs)}
    yield from (build.name for build in plan.targets if build.name in links - own)


def built_on(plan: BuildPlan, key: str) -> Iterator[str]:
    """Yield the Builds whose pushed images one is made of, or pulls by their tags, in the plan's order."""
    made_of = [plan.by_name[name] for name in _made_of(plan, key)]
    links = {one for build in made_of for one in build.depends_on if is_pushed(plan.by_name[one])}
    pulled = {one for build in made_of for one in build.needs if _is_pulled(plan.by_name[one], build)}
    yield from (build.name for build in plan.targets if build.name in links | pulled)


def _made_of(plan: BuildPlan, key: str) -> Iterator[str]:
    """Yield a Build, and those that it is made of and that no registry has."""
    return reached(
        [key], lambda name: (one for one in plan.by_name[name].depends_on if not is_pushed(plan.by_name[one]))
    )


def _is_pulled(needed: Build, build: Build, own: str = "") -> bool:
    """Tell whether a tag of what is needed first may be pulled for a Build: they have a platform in common.

    One that declares none has the builder's `own`, any where that is not known.
    """
    platforms = build.platforms or tuple(filter(None, [own]))
    apart = needed.platforms and platforms and set(needed.platforms).isdisjoint(platforms)
    return bool(pushed_tags(needed)) and not apart


def lost(plan: BuildPlan, wanted: Collection[str], records: Records) -> dict[str, str]:
    """Return the Builds that cannot be built on this machine, each with why: what they depend on is not there."""
    found: dict[str, str] = {}
    for build in plan.targets:
        if build.name not in wanted:
            continue
        upon = next((one for one in (*build.depends_on, *build.needs) if one in found), "")
        missing = (why for name in awaited(plan, build.name, wanted) if (why := _missing(name, records.get(name))))
        if why := f"{upon}, which it depends on, cannot be built" if upon else next(missing, ""):
            found[build.name] = why
    return found


def _missing(name: str, record: RecordDocument | None) -> str:
    if record is None:
        return f"there is no record of {name}, which it depends on"
    return "" if record.is_good else f"{name}, which it depends on, {_ended(record)}"


def _ended(record: RecordDocument) -> str:
    return "failed" if record.status == "failed" else f"was {record.status}"


def part_of(plan: BuildPlan, wanted: Collection[str], records: Records) -> BuildPlan:
    """Return what of a plan is built for the Builds that are wanted; what is pushed comes by its digest from records.

    What is built only for others is not exported.
    """
    own = inside(plan, wanted)
    others = (one for one in plan.targets if one.name in records and one.name not in own)
    images = {f"{TARGET}{one.bake_name}": f"{IMAGE}{records[one.name].reference}" for one in others}
    builds = tuple(_part(build, own, wanted, images) for build in plan.targets if build.name in own)
    targets = {plan.by_name[name].target for name in wanted}
    return replace(plan, targets=builds, of=_only(plan.of, lambda name: name in targets))


def _part(build: Build, own: Collection[str], wanted: Collection[str], images: Mapping[str, str]) -> Build:
    contexts = {key: images.get(value, value) for key, value in (build.settings.contexts or {}).items()}
    return replace(
        build,
        settings=build.settings.but({"contexts": contexts or None}),
        exported=build.name in wanted,
        depends_on=tuple(name for name in build.depends_on if name in own),
        needs=tuple(name for name in build.needs if name in own),
    )


def closure_of(plan: Plan, names: Iterable[str]) -> Plan:
    """Return the plan of some targets, with what they depend on and what comes before them."""
    within = set(reached(names, lambda name: (*plan.by_name[name].depends_on, *plan.by_name[name].needs)))
    return _only(plan, lambda name: name in within)


def _only(plan: Plan, is_meant: Callable[[str], bool]) -> Plan:
    return replace(plan, targets=tuple(target for target in plan.targets if is_meant(target.name)))


def images_of(plan: BuildPlan, wanted: Collection[str], records: Records) -> tuple[str, ...]:
    """Return the images by digest that are taken from records: `repository@sha256:…`."""
    return tuple(record.reference for record in used(plan, wanted, records).values() if record.reference)


def used(plan: BuildPlan, wanted: Collection[str], records: Records) -> dict[str, RecordDocument]:
    """Return the records by which some Builds are built: of what they wait for."""
    names = {name for key in wanted for name in awaited(plan, key, wanted) if name in records}
    return {name: records[name] for name in sorted(names)}


def refuse_several(plan: BuildPlan) -> None:
    """Raise UsageError where a job would have to pull several parts by one tag, which only merge joins."""
    found: dict[str, Diagnostic] = {}
    for job in (one.name for one in plan.targets if one.exported):
        of: dict[str, set[str]] = {}
        for build in (one for one in map(plan.by_name.__getitem__, inside(plan, [job])) if one.platforms):
            for needed in (plan.by_name[name] for name in build.needs):
                if is_pushed(needed) and _is_pulled(needed, build):
                    of.setdefault(needed.target, set()).add(needed.name)
            several = next((name for name, keys in of.items() if len(keys) > 1), "")
            if several:
                found.setdefault(build.target, _several(build, several, pushed_tags(plan.parts[several][0])[0]))
                break
    if found:
        raise UsageError(*found.values())


def _several(build: Build, needed: str, tag: str) -> Diagnostic:
    message = f"{build.target} needs {needed} first, of which several parts are under {tag}"
    hint = f'hand it on instead: contexts.NAME = "target:{needed}"'
    return Diagnostic(message=message, code="record", place=build.place, hint=hint)


def tags_of(plan: BuildPlan, wanted: Collection[str], records: Records, own: str) -> dict[str, str]:
    """Return the digests of tags that are pulled before they move, by short name: of what is needed first.

    `own` is the builder's own platform. UsageError where parts of a target would have to be pulled by one tag at once.
    """
    found: dict[str, str] = {}
    for build in map(plan.by_name.__getitem__, inside(plan, wanted)):
        others = (plan.by_name[name] for name in build.needs if name in records and name not in wanted)
        for needed in (one for one in others if _is_pulled(one, build, own)):
            for tag in pushed_tags(needed):
                digest = records[needed.name].digest
                if found.setdefault(short_name(tag), digest) != digest:
                    raise UsageError(_several(build, needed.target, tag))
    return found
