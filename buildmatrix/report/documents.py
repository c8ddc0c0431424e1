"""All documents that programs read: their schemas, and what the reference says of them."""

from collections.abc import Iterator
from typing import Any

from buildmatrix.ci.matrices import MatricesDocument
from buildmatrix.lock.file import LockDocument
from buildmatrix.machines.record import RecordDocument
from buildmatrix.plan.document.fields import PlanDocument
from buildmatrix.report.diagnostics.json import DiagnosticsDocument
from buildmatrix.report.doctor import DoctorDocument
from buildmatrix.report.lock import MovesDocument
from buildmatrix.report.plan.fingerprints import FingerprintsDocument
from buildmatrix.report.plan.graph import GraphDocument
from buildmatrix.report.plan.listing import ListDocument
from buildmatrix.report.review.json import ChangesDocument
from buildmatrix.report.run.json import ReportDocument
from buildmatrix.spec.rows.document import Document, document_schema
from buildmatrix.spec.rows.shapes import JsonSchema, arms, is_list, is_map, is_table, item_of, rows, unwrap
from buildmatrix.state.result import ResultDocument

DOCUMENTS: dict[str, Any] = {
    "plan": PlanDocument,
    "report": ReportDocument,
    "result": ResultDocument,
    "diagnostics": DiagnosticsDocument,
    "list": ListDocument,
    "graph": GraphDocument,
    "matrices": MatricesDocument,
    "record": RecordDocument,
    "lock": LockDocument,
    "moves": MovesDocument,
    "fingerprints": FingerprintsDocument,
    "changes": ChangesDocument,
    "doctor": DoctorDocument,
}
"""By name: what `buildmatrix schema NAME` takes."""


def schemas() -> dict[str, JsonSchema]:
    """Return the JSON Schema of each document by its name."""
    return {name: {"title": f"buildmatrix: {name}"} | document_schema(kind) for name, kind in DOCUMENTS.items()}


def tables_of(document: Any) -> Iterator[tuple[str, type[Document]]]:
    """Yield the tables of a document, each once, with the way to it: `targets[].steps[]`."""
    seen: set[Any] = set()
    pending: list[tuple[str, Any]] = [("", unwrap(arm)[0]) for arm in arms(document)]
    while pending:
        way, shape = pending.pop(0)
        if is_list(shape) or is_map(shape):
            pending.insert(0, (f"{way}[]" if is_list(shape) else f"{way}.NAME", unwrap(item_of(shape))[0]))
        elif is_table(shape) and issubclass(shape, Document) and shape not in seen:
            seen.add(shape)
            yield way, shape
            pending[:0] = [(f"{way}.{row.key}".removeprefix("."), row.shape) for row in rows(shape)]
