"""The vocabulary of the file: one row for each key, and the JSON Schema that follows."""
