"""The plan as JSON."""

from json import JSONEncoder
from typing import Any

from buildmatrix.engine.outcome import Pin
from buildmatrix.plan.document.contents import Contents
from buildmatrix.plan.document.fields import Known, plan_document
from buildmatrix.plan.document.reviewed import Reviewed
from buildmatrix.plan.model import Plan
from buildmatrix.report.diagnostics.places import Places
from buildmatrix.spec.toml.source import Sources
from buildmatrix.text import json_safe


def plan_json(
    plan: Plan,
    contents: Contents,
    commit: str,
    sources: Sources,
    pins: tuple[Pin, ...] = (),
    reviewed: Reviewed | None = None,
) -> str:
    """Return the plan as JSON, one attribute a line; the same plan of the same contents gives the same bytes."""
    where = Places(sources).file_and_line
    known = Known(plan=plan, contents=contents, commit=commit, pins=pins, reviewed=reviewed, where=where)
    return document_json(plan_document(known))


def document_json(document: Any) -> str:
    """Return a document of a plan as JSON."""
    return json_safe(pretty(document)) + "\n"


_encode = JSONEncoder(ensure_ascii=False).encode


def pretty(value: Any, indent: str = "", depth: int = 4) -> str:
    """Return JSON that is indented down to `depth`, and beyond that on one line, by the fast encoder."""
    if depth == 0 or not value or not isinstance(value, dict | list):
        return _encode(value)
    inner = indent + "  "
    if isinstance(value, dict):
        parts = [f"{_encode(key)}: {pretty(item, inner, depth - 1)}" for key, item in value.items()]
        return "{\n" + inner + f",\n{inner}".join(parts) + f"\n{indent}}}"
    if all(isinstance(item, str) for item in value):
        return _encode(value)
    return "[\n" + inner + f",\n{inner}".join(pretty(item, inner, depth - 1) for item in value) + f"\n{indent}]"
