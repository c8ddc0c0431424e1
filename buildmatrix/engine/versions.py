"""The version gate: a setting that the buildx is too old for is refused, since bake would drop it without a word."""

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from buildmatrix.errors import Diagnostic, Place
from buildmatrix.plan.access.across import TARGET
from buildmatrix.plan.builds import Build, builds_of
from buildmatrix.plan.model import Plan
from buildmatrix.spec.rows.settings import Settings
from buildmatrix.spec.rows.shapes import Row, Since, rows

if TYPE_CHECKING:
    from packaging.version import Version

OLDEST = "0.13"
"""The oldest buildx that is supported."""

OLDEST_BUILDKIT = "0.11"
"""The oldest BuildKit that obeys a source policy, by which images are pinned."""

LINKED_TWICE = "0.14"
"""The first buildx in which two contexts may be one target."""

LINKED_FOR_MORE = "0.20"
"""The first buildx in which a context may be a target that is built for more platforms."""

PUSHES_DIRECTLY = "0.22"
"""The first buildx in which BuildKit pushes with the driver `docker`, too: before it docker itself does, afterwards."""

_NAMING = frozenset({">=", "~=", "==", "==="})
"""What stands in a range before a version that it admits itself."""

EXECUTION = "0.38"
"""The first buildx whose bake limits targets and goes on beside a failure: `--jobs`, `--execution` (its release notes;
0.29 and 0.13 have neither flag)."""


def has_execution(version: "Version") -> bool:
    """Tell whether bake itself can build few targets at once, and go on beside a failure."""
    from packaging.version import Version

    return Version(version.base_version) >= Version(EXECUTION)


def pushes_from_store(version: "Version", driver: str) -> bool:
    """Tell whether only what is in the engine's store is pushed: else "tag does not exist" (found with 0.13)."""
    from packaging.version import Version

    return driver == "docker" and Version(version.base_version) < Version(PUSHES_DIRECTLY)


def gate_declared(plan: Plan) -> list[Diagnostic]:
    """Return the settings that are too new for the lowest buildx that `requires-buildx` admits; contacts nothing."""
    if not plan.requires_buildx:
        return []
    lowest = _lowest(plan.requires_buildx)
    because = f"requires-buildx admits {lowest}"
    return list(_gated(plan, lowest, because)) if lowest else []


def named_by(specifiers: Iterable[str], known: str) -> str:
    """Return a version that all ranges admit: `known`, else one that a range itself names; "" if there is none.

    A release has three numbers: `>=0.99` names 0.99.0. That one has been released, `>0.99` does not say.
    """
    from packaging.specifiers import SpecifierSet
    from packaging.version import Version

    every = SpecifierSet(",".join(specifiers))
    named = [Version(single.version.removesuffix(".*")) for single in every if single.operator in _NAMING]
    releases = [Version(".".join(map(str, (*one.release, 0, 0)[:3]))) for one in named]
    fit = (one for one in [Version(known), *sorted(releases)] if one in every and one >= Version(OLDEST))
    return str(next(fit, ""))


def is_older(text: str, than: str) -> bool:
    """Tell whether a version, as programs write it (`v0.12.5+ds1`), is older; `v0.0.0+unknown` tells none."""
    from packaging.version import Version

    found = re.match(r"v?(\d+(?:\.\d+)+)", text)
    return found is not None and Version("0.0.0") < Version(found[1]) < Version(than)


def gate_found(plan: Plan | None, version: "Version") -> list[Diagnostic]:
    """Return what the buildx that was found is too old for: itself, `requires-buildx`, and each setting of a plan."""
    from packaging.version import Version

    if version < Version(OLDEST):
        message = f"buildx {version} is too old: {OLDEST} is the oldest that works"
        return [Diagnostic(message=message, code="buildx", hint="update the docker-buildx plugin")]
    if plan is None:
        return []
    because = f"buildx here is {version}"
    found = list(_gated(plan, version, because))
    for text in plan.requires_buildx:
        from packaging.specifiers import SpecifierSet

        if not SpecifierSet(text).contains(Version(version.base_version), prereleases=True):
            message = f"buildx here is {version}, but the file requires {text}"
            place = Place(file=plan.file, pointer=("requires-buildx",))
            found.insert(0, Diagnostic(message=message, code="buildx", place=place))
    return found


def _gated(plan: Plan, version: "Version", because: str) -> Iterator[Diagnostic]:
    yield from _too_new(plan, version, because)
    yield from _linked_twice(plan, version, because)
    yield from linked_for_more(plan, version, because)


def _lowest(specifiers: tuple[str, ...]) -> "Version | None":
    from packaging.specifiers import SpecifierSet
    from packaging.version import Version

    bounds = [
        Version(single.version.rstrip(".*"))
        for text in specifiers
        for single in SpecifierSet(text)
        if single.operator in {">=", ">", "~=", "==", "==="}
    ]
    return max(bounds) if bounds else Version(OLDEST)


def _too_new(plan: Plan, version: "Version", because: str) -> Iterator[Diagnostic]:
    """Yield one diagnostic for each declaration of a setting, not for each cell."""
    from packaging.version import Version

    newer = [row for row in _gated_rows() if Version(_since(row)) > Version(version.base_version)]
    said: set[tuple[str, Place]] = set()
    for row in newer:
        for target in plan.each:
            place = target.place_of(row.attribute)
            key = (row.attribute, place)
            if getattr(target.settings, row.attribute) is not None and key not in said:
                said.add(key)
                message = f"{target.spoken(row.attribute)} needs buildx {_since(row)}, but {because}"
                hint = "raise requires-buildx, update buildx, or leave the setting out"
                yield Diagnostic(message=message, code="too-new", place=place, hint=hint)


def _gated_rows() -> list[Row]:
    return [row for row in rows(Settings) if row.marker(Since)]


def _since(row: Row) -> str:
    marker = row.marker(Since)
    return marker.version if marker else OLDEST


def _linked_twice(plan: Plan, version: "Version", because: str) -> Iterator[Diagnostic]:
    """Yield contexts of which two are one target: before 0.14 buildx hands a target on once, and refuses the other."""
    from packaging.version import Version

    said: set[Place] = set()
    for target in plan.each if Version(version.base_version) < Version(LINKED_TWICE) else ():
        seen: set[str] = set()
        for name, value in (target.settings.contexts or {}).items():
            place = target.place_of("contexts", name)
            if value.startswith("target:") and value in seen and place not in said:
                said.add(place)
                upon = value.removeprefix("target:")
                message = (
                    f"{target.spoken('contexts')}.{name}: a second context upon {upon} needs buildx {LINKED_TWICE}"
                )
                hint = "give it one name in the Dockerfile, raise requires-buildx, or update buildx"
                yield Diagnostic(message=f"{message}, but {because}", code="too-new", place=place, hint=hint)
            seen.add(value)


def linked_for_more(plan: Plan, version: "Version", because: str) -> Iterator[Diagnostic]:
    """Yield contexts that are built for other platforms: before 0.20 buildx wants the same, or one on either side.

    Parts of a target depend on the parts of their platforms, so they are seldom concerned.
    """
    from packaging.version import Version

    if Version(version.base_version) >= Version(LINKED_FOR_MORE):
        return
    builds, said = builds_of(plan).by_name, set[Place]()
    for build in builds.values():
        for upon in (builds[name] for name in build.depends_on):
            context = next((key for key, value in _contexts(build) if value == f"{TARGET}{upon.bake_name}"), "")
            place = build.place_of("contexts", context)
            both = len(build.platforms) > 1 and len(upon.platforms) > 1
            if context and both and set(build.platforms) != set(upon.platforms) and place not in said:
                said.add(place)
                message = (
                    f"{build.spoken('contexts')}.{context}: {upon.target} is built for other platforms, which needs "
                    f"buildx {LINKED_FOR_MORE}, but {because}"
                )
                hint = (
                    f"give {build.target} and {upon.target} the same platforms, raise requires-buildx, or update buildx"
                )
                yield Diagnostic(message=message, code="too-new", place=place, hint=hint)


def _contexts(build: Build) -> Iterable[tuple[str, str]]:
    return (build.settings.contexts or {}).items()
