"""A saved plan as it is shown: what its document says, also of an older format, whatever the files say now.

It is for people to read. What is applied is made again from the files (`verify.py`).
"""

from collections.abc import Callable, Mapping
from typing import Any

from buildmatrix.errors import Diagnostic, Place, StaleError, UsageError
from buildmatrix.plan.document.fields import FORMAT_VERSION
from buildmatrix.plan.document.reviewed import absent_secrets_of
from buildmatrix.plan.document.verify import MAKE, checked, version_in
from buildmatrix.plan.model import Entitlement, MatrixSize, Plan, PlannedTarget, Reason
from buildmatrix.records import dataclass
from buildmatrix.spec.rows.options import Apply
from buildmatrix.spec.rows.settings import Settings
from buildmatrix.spec.rows.shapes import build_table
from buildmatrix.spec.toml.plain import BadDataError, json_of

Table = Mapping[str, Any]
ODD = (LookupError, TypeError, ValueError, AttributeError, RecursionError)
"""What data of another shape than was expected raise."""


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A plan out of its file: `format` is its version, `commit` "" where none is known, `version` buildmatrix's, or "".

    `pins` are the digests of external images by name, None where it has none.
    """

    plan: Plan
    document: Table
    format: int
    commit: str
    version: str
    pins: Mapping[str, str | None]

    @property
    def is_current(self) -> bool:
        """Whether it has the format that can be applied."""
        return self.format == FORMAT_VERSION


def shown(text: str, name: str) -> Shown:
    """Return the plan in a text; UsageError where there is none, StaleError for one of a newer buildmatrix."""
    try:
        document = json_of(text)
    except BadDataError as error:
        raise _unreadable(name, str(error)) from None
    version = version_in(document, name)
    if version > FORMAT_VERSION:
        message = f"{name} has format {version}, and this buildmatrix reads {FORMAT_VERSION} and older ones"
        raise StaleError(Diagnostic(message=message, code="stale", hint="show it with the buildmatrix that made it"))
    if version == FORMAT_VERSION:
        checked(document, name)
    try:
        return Shown(
            plan=_plan(document),
            document=document,
            format=version,
            commit=str(document["git"]["sha"]) if "git" in document else "",
            version=str((document.get("saved") or {}).get("version", "")),
            pins={one["name"]: one["digest"] for one in document.get("pins") or ()},
        )
    except ODD as error:
        raise _unreadable(name, f"format {version} has no such {error}") from None


def readable(found: Shown, name: str, write: Callable[[], str]) -> str:
    """Return what `write` makes of a plan; UsageError where one of an older format, of which no schema is left, is odd.

    RecursionError and such of a plan that was checked are faults of ours, and are not caught.
    """
    try:
        return write()
    except ODD as error:
        if found.is_current:
            raise
        raise _unreadable(name, f"format {found.format} has no such {error}") from None


def _unreadable(name: str, why: str) -> UsageError:
    return UsageError(Diagnostic(message=f"{name} is not a valid plan of buildmatrix: {why}", code="plan", hint=MAKE))


def _apply(document: Table) -> Apply:
    """Return how the file applies a plan, but for what is settled when it is saved."""
    saved, apply = document.get("saved"), build_table(Apply, document.get("apply", {}))
    return apply.but({"incremental": None}) if saved and not saved["incremental"] else apply


def _plan(document: Table) -> Plan:
    return Plan(
        file=str(document["file"]),
        directory="",
        digests={},
        requires_buildx=tuple(document.get("requires_buildx", ())),
        selectors=tuple(document["selectors"]),
        platforms=tuple(document["platforms"]),
        targets=tuple(_target(one) for one in document["targets"]),
        entitlements=tuple(_entitlement(one) for one in document.get("allow", ())),
        matrices={
            name: MatrixSize(axes=tuple(one["axes"]), cells=int(one["cells"]), excluded=int(one["excluded"]))
            for name, one in document["matrices"].items()
        },
        warnings=tuple(_warning(one) for one in document["warnings"]),
        apply=_apply(document),
        runners={key: tuple(labels) for key, labels in document.get("runner", {}).items()},
        absent_secrets=absent_secrets_of(document),
    )


def _target(one: Table) -> PlannedTarget:
    parts = [
        {**one, "settings": part["settings"], "depends_on": part["depends_on"]} for part in one.get("by_platform", ())
    ]
    variants = tuple(_target({key: value for key, value in part.items() if key != "by_platform"}) for part in parts)
    return PlannedTarget(
        name=str(one["name"]),
        declared=str(one["target"]),
        cell=dict(one["cell"]),
        settings=build_table(Settings, one["settings"]),
        depends_on=tuple(one.get("depends_on", one.get("builds_upon", ()))),
        needs=tuple(one["needs"]),
        reason=Reason(kind=one["why"]["kind"], by=str(one["why"]["by"])),
        exported=bool(one["exported"]),
        stage=int(one["stage"]),
        place=Place(file=str(one.get("declared_in", ""))),
        origins={},
        carried_over=tuple(one.get("carried_over", one.get("lacking", ()))),
        tags_left_to=dict(one.get("tags_left_to", {})),
        decision=one.get("decision"),
        because=tuple(one.get("because", ())),
        moves=tuple(one.get("moves", ())),
        variants=variants,
        parts=tuple(part.platforms for part in variants),
    )


def _entitlement(one: Table) -> Entitlement:
    return Entitlement(
        value=str(one["value"]), target=str(one["target"]), automatic=bool(one["automatic"]), place=_place(one)
    )


def _warning(one: Table) -> Diagnostic:
    place = _place(one) if one.get("file") else None
    return Diagnostic(
        message=str(one["message"]), code=str(one["code"]), hint=str(one["hint"]), severity="warning", place=place
    )


def _place(one: Table) -> Place:
    return Place(file=str(one.get("file") or ""), line=int(one.get("line") or 0))
