"""What a saved plan says of itself."""

from buildmatrix.plan.document.shown import Shown
from buildmatrix.text import one_line

COMMIT = 12
"""Characters of a commit that are shown."""


def saved_head(found: Shown, name: str) -> str:
    """Return where a plan comes from, on a line: `plan.json: made from buildmatrix.toml at commit 1a2b…`."""
    commit = f" at commit {found.commit[:COMMIT]}" if found.commit else ""
    version = f", saved by buildmatrix {found.version}" if found.version else ""
    return one_line(f"{name}: made from {found.plan.file}{commit}{version}") + "\n\n"
