"""A plan, a graph and lists as text, JSON and markdown."""
