"""The outcome of a run as text, JSON, JUnit, markdown and HTML."""
