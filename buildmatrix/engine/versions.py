"""The version gate: a setting that the buildx is too old for is refused, since bake would drop it without a word."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from buildmatrix.errors import Diagnostic, Place
from buildmatrix.plan.model import Plan
from buildmatrix.spec.rows.settings import Settings
from buildmatrix.spec.rows.shapes import Row, Since, rows

if TYPE_CHECKING:
    from packaging.version import Version

OLDEST = "0.13"
"""The oldest buildx that is supported."""

LINKED_TWICE = "0.14"
"""The first buildx in which two contexts may be one target."""


def gate_declared(plan: Plan) -> list[Diagnostic]:
    """Return the settings that are too new for the lowest buildx that `requires-buildx` admits; contacts nothing."""
    if not plan.requires_buildx:
        return []
    lowest = _lowest(plan.requires_buildx)
    because = f"requires-buildx admits {lowest}"
    return [*_too_new(plan, lowest, because), *_linked_twice(plan, lowest, because)] if lowest else []


def gate_found(plan: Plan, version: "Version") -> list[Diagnostic]:
    """Return what the buildx that was found is too old for: itself, `requires-buildx`, and each setting."""
    from packaging.specifiers import SpecifierSet
    from packaging.version import Version

    if version < Version(OLDEST):
        message = f"buildx {version} is too old: {OLDEST} is the oldest that works"
        return [Diagnostic(message=message, code="buildx", hint="update the docker-buildx plugin")]
    because = f"buildx here is {version}"
    found = [*_too_new(plan, version, because), *_linked_twice(plan, version, because)]
    for text in plan.requires_buildx:
        if not SpecifierSet(text).contains(Version(version.base_version), prereleases=True):
            message = f"buildx here is {version}, but the file requires {text}"
            place = Place(file=plan.file, pointer=("requires-buildx",))
            found.insert(0, Diagnostic(message=message, code="buildx", place=place))
    return found


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
        for target in plan.targets:
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
    for target in plan.targets if Version(version.base_version) < Version(LINKED_TWICE) else ():
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
