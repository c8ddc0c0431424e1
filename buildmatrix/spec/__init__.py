"""The file: source positions, the typed model, its JSON Schema, loading, includes."""
