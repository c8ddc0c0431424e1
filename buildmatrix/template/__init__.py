"""Variables and templates: values for the names in the file."""
