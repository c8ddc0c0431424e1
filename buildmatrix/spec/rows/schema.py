"""The JSON Schema of the file, made from the rows."""

from buildmatrix.spec.rows.shapes import JsonSchema, definitions
from buildmatrix.spec.rows.tables import File


def file_schema() -> JsonSchema:
    """Return the schema of a buildmatrix.toml as it is written, templates included (draft 2020-12)."""
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "buildmatrix.toml",
        "description": "Container-image targets, platforms, tags and outputs, built with docker buildx bake.",
    }
    tables = definitions(File, templates=True)
    body = tables.pop(File.__name__)
    return body | head | {"$defs": tables}


def published_schema() -> JsonSchema:
    """Return the schema as editors read it: it takes and refuses the same."""
    from buildmatrix.spec.rows.editor import for_editors

    schema: JsonSchema = for_editors(file_schema())
    return schema
