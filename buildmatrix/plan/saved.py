"""The plan as a document: what `plan --format json` writes and `apply PLAN.json` reads."""

import hashlib
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from buildmatrix.errors import Diagnostic, Place, StaleError, UsageError
from buildmatrix.plan.model import Grant, MatrixFacts, Plan, PlannedTarget, Reason
from buildmatrix.spec.credentials import without_credentials
from buildmatrix.spec.model import Apply
from buildmatrix.spec.settings import Settings
from buildmatrix.spec.shapes import JsonSchema, build_table, definitions, plain_table, table_schema

FORMAT_VERSION = 1


def plan_document(plan: Plan) -> dict[str, Any]:
    """Return a plan as plain data, by the schema of `plan_schema`; the same plan gives the same data."""
    return {
        "format_version": FORMAT_VERSION,
        "file": plan.file,
        "sources": dict(plan.digests),
        "requires_buildx": list(plan.requires_buildx),
        "selectors": list(plan.selectors),
        "platforms": list(plan.platforms),
        "totals": {
            "targets": len(plan.targets),
            "platform_builds": plan.platform_builds,
            "stages": len(plan.stages),
        },
        "stages": [[target.name for target in stage] for stage in plan.stages],
        "targets": [_target(target) for target in plan.targets],
        "matrices": {
            name: {"axes": list(facts.axes), "cells": facts.cells, "excluded": facts.excluded}
            for name, facts in plan.matrices.items()
        },
        "allow": [_grant(grant) for grant in plan.grants],
        "warnings": [_warning(diagnostic) for diagnostic in plan.warnings],
        "apply": plain_table(plan.apply),
    }


def _target(target: PlannedTarget) -> dict[str, Any]:
    return {
        "name": target.name,
        "target": target.declared,
        "cell": {axis: _plain(value) for axis, value in target.cell.items()},
        "stage": target.stage,
        "why": {"kind": target.reason.kind, "by": target.reason.by},
        "exported": target.exported,
        "builds_upon": list(target.links),
        "needs": list(target.needs),
        "declared_in": target.place.file,
        "lacking": list(target.lacking),
        "settings": plain_table(without_credentials(target.settings)),
    }


def _plain(value: Any) -> Any:
    """Return an axis's value; a number with a point as the text that was written, since 3.10 is not 3.1."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def _grant(grant: Grant) -> dict[str, Any]:
    return {"value": grant.value, "target": grant.target, "automatic": grant.automatic}


def _warning(diagnostic: Diagnostic) -> dict[str, str]:
    return {"code": diagnostic.code, "message": diagnostic.message, "hint": diagnostic.hint}


def plan_from_document(document: Any, directory: str) -> Plan:
    """Return the plan that a document holds, to be applied in `directory`.

    UsageError if it is no plan; StaleError if its format is another one's, or if a file has changed since.
    """
    if not isinstance(document, Mapping) or "format_version" not in document:
        raise UsageError(Diagnostic(message="this is no plan of buildmatrix", code="plan", hint=_MAKE))
    if document["format_version"] != FORMAT_VERSION:
        message = f"the plan has format {document['format_version']}, this buildmatrix reads {FORMAT_VERSION}"
        raise StaleError(Diagnostic(message=message, code="stale", hint=_MAKE))
    _check(document)
    _refuse_stale(document["sources"], directory)
    return _plan(document, directory)


_MAKE = "make it with: buildmatrix plan --format json > plan.json"


def _check(document: Any) -> None:
    from buildmatrix.spec.check import problems

    if found := problems(plan_schema(), document):
        message = f"this is no plan of buildmatrix: {found[0].message}"
        raise UsageError(Diagnostic(message=message, code="plan", hint=_MAKE))


def _refuse_stale(digests: Mapping[str, str], directory: str) -> None:
    changed = [name for name, digest in digests.items() if _digest(Path(directory, name)) != digest]
    if changed:
        message = f"the plan is stale: {', '.join(changed)} changed since it was made"
        raise StaleError(Diagnostic(message=message, code="stale", hint=_MAKE))


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


def _plan(document: Mapping[str, Any], directory: str) -> Plan:
    return Plan(
        file=document["file"],
        directory=directory,
        digests=document["sources"],
        requires_buildx=tuple(document["requires_buildx"]),
        selectors=tuple(document["selectors"]),
        platforms=tuple(document["platforms"]),
        targets=tuple(map(_planned, document["targets"])),
        grants=tuple(Grant(**grant, place=Place(file=document["file"])) for grant in document["allow"]),
        matrices={
            name: MatrixFacts(axes=tuple(facts["axes"]), cells=facts["cells"], excluded=facts["excluded"])
            for name, facts in document["matrices"].items()
        },
        warnings=tuple(Diagnostic(**warning, severity="warning") for warning in document["warnings"]),
        apply=build_table(Apply, document["apply"]),
    )


def _planned(target: Mapping[str, Any]) -> PlannedTarget:
    return PlannedTarget(
        name=target["name"],
        declared=target["target"],
        cell=target["cell"],
        settings=build_table(Settings, target["settings"]),
        links=tuple(target["builds_upon"]),
        needs=tuple(target["needs"]),
        reason=Reason(**target["why"]),
        exported=target["exported"],
        stage=target["stage"],
        place=Place(file=target["declared_in"], pointer=("target", target["target"]), part="key"),
        origins={},
        lacking=tuple(target["lacking"]),
    )


def plan_schema() -> JsonSchema:
    """Return the JSON Schema of the document (draft 2020-12)."""
    text, texts = {"type": "string"}, {"type": "array", "items": {"type": "string"}}
    count = {"type": "integer", "minimum": 0}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A plan of buildmatrix",
        **_object(
            format_version={"const": FORMAT_VERSION},
            file=text | {"description": "The root file, relative to the directory in which the plan is applied."},
            sources=_map(text) | {"description": "SHA-256 of each file that the plan was made from."},
            requires_buildx=texts,
            selectors=texts,
            platforms=texts | {"description": "The --platform filter."},
            totals=_object(targets=count, platform_builds=count, stages=count),
            stages={"type": "array", "items": texts, "description": "Names that can be built at the same time."},
            targets={"type": "array", "items": _target_schema()},
            matrices=_map(_object(axes=texts, cells=count, excluded=count)),
            allow={"type": "array", "items": _object(value=text, target=text, automatic={"type": "boolean"})},
            warnings={"type": "array", "items": _object(code=text, message=text, hint=text)},
            apply={"$ref": "#/$defs/Apply"},
        ),
        "$defs": definitions(Settings, templates=False) | {"Apply": table_schema(Apply, templates=False)},
    }


def _target_schema() -> JsonSchema:
    text, texts = {"type": "string"}, {"type": "array", "items": {"type": "string"}}
    return _object(
        name=text | {"description": "Unique in the plan; the target's name in the bake file."},
        target=text | {"description": "The name in the file."},
        cell={"type": "object", "description": "Axis to value; empty without a matrix."},
        stage={"type": "integer", "minimum": 1},
        why=_object(kind={"enum": ["selected", "context", "needs"]}, by=text),
        exported={"type": "boolean", "description": "false: only built because others build upon it."},
        builds_upon=texts,
        needs=texts,
        declared_in=text,
        lacking=texts | {"description": "Platforms left out by --platform, which the registry has to have."},
        settings={"$ref": "#/$defs/Settings"},
    )


def _object(**properties: JsonSchema) -> JsonSchema:
    return {"type": "object", "required": list(properties), "properties": properties, "additionalProperties": False}


def _map(items: JsonSchema) -> JsonSchema:
    return {"type": "object", "additionalProperties": items}
