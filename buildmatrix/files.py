"""Files that are written whole or not at all."""

import tempfile
from pathlib import Path


def write_whole(path: Path, text: str) -> None:
    """Write a file: a temporary one beside it, then a rename. OSError leaves what was there, and nothing else."""
    written: Path | None = None
    try:
        with tempfile.NamedTemporaryFile(
            "w", dir=path.parent, prefix=f".{path.name}.", delete=False, encoding="utf-8"
        ) as file:
            written = Path(file.name)
            file.write(text)
        written.chmod(0o644)
        written.replace(path)
    except OSError:
        if written is not None:
            written.unlink(missing_ok=True)
        raise
