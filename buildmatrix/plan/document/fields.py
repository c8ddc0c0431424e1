"""The plan as a document: what `plan --format json` writes."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from buildmatrix.errors import Diagnostic
from buildmatrix.git.facts import FACTS
from buildmatrix.plan.document.contents import Contents
from buildmatrix.plan.model import Given, Grant, Made, Plan, PlannedTarget
from buildmatrix.plan.publishing import staging_tags
from buildmatrix.spec.credentials import without_credentials
from buildmatrix.spec.rows.options import Apply
from buildmatrix.spec.rows.settings import Settings
from buildmatrix.spec.rows.shapes import JsonSchema, definitions, plain_table, table_schema

FORMAT_VERSION = 2


def plan_document(plan: Plan, contents: Contents | None = None, commit: str = "") -> dict[str, Any]:
    """Return a plan as plain data; the same plan gives the same data.

    The schema (`plan_schema`) has the places of `warnings` and `allow` as well: only `report` knows lines.
    """
    known = contents or Contents(files=plan.digests)
    return {
        "format_version": FORMAT_VERSION,
        "file": plan.file,
        "sources": dict(known.files),
        "contexts": dict(known.folders),
        "git": {"sha": commit, **plan.made.facts},
        "request": _request(plan.made),
        "requires_buildx": list(plan.requires_buildx),
        "selectors": list(plan.selectors),
        "platforms": list(plan.platforms),
        "totals": {
            "targets": len(plan.targets),
            "platform_builds": plan.platform_builds,
            "stages": len(plan.stages),
        },
        "stages": [[target.name for target in stage] for stage in plan.stages],
        "targets": [_target(target, plan.apply) for target in plan.targets],
        "matrices": {
            name: {"axes": list(facts.axes), "cells": facts.cells, "excluded": facts.excluded}
            for name, facts in plan.matrices.items()
        },
        "allow": [_grant(grant) for grant in plan.grants],
        "warnings": [_warning(diagnostic) for diagnostic in plan.warnings],
        "apply": plain_table(plan.apply),
    }


def _target(target: PlannedTarget, apply: Apply) -> dict[str, Any]:
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
        "staging_tags": list(staging_tags(target, apply)),
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


def _request(made: Made) -> dict[str, Any]:
    shown = {name: given for name, given in made.given.items() if not given.secret}
    return {
        "home": made.home,
        "sets": list(made.sets),
        "output": made.output,
        "variables": {name: _given(given) for name, given in shown.items()},
        "withheld": {name: given.env for name, given in made.given.items() if given.secret},
        "files": list(made.files),
        "source_date_epoch": made.epoch,
    }


def _given(given: Given) -> dict[str, str]:
    text = _json(given.value) if given.origin == "--var-file" else str(given.value)
    return {"from": given.origin, "env": given.env, "text": text}


def _json(value: Any) -> str:
    """Return a value as JSON with its numbers as they are written; no encoder does that."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(key)}: {_json(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_json, value)) + "]"
    return json.dumps(value)


_WHERE: dict[str, JsonSchema] = {
    "file": {"type": ["string", "null"], "description": "Relative to the directory of the root file."},
    "line": {"type": ["integer", "null"], "minimum": 1},
}


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
            contexts=_map(text) | {"description": "SHA-256 of the contents of each folder of contexts."},
            git=_facts_schema(),
            request=_request_schema(),
            requires_buildx=texts,
            selectors=texts,
            platforms=texts | {"description": "The --platform filter."},
            totals=_object(targets=count, platform_builds=count, stages=count),
            stages={"type": "array", "items": texts, "description": "Names that can be built at the same time."},
            targets={"type": "array", "items": _target_schema()},
            matrices=_map(_object(axes=texts, cells=count, excluded=count)),
            allow={"type": "array", "items": _object(value=text, target=text, automatic={"type": "boolean"}, **_WHERE)},
            warnings={"type": "array", "items": _object(code=text, message=text, hint=text, **_WHERE)},
            apply={"$ref": "#/$defs/Apply"},
        ),
        "$defs": definitions(Settings, templates=False) | {"Apply": table_schema(Apply, templates=False)},
    }


def _facts_schema() -> JsonSchema:
    properties: JsonSchema = {name: {"type": "boolean" if name == "dirty" else "string"} for name in FACTS}
    return _object(**properties) | {
        "required": ["sha"],
        "description": 'The commit ("" where none is known), and the other facts that templates asked for.',
    }


def _request_schema() -> JsonSchema:
    text, texts = {"type": "string"}, {"type": "array", "items": {"type": "string"}}
    origins: JsonSchema = {"enum": ["--var", "--var-file", "environment"]}
    return _object(
        home=text | {"description": "The included file whose targets are meant where nothing is selected."},
        sets=texts | {"description": "The --set options."},
        output={"enum": ["declared", "push", "load", "none"]},
        variables=_map(_object(**{"from": origins}, env=text, text=text))
        | {"description": "The values that were given of variables that the plan uses; of a --var-file as JSON."},
        withheld=_map(text) | {"description": "Variables with credentials: `apply` takes them from this environment."},
        files=texts | {"description": "Files that gave variables their values."},
        source_date_epoch={"type": ["string", "null"]},
    )


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
        staging_tags=texts | {"description": "Tags that may carry the push first, where its own move later."},
        settings={"$ref": "#/$defs/Settings"},
    )


def _object(**properties: JsonSchema) -> JsonSchema:
    return {"type": "object", "required": list(properties), "properties": properties, "additionalProperties": False}


def _map(items: JsonSchema) -> JsonSchema:
    return {"type": "object", "additionalProperties": items}
