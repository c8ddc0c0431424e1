"""From a Spec to a Plan: matrices, templates, selection, dependencies, checks."""
